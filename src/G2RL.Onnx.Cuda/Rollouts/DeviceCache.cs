using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace G2RL.Onnx.Cuda.Rollouts;

/// <summary>
/// Keys and values of the rows in flight on the device, [row, kv head, position, cache width] per layer, written in place by the decode
/// graph.
/// </summary>
internal sealed class DeviceCache : IDisposable
{
    private readonly DecoderSpec spec;
    private readonly int positions;
    private readonly TensorElementType type;
    private readonly int element;
    private readonly MemoryKernels kernels;
    private readonly DeviceBuffer[] buffers;
    private readonly DeviceBuffer addresses;
    private readonly DeviceBuffer rowList;

    /// <summary>Reserves and zeroes the memory: what is not filled is read, and multiplied by zero.</summary>
    public DeviceCache(DeviceMemory memory, MemoryKernels kernels, DecoderSpec spec, ElementType type, int rows, int positions)
    {
        (this.spec, this.positions, this.kernels, this.type, element) =
            (spec, positions, kernels, (TensorElementType)(int)type, type == ElementType.Float32 ? sizeof(float) : sizeof(short));
        buffers =
            [.. Enumerable.Range(0, 2 * spec.Layers).Select(_ => memory.Zeros<byte>(Purpose.Cache, checked(rows * RowLength * element)))];
        addresses = memory.Allocate(Purpose.Small, buffers.Length * sizeof(long));
        addresses.Write<long>([.. buffers.Select(b => (long)b.Pointer)]);
        rowList = memory.Allocate(Purpose.Small, rows * sizeof(int));
    }

    private int Width => DecoderGraph.CacheWidth(spec);

    private long RowLength => (long)spec.KeyValueHeads * positions * Width;

    /// <summary>Binds rows [first, first + count) as past and present.</summary>
    public void BindTo(DeviceBinding binding, int first, int count)
    {
        for (var layer = 0; layer < spec.Layers; layer++)
            for (var kind = 0; kind < 2; kind++)
            {
                var name = kind == 0 ? "key" : "value";
                var (buffer, offset) = (buffers[(2 * layer) + kind], first * RowLength * element);
                long[] shape = [count, spec.KeyValueHeads, positions, Width];
                binding.Input($"past_key_values.{layer}.{name}", buffer, type, offset, shape);
                binding.Output($"present.{layer}.{name}", buffer, type, offset, shape);
            }
    }

    /// <summary>
    /// Copies the first positions of a row to others: a prompt's cache to its rollouts, or a row into a hole. In stream order.
    /// </summary>
    public void Share(int from, ReadOnlySpan<int> rows, int filled)
    {
        rowList.Write(rows);
        kernels.ShareCache(
            addresses.Pointer,
            buffers.Length,
            from,
            rowList.Pointer,
            rows.Length,
            spec.KeyValueHeads,
            (long)positions * Width * element,
            (long)filled * Width * element);
    }

    public void Dispose()
    {
        foreach (var buffer in buffers)
            buffer.Dispose();
        addresses.Dispose();
        rowList.Dispose();
    }
}
