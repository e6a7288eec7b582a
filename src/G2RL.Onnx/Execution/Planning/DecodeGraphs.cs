using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution.Planning;

/// <summary>The decode graph of a model on the host.</summary>
internal static class DecodeGraphs
{
    /// <summary>
    /// A model that no cache holds decodes with operators of ours, where <paramref name="kernels"/> allows them: its weights are read once
    /// a step, by all threads together. A small one keeps ONNX Runtime's.
    /// </summary>
    /// <param name="spec">The model.</param>
    /// <param name="kernels">Whose operators.</param>
    public static Graph For(DecoderSpec spec, KernelChoice kernels) => DecoderGraph.Decode(
        spec,
        attention: UsesOurs(spec, kernels) ? CacheAttention.Fused : CacheAttention.Grouped);

    /// <summary>Whether a row's numbers depend on that row alone even where it is the only one.</summary>
    public static bool UsesOurs(DecoderSpec spec, KernelChoice kernels) =>
        kernels == KernelChoice.Fused
            || (kernels == KernelChoice.Auto && Lanes.IsLarge(spec) && kernels.Here() == GraphKernels.Fused);

    /// <summary>Its session.</summary>
    public static OrtSession Open(DecoderSpec spec, KernelChoice kernels, int threads) => new(For(spec, kernels), threads, spins: true);
}
