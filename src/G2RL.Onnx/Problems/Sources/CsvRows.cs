using System.Globalization;
using System.Text.Json;
using CsvHelper;
using CsvHelper.Configuration;

namespace G2RL.Onnx.Problems.Sources;

/// <summary>
/// Rows of CSV as RFC 4180 describes it: a header, fields in double quotes where they hold commas, quotes or ends of lines. Every field is
/// a text.
/// </summary>
internal static class CsvRows
{
    private const string Stray =
        " has a double quote that does not begin, end or double another within a quoted field, or one that is never closed.";

    /// <summary>The rows; a row of another length than the header, or with a stray quote, is a fault.</summary>
    public static IEnumerable<SourceRow> Read(string file, Func<Stream> open, string delimiter, RowFaults faults)
    {
        var text = string.Join('\n', faults.Lines(file, open));
        // What is no text has shifted no line, but may have opened a quote.
        faults.ThrowIfAny();
        var stray = false;
        var configuration = new CsvConfiguration(CultureInfo.InvariantCulture) { Delimiter = delimiter, BadDataFound = _ => stray = true };
        using var reader = new StringReader(text);
        using var parser = new CsvParser(reader, configuration);
        if (!parser.Read())
            yield break;
        string[] header = [.. parser.Record!.Select(name => name.Trim())];
        if (stray)
            throw new InputException($"{file}:1{Stray}");
        if (header.GroupBy(n => n).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new InputException($"{file}:1 names the column '{twice.Key}' {twice.Count()} times; "
                + "every column needs a name of its own.");
        for (var next = parser.RawRow + 1; ; next = parser.RawRow + 1)
        {
            stray = false;
            if (!parser.Read())
                yield break;
            var fields = parser.Record!;
            // A record spans lines where a field does; it is named by its first.
            var number = Math.Max(next, parser.RawRow - fields.Sum(f => f.AsSpan().Count('\n')));
            if (stray)
                faults.Add(file, number, Stray);
            else if (fields.Length != header.Length)
                faults.Add(file, number, $" has {fields.Length} fields; the header names {header.Length}: {string.Join(", ", header)}.");
            else
                yield return new(file, number, JsonSerializer.SerializeToElement(new Dictionary<string, string>(
                    header.Zip(fields, KeyValuePair.Create),
                    StringComparer.Ordinal)));
        }
    }
}
