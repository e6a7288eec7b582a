using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training.Checkpointing;

namespace G2RL.Onnx.Training.Trackers;

/// <summary>
/// A run in MLflow's file store: <c>STORE/0/ID/</c> with params, metrics, tags and meta.yaml. Source: mlflow.org, "Backend stores", and the
/// files that MLflow leaves.
/// </summary>
/// <param name="store">Folder of the store, which other runs may share.</param>
/// <param name="runFolder">The run's own folder; a file there keeps its id in the store.</param>
/// <param name="config">The run's configuration, which becomes its params.</param>
/// <param name="clock">Times of the numbers.</param>
internal sealed class MlflowTracker(string store, string runFolder, RunConfig config, TimeProvider clock) : ITracker
{
    /// <summary>The file of a run's folder that holds its id.</summary>
    public const string IdFile = "mlflow-run.txt";

    private const string Experiment = "0";
    private const int LongestParam = 6000;

    private static readonly string[] Parts = ["params", "metrics", "tags", "artifacts"];

    private string id = "";
    private long begun;

    private string Folder => Path.Combine(store, Experiment, id);

    private long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <inheritdoc/>
    public void Follow(IReadOnlyList<TrackedRow> rows) => Guarded(() =>
    {
        id = OwnId();
        WriteExperiment();
        foreach (var name in Parts)
            Directory.CreateDirectory(Path.Combine(Folder, name));
        foreach (var (name, value) in ConfigSettings.Flat(RunConfigFile.ToNode(config)))
            Write(Path.Combine("params", MlflowNames.Of(name)), Plain(value));
        foreach (var (name, value) in new[]
        {
            ("mlflow.runName", Name),
            ("mlflow.source.name", "g2rl"),
            ("mlflow.source.type", "LOCAL"),
            ("mlflow.user", "g2rl"),
            ("g2rl.run", Path.GetFullPath(runFolder)),
        })
            Write(Path.Combine("tags", name), value);
        Rewrite(rows);
        begun = Begun() ?? Now;
        WriteMeta(status: 1, end: null);
    });

    /// <inheritdoc/>
    public void Append(TrackedRow row) => Guarded(() =>
    {
        foreach (var (name, value) in row.Values)
            File.AppendAllText(MetricFile(name), Line(Now, value, row.Step));
    });

    /// <inheritdoc/>
    public void End(bool completed) => Guarded(() => WriteMeta(status: completed ? 3 : 5, end: Now));

    private string Name => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(runFolder)));

    // A text without its quotation marks; MLflow refuses what is longer than its limit.
    private static string Plain(string json)
    {
        var text = JsonNode.Parse(json) is JsonValue value && value.TryGetValue<string>(out var inner) ? inner : json;
        return text.Length > LongestParam ? text[..LongestParam] : text;
    }

    private string OwnId()
    {
        var file = Path.Combine(runFolder, IdFile);
        if (File.Exists(file) && File.ReadAllText(file).Trim() is { Length: 32 } known && known.All(char.IsAsciiHexDigitLower))
            return known;
        var fresh = Guid.NewGuid().ToString("N");
        DurableFile.Write(file, fresh + "\n");
        return fresh;
    }

    // Times are in the store alone, so a line that belongs to a row of the logs is taken over.
    private void Rewrite(IReadOnlyList<TrackedRow> rows)
    {
        var metrics = Path.Combine(Folder, "metrics");
        var wanted = rows.SelectMany(r => r.Values.Select(v => (v.Name, v.Value, r.Step))).ToLookup(v => MetricFile(v.Name));
        foreach (var file in Directory.EnumerateFiles(metrics, "*", SearchOption.AllDirectories).ToList())
            if (!wanted.Contains(Path.GetFullPath(file)))
                File.Delete(file);
        foreach (var metric in wanted)
        {
            var times = new Dictionary<int, long>();
            if (File.Exists(metric.Key))
                foreach (var line in File.ReadLines(metric.Key))
                    if (line.Split(' ') is [var time, _, var step]
                        && long.TryParse(time, CultureInfo.InvariantCulture, out var t)
                        && int.TryParse(step, CultureInfo.InvariantCulture, out var s))
                        times[s] = t;
            DurableFile.Write(metric.Key, string.Concat(metric.Select(m => Line(times.GetValueOrDefault(m.Step, Now), m.Value, m.Step))));
        }
    }

    private string MetricFile(string name)
    {
        // As the system spells it: names have a / on Windows, too, and are compared with the files found.
        var path = Path.GetFullPath(Path.Combine(Folder, "metrics", MlflowNames.Of(name)));
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }

    private static string Line(long time, double value, int step) =>
        string.Create(CultureInfo.InvariantCulture, $"{time} {value:R} {step}\n");

    private long? Begun()
    {
        const string Key = "start_time: ";
        var meta = Path.Combine(Folder, "meta.yaml");
        return File.Exists(meta)
            && File.ReadLines(meta).FirstOrDefault(l => l.StartsWith(Key, StringComparison.Ordinal)) is { } line
            && long.TryParse(line[Key.Length..], CultureInfo.InvariantCulture, out var time) ? time : null;
    }

    private void WriteExperiment()
    {
        var folder = Path.Combine(store, Experiment);
        Directory.CreateDirectory(folder);
        if (File.Exists(Path.Combine(folder, "meta.yaml")))
            return;
        DurableFile.Write(Path.Combine(folder, "meta.yaml"), Yaml(
            ("artifact_location", Quoted(Address(folder))),
            ("creation_time", $"{Now}"),
            ("experiment_id", Quoted(Experiment)),
            ("last_update_time", $"{Now}"),
            ("lifecycle_stage", "active"),
            ("name", "Default")));
    }

    private void WriteMeta(int status, long? end) => Write("meta.yaml", Yaml(
        ("artifact_uri", Quoted(Address(Path.Combine(Folder, "artifacts")))),
        ("end_time", end is null ? "null" : $"{end}"),
        ("entry_point_name", "''"),
        ("experiment_id", Quoted(Experiment)),
        ("lifecycle_stage", "active"),
        ("run_id", Quoted(id)),
        ("run_name", Quoted(Name)),
        ("run_uuid", Quoted(id)),
        ("source_name", "''"),
        ("source_type", "4"),
        ("source_version", "''"),
        ("start_time", $"{begun}"),
        ("status", $"{status}"),
        ("tags", "[]"),
        ("user_id", "g2rl")));

    private void Write(string name, string text)
    {
        var path = Path.Combine(Folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        DurableFile.Write(path, text);
    }

    private static string Address(string folder) => new Uri(Path.GetFullPath(folder)).AbsoluteUri;

    private static string Yaml(params IEnumerable<(string Key, string Value)> lines) =>
        lines.Aggregate(new StringBuilder(), (text, l) => text.Append(l.Key).Append(": ").Append(l.Value).Append('\n')).ToString();

    // Names of folders may hold anything; within single quotes only they themselves are doubled.
    private static string Quoted(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    private void Guarded(Action work)
    {
        try
        {
            work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"logging.mlflow is '{store}', which cannot be written: {e.Message} It must be a folder for MLflow's "
                + "files; make room, choose another with --set logging.mlflow=FOLDER, or write none with --set logging.mlflow=.", e);
        }
    }
}
