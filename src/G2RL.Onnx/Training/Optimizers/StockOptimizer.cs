using System.Numerics.Tensors;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Training.Optimizers;

/// <summary>Sums the gradients of shards wherever it likes, and adds the sums of the shards in their order.</summary>
/// <param name="shards">Micro-batches of each; receive log-probs and entropies.</param>
/// <param name="sums">Receives the first shard's sum, and then the others' added to it.</param>
/// <param name="own">Sums a shard here.</param>
/// <param name="cancel">Stops; the sums are then to be forgotten.</param>
/// <returns>The loss of each shard.</returns>
internal delegate double[] ShardRunner(
    IReadOnlyList<Microbatch[]> shards,
    IReadOnlyList<Parameter> sums,
    GradientAccumulator own,
    CancellationToken cancel);

/// <summary>The update on stock ONNX Runtime: our train graph and our optimizers.</summary>
internal sealed class StockOptimizer : IPolicyOptimizer
{
    private readonly Policy policy;
    private readonly GradientAccumulator gradients;
    private readonly IWeightOptimizer optimizer;
    private readonly int shards;
    private readonly ShardRunner? runner;
    private readonly Parameter[]? sums;
    private double? norm;
    private bool filled;

    /// <summary>Reserves the moments, and gradients where shards are summed apart.</summary>
    /// <param name="policy">The weights; written by each step.</param>
    /// <param name="gradients">Sums gradients; taken over.</param>
    /// <param name="config">Optimizer and shards.</param>
    /// <param name="threads">Threads, >= 1.</param>
    /// <param name="runner">Who sums the shards; null is this process, one after the other.</param>
    public StockOptimizer(Policy policy, GradientAccumulator gradients, RunConfig config, int threads, ShardRunner? runner = null)
    {
        (this.policy, this.gradients, shards) = (policy, gradients, config.Training.GradientShards);
        if (runner is not null || shards > 1)
            (this.runner, sums) = (runner ?? OneAfterTheOther, gradients.Reserve());
        var settings = config.Training.Optimizer;
        optimizer = WeightOptimizers.All[settings.Kind](policy, sums ?? gradients.Gradients, settings, threads);
    }

    /// <summary>The optimizer, for its moments and step.</summary>
    public AdamW AdamW => (AdamW)optimizer;

    public bool Packs => gradients.Packs;

    /// <summary>Whether the sums of a run's shards take a gradient more.</summary>
    public static bool SumsApart(RunConfig config) =>
        config.Training.GradientShards > 1 || (config.Distribution.IsOn && config.Distribution.Share.Contains("gradients"));

    public void Clear()
    {
        if (sums is null)
            gradients.Clear();
        (norm, filled) = (null, false);
    }

    public double Add(Microbatch micro) => Add([micro]);

    public double Add(IReadOnlyList<Microbatch> micros, CancellationToken cancel = default)
    {
        norm = null;
        if (runner is null)
            return gradients.Add(micros, cancel);
        if (filled)
            throw new InvalidOperationException("Shards are cut from a whole mini-batch, so there is one call between two of Clear.");
        filled = true;
        return runner(Cut(micros, shards), sums!, gradients, cancel).Sum();
    }

    public double? GradientNorm() => norm ??= optimizer.GradientNorm();

    public void Step(double learningRate) => optimizer.Step(learningRate, norm ??= optimizer.GradientNorm());

    public void Rest() => gradients.Rest();

    public void Save(string folder) => TrainingState.Save(folder, policy, optimizer);

    public void Load(string folder) => TrainingState.Load(folder, policy, optimizer);

    public void Dispose()
    {
        optimizer.Dispose();
        gradients.Dispose();
        foreach (var sum in sums ?? [])
            sum.Dispose();
    }

    // Neighbours, as evenly as they divide; of fewer micro-batches than shards each is one.
    private static Microbatch[][] Cut(IReadOnlyList<Microbatch> micros, int shards) =>
    [
        .. Enumerable.Range(0, shards)
            .Select(s => micros.Take(((s * micros.Count) / shards)..(((s + 1) * micros.Count) / shards)).ToArray())
            .Where(shard => shard.Length > 0),
    ];

    private static double[] OneAfterTheOther(
        IReadOnlyList<Microbatch[]> shards,
        IReadOnlyList<Parameter> sums,
        GradientAccumulator own,
        CancellationToken cancel)
    {
        var losses = new double[shards.Count];
        for (var s = 0; s < shards.Count; s++)
        {
            own.Clear();
            losses[s] = own.Add(shards[s], cancel);
            foreach (var (sum, part) in sums.Zip(own.Gradients))
                if (s == 0)
                    part.Buffer.Span.CopyTo(sum.Buffer.Span);
                else
                    TensorPrimitives.Add(sum.Buffer.Span, part.Buffer.Span, sum.Buffer.Span);
        }
        return losses;
    }
}
