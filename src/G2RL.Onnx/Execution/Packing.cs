using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution;

/// <summary>How sequences lie in the batches that are scored and trained on.</summary>
public enum Packing
{
    /// <summary>As prompts where our operators compute, on a GPU with execution.kernels=fused, else none.</summary>
    Auto,

    /// <summary>A row each, filled up to the longest.</summary>
    None,

    /// <summary>One behind the other without padding, and a prompt once for all of its responses.</summary>
    Prompts,
}

/// <summary>What a choice comes to.</summary>
internal static class Packings
{
    /// <summary>Whether sequences are packed on a device, where our attention is asked for by name.</summary>
    public static bool OnDevice(this Packing packing, KernelChoice kernels) => packing != Packing.None && kernels == KernelChoice.Fused;

    /// <summary>Whether sequences are packed here.</summary>
    /// <exception cref="InputException">They should be, and our operators, which alone attend packed rows, are not asked for.</exception>
    public static bool Here(this Packing packing, KernelChoice kernels) => (packing, kernels.Here()) switch
    {
        (Packing.None, _) => false,
        (_, GraphKernels.Fused) => true,
        (Packing.Auto, _) => false,
        _ => throw new InputException(
            $"training.packing is prompts, but execution.kernels is {(kernels == KernelChoice.Auto ? "auto and comes to " : "")}standard "
            + "here, whose attention knows no packed rows. Set training.packing to auto or none."),
    };
}
