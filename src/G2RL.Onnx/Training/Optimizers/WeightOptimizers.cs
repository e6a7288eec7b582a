using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Training.Optimizers;

/// <summary>Optimizers by the name in <c>training.optimizer.kind</c>.</summary>
internal static class WeightOptimizers
{
    /// <summary>Makes one for the weights of a policy that learn and their gradients, in the same order.</summary>
    public delegate IWeightOptimizer Factory(Policy policy, IReadOnlyList<Parameter> gradients, AdamWSettings settings, int threads);

    /// <summary>Factories by name.</summary>
    public static IReadOnlyDictionary<OptimizerKind, Factory> All { get; } = new Dictionary<OptimizerKind, Factory>
    {
        [OptimizerKind.AdamW] = (policy, gradients, settings, threads) => new AdamW(policy.Trainable, gradients, settings, threads),
        [OptimizerKind.Muon] = (policy, gradients, settings, threads) => new Muon(policy, gradients, settings, threads),
    };
}
