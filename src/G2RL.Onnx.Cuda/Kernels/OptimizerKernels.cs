using G2RL.Onnx.Graphs;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Cuda.Kernels;

/// <summary>A tensor of a multi-tensor launch, word for word as native/kernels/optimizer.cu reads it: eight 64-bit words.</summary>
/// <param name="Weights">What sessions read.</param>
/// <param name="Master">Float32; the same address where the weights are float32.</param>
/// <param name="Gradient">Float32.</param>
/// <param name="First">First moment, float32, or bfloat16 for adamw_packed.</param>
/// <param name="Second">Second moment, likewise.</param>
/// <param name="Count">Elements.</param>
/// <param name="Decays">1 where weight decay applies.</param>
/// <param name="Unused">0</param>
internal readonly record struct TensorEntry(
    long Weights,
    long Master,
    long Gradient,
    long First,
    long Second,
    long Count,
    long Decays,
    long Unused = 0);

/// <summary>A block's share of a multi-tensor launch.</summary>
/// <param name="Tensor">Index in the table of tensors.</param>
/// <param name="Index">Which stretch of <see cref="OptimizerKernels.ChunkLength"/> elements.</param>
internal readonly record struct ChunkEntry(int Tensor, int Index);

/// <summary>optimizer.ptx: the global norm and AdamW over all tensors in one launch.</summary>
/// <param name="kernels">The modules.</param>
/// <param name="type">Type of the weights that sessions read.</param>
/// <param name="moments">Type of the moments: float32, or bfloat16 rounded at random.</param>
internal sealed class OptimizerKernels(KernelCache kernels, ElementType type, ElementType moments = ElementType.Float32)
{
    /// <summary>Elements of a chunk.</summary>
    public const int ChunkLength = 65536;

    private const string Module = "optimizer";
    private readonly string entry = "adamw_" + LaunchShape.Suffix(type);
    private readonly string packed = "adamw_packed_" + LaunchShape.Suffix(type);

    /// <summary>(norm, its square), doubles, and the first chunk that is not finite or -1, int32.</summary>
    /// <param name="tensors">Device table of <see cref="TensorEntry"/>.</param>
    /// <param name="chunks">Device table of <see cref="ChunkEntry"/>.</param>
    /// <param name="count">Chunks.</param>
    /// <param name="partials">Scratch, double [count].</param>
    /// <param name="result">Receives 2 doubles.</param>
    /// <param name="firstBad">Receives an int32.</param>
    public void GlobalNorm(nint tensors, nint chunks, int count, nint partials, nint result, nint firstBad)
    {
        kernels.Launch(Module, "global_norm_partial", (count, 1, 1), LaunchShape.Threads, tensors, chunks, partials);
        kernels.Launch(Module, "global_norm_finish", (1, 1, 1), LaunchShape.ThreadsFor(count), partials, count, result, firstBad);
    }

    /// <summary>Multiplies every row by a factor of its own.</summary>
    /// <param name="kernels">The modules.</param>
    /// <param name="rows">float [count, width]</param>
    /// <param name="count">Rows.</param>
    /// <param name="width">Elements of a row.</param>
    /// <param name="factors">float [count]</param>
    public static void ScaleRows(KernelCache kernels, nint rows, int count, long width, nint factors)
    {
        var threads = LaunchShape.ThreadsFor(width / 4);
        kernels.Launch(Module, "scale_rows", (LaunchShape.Blocks(width, threads, each: 4), count, 1), threads, rows, width, factors);
    }

    /// <summary>One update of every tensor.</summary>
    /// <param name="tensors">Device table of <see cref="TensorEntry"/>.</param>
    /// <param name="chunks">Device table of <see cref="ChunkEntry"/>.</param>
    /// <param name="count">Chunks.</param>
    /// <param name="c">What is multiplied by.</param>
    /// <param name="step">The update's number; decides how moments in bfloat16 are rounded.</param>
    public void Step(nint tensors, nint chunks, int count, in AdamWCoefficients c, long step)
    {
        if (moments == ElementType.Float32)
            kernels.Launch(Module, entry, (count, 1, 1), LaunchShape.Threads, tensors, chunks, c.Scale, c.Decay, c.StepSize, c.Root,
                c.Beta1, c.Beta2, c.OneMinusBeta1, c.OneMinusBeta2, c.Epsilon);
        else
            kernels.Launch(Module, packed, (count, 1, 1), LaunchShape.Threads, tensors, chunks, c.Scale, c.Decay, c.StepSize, c.Root,
                c.Beta1, c.Beta2, c.OneMinusBeta1, c.OneMinusBeta2, c.Epsilon, unchecked((int)step));
    }
}
