using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace G2RL.Onnx.Cluster.Trainers;

/// <summary>The accounts of one draw or scoring: sent = first + duplicates + failures + cancelled, and first + here = pieces.</summary>
public sealed record WorkAccounts
{
    /// <summary>rollouts or scores.</summary>
    public required string Kind { get; init; }

    /// <summary>Step of the run; -1 where there is none.</summary>
    public required int Step { get; init; }

    /// <summary>Version of the weights, and their content.</summary>
    public required string Policy { get; init; }

    /// <summary>Pieces of work.</summary>
    public required int Pieces { get; init; }

    /// <summary>Pieces given to workers, one given twice counted twice.</summary>
    public int Sent { get; set; }

    /// <summary>Answers that were the first to their piece.</summary>
    public int First { get; set; }

    /// <summary>Answers to pieces that were answered before.</summary>
    public int Duplicates { get; set; }

    /// <summary>Pieces that a worker lost, gave back or did not finish in time.</summary>
    public int Failures { get; set; }

    /// <summary>Pieces under way elsewhere when the last answer came.</summary>
    public int Cancelled { get; set; }

    /// <summary>Pieces that the trainer did itself.</summary>
    public int Here { get; set; }

    /// <summary>From beginning to end, milliseconds.</summary>
    public double Ms { get; set; }

    /// <summary>Bytes of weights fetched by workers for first answers.</summary>
    public long WeightBytes { get; set; }

    /// <summary>The longest of those fetches, milliseconds.</summary>
    public double WeightMs { get; set; }

    /// <summary>Work behind the first answers, milliseconds of all workers together.</summary>
    public double WorkMs { get; set; }

    /// <summary>Who gave the first answer to each piece, in their order.</summary>
    public IReadOnlyList<string> Workers { get; set; } = [];

    /// <summary>What each of them did.</summary>
    public IReadOnlyList<WorkerShare> Shares { get; set; } = [];

    /// <summary>Optimizer steps between the weights that are trained and these.</summary>
    public long Lag { get; init; }
}

/// <summary>What a worker did of a work.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Pieces">First answers that it gave.</param>
/// <param name="WorkMs">Its work behind them, milliseconds.</param>
/// <param name="WeightBytes">Bytes of weights that it fetched for them.</param>
public sealed record WorkerShare(string Name, int Pieces, double WorkMs, long WeightBytes);

/// <summary>
/// What a monitor sees as traces: the source "G2RL.Onnx.Cluster". A piece's work at a worker belongs to the trainer's span.
/// </summary>
internal static class WorkTrace
{
    private static readonly ActivitySource Source = new("G2RL.Onnx.Cluster");

    /// <summary>Begins a span; null where nobody listens.</summary>
    /// <param name="name">What is done.</param>
    /// <param name="subject">By whom, or with which weights.</param>
    public static Activity? Begin(string name, string subject) => Source.StartActivity(name)?.SetTag("g2rl.subject", subject);
}

/// <summary>What a monitor sees: the meter "G2RL.Onnx.Cluster" (OpenTelemetry and dotnet-counters read it).</summary>
internal static class WorkMeter
{
    private static readonly Meter Meter = new("G2RL.Onnx.Cluster");
    private static readonly Counter<long> Sent = Meter.CreateCounter<long>("g2rl.pieces.sent", description: "Pieces given to workers.");
    private static readonly Counter<long> Redone = Meter.CreateCounter<long>("g2rl.pieces.redone", description: "Done a second time.");
    private static readonly Counter<long> Failed = Meter.CreateCounter<long>("g2rl.pieces.failed", description: "Lost or given back.");
    private static readonly Histogram<long> Lag = Meter.CreateHistogram<long>("g2rl.rollouts.lag", "{update}", "Age of the weights.");
    private static readonly Counter<long> Here = Meter.CreateCounter<long>("g2rl.pieces.here", description: "Done by the trainer.");
    private static readonly Counter<long> Bytes = Meter.CreateCounter<long>("g2rl.weights.bytes", "By", "Weights fetched.");
    private static readonly Histogram<double> Fetch = Meter.CreateHistogram<double>("g2rl.weights.fetch", "ms", "Longest fetch.");
    private static readonly Histogram<double> Idle = Meter.CreateHistogram<double>("g2rl.workers.idle_share", "1", "Idle share.");

    public static void Record(WorkAccounts done)
    {
        var kind = KeyValuePair.Create<string, object?>("kind", done.Kind);
        Sent.Add(done.Sent, kind);
        Redone.Add(done.Duplicates, kind);
        Failed.Add(done.Failures, kind);
        if (done.Kind == "rollouts")
            Lag.Record(done.Lag);
        Here.Add(done.Here, kind);
        Bytes.Add(done.WeightBytes);
        if (done.WeightBytes > 0)
            Fetch.Record(done.WeightMs);
        var workers = done.Workers.Where(w => w.Length > 0).Distinct().Count();
        if (workers > 0 && done.Ms > 0)
            Idle.Record(Math.Clamp(1 - (done.WorkMs / (done.Ms * workers)), 0, 1), kind);
    }
}
