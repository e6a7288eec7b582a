using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Corrections;
using G2RL.Onnx.Algorithms.Losses;

namespace G2RL.Onnx.Configuration.Rules;

/// <summary>Settings that differ from their defaults and change nothing, because of what else was chosen.</summary>
internal static class IneffectiveSettings
{
    /// <summary>A sentence for each.</summary>
    /// <param name="c">A sound configuration.</param>
    public static IEnumerable<string> Of(RunConfig c)
    {
        var (a, arm, choice) = (c.Algorithm, AlgorithmTable.All[c.Algorithm.Name], AlgorithmChoice.Of(c.Algorithm));
        var form = LossTable.All[choice.Loss];
        var (given, usual) = (ConfigSettings.Flat(RunConfigFile.ToNode(c)), ConfigSettings.Flat(RunConfigFile.ToNode(new())));
        (bool Counts, string Only, string[] Names)[] rules =
        [
            (arm.Shapes, $"g2rl and its kin shape rewards, {a.Name} does not",
                ["algorithm.shaping", "algorithm.lambda", "algorithm.rewardClip", "algorithm.noveltyWithin"]),
            (arm.Features == FeatureKind.Gradient, $"gradient features have token weights, {a.Name} has none",
                ["algorithm.tokenWeights", "algorithm.features"]),
            (a.TokenWeights == TokenWeightKind.LastK, "algorithm.tokenWeights lastK counts last tokens", ["algorithm.lastTokens"]),
            (arm.Features == FeatureKind.Embedding, $"embedding reads one, {a.Name} does not", ["algorithm.embedder"]),
            (a.Name == "passk", $"passk has sets, {a.Name} has none", ["algorithm.passAtK"]),
            (form.Clips, $"some losses clip the ratio, {choice.Loss} does not", ["algorithm.clipLow"]),
            (a.KlCoefficient > 0, "algorithm.klCoefficient is 0, so there is no divergence", ["algorithm.kl"]),
            (a.Overlong.Kind != OverlongKind.None, "algorithm.overlong.kind is none",
                ["algorithm.overlong.buffer", "algorithm.overlong.factor"]),
            (a.Correction.Weights != CorrectionKind.None, "algorithm.correction.weights is none",
                ["algorithm.correction.level", "algorithm.correction.low", "algorithm.correction.high"]),
            (a.Correction.Rejection != "none", "algorithm.correction.rejection is none",
                ["algorithm.correction.rejectionLow", "algorithm.correction.rejectionHigh"]),
            (c.Adapter.Type != AdapterKind.None, "adapter.type is none",
                ["adapter.rank", "adapter.alpha", "adapter.targets", "adapter.rsLora", "adapter.path"]),
            (c.Training.Optimizer.Kind != OptimizerKind.AdamW, "training.optimizer.kind is adamW", ["training.optimizer.momentum"]),
            (c.Training.Optimizer.WeightDecay > 0, "training.optimizer.weightDecay is 0", ["training.optimizer.decayExclusions"]),
            (c.Training.Schedule.Kind != ScheduleKind.Constant, "training.schedule.kind is constant", ["training.schedule.finalFraction"]),
            (!c.Evaluation.TakesTheBest, "evaluations take the most probable token, once a problem",
                ["evaluation.samples", "evaluation.topP"]),
            (c.Problems.Chat, "problems.chat is false, so no template is asked", ["problems.templateVariables"]),
        ];
        foreach (var (counts, only, names) in rules)
            if (!counts)
                foreach (var name in names)
                    if (given.GetValueOrDefault(name) is { } value && value != usual.GetValueOrDefault(name))
                        yield return $"{name} is {value.Trim('"')} and has no effect: {only}.";
    }
}
