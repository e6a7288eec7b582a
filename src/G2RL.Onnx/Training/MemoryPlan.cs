using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Training;

/// <summary>The memory that a run will hold, from its configuration and the model's config.json alone: no weights are read.</summary>
public static class MemoryPlan
{
    /// <summary>Bytes by purpose, estimated.</summary>
    /// <param name="config">The run.</param>
    /// <param name="spec">The model.</param>
    /// <param name="narrow">Whether products run in a narrow type, as on a GPU with bfloat16; masters, gradients and moments stay in
    /// float32.</param>
    public static IReadOnlyList<(string Purpose, long Bytes)> Of(RunConfig config, DecoderSpec spec, bool narrow)
    {
        var (full, element) = (spec.ParameterCount * sizeof(float), narrow ? 2L : 4L);
        var (rows, positions) = (config.Training.TokensPerMicrobatch, config.Sampling.MaxPromptTokens + config.Sampling.MaxNewTokens);
        var inFlight = Math.Min(config.Sampling.MaxRows, config.Sampling.PromptsPerStep * config.Sampling.GroupSize);
        var cache = KvCache.BytesPerRow(spec, positions, (int)element) * (inFlight + 1);
        // What the backward pass keeps: per layer about 14 vectors of width D, 6 of the feed-forward width and the attention shares.
        var perLayer = (14L * spec.HiddenSize) + (6L * spec.IntermediateSize) + (4L * spec.Heads * Math.Min(positions, rows));
        var activations = rows * element * ((spec.Layers * perLayer) + (5L * spec.VocabularySize));
        var features = AlgorithmTable.All[config.Algorithm.Name].Features == FeatureKind.None
            ? 0
            : (long)spec.VocabularySize * sizeof(float);
        return
        [
            ("weights", full),
            ("weights, narrow copy", narrow ? full / 2 : 0),
            ("gradients", full),
            ("optimizer moments", 2 * full),
            ("reference policy", config.Algorithm.KlCoefficient > 0 ? full : 0),
            ($"key/value cache of {inFlight} rows at full length; sampling.cacheBudgetMiB bounds it",
                config.Sampling.CacheBudgetMiB > 0 ? Math.Min(cache, (long)config.Sampling.CacheBudgetMiB << 20) : cache),
            ("features of rollouts", config.Sampling.PromptsPerStep * config.Sampling.GroupSize * features),
            ("activations of a micro-batch, estimated", activations),
        ];
    }
}
