using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Cuda.Kernels;

/// <summary>accumulate_features.ptx, the deterministic form.</summary>
/// <param name="kernels">The modules.</param>
/// <param name="type">Type of the logits.</param>
/// <param name="vocabulary">V</param>
internal sealed class FeatureKernels(KernelCache kernels, ElementType type, int vocabulary)
{
    // A thread takes 16 bytes of a row at a time.
    private readonly int each = type == ElementType.Float32 ? 4 : 8;
    private readonly string entry = "accumulate_features_" + LaunchShape.Suffix(type);

    /// <summary>features[slots[s]] += sum over the rows t of sequence s of weights[t] (onehot(tokens[t]) - softmax(z_t / T)).</summary>
    /// <param name="logits">z, rows of V.</param>
    /// <param name="stride">Elements between rows; 0 where all rows are the same.</param>
    /// <param name="sequences">S; no two share a slot.</param>
    /// <param name="temperature">T > 0</param>
    /// <param name="tokens">int32, one a row.</param>
    /// <param name="weights">float, one a row.</param>
    /// <param name="normalizers">Of sample_tokens or token_stats.</param>
    /// <param name="offsets">First row of each sequence, int32 [S + 1]; 0 where a sequence is a row.</param>
    /// <param name="slots">int32 [S]</param>
    /// <param name="features">float [*, V]</param>
    public void Accumulate(
        nint logits,
        long stride,
        int sequences,
        double temperature,
        nint tokens,
        nint weights,
        nint normalizers,
        nint offsets,
        nint slots,
        nint features)
    {
        var threads = LaunchShape.ThreadsFor((vocabulary + each - 1) / each);
        kernels.Launch(
            "accumulate_features", entry, (LaunchShape.Blocks(vocabulary, threads, each), sequences, 1), threads,
            logits, stride, vocabulary, (float)(1 / temperature), tokens, weights, normalizers, offsets, slots, features);
    }
}
