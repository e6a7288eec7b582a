using G2RL.Onnx.Execution.Planning;

namespace G2RL.Onnx.Cuda.Kernels;

/// <summary>Sizes of a norm over rows.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="Width">D, a multiple of 8.</param>
/// <param name="Epsilon">Added to the mean square.</param>
internal readonly record struct NormSizes(int Rows, int Width, float Epsilon)
{
    private const int FewestRows = 32;
    private const int MostParts = 512;

    /// <summary>Rows of a part of the gradient.</summary>
    public int Each => Math.Max(FewestRows, (Rows + MostParts - 1) / MostParts);

    /// <summary>Parts whose sums of the weight's gradient are added afterwards; at most 512.</summary>
    public int Parts => (Rows + Each - 1) / Each;
}

/// <summary>layers.ptx: norms, gated units and rotations in bfloat16, and their gradients.</summary>
/// <param name="kernels">The modules.</param>
internal sealed class LayerKernels(KernelCache kernels)
{
    /// <summary>The widest norm.</summary>
    public const int WidestNorm = DeviceKernels.WidestNorm;

    private const string Module = "layers";
    private const int Warps = 8;
    private const int AtOnce = 8;

    /// <summary>sum += x, a weight's gradient as products give it.</summary>
    /// <param name="x">bfloat16 [count]</param>
    /// <param name="sum">float32 [count]</param>
    /// <param name="count">Elements.</param>
    public void Add(nint x, nint sum, long count) =>
        kernels.Launch("optimizer", "accumulate_bf16", (LaunchShape.Blocks(count, LaunchShape.Threads, each: 8), 1, 1),
            LaunchShape.Threads, x, 1f, sum, count);

    /// <summary>y = w x / sqrt(mean(x^2) + epsilon).</summary>
    /// <param name="s">Sizes.</param>
    /// <param name="x">bfloat16 [rows, D]</param>
    /// <param name="weight">[D]</param>
    /// <param name="isWide">Whether the weight is float32; else bfloat16.</param>
    /// <param name="y">Receives bfloat16 [rows, D].</param>
    public void Norm(in NormSizes s, nint x, nint weight, bool isWide, nint y) =>
        kernels.Launch(Module, "rms_norm", (LaunchShape.Blocks(s.Rows, Warps), 1, 1), Warps * 32, x, weight, isWide ? 1 : 0, s.Rows,
            s.Width, s.Epsilon, y);

    /// <summary>The gradients of x and of the weight.</summary>
    /// <param name="s">Sizes; D at most 8,192.</param>
    /// <param name="dy">bfloat16 [rows, D]</param>
    /// <param name="x">bfloat16 [rows, D]</param>
    /// <param name="weight">[D]</param>
    /// <param name="isWide">Whether the weight is float32; else bfloat16.</param>
    /// <param name="dx">Receives bfloat16 [rows, D]; may be dy.</param>
    /// <param name="parts">Scratch, float32 [<see cref="NormSizes.Parts"/>, D]; 0 without the next.</param>
    /// <param name="dw">Receives float32 [D]; 0 where it is not wanted.</param>
    public void NormGradient(in NormSizes s, nint dy, nint x, nint weight, bool isWide, nint dx, nint parts, nint dw)
    {
        kernels.Launch(Module, "rms_norm_grad", (s.Parts, 1, 1), Warps * 32, dy, x, weight, isWide ? 1 : 0, s.Rows, s.Width, s.Each,
            s.Epsilon, dx, parts);
        if (dw != 0)
            kernels.Launch(Module, "rms_norm_weight_grad", ((s.Width + 31) / 32, 1, 1), Warps * 32, parts, s.Parts, s.Width, dw);
    }

    /// <summary>h = f(gate) up with f SiLU or GELU (tanh).</summary>
    /// <param name="count">Elements, a multiple of 8.</param>
    /// <param name="gate">bfloat16.</param>
    /// <param name="up">bfloat16.</param>
    /// <param name="isGelu">GELU rather than SiLU.</param>
    /// <param name="h">Receives bfloat16.</param>
    public void GatedUnit(long count, nint gate, nint up, bool isGelu, nint h) =>
        kernels.Launch(Module, "gated_unit", Elements(count), LaunchShape.Threads, gate, up, count, isGelu ? 1 : 0, h);

    /// <summary>The gradients of gate and up, which may take their memory.</summary>
    public void GatedUnitGradient(long count, nint dh, nint gate, nint up, bool isGelu, nint dgate, nint dup) =>
        kernels.Launch(Module, "gated_unit_grad", Elements(count), LaunchShape.Threads, dh, gate, up, count, isGelu ? 1 : 0, dgate, dup);

    /// <summary>Halves (a, b) of the rotated part of each head -> (a cos - b sin, b cos + a sin).</summary>
    /// <param name="tokens">Tokens of all rows.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="width">d, a multiple of 8.</param>
    /// <param name="half">r / 2</param>
    /// <param name="x">bfloat16 [tokens, heads, d]</param>
    /// <param name="cos">float32 [tokens, r / 2]</param>
    /// <param name="sin">float32 [tokens, r / 2]</param>
    /// <param name="inverse">Whether to turn back.</param>
    /// <param name="y">Receives bfloat16 [tokens, heads, d]; may be x.</param>
    public void Rotary(int tokens, int heads, int width, int half, nint x, nint cos, nint sin, bool inverse, nint y) =>
        kernels.Launch(Module, "rotary", Elements((long)tokens * heads * width), LaunchShape.Threads, x, cos, sin, tokens, heads, width,
            half, inverse ? -1f : 1f, y);

    private static (int X, int Y, int Z) Elements(long count) => (LaunchShape.Blocks(count / AtOnce, LaunchShape.Threads), 1, 1);
}
