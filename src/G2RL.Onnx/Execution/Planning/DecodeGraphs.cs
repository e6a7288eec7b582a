using G2RL.Onnx.Execution.Kernels;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution.Planning;

/// <summary>The decode graph of a model on the host.</summary>
internal static class DecodeGraphs
{
    /// <summary>
    /// A model that no cache holds decodes with operators of ours, where <paramref name="kernels"/> allows them: its weights are read once
    /// a step, by all threads together. A small one keeps ONNX Runtime's, unless its keys and values are kept in a narrow type, which those
    /// do not read.
    /// </summary>
    /// <param name="spec">The model.</param>
    /// <param name="kernels">Whose operators.</param>
    /// <param name="cache">Type of cached keys and values.</param>
    /// <exception cref="InputException">A narrow cache where our operators are not to be had.</exception>
    public static Graph For(DecoderSpec spec, KernelChoice kernels, ElementType cache = ElementType.Float32) =>
        UsesOurs(spec, kernels, cache)
            ? DecoderGraph.Decode(spec, attention: CacheAttention.Fused, cache: cache)
            : DecoderGraph.Decode(spec);

    /// <summary>Whether a row's numbers depend on that row alone even where it is the only one.</summary>
    public static bool UsesOurs(DecoderSpec spec, KernelChoice kernels, ElementType cache = ElementType.Float32)
    {
        var isNarrow = cache != ElementType.Float32;
        if (isNarrow && (kernels == KernelChoice.Standard || !KernelTable.IsTaken))
            throw new InputException($"A key/value cache in {cache} is read by operators of ours alone. Set sampling.cacheType to "
                + (KernelTable.IsTaken ? "float32, or execution.kernels to auto." : "float32: this ONNX Runtime is too old for them."));
        return isNarrow || kernels == KernelChoice.Fused
            || (kernels == KernelChoice.Auto && Lanes.IsLarge(spec) && kernels.Here() == GraphKernels.Fused);
    }

    /// <summary>Its session.</summary>
    public static OrtSession Open(DecoderSpec spec, KernelChoice kernels, int threads, ElementType cache = ElementType.Float32) =>
        new(For(spec, kernels, cache), threads, spins: true);
}
