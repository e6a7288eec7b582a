using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Training.Optimizers;

/// <summary>Who computes gradients and updates weights, by the name in <c>execution.gradients</c>.</summary>
internal static class PolicyOptimizers
{
    /// <summary>Makes one for a policy, with the threads that it may use.</summary>
    public delegate IPolicyOptimizer Factory(Policy policy, RunConfig config, int threads);

    /// <summary>Says early, before a model is loaded, when this build lacks what the name asks for.</summary>
    /// <exception cref="InputException">No training API in this build, or flavours mixed.</exception>
    public static void Require(string name)
    {
        if (name == "ortTraining")
            OrtTrainingRuntime.Require();
    }

    /// <summary>Factories by name.</summary>
    public static IReadOnlyDictionary<string, Factory> All { get; } = new Dictionary<string, Factory>(StringComparer.Ordinal)
    {
        ["graph"] = (policy, c, threads) => new StockOptimizer(policy, Accumulator(policy, c, threads), c, threads),
        ["ortTraining"] = (policy, c, threads) => new OrtTrainingOptimizer(policy, c, threads),
    };

    /// <summary>Sums the gradients of a run's micro-batches by our graph.</summary>
    public static GradientAccumulator Accumulator(Policy policy, RunConfig c, int threads) =>
        new(policy, Objective(c), c.Sampling.Temperature, threads, Memory(policy.Spec, policy.Positions, c, threads));

    /// <summary>The objective of a run's train graph.</summary>
    internal static Func<OpBuilder, Value, Value, Value> Objective(RunConfig c) =>
        PolicyLoss.Objective(PolicyLossSettings.Of(c.Algorithm) with { OldIsCurrent = ScoringPass.OldIsCurrent(c) });

    /// <summary>How the train graph of a run spends memory.</summary>
    public static GraphMemory Memory(DecoderSpec spec, int positions, RunConfig c, int threads)
    {
        var tokens = c.Training.MicrobatchTokens;
        var recompute = c.Training.Recompute switch
        {
            Recomputation.Auto => MemoryChoice.RecomputesToFit(spec, threads, tokens, positions, c.Execution.Kernels),
            var asked => asked == Recomputation.Layers,
        };
        return MemoryChoice.Training(spec, tokens, positions, recompute, c.Execution.Kernels) with
        {
            Packed = c.Training.Packing.Here(c.Execution.Kernels),
        };
    }
}
