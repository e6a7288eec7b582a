using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Rollouts;

/// <summary>
/// Keys and values of rows in flight, [row, kv head, position, cache width] per layer, written in place by the decode graph.
/// </summary>
/// <remarks>
/// A row is a contiguous slice, so a batch of the first n rows is a view; rows are kept dense by moving the last one into a hole.
/// </remarks>
public sealed class KvCache : IDisposable
{
    private readonly DecoderSpec spec;
    private readonly FloatBuffer[] buffers;

    /// <summary>Reserves the memory.</summary>
    /// <param name="spec">The decoder.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="positions">Positions of each row.</param>
    public KvCache(DecoderSpec spec, int rows, int positions)
    {
        (this.spec, Rows, Positions) = (spec, rows, positions);
        buffers = [.. Enumerable.Range(0, 2 * spec.Layers).Select(_ => new FloatBuffer(checked(rows * RowLength)))];
    }

    /// <summary>Rows reserved.</summary>
    public int Rows { get; }

    /// <summary>Positions of each row.</summary>
    public int Positions { get; }

    private int Width => DecoderGraph.CacheWidth(spec);

    private long RowLength => (long)spec.KeyValueHeads * Positions * Width;

    /// <summary>Bytes that one row takes over all layers.</summary>
    public static long BytesPerRow(DecoderSpec spec, int positions, int elementBytes = sizeof(float)) =>
        checked(2L * spec.Layers * spec.KeyValueHeads * positions * DecoderGraph.CacheWidth(spec) * elementBytes);

    /// <summary>Binds rows [first, first + count) as past and present.</summary>
    public void BindTo(SessionBinding binding, int first, int count)
    {
        for (var layer = 0; layer < spec.Layers; layer++)
            for (var kind = 0; kind < 2; kind++)
            {
                var name = kind == 0 ? "key" : "value";
                var (buffer, offset) = (buffers[(2 * layer) + kind], first * RowLength);
                long[] shape = [count, spec.KeyValueHeads, Positions, Width];
                binding.Input($"past_key_values.{layer}.{name}", buffer, offset, shape);
                binding.Output($"present.{layer}.{name}", buffer, offset, shape);
            }
    }

    /// <summary>Copies the first positions of a row: a prompt's cache to a rollout, or a row into a hole.</summary>
    public void CopyRow(int from, int to, int positions)
    {
        if (from == to)
            return;
        var length = positions * Width;
        foreach (var buffer in buffers)
            for (var head = 0; head < spec.KeyValueHeads; head++)
            {
                var start = (long)head * Positions * Width;
                buffer.Slice((from * RowLength) + start, length).CopyTo(buffer.Slice((to * RowLength) + start, length));
            }
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
