using System.Globalization;
using System.Text.Json.Nodes;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Reports.Viewing;

/// <summary>
/// The page of a run, or of two beside each other: as one self-contained file, or for a server that gives it the rollouts bit by bit. The
/// page is the same. Calls may come from any thread.
/// </summary>
public sealed class RunPage
{
    // What a file may hold of rollouts, characters; and what a browser gets of one row.
    private const int FileBudget = 8 << 20;
    private const int LongestInFile = 20_000;
    private const int LongestServed = 200_000;

    private readonly string[] folders;
    private readonly RolloutIndex[] rollouts;
    private readonly Lock gate = new();

    /// <summary>Looks at one run or two.</summary>
    /// <param name="folder">Folder of a run, finished or not.</param>
    /// <param name="beside">Folder of another run to be shown beside it; null for none.</param>
    /// <exception cref="InputException">A folder holds no run.</exception>
    public RunPage(string folder, string? beside = null)
    {
        folders = beside is null ? [folder] : [folder, beside];
        rollouts = [.. folders.Select(f => new RolloutIndex(f))];
        foreach (var each in folders)
            RunLogs.Read(each);
    }

    /// <summary>Runs on the page.</summary>
    public int Runs => folders.Length;

    /// <summary>
    /// What changes whenever a log does: lengths of metrics.jsonl and evaluations.jsonl and the number of rollout files. Costs a look at
    /// the folder.
    /// </summary>
    public string State() => string.Join(' ', folders.Select(State));

    /// <summary>The page.</summary>
    /// <param name="served">Whether a server gives it the rollouts; if not it holds them, of long logs steps evenly apart.</param>
    /// <exception cref="InputException">A folder holds no run any more.</exception>
    public string Html(bool served)
    {
        var logs = folders.Select(RunLogs.Read).ToArray();
        var names = Names(logs);
        lock (gate)
        {
            var data = $"{{\"served\":{(served ? "true" : "false")},\"runs\":["
                + string.Join(',', logs.Select((l, i) => Data(l, names[i], i, served, FileBudget / folders.Length))) + "]}";
            return HtmlReport.Render(logs, names, data, served);
        }
    }

    /// <summary>Columns of every number of a run's steps and evaluations, JSON.</summary>
    public string Metrics(int run) => MetricColumns.Json(RunLogs.Read(folders[run]));

    /// <summary>Columns of what rollouts are filtered and sorted by, JSON.</summary>
    /// <param name="run">0 or 1.</param>
    /// <param name="generation">The generation that the asker has; another one gives everything.</param>
    /// <param name="from">How many the asker has.</param>
    public string Rollouts(int run, int generation, int from)
    {
        lock (gate)
        {
            var index = rollouts[run];
            index.Refresh();
            var start = generation == index.Generation && from >= 0 && from <= index.Entries.Count ? from : 0;
            return RolloutJson.Columns(index, [.. Enumerable.Range(start, index.Entries.Count - start)], start);
        }
    }

    /// <summary>Rows of rollouts, a JSON array; ids that are none are passed over.</summary>
    public string Rows(int run, IEnumerable<int> ids)
    {
        lock (gate)
        {
            var index = rollouts[run];
            var valid = ids.Where(id => id >= 0 && id < index.Entries.Count);
            return $"[{string.Join(',', index.Rows(valid).Select(r => RolloutJson.Row(r, LongestServed)))}]";
        }
    }

    /// <summary>Ids of the rollouts whose prompt, text or answer holds a text, whatever its case; a JSON array.</summary>
    public string Search(int run, string text)
    {
        lock (gate)
            return $"[{string.Join(',', rollouts[run].Search(text))}]";
    }

    private static string State(string folder)
    {
        long Length(string name) => new FileInfo(Path.Combine(folder, name)) is { Exists: true } file ? file.Length : 0;
        var logged = Path.Combine(folder, "rollouts");
        var files = Directory.Exists(logged) ? Directory.EnumerateFiles(logged).Count() : 0;
        return string.Create(CultureInfo.InvariantCulture, $"{Length("metrics.jsonl")},{Length("evaluations.jsonl")},{files}");
    }

    // A run by itself by its own name; two by their folders, and folders of the same name are told apart by their parents.
    private string[] Names(RunLogs[] logs)
    {
        string Name(string folder, int parts) =>
            string.Join('/', Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)).Split('/', '\\').TakeLast(parts));
        if (folders.Length == 1)
            return [RunLogs.Text(logs[0].Config, "name")];
        return [.. folders.Select(f => Name(f, Name(folders[0], 1) == Name(folders[1], 1) ? 2 : 1))];
    }

    private string Data(RunLogs logs, string name, int run, bool served, int budget)
    {
        var start = $"{{\"name\":{JsonValue.Create(name).ToJsonString()},\"metrics\":{MetricColumns.Json(logs)}";
        if (served)
            return start + "}";
        var index = rollouts[run];
        index.Refresh();
        var ids = Fitting(index, budget);
        var rows = index.Rows(ids).Select(r => RolloutJson.Row(r, LongestInFile));
        return $"{start},\"rollouts\":{RolloutJson.Columns(index, ids, 0)},\"rows\":[{string.Join(',', rows)}]}}";
    }

    // Whole steps evenly apart, the last one among them, so that groups stay whole; a part of a step that is too long by itself.
    private static List<int> Fitting(RolloutIndex index, int budget)
    {
        var steps = index.Entries.Select((e, id) => (e, id)).GroupBy(p => p.e.Step).Select(g => g.ToList()).ToList();
        for (var every = 1; ; every *= 2)
        {
            var chosen = steps.Where((_, i) => (steps.Count - 1 - i) % every == 0).SelectMany(s => s).ToList();
            if (chosen.Sum(p => Size(p.e)) <= budget)
                return [.. chosen.Select(p => p.id)];
            if (every < steps.Count)
                continue;
            var size = 0L;
            return [.. chosen.TakeWhile(p => (size += Size(p.e)) <= budget).Select(p => p.id)];
        }
    }

    // A text has few characters that need an escape of six; a row that is cut has at most its limits.
    private static long Size(RolloutEntry entry) => Math.Min(entry.Length, 8L * LongestInFile) + 80;
}
