using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Experiments;

/// <summary>
/// An experiment's folder: experiment.json, BASE/ARM/seed-N/ (a run folder each, with geometry.jsonl), BASE/before/ (the base model,
/// measured once) and results.jsonl, one row a base model and a finished run. All that stands in tables and pages is made from these.
/// </summary>
internal sealed class ExperimentFolder(string folder, Experiment experiment)
{
    private const string ConfigFile = "config.json";
    private const string EvaluationsFile = "evaluations.jsonl";
    private const string GeometryFile = "geometry.jsonl";

    /// <summary>Name of the rows' file.</summary>
    public const string ResultsFile = "results.jsonl";

    /// <summary>The folder.</summary>
    public string Path => folder;

    /// <summary>What is compared.</summary>
    public Experiment Experiment => experiment;

    /// <summary>Every run, finished or not.</summary>
    public IReadOnlyList<ExperimentCell> Cells { get; } = ExperimentFile.Cells(experiment);

    /// <summary>The folder of a run.</summary>
    public string Of(ExperimentCell cell) => System.IO.Path.Combine(folder, cell.Folder);

    /// <summary>The folder of a base model's own measurement.</summary>
    public string Before(string start) => System.IO.Path.Combine(folder, start, ExperimentCell.Before);

    /// <summary>Whether a run was begun.</summary>
    public bool IsBegun(ExperimentCell cell) => File.Exists(System.IO.Path.Combine(Of(cell), ConfigFile));

    /// <summary>Whether a run is trained, evaluated and measured.</summary>
    public bool IsFinished(ExperimentCell cell) =>
        IsBegun(cell) && Evaluation(Of(cell), cell.Config.Steps) is not null && HasGeometry(Of(cell), cell.Config);

    /// <summary>
    /// Differences of a run that was begun to what the experiment says now; the number of threads is none, since results do not depend on
    /// it, and neither is what was settled at the beginning because the experiment leaves it open.
    /// </summary>
    public IReadOnlyList<string> Differences(ExperimentCell cell)
    {
        var path = System.IO.Path.Combine(Of(cell), ConfigFile);
        var own = RunConfigFile.FromJson(InputFile.Text(path), path);
        return RunConfigFile.Differences(own, cell.Config with
        {
            Name = own.Name,
            Output = own.Output,
            Execution = cell.Config.Execution with { Threads = own.Execution.Threads },
            Training = cell.Config.Training.Settled(own.Training),
        });
    }

    /// <summary>The base model's evaluation, or null when it is missing or another one than this configuration asks for.</summary>
    internal JsonObject? BeforeEvaluation(string start, RunConfig config)
    {
        var path = System.IO.Path.Combine(Before(start), ConfigFile);
        return File.Exists(path) && EvaluationKey(RunConfigFile.FromJson(InputFile.Text(path), path)) == EvaluationKey(config)
            ? Evaluation(Before(start), 0)
            : null;
    }

    /// <summary>Whether geometry was measured as the experiment asks for now.</summary>
    internal bool HasGeometry(string of, RunConfig config)
    {
        if (experiment.Geometry is not { } settings)
            return true;
        var rows = JsonLinesLog.Read(System.IO.Path.Combine(of, GeometryFile)).ToArray();
        return settings.Temperatures(config).SequenceEqual(rows.Select(r => (double?)r["feature_temperature"] ?? 0))
            && rows.All(r => (int?)r["samples"] == settings.Samples
                && ((int?)r["problems"] == settings.Problems || (int?)r["problems_asked"] == settings.Problems));
    }

    internal void WriteGeometry(string of, IReadOnlyList<GeometryResult> results) =>
        DurableFile.Write(System.IO.Path.Combine(of, GeometryFile), string.Concat(results.Select(r =>
        {
            var row = r.ToJson();
            // The set may have fewer.
            row["problems_asked"] = experiment.Geometry!.Problems;
            return row.ToJsonString(JsonLinesLog.Compact) + "\n";
        })));

    internal void WriteBefore(string start, RunConfig config, JsonObject evaluation, IReadOnlyList<GeometryResult> geometry)
    {
        Directory.CreateDirectory(Before(start));
        File.Delete(System.IO.Path.Combine(Before(start), ConfigFile));
        DurableFile.Write(System.IO.Path.Combine(Before(start), EvaluationsFile), evaluation.ToJsonString(JsonLinesLog.Compact) + "\n");
        if (experiment.Geometry is not null)
            WriteGeometry(Before(start), geometry);
        // Last: with it the measurement is whole.
        DurableFile.Write(System.IO.Path.Combine(Before(start), ConfigFile), RunConfigFile.ToJson(config));
    }

    /// <summary>Writes results.jsonl, and gives its rows.</summary>
    public IReadOnlyList<JsonObject> WriteResults()
    {
        var rows = Rows();
        DurableFile.Write(
            System.IO.Path.Combine(folder, ResultsFile),
            string.Concat(rows.Select(r => r.ToJsonString(JsonLinesLog.Compact) + "\n")));
        return rows;
    }

    /// <summary>The rows of results.jsonl, from the folders of what is finished.</summary>
    public IReadOnlyList<JsonObject> Rows()
    {
        var rows = new List<JsonObject>();
        foreach (var start in experiment.Bases.Select(b => b.Name))
        {
            if (File.Exists(System.IO.Path.Combine(Before(start), ConfigFile)) && Evaluation(Before(start), 0) is { } before)
                rows.Add(ExperimentRows.Of(start, ExperimentCell.Before, null, before, [], Geometry(Before(start))));
            foreach (var cell in Cells.Where(c => c.Base == start && IsFinished(c)))
                rows.Add(RowOf(cell));
        }
        return rows;
    }

    /// <summary>The row of a finished run.</summary>
    public JsonObject RowOf(ExperimentCell cell) =>
        ExperimentRows.Of(cell.Base, cell.Arm, cell.Seed, Evaluation(Of(cell), cell.Config.Steps)!, Metrics(cell), Geometry(Of(cell)));

    /// <summary>Rows of a run's metrics.jsonl.</summary>
    internal IReadOnlyList<JsonObject> Metrics(ExperimentCell cell) => [.. StepNumbering.ReadMetrics(Of(cell))];

    /// <summary>What a base model's evaluation depends on: the same text, the same evaluation.</summary>
    internal static string EvaluationKey(RunConfig c) => RunConfigFile.ToJson(c with
    {
        Name = "run",
        Output = "runs",
        Seed = 0,
        Steps = 1,
        Sampling = c.Sampling with { PromptsPerStep = 1, GroupSize = 2, Temperature = 1, TopK = 0, TopP = 1, MinP = 0 },
        Algorithm = new(),
        Training = new(),
        Evaluation = c.Evaluation with { Every = 0 },
        Execution = new(),
        Logging = new(),
    });

    private static JsonObject? Evaluation(string of, int step) =>
        JsonLinesLog.Read(System.IO.Path.Combine(of, EvaluationsFile)).LastOrDefault(r => JsonLinesLog.StepOf(r) == step);

    private JsonObject[] Geometry(string of) =>
        experiment.Geometry is null ? [] : [.. JsonLinesLog.Read(System.IO.Path.Combine(of, GeometryFile))];
}
