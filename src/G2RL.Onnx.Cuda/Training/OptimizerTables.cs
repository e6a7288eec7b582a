using G2RL.Onnx.Configuration;
using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Sessions;

namespace G2RL.Onnx.Cuda.Training;

/// <summary>Which memory the optimizer's kernels read: a table of tensors, a table of chunks, and room for the norm.</summary>
internal sealed class OptimizerTables : IDisposable
{
    private readonly ChunkEntry[] chunks;
    private readonly DeviceBuffer tensorTable;
    private readonly DeviceBuffer chunkTable;
    private readonly DeviceBuffer partials;
    private readonly DeviceBuffer result;

    public OptimizerTables(
        DeviceMemory memory,
        DevicePolicy policy,
        DeviceParameter[] gradients,
        DeviceParameter[] first,
        DeviceParameter[] second,
        AdamWSettings settings)
    {
        DeviceParameter[] weights = [.. policy.Trainable.Select(i => policy.Parameters[i])];
        TensorEntry[] tensors = [.. weights.Select((w, i) => new TensorEntry(
            policy.Narrow[policy.Trainable[i]].Buffer.Pointer,
            w.Buffer.Pointer,
            gradients[i].Buffer.Pointer,
            first[i].Buffer.Pointer,
            second[i].Buffer.Pointer,
            w.Count,
            settings.Decays(w.Name) ? 1 : 0))];
        chunks = [.. weights.SelectMany((w, i) => Enumerable.Range(
            0,
            (int)((w.Count + OptimizerKernels.ChunkLength - 1) / OptimizerKernels.ChunkLength)).Select(c => new ChunkEntry(i, c)))];
        tensorTable = memory.Allocate(Purpose.Small, tensors.Length * 64L);
        tensorTable.Write<TensorEntry>(tensors);
        chunkTable = memory.Allocate(Purpose.Small, chunks.Length * 8L);
        chunkTable.Write<ChunkEntry>(chunks);
        partials = memory.Allocate(Purpose.Small, (long)chunks.Length * sizeof(double));
        result = memory.Zeros<double>(Purpose.Small, 3);
    }

    public nint Tensors => tensorTable.Pointer;

    public nint Chunks => chunkTable.Pointer;

    public int ChunkCount => chunks.Length;

    public nint Partials => partials.Pointer;

    public nint Result => result.Pointer;

    public nint FirstBad => result.At(2 * sizeof(double));

    /// <summary>The tensor of a chunk.</summary>
    public int TensorOf(int chunk) => chunks[chunk].Tensor;

    /// <summary>The norm, and the first chunk that is not finite or -1.</summary>
    public (double Norm, int FirstBad) ReadNorm()
    {
        var (norm, bad) = (new double[1], new int[1]);
        result.Read<double>(norm);
        result.Read<int>(bad, 2 * sizeof(double));
        return (norm[0], bad[0]);
    }

    public void Dispose()
    {
        tensorTable.Dispose();
        chunkTable.Dispose();
        partials.Dispose();
        result.Dispose();
    }
}
