using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution.Planning;

/// <summary>Which models the kernels of ours that <c>execution.kernels=fused</c> asks for on a device compute.</summary>
internal static class DeviceKernels
{
    /// <summary>The widest head; narrower ones are multiples of <see cref="WidthStep"/>.</summary>
    public const int WidestHead = 128;

    /// <summary>What the widths of heads and layers are multiples of.</summary>
    public const int WidthStep = 8;

    /// <summary>The widest norm.</summary>
    public const int WidestNorm = 8192;

    /// <summary>Why they do not compute a model; null where they do.</summary>
    /// <param name="spec">The model.</param>
    public static string? Misfit(DecoderSpec spec) =>
        spec.HeadDimension % WidthStep != 0 || spec.HeadDimension > WidestHead
            ? $"a head is {spec.HeadDimension} wide; they take multiples of {WidthStep} up to {WidestHead}"
        : spec.AttentionSoftcap is { } cap
            ? FormattableString.Invariant($"scores are capped at {cap}, which they do not do")
        : spec.HiddenSize % WidthStep != 0 || spec.IntermediateSize % WidthStep != 0 || Norm(spec) > WidestNorm
            ? $"layers are {Norm(spec)} and {spec.IntermediateSize} wide; they take multiples of {WidthStep}, and norms up to {WidestNorm}"
        : null;

    private static int Norm(DecoderSpec spec) =>
        spec.QueryKeyNormAcrossHeads ? Math.Max(spec.HiddenSize, spec.Heads * spec.HeadDimension) : spec.HiddenSize;

    /// <summary>Refuses a run on a device that asks for them with a model that they do not compute.</summary>
    /// <param name="execution">Where it runs.</param>
    /// <param name="spec">The model.</param>
    /// <exception cref="InputException">It does.</exception>
    public static void Require(ExecutionConfig execution, DecoderSpec spec)
    {
        if (execution.Lead != ExecutionConfig.Cpu && execution.Kernels == KernelChoice.Fused && Misfit(spec) is { } reason)
            throw Refusal(execution.Lead, reason);
    }

    /// <summary>What is said of them.</summary>
    /// <param name="device">The device.</param>
    /// <param name="reason">Why not.</param>
    public static InputException Refusal(string device, string reason) => new(
        $"execution.kernels is fused, and our kernels do not compute this on {device}: {reason}. Leave execution.kernels at auto.");
}
