using System.Runtime.InteropServices;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Rollouts.Decoding;

/// <summary>
/// Keys and values of rows in flight, [row, kv head, position, cache width] per layer, written in place by the decode graph.
/// </summary>
/// <remarks>
/// A row is a contiguous slice, so a batch of the first n rows is a view; rows are kept dense by moving the last one into a hole.
/// </remarks>
public sealed class KvCache : IDisposable
{
    private const int FillAtOnce = 1 << 20;

    private readonly DecoderSpec spec;
    private readonly CacheTensor[] tensors;
    private readonly FloatBuffer[] buffers;

    /// <summary>
    /// Reserves the memory: of a large model on huge pages where the system has them, since a head's positions, read one after the
    /// other, go through many pages. Rows that are used then take what they have at most, not what they have filled.
    /// </summary>
    /// <param name="spec">The decoder.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="positions">Positions of each row.</param>
    /// <param name="type">How numbers are kept.</param>
    public KvCache(DecoderSpec spec, int rows, int positions, CacheType type = CacheType.Float32)
    {
        (this.spec, Rows, Positions) = (spec, rows, positions);
        tensors = [.. DecoderGraph.CacheTensors(spec, type.Element())];
        buffers =
        [
            .. from layer in Enumerable.Range(0, spec.Layers)
               from tensor in tensors
               select new FloatBuffer(checked(rows * RowLength(tensor)), whole: Lanes.IsLarge(spec)),
        ];
    }

    /// <summary>Rows reserved.</summary>
    public int Rows { get; }

    /// <summary>Positions of each row.</summary>
    public int Positions { get; }

    // Of a position: a head's width is a multiple of 8, so that narrow numbers fill whole ones.
    private static int Floats(CacheTensor tensor) => tensor.Width * tensor.Type.Size() / sizeof(float);

    private long RowLength(CacheTensor tensor) => (long)spec.KeyValueHeads * Positions * Floats(tensor);

    /// <summary>Bytes that one row takes over all layers.</summary>
    public static long BytesPerRow(DecoderSpec spec, int positions, int elementBytes = sizeof(float)) =>
        checked(2L * spec.Layers * spec.KeyValueHeads * positions * DecoderGraph.CacheWidth(spec) * elementBytes);

    /// <summary>The same of a cache on the host, scales included.</summary>
    public static long BytesPerRow(DecoderSpec spec, int positions, CacheType type) => checked(
        (long)spec.Layers * spec.KeyValueHeads * positions
            * DecoderGraph.CacheTensors(spec, type.Element()).Sum(t => t.Width * t.Type.Size()));

    /// <summary>Binds rows [first, first + count) as past and present.</summary>
    public void BindTo(SessionBinding binding, int first, int count)
    {
        for (var i = 0; i < buffers.Length; i++)
        {
            var tensor = tensors[i % tensors.Length];
            var (name, offset) = ($"{i / tensors.Length}.{tensor.Name}", first * RowLength(tensor));
            long[] shape = [count, spec.KeyValueHeads, Positions, tensor.Width];
            binding.Input("past_key_values." + name, tensor.Type, buffers[i], offset, shape);
            binding.Output("present." + name, tensor.Type, buffers[i], offset, shape);
        }
    }

    /// <summary>Copies the first positions of a row: a prompt's cache to a rollout, or a row into a hole.</summary>
    public void CopyRow(int from, int to, int positions)
    {
        if (from == to)
            return;
        for (var i = 0; i < buffers.Length; i++)
        {
            var (row, width) = (RowLength(tensors[i % tensors.Length]), Floats(tensors[i % tensors.Length]));
            for (var head = 0; head < spec.KeyValueHeads; head++)
            {
                var start = (long)head * Positions * width;
                buffers[i].Slice((from * row) + start, positions * width)
                    .CopyTo(buffers[i].Slice((to * row) + start, positions * width));
            }
        }
    }

    /// <summary>
    /// Writes a byte everywhere: a measurement has to read pages that somebody wrote, since others are all one page of zeros.
    /// </summary>
    internal void Fill(byte value)
    {
        foreach (var buffer in buffers)
            for (long start = 0; start < buffer.Length; start += FillAtOnce)
                MemoryMarshal.AsBytes(buffer.Slice(start, (int)Math.Min(FillAtOnce, buffer.Length - start))).Fill(value);
    }

    /// <summary>Gives the memory back until rows are next written; what they held is lost.</summary>
    public void Release()
    {
        foreach (var buffer in buffers)
            buffer.Release();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var buffer in buffers)
            buffer.Dispose();
    }
}

/// <summary>How keys and values of rollouts in flight are kept on the host.</summary>
public enum CacheType
{
    /// <summary>As they were computed.</summary>
    Float32,

    /// <summary>Rounded to the nearest number of bfloat16: half of the memory.</summary>
    BFloat16,

    /// <summary>In 8 bits with a scale for each position and key head: about a quarter of the memory.</summary>
    Int8,
}

/// <summary>Types of tensors.</summary>
internal static class CacheTypes
{
    /// <summary>What tensors of keys and values hold.</summary>
    public static ElementType Element(this CacheType type) => type switch
    {
        CacheType.BFloat16 => ElementType.BFloat16,
        CacheType.Int8 => ElementType.Int8,
        _ => ElementType.Float32,
    };
}
