using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution.Scoring;

/// <summary>
/// v = mean over a response's tokens of G_t * h_t, elementwise, G_t = E^T (p_t - e(y_t)): on the host, a chunk of tokens at a time, so that
/// [T, V] is never held.
/// </summary>
/// <exception cref="InputException">A model that caps its logits.</exception>
internal sealed class AlignmentFeatures(DecoderSpec spec, int threads) : IDisposable
{
    private const long ChunkBytes = 32L << 20;

    private readonly OrtSession session =
        new(DecoderGraph.GradientTimesHidden(FeatureProjector.Checked(spec)), Lanes.For(spec, threads).ThreadsEach);

    /// <summary>v [D] of a response.</summary>
    /// <param name="policy">The weights that the hidden states are of.</param>
    /// <param name="hidden">h [T, D], the LM head's inputs that score each token.</param>
    /// <param name="targets">y [T], T >= 1.</param>
    /// <param name="temperature">> 0</param>
    public float[] Of(Policy policy, float[] hidden, int[] targets, double temperature)
    {
        var width = spec.HiddenSize;
        if (targets.Length == 0 || hidden.Length != (long)targets.Length * width)
            throw new ArgumentException($"{hidden.Length} numbers are no hidden states of {targets.Length} tokens.", nameof(hidden));
        var (sum, chunk) = (new double[width], (int)Math.Clamp(ChunkBytes / (spec.VocabularySize * sizeof(float)), 16, 8192));
        float[] inverse = [(float)(1 / temperature)];
        for (var start = 0; start < targets.Length; start += chunk)
        {
            var rows = Math.Min(chunk, targets.Length - start);
            var products = new float[rows * width];
            using var binding = session.Bind();
            policy.BindTo(binding);
            binding.Input("last_hidden_state", hidden[(start * width)..((start + rows) * width)], rows, width);
            binding.Input<long>("targets", [.. targets[start..(start + rows)].Select(t => (long)t)], rows);
            binding.Input("inverse_temperature", inverse);
            binding.Output("products", products, rows, width);
            binding.Run();
            for (var i = 0; i < products.Length; i++)
                sum[i % width] += products[i];
        }
        return [.. sum.Select(s => (float)(s / targets.Length))];
    }

    /// <inheritdoc/>
    public void Dispose() => session.Dispose();
}
