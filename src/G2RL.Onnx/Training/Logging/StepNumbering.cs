using System.Globalization;
using System.Text.Json.Nodes;
using G2RL.Onnx.Training.Checkpointing;

namespace G2RL.Onnx.Training.Logging;

/// <summary>
/// A step's number is how many steps are done when it has ended: the first is 1 in every log, as in evaluations and checkpoints. Earlier
/// metrics.jsonl and rollouts/ counted from 0; such a folder is read as if it counted from 1, and rewritten when it is resumed.
/// </summary>
internal static class StepNumbering
{
    /// <summary>The renumbered rollouts until they take the place of those that were.</summary>
    public const string Aside = "rollouts-new";

    private const string Metrics = "metrics.jsonl";
    private const string Rollouts = "rollouts";

    /// <summary>What is to be added to the step of a row of metrics.jsonl: 1 where the first one is of step 0, else 0.</summary>
    public static int Shift(string folder) =>
        JsonLinesLog.Read(Path.Combine(folder, Metrics)).Select(JsonLinesLog.StepOf).FirstOrDefault(s => s is not null) == 0 ? 1 : 0;

    /// <summary>The same for rollouts/.</summary>
    public static int RolloutShift(string folder) => File.Exists(FileOf(folder, Rollouts, 0)) ? 1 : 0;

    /// <summary>Rows of metrics.jsonl, counted from 1.</summary>
    public static IEnumerable<JsonObject> ReadMetrics(string folder) =>
        Shifted(JsonLinesLog.Read(Path.Combine(folder, Metrics)), Shift(folder));

    /// <summary>The files of rollouts/ by step, which is counted from 1.</summary>
    public static IReadOnlyList<(int Step, string File)> RolloutFiles(string folder)
    {
        var shift = RolloutShift(folder);
        return Files(Path.Combine(folder, Rollouts)) is var files && shift == 0
            ? files
            : [.. files.Select(f => (f.Step + shift, f.File))];
    }

    /// <summary>Rows of one of <see cref="RolloutFiles"/>, counted from 1.</summary>
    public static IEnumerable<JsonObject> ReadRollouts(string folder, string file) =>
        Shifted(JsonLinesLog.Read(file), RolloutShift(folder));

    /// <summary>
    /// Rewrites a folder that counts from 0, and does nothing to others. Cut short at any place, the next call ends it: the rollouts are
    /// written aside, then metrics.jsonl changes at once, then the folders change places.
    /// </summary>
    public static void Upgrade(string folder)
    {
        var (metrics, rollouts, aside) =
            (Path.Combine(folder, Metrics), Path.Combine(folder, Rollouts), Path.Combine(folder, Aside));
        if (Shift(folder) is > 0 and var shift)
        {
            if (Directory.Exists(aside))
                Directory.Delete(aside, recursive: true);
            Directory.CreateDirectory(aside);
            foreach (var (step, file) in Files(rollouts))
                DurableFile.Write(FileOf(folder, Aside, step + shift), JsonLinesLog.Lines(Shifted(JsonLinesLog.Read(file), shift)));
            DurableFile.Write(metrics, JsonLinesLog.Lines(Shifted(JsonLinesLog.Read(metrics), shift)));
        }
        if (!Directory.Exists(aside))
            return;
        if (Directory.Exists(rollouts))
            Directory.Delete(rollouts, recursive: true);
        Directory.Move(aside, rollouts);
    }

    private static IEnumerable<JsonObject> Shifted(IEnumerable<JsonObject> rows, int by)
    {
        foreach (var row in rows)
        {
            // Parsed, so that it reads like every other number of a row.
            if (by > 0 && JsonLinesLog.StepOf(row) is { } step)
                row["step"] = JsonNode.Parse((step + by).ToString(CultureInfo.InvariantCulture));
            yield return row;
        }
    }

    private static (int Step, string File)[] Files(string rollouts) => Directory.Exists(rollouts)
        ? [.. Directory.EnumerateFiles(rollouts, "step-*.jsonl")
            .Select(f => (Step: int.TryParse(
                Path.GetFileNameWithoutExtension(f)["step-".Length..],
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out var step) ? step : -1, File: f))
            .Where(f => f.Step >= 0).OrderBy(f => f.Step)]
        : [];

    private static string FileOf(string folder, string rollouts, int step) =>
        Path.Combine(folder, rollouts, string.Create(CultureInfo.InvariantCulture, $"step-{step:D6}.jsonl"));
}
