using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution.Scoring;

/// <summary>Gradient features from their cheap form: Phi = u E, one product per batch of rollouts, E the LM head.</summary>
/// <remarks>
/// Exact: Phi is linear in onehot(y) - p. See METHOD, "exact cheap form". Capped logits would put another factor beside each p; a model
/// that has them is refused.
/// </remarks>
internal sealed class FeatureProjector(DecoderSpec spec, int threads) : IFeatureProjector
{
    private readonly OrtSession session = new(DecoderGraph.Features(Checked(spec)), Lanes.For(spec, threads).ThreadsEach);

    /// <summary>Phi [D] of each rollout.</summary>
    /// <param name="policy">The weights behind the accumulators.</param>
    /// <param name="weights">u [V] of each rollout.</param>
    public float[][] Project(Policy policy, IReadOnlyList<float[]> weights)
    {
        if (weights.Count == 0)
            return [];
        // Rows are taken a bounded number at a time, two at least: one row alone takes another path through the product.
        var rows = (int)Math.Clamp(Math.Min((64L << 20) / (spec.VocabularySize * sizeof(float)), weights.Count), 2, 1024);
        var stacked = new float[rows * spec.VocabularySize];
        var features = new float[rows * spec.HiddenSize];
        var results = new float[weights.Count][];
        using var binding = session.Bind();
        policy.BindTo(binding);
        binding.Input("feature_weights", stacked, rows, spec.VocabularySize);
        binding.Output("features", features, rows, spec.HiddenSize);
        for (var start = 0; start < results.Length; start += rows)
        {
            var count = Math.Min(rows, results.Length - start);
            for (var i = 0; i < count; i++)
                weights[start + i].CopyTo(stacked, i * spec.VocabularySize);
            binding.Run();
            for (var i = 0; i < count; i++)
                results[start + i] = features[(i * spec.HiddenSize)..((i + 1) * spec.HiddenSize)];
        }
        return results;
    }

    /// <inheritdoc/>
    float[][] IFeatureProjector.Project(Policy policy, IReadOnlyList<FeatureWeights> weights) =>
        Project(policy, [.. weights.Select(w => w.Host!)]);

    /// <inheritdoc/>
    public (double[] Cosines, double[] Novelty)? Measure(IReadOnlyList<float[]> features, IReadOnlyList<double> rewards) => null;

    /// <summary>Refuses a model whose features are not computed.</summary>
    /// <exception cref="InputException">It caps its logits.</exception>
    public static DecoderSpec Checked(DecoderSpec spec) => spec.LogitSoftcap is not { } cap
        ? spec
        : throw new InputException($"The model caps its logits at {cap} (final_logit_softcapping); "
            + "gradient features of capped logits are not computed. Use an algorithm without them (GRPO), or a model without the cap.");

    /// <inheritdoc/>
    public void Dispose() => session.Dispose();
}
