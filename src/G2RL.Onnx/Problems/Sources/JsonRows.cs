using System.Text.Json;

namespace G2RL.Onnx.Problems.Sources;

/// <summary>Rows of JSON: one object a line, or one list of objects.</summary>
internal static class JsonRows
{
    private const char Mark = '\uFEFF';
    private static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false };

    /// <summary>One object a line; a file that begins with <c>[</c> is taken for a list.</summary>
    public static IEnumerable<SourceRow> ReadLines(string file, Func<Stream> open, RowFaults faults)
    {
        var (number, first) = (0, true);
        foreach (var line in Lines(file, open, faults))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
            {
                first &= line is not null;
                continue;
            }
            if (first && line.TrimStart()[0] == '[')
            {
                foreach (var row in ReadDocument(file, open, faults))
                    yield return row;
                yield break;
            }
            first = false;
            if (Row(file, number, line, faults) is { } found)
                yield return found;
        }
    }

    /// <summary>One list of objects, or an object with a single list in it; where several objects follow each other, one a line.</summary>
    public static IEnumerable<SourceRow> ReadDocument(string file, Func<Stream> open, RowFaults faults)
    {
        var lines = Lines(file, open, faults).ToArray();
        faults.ThrowIfAny();
        if (Document(file, string.Join('\n', lines), lines) is not { } root)
        {
            for (var i = 0; i < lines.Length; i++)
                if (!string.IsNullOrWhiteSpace(lines[i]) && Row(file, i + 1, lines[i]!, faults) is { } found)
                    yield return found;
            yield break;
        }
        if (root.ValueKind == JsonValueKind.Object && ListWithin(root) is not { })
        {
            yield return new(file, 1, root);
            yield break;
        }
        var list = ListWithin(root) ?? root;
        if (list.ValueKind != JsonValueKind.Array)
            throw new InputException($"{file} is a JSON {list.ValueKind}; it must be a list of objects, or hold one object a line.");
        var number = 0;
        foreach (var row in list.EnumerateArray())
        {
            number++;
            if (row.ValueKind == JsonValueKind.Object)
                yield return new(file, number, row);
            else
                faults.Add(file, number, $" is a JSON {row.ValueKind}; every row must be an object.");
        }
    }

    // Null where a whole object in the first line says that each line is a row.
    private static JsonElement? Document(string file, string text, string?[] lines)
    {
        try
        {
            return JsonElement.Parse(text, Options);
        }
        catch (JsonException e)
        {
            var first = lines.FirstOrDefault(l => !string.IsNullOrWhiteSpace(l)) ?? "";
            if (first.TrimStart() is ['{', ..] && Row(file, 1, first, new RowFaults()) is not null)
                return null;
            throw new InputException(
                $"{file}:{e.LineNumber + 1} is not JSON: {Message(e)} The file must be a list of objects, or hold one object a line.",
                e);
        }
        catch (InvalidOperationException e)
        {
            // An escape such as \ud800 in a name.
            throw new InputException($"{file} holds text that is not Unicode: {e.Message}", e);
        }
    }

    // As in {"data": [...]}; a conversation is no list of rows, and neither is an empty list.
    private static JsonElement? ListWithin(JsonElement root) =>
        root.ValueKind == JsonValueKind.Object
            && root.EnumerateObject().Where(p => p.Value.ValueKind == JsonValueKind.Array).ToArray() is [{ Value: var only }]
                && only.GetArrayLength() > 0
                && only.EnumerateArray().All(r => r.ValueKind == JsonValueKind.Object && !IsTurn(r)) ? only : null;

    private static bool IsTurn(JsonElement row) => row.TryGetProperty("role", out _) && row.TryGetProperty("content", out _);

    // Files put behind each other bring their byte order marks along.
    private static IEnumerable<string?> Lines(string file, Func<Stream> open, RowFaults faults) =>
        faults.Lines(file, open).Select(l => l?.TrimStart(Mark));

    private static string Message(JsonException e) => e.Message.Split(" LineNumber:")[0];

    private static SourceRow? Row(string file, int number, string line, RowFaults faults)
    {
        try
        {
            var row = JsonElement.Parse(line, Options);
            if (row.ValueKind == JsonValueKind.Object)
                return new(file, number, row);
            faults.Add(file, number, $" is a JSON {row.ValueKind}; every line must be an object.");
        }
        catch (JsonException e)
        {
            faults.Add(file, number, $" is not JSON: {Message(e)}");
        }
        catch (InvalidOperationException e)
        {
            // An escape such as \ud800 that stands for half a character.
            faults.Add(file, number, $" holds text that is not Unicode: {e.Message}");
        }
        return null;
    }
}
