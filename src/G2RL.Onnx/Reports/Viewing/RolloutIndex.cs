using System.Text.Json;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Reports.Viewing;

/// <summary>
/// Every logged rollout of a run by its place in a file. What is read once is not read again: files are whole when they appear, and steps
/// only come, unless the run went back, which makes the index new.
/// </summary>
/// <param name="folder">The run's folder.</param>
internal sealed class RolloutIndex(string folder)
{
    private static readonly string[] Searched = ["text", "prompt", "answer"];

    private readonly List<(string File, long Length)> files = [];
    private readonly List<RolloutEntry> entries = [];
    private readonly List<string> problems = [];
    private readonly Dictionary<string, int> places = new(StringComparer.Ordinal);
    private TextBlocks texts = new();

    /// <summary>The rollouts, by step.</summary>
    public IReadOnlyList<RolloutEntry> Entries => entries;

    /// <summary>Names of the problems.</summary>
    public IReadOnlyList<string> Problems => problems;

    /// <summary>How often the run went back.</summary>
    public int Generation { get; private set; }

    /// <summary>Reads files that are new.</summary>
    public void Refresh()
    {
        var now = StepNumbering.RolloutFiles(folder).Select(f => (f.Step, f.File, new FileInfo(f.File).Length)).ToList();
        if (now.Count < files.Count || files.Where((f, i) => f != (now[i].File, now[i].Length)).Any())
        {
            files.Clear();
            entries.Clear();
            problems.Clear();
            places.Clear();
            texts = new();
            Generation++;
        }
        foreach (var (step, file, length) in now.Skip(files.Count))
        {
            Scan(File.ReadAllBytes(file), files.Count, step);
            files.Add((file, length));
        }
    }

    /// <summary>Bytes of rows, in the order of the ids.</summary>
    public IEnumerable<byte[]> Rows(IEnumerable<int> ids)
    {
        var (open, stream) = (-1, default(FileStream));
        try
        {
            foreach (var id in ids)
            {
                var entry = entries[id];
                if (open != entry.File)
                {
                    stream?.Dispose();
                    (open, stream) = (entry.File, File.OpenRead(files[entry.File].File));
                }
                var row = new byte[entry.Length];
                stream!.Position = entry.Offset;
                stream.ReadExactly(row);
                yield return row;
            }
        }
        finally
        {
            stream?.Dispose();
        }
    }

    /// <summary>
    /// Ids of the rollouts whose prompt, text or answer holds a text, whatever its case. The first search reads every row; those that come
    /// later read the blocks of rows that may hold the text, and what is new.
    /// </summary>
    public IReadOnlyList<int> Search(string text)
    {
        var found = new List<int>();
        var known = texts.Rows;
        int[] candidates =
        [
            .. texts.MayHold(text).SelectMany(r => Enumerable.Range(r.First, r.End - r.First)),
            .. Enumerable.Range(known, entries.Count - known),
        ];
        var at = 0;
        foreach (var row in Rows(candidates))
        {
            var id = candidates[at++];
            using var document = JsonDocument.Parse(row);
            string[] held = [.. Searched.Select(name => RolloutEntry.Text(document.RootElement, name))];
            if (id >= known)
                texts.Add(held);
            if (held.Any(t => t.Contains(text, StringComparison.OrdinalIgnoreCase)))
                found.Add(id);
        }
        LastRead = candidates.Length;
        return found;
    }

    /// <summary>Rows that the last search read.</summary>
    internal int LastRead { get; private set; }

    private void Scan(byte[] bytes, int file, int step)
    {
        for (var at = 0; at < bytes.Length;)
        {
            var end = Array.IndexOf(bytes, (byte)'\n', at) is >= 0 and var found ? found : bytes.Length;
            if (RolloutEntry.Read(bytes.AsMemory(at, end - at), new(file, at, end - at, step), Place) is { } entry)
                entries.Add(entry);
            at = end + 1;
        }
    }

    private int Place(string problem)
    {
        if (!places.TryGetValue(problem, out var place))
        {
            places[problem] = place = problems.Count;
            problems.Add(problem);
        }
        return place;
    }
}
