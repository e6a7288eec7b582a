using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;

namespace G2RL.Onnx.Training.Optimizers;

/// <summary>
/// Where one update follows a batch, the log-probs of its gradient pass are the old ones, to the bit: the objective takes them from there,
/// and a step makes no scoring pass unless something else asks for one. The sampler is then held against the gradient pass, before the
/// weights change.
/// </summary>
internal static class ScoringPass
{
    /// <summary>
    /// Whether the objective takes the old log-probs from its own forward pass: one update a batch, by our graph, wherever it runs. With
    /// those of another pass lp - old would be rounding instead of 0, and a penalty |lp - old| would push with its sign.
    /// </summary>
    public static bool OldIsCurrent(RunConfig config) =>
        config.Training.EpochsPerBatch * config.Training.MinibatchesPerBatch == 1
        && config.Execution.Gradients == "graph";

    /// <summary>Whether a step makes the pass: for the old log-probs, a correction, or features made while scoring.</summary>
    public static bool IsNeeded(RunConfig config)
    {
        var algorithm = config.Algorithm;
        return !OldIsCurrent(config)
            || algorithm.Correction.IsOn
            || AlgorithmTable.All[algorithm.Name].Features switch
            {
                FeatureKind.Hidden or FeatureKind.Energy => true,
                FeatureKind.Embedding => algorithm.Embedder.Length == 0,
                FeatureKind.Gradient => algorithm.Features == FeatureSource.Scoring || algorithm.TokenWeights != TokenWeightKind.Uniform,
                _ => false,
            };
    }
}
