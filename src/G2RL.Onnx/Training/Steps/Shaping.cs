using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Training.Steps;

/// <summary>Phase 4, shape: rewards to advantages, and the weights and masks of tokens that sampler and trainer see differently.</summary>
/// <param name="features">By which the algorithm compares the rollouts of a group.</param>
/// <param name="config">The algorithm and the run's seed.</param>
internal sealed class Shaping(RolloutFeatures features, RunConfig config)
{
    private readonly Algorithm algorithm = AlgorithmTable.All[config.Algorithm.Name];

    /// <summary>Fills the advantages of every group; one of fewer than two members is left out of the loss.</summary>
    /// <param name="step">The step.</param>
    /// <param name="batch">Its rollouts.</param>
    /// <param name="policy">The weights that gave the features: those that drew where they are made while sampling, else of now.</param>
    public void Run(Step step, StepBatch batch, Policy policy)
    {
        step.Cancel.ThrowIfCancellationRequested();
        var (groups, samples) = (batch.Groups, batch.Samples);
        var found = features.Of(policy, samples, batch.Scores);
        OverlongShaping.Apply(groups, config.Algorithm.Overlong, config.Sampling.MaxNewTokens);
        var settings = config.Algorithm.At(step.Index);
        var shuffle = Seeds.Derive(config.Seed, Seeds.Purpose.Shuffle, step.Index);
        for (var i = 0; i < groups.Length; i++)
            if (groups[i].Members.Length >= 2)
            {
                var own = found?.Where((_, k) => samples[k].Group == i).ToArray();
                features.Measure(groups[i], own);
                algorithm.Advantages(groups[i], own, settings, Seeds.Derive(shuffle, Seeds.Purpose.Shuffle, i));
            }
            else
                groups[i].Masked = true;
        StepAdvantages.Apply(groups, config.Algorithm);
        AdvantageMetrics.Report(step.Metrics, groups);
        RolloutCorrections.Apply(samples, [.. batch.Scores.Select(s => s.Entropies)], config.Algorithm.Correction, step.Metrics);
        step.Clock.Lap("features");
    }
}
