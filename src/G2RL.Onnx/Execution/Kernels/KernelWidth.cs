using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace G2RL.Onnx.Execution.Kernels;

/// <summary>Bits of the vectors that kernels compute with. Results are the same to the bit; only the time differs.</summary>
internal enum KernelWidth
{
    /// <summary>Everywhere.</summary>
    Bits128,

    /// <summary>AVX2 with FMA.</summary>
    Bits256,

    /// <summary>AVX-512.</summary>
    Bits512,
}

/// <summary>What this processor has.</summary>
internal static class KernelWidths
{
    /// <summary>The widest that is worth it here.</summary>
    public static KernelWidth Here { get; } = Vector512.IsHardwareAccelerated ? KernelWidth.Bits512
        : Vector256.IsHardwareAccelerated ? KernelWidth.Bits256 : KernelWidth.Bits128;

    /// <summary>
    /// Whether a product and a sum are one instruction: without it a fused multiply-add is a call for every number, and standard operators
    /// are faster.
    /// </summary>
    public static bool Fused => Fma.IsSupported || AdvSimd.Arm64.IsSupported;
}
