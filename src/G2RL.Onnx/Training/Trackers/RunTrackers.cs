using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Training.Trackers;

/// <summary>
/// Every place besides the logs that a run's numbers go to. The logs are the truth: when work begins or goes on the places are made to
/// follow them, so that no step is there twice.
/// </summary>
internal sealed class RunTrackers
{
    /// <summary>The folder of a run that holds its event file.</summary>
    public const string TensorBoardFolder = "tensorboard";

    private readonly ITracker[] trackers;
    private readonly Func<IEnumerable<TrackedRow>> logs;
    private bool follows;

    private RunTrackers(ITracker[] trackers, Func<IEnumerable<TrackedRow>> logs) => (this.trackers, this.logs) = (trackers, logs);

    /// <summary>The places that a configuration names.</summary>
    /// <param name="config">The run's configuration.</param>
    /// <param name="folder">The run's folder.</param>
    /// <param name="metrics">Its metrics.jsonl.</param>
    /// <param name="evaluations">Its evaluations.jsonl.</param>
    /// <param name="clock">Times of what is written.</param>
    public static RunTrackers Of(RunConfig config, string folder, string metrics, string evaluations, TimeProvider clock)
    {
        List<ITracker> all = [new MeterTracker(Path.GetFileName(Path.GetFullPath(folder)))];
        if (config.Logging.TensorBoard)
            all.Add(new TensorBoardTracker(Path.Combine(folder, TensorBoardFolder), config, clock));
        if (config.Logging.Mlflow.Length > 0)
            all.Add(new MlflowTracker(config.Logging.Mlflow, folder, config, clock));
        return new([.. all], () => Rows(evaluations, isEvaluation: true).Concat(Rows(metrics, isEvaluation: false)));
    }

    /// <summary>Makes every place follow the logs as they are now.</summary>
    public void Follow()
    {
        follows = true;
        // Of rows with the same step the last one counts.
        var rows = logs().GroupBy(r => r.Key).Select(g => g.Last()).OrderBy(r => r.Step).ThenBy(r => r.IsEvaluation).ToList();
        foreach (var tracker in trackers)
            tracker.Follow(rows);
    }

    /// <summary>A row that a log has just got.</summary>
    public void Append(JsonObject row, bool isEvaluation)
    {
        if (!follows)
            Follow();
        else if (TrackedRow.Of(row, isEvaluation) is { } tracked)
            foreach (var tracker in trackers)
                tracker.Append(tracked);
    }

    /// <summary>Work has ended for now.</summary>
    public void End(bool completed)
    {
        if (follows)
            foreach (var tracker in trackers)
                tracker.End(completed);
    }

    private static IEnumerable<TrackedRow> Rows(string path, bool isEvaluation) =>
        JsonLinesLog.Read(path).Select(row => TrackedRow.Of(row, isEvaluation)).OfType<TrackedRow>();
}
