using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Models;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace G2RL.Onnx.Cuda.Rollouts;

/// <summary>Keys and values of the rows in flight on the device, [row, kv head, position, cache width] per layer, written in place by the decode graph.</summary>
internal sealed class DeviceCache : IDisposable
{
    private const int Element = sizeof(float);

    private readonly DecoderSpec spec;
    private readonly int positions;
    private readonly MemoryKernels kernels;
    private readonly DeviceBuffer[] buffers;
    private readonly DeviceBuffer addresses;
    private readonly DeviceBuffer rowList;

    /// <summary>Reserves and zeroes the memory: what is not filled is read, and multiplied by zero.</summary>
    public DeviceCache(DeviceMemory memory, MemoryKernels kernels, DecoderSpec spec, int rows, int positions)
    {
        (this.spec, this.positions, this.kernels) = (spec, positions, kernels);
        buffers = [.. Enumerable.Range(0, 2 * spec.Layers).Select(_ => memory.Zeros<float>(Purpose.Cache, checked(rows * RowLength)))];
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
                var (buffer, offset) = (buffers[(2 * layer) + kind], first * RowLength * Element);
                long[] shape = [count, spec.KeyValueHeads, positions, Width];
                binding.Input($"past_key_values.{layer}.{name}", buffer, TensorElementType.Float, offset, shape);
                binding.Output($"present.{layer}.{name}", buffer, TensorElementType.Float, offset, shape);
            }
    }

    /// <summary>Copies the first positions of a row to others: a prompt's cache to its rollouts, or a row into a hole. In stream order.</summary>
    public void Share(int from, ReadOnlySpan<int> rows, int filled)
    {
        rowList.Write(rows);
        kernels.ShareCache(addresses.Pointer, buffers.Length, from, rowList.Pointer, rows.Length, spec.KeyValueHeads, (long)positions * Width * Element, (long)filled * Width * Element);
    }

    public void Dispose()
    {
        foreach (var buffer in buffers)
            buffer.Dispose();
        addresses.Dispose();
        rowList.Dispose();
    }
}
