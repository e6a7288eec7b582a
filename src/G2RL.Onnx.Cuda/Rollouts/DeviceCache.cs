using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace G2RL.Onnx.Cuda.Rollouts;

/// <summary>
/// Keys and values of prompts and rows in flight on the device, [row, kv head, position, cache width] per layer, written in place by the
/// decode graph. The bytes are fixed; how many rows they hold depends on how long the rows are, which may change at any time.
/// </summary>
/// <remarks>
/// GroupQueryAttention takes each row's keys and values as one contiguous piece, [row, kv head, capacity, width]: rows can neither lie
/// scattered in pages nor share a prompt's, so they are laid anew with longer pieces, and a group's prompt is copied to its rows.
/// </remarks>
internal sealed class DeviceCache : IDisposable
{
    private readonly DecoderSpec spec;
    private readonly TensorElementType type;
    private readonly int element;
    private readonly MemoryKernels kernels;
    private readonly DeviceBuffer[] buffers;
    private readonly DeviceBuffer addresses;
    private readonly DeviceBuffer rowList;
    private DeviceBuffer? spare;

    /// <summary>Reserves and zeroes the memory: what is not filled is read, and multiplied by zero.</summary>
    /// <param name="memory">The device's memory.</param>
    /// <param name="kernels">For copies.</param>
    /// <param name="spec">The decoder.</param>
    /// <param name="type">Type of keys and values.</param>
    /// <param name="rows">Rows at most, prompts included.</param>
    /// <param name="positions">Positions of a row in the beginning.</param>
    /// <param name="rowsAtFirst">So many of which there is room for.</param>
    /// <param name="grows">Whether rows will be longer.</param>
    public DeviceCache(
        DeviceMemory memory,
        MemoryKernels kernels,
        DecoderSpec spec,
        ElementType type,
        int rows,
        int positions,
        long rowsAtFirst,
        bool grows)
    {
        (this.spec, Positions, this.kernels, this.type, element) =
            (spec, positions, kernels, (TensorElementType)(int)type, type == ElementType.Float32 ? sizeof(float) : sizeof(short));
        var bytes = checked(rowsAtFirst * RowBytes);
        buffers = [.. Enumerable.Range(0, 2 * spec.Layers).Select(_ => memory.Zeros<byte>(Purpose.Cache, bytes))];
        spare = grows ? memory.Zeros<byte>(Purpose.Cache, bytes) : null;
        addresses = memory.Allocate(Purpose.Small, buffers.Length * sizeof(long));
        SendAddresses();
        rowList = memory.Allocate(Purpose.Small, rows * sizeof(int));
    }

    /// <summary>Positions of a row.</summary>
    public int Positions { get; private set; }

    private int Width => DecoderGraph.CacheWidth(spec);

    private long HeadBytes => HeadBytesOf(Positions);

    private long RowBytes => spec.KeyValueHeads * HeadBytes;

    /// <summary>Rows that there is room for when each has so many positions.</summary>
    public int Room(int positions) => (int)Math.Min(int.MaxValue, buffers[0].Bytes / (spec.KeyValueHeads * HeadBytesOf(positions)));

    /// <summary>Gives rows another length; what they held is lost.</summary>
    public void Reset(int positions) => Positions = positions;

    /// <summary>Gives rows another length; the first of them keep what they hold, as far as it goes. In stream order.</summary>
    /// <param name="positions">The length.</param>
    /// <param name="rows">Rows that hold something.</param>
    public void Relay(int positions, int rows)
    {
        var (before, after) = (HeadBytes, HeadBytesOf(positions));
        for (var i = 0; i < buffers.Length; i++)
        {
            kernels.RelayCache(
                buffers[i].Pointer, spare!.Pointer, rows * spec.KeyValueHeads, before, after, Math.Min(before, after));
            (buffers[i], spare) = (spare, buffers[i]);
        }
        Positions = positions;
        SendAddresses();
    }

    /// <summary>Binds rows [first, first + count) as past and present.</summary>
    public void BindTo(DeviceBinding binding, int first, int count)
    {
        for (var layer = 0; layer < spec.Layers; layer++)
            for (var kind = 0; kind < 2; kind++)
            {
                var name = kind == 0 ? "key" : "value";
                var (buffer, offset) = (buffers[(2 * layer) + kind], first * RowBytes);
                long[] shape = [count, spec.KeyValueHeads, Positions, Width];
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
            HeadBytes,
            HeadBytesOf(filled));
    }

    public void Dispose()
    {
        foreach (var buffer in buffers)
            buffer.Dispose();
        spare?.Dispose();
        addresses.Dispose();
        rowList.Dispose();
    }

    private long HeadBytesOf(int positions) => (long)positions * Width * element;

    private void SendAddresses() => addresses.Write<long>([.. buffers.Select(b => (long)b.Pointer)]);
}
