namespace G2RL.Onnx.Models;

/// <summary>Whose operators a graph of whole sequences is written in; results differ by rounding.</summary>
public enum GraphKernels
{
    /// <summary>ONNX's own: what every runtime, device and export takes.</summary>
    Standard,

    /// <summary>Those of <see cref="G2RL.Onnx.Graphs.Fused.FusedOperators"/> where there is one: sessions on the CPU.</summary>
    Fused,

    /// <summary>
    /// ONNX's own products, and of <see cref="G2RL.Onnx.Graphs.Fused.FusedOperators"/> attention, norms, rotary embedding and gated units:
    /// sessions on CUDA devices, which have kernels of ours for them.
    /// </summary>
    Device,
}
