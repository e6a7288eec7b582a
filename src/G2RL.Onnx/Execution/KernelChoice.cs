using G2RL.Onnx.Execution.Kernels;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution;

/// <summary>Whose operators compute whole sequences.</summary>
public enum KernelChoice
{
    /// <summary>Ours where the runtime takes them and the processor has fused multiply-adds, else, as on GPUs, ONNX Runtime's.</summary>
    Auto,

    /// <summary>ONNX Runtime's.</summary>
    Standard,

    /// <summary>Ours: norms, rotary embedding, gated activations, attention and the head's log-probs, see docs/performance.md.</summary>
    Fused,
}

/// <summary>What a choice comes to.</summary>
internal static class KernelChoices
{
    /// <summary>The operators that graphs are written in here.</summary>
    /// <exception cref="InputException">Ours are asked for, and the runtime of this build does not take them.</exception>
    public static GraphKernels Here(this KernelChoice choice) => choice switch
    {
        KernelChoice.Auto => KernelTable.IsUsable ? GraphKernels.Fused : GraphKernels.Standard,
        KernelChoice.Fused when !KernelTable.IsTaken => throw new InputException(
            "execution.kernels is fused, but the ONNX Runtime of this build is too old for them: 1.24 is the oldest that takes them. "
            + "Set execution.kernels to auto or standard."),
        KernelChoice.Fused => GraphKernels.Fused,
        _ => GraphKernels.Standard,
    };
}
