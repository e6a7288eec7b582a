namespace G2RL.Onnx.Problems.Sources;

/// <summary>One row is broken; the message goes on behind the row's place. Caught where rows are read.</summary>
#pragma warning disable CA1032 // thrown and caught within this folder and its reader
internal sealed class RowException(string message) : Exception(message);
#pragma warning restore CA1032

/// <summary>What is wrong with rows: all of it is told at once, the first 20 places by their lines.</summary>
internal sealed class RowFaults
{
    private const int MostShown = 20;

    private readonly OrderedDictionary<(string File, string Text), List<int>> faults = [];

    /// <summary>How many rows are broken.</summary>
    public int Count { get; private set; }

    /// <summary>Remembers a fault.</summary>
    /// <param name="file">The file.</param>
    /// <param name="number">The row's line or number.</param>
    /// <param name="text">What is wrong, going on behind the place: <c>" is not JSON"</c>.</param>
    public void Add(string file, int number, string text)
    {
        Count++;
        if (!faults.TryGetValue((file, text), out var places))
        {
            // Beyond what is shown only the number counts.
            if (faults.Count >= MostShown)
                return;
            faults[(file, text)] = places = [];
        }
        if (places.Count < MostShown)
            places.Add(number);
    }

    /// <summary>What a row gives; null where it is broken, which is remembered.</summary>
    public T? Guard<T>(SourceRow row, Func<T?> read)
    {
        try
        {
            return read();
        }
        catch (RowException e)
        {
            Add(row.File, row.Number, e.Message);
        }
        catch (InvalidOperationException e)
        {
            // An escape such as \ud800 that stands for half a character.
            Add(row.File, row.Number, $" holds text that is not Unicode: {e.Message}");
        }
        return default;
    }

    /// <summary>The lines of a text; one that is no UTF-8 is a fault, and null.</summary>
    /// <exception cref="InputException">The file as a whole cannot be read.</exception>
    public IEnumerable<string?> Lines(string file, Func<Stream> open) => InputFile.Lines(file, open, "", (number, fault) =>
        Add(file, number, fault.Message[$"{file}:{number}".Length..]));

    /// <summary>Ends the reading when a row was broken.</summary>
    /// <exception cref="InputException">There are faults.</exception>
    public void ThrowIfAny()
    {
        if (Count == 0)
            return;
        var (lines, shown) = (new List<string>(), 0);
        foreach (var ((file, text), places) in faults)
        {
            if (shown >= MostShown)
                break;
            var here = places.Take(MostShown - shown).ToArray();
            shown += here.Length;
            lines.Add($"{file}:{here[0]}{text}{(here.Length > 1 ? $" The same in {string.Join(", ", here.Skip(1))}." : "")}");
        }
        if (Count > shown)
            lines.Add($"... and {Count - shown} more rows.");
        throw InputException.Of(lines);
    }
}
