namespace G2RL.Onnx.Cluster.Planning;

/// <summary>What a step costs: seconds on one worker, or of the trainer.</summary>
public sealed record StepCosts
{
    /// <summary>Drawing a batch, all pieces one after the other.</summary>
    public required double Draw { get; init; }

    /// <summary>Scoring it by workers; 0 where the trainer scores.</summary>
    public double Score { get; init; }

    /// <summary>Its gradients by workers; 0 where the trainer sums them.</summary>
    public double Gradients { get; init; }

    /// <summary>What the trainer does itself: rewards, updates, and whatever workers do not.</summary>
    public required double Own { get; init; }

    /// <summary>Pieces that a scoring is cut into.</summary>
    public int ScorePieces { get; init; } = 1;

    /// <summary>Shards of an update's gradients.</summary>
    public int Shards { get; init; } = 1;

    /// <summary>Works of a step that begin with new weights: a draw, and each update's gradients after the first.</summary>
    public double Versions { get; init; } = 1;

    /// <summary>Bytes of weights that a worker fetches with each version.</summary>
    public double WeightBytes { get; init; }

    /// <summary>Bytes of a shard's sum.</summary>
    public double SumBytes { get; init; }

    /// <summary>What a work takes beside its pieces: messages, hashes, waking up.</summary>
    public double Overhead { get; init; }
}

/// <summary>The hardware, and how a run uses it.</summary>
public sealed record ClusterShape
{
    /// <summary>Workers, all alike.</summary>
    public required int Workers { get; init; }

    /// <summary>How much faster a worker is than the one that <see cref="StepCosts"/> were measured on.</summary>
    public double Speed { get; init; } = 1;

    /// <summary>The trainer's line, bytes a second.</summary>
    public double Bandwidth { get; init; } = 1.2e9;

    /// <summary>Workers that share one copy of the weights: those of a host, or all with a folder.</summary>
    public int WorkersPerCopy { get; init; } = 1;

    /// <summary>sampling.lag</summary>
    public int Lag { get; init; }

    /// <summary>Pieces of a draw for each worker.</summary>
    public int PiecesForEach { get; init; } = 3;

    /// <summary>Standard deviation of a piece's time as a share of it.</summary>
    public double Spread { get; init; }
}

/// <summary>What a simulation says of a step.</summary>
/// <param name="StepSeconds">Its time.</param>
/// <param name="Idle">Share of the workers' time in which they have nothing to do.</param>
/// <param name="TrainerIdle">Share of the trainer's time in which it waits.</param>
/// <param name="Bottleneck">draw, score, gradients, trainer, weights, or messages.</param>
/// <param name="Parts">Seconds of a step that each of them would take alone.</param>
public sealed record Prediction(
    double StepSeconds,
    double Idle,
    double TrainerIdle,
    string Bottleneck,
    IReadOnlyList<(string Name, double Seconds)> Parts);

/// <summary>
/// Steps of a run over workers, event by event: a work's pieces go to whoever is free first, weights go over the trainer's one line, a
/// batch may be begun <c>sampling.lag</c> steps ahead.
/// </summary>
public static class ClusterSimulator
{
    private const int Steps = 200;
    private const int Warm = 20;

    /// <summary>Simulates a run.</summary>
    /// <param name="costs">Of a step.</param>
    /// <param name="shape">Of the cluster.</param>
    public static Prediction Run(StepCosts costs, ClusterShape shape)
    {
        var free = new double[shape.Workers];
        var (busy, waited, began, now, line) = (0d, 0d, 0d, 0d, 0d);
        var drawn = new double[Steps + shape.Lag + 1];
        var random = new Noise(shape.Spread);

        // A work of pieces that is there from a moment on; gives the moment at which its last answer is.
        double Work(double from, double seconds, int pieces, bool fetches, double replies)
        {
            if (seconds <= 0)
                return from;
            var arrived = from;
            if (fetches)
                // Copies go one after the other over one line.
                line = arrived = Math.Max(line, from)
                    + (Math.Ceiling((double)shape.Workers / shape.WorkersPerCopy) * costs.WeightBytes / shape.Bandwidth);
            var last = from;
            for (var p = 0; p < pieces; p++)
            {
                var who = Array.IndexOf(free, free.Min());
                var takes = seconds / pieces / shape.Speed * random.Next();
                free[who] = Math.Max(free[who], arrived) + takes;
                busy += takes;
                var ended = free[who];
                if (replies > 0)
                    line = ended = Math.Max(line, ended) + (replies / shape.Bandwidth);
                last = Math.Max(last, ended);
            }
            return last + costs.Overhead;
        }

        var draws = shape.PiecesForEach * shape.Workers;
        for (var begun = 0; begun < shape.Lag; begun++)
            drawn[begun] = Work(0, costs.Draw, draws, fetches: begun == 0, replies: 0);
        for (var step = 0; step < Steps; step++)
        {
            if (step == Warm)
                (busy, waited, began) = (0, 0, now);
            drawn[step + shape.Lag] = Work(now, costs.Draw, draws, fetches: true, replies: 0);
            var ready = Math.Max(now, drawn[step]);
            ready = Math.Max(ready, Work(ready, costs.Score, costs.ScorePieces, fetches: false, replies: 0));
            for (var version = 0; version < Math.Max(1, (int)costs.Versions); version++)
                ready = Work(
                    ready,
                    costs.Gradients / Math.Max(1, (int)costs.Versions),
                    costs.Shards,
                    fetches: version > 0,
                    costs.SumBytes);
            waited += ready - now;
            now = ready + costs.Own;
        }
        var steps = Steps - Warm;
        var total = now - began;
        (string Name, double Seconds)[] parts =
        [
            ("draw", costs.Draw / shape.Workers / shape.Speed),
            ("score", costs.Score / shape.Workers / shape.Speed),
            ("gradients", costs.Gradients / shape.Workers / shape.Speed),
            ("trainer", costs.Own),
            ("weights", ((costs.Versions * Math.Ceiling((double)shape.Workers / shape.WorkersPerCopy) * costs.WeightBytes)
                + (costs.Versions * costs.Shards * costs.SumBytes)) / shape.Bandwidth),
            ("messages", costs.Overhead * (1 + (costs.Score > 0 ? 1 : 0) + (costs.Gradients > 0 ? costs.Versions : 0))),
        ];
        return new(
            total / steps,
            1 - (busy / (total * shape.Workers)),
            waited / total,
            parts.MaxBy(p => p.Seconds).Name,
            parts);
    }

    // Uneven pieces, the same each time: a quarter wave about 1 whose standard deviation is what was asked for.
    private sealed class Noise(double spread)
    {
        private int drawn;

        public double Next() => Math.Max(0.05, 1 + (spread * Math.Sqrt(2) * Math.Sin(2.399963 * ++drawn)));
    }
}
