namespace G2RL.Onnx.Cuda.Memory;

/// <summary>The accumulators u [rows, V] of the last draw or scoring that asked for them.</summary>
/// <param name="memory">The device's memory.</param>
internal sealed class FeatureStore(DeviceMemory memory) : IDisposable
{
    private DeviceBuffer? buffer;
    private int used;

    /// <summary>Rows there are. A product of one row takes another path than one of several, so there are two at least.</summary>
    public int Rows => Math.Max(used, 2);

    /// <summary>The accumulators.</summary>
    public DeviceBuffer Buffer =>
        buffer ?? throw new InvalidOperationException("No feature weights were accumulated; ask the draw or the scoring for them.");

    /// <summary>Zeroed accumulators.</summary>
    /// <param name="rows">How many.</param>
    /// <param name="vocabulary">V</param>
    /// <param name="keep">Whether those that there are stay, before the new ones; otherwise they are lost.</param>
    /// <returns>The first of them.</returns>
    public int Reserve(int rows, int vocabulary, bool keep = false)
    {
        var first = keep ? used : 0;
        used = checked(first + rows);
        var row = (long)vocabulary * sizeof(float);
        var (kept, all) = (first * row, checked(Rows * row));
        if (buffer is null || buffer.Bytes < all)
        {
            var old = buffer;
            if (kept == 0)
                old?.Dispose();
            buffer = null;
            buffer = memory.Allocate(Purpose.Features, all);
            if (kept > 0)
            {
                memory.Driver.CopyOnDevice(buffer.Pointer, old!.Pointer, kept);
                old.Dispose();
            }
        }
        memory.Driver.Fill(buffer.At(kept), 0, buffer.Bytes - kept);
        return first;
    }

    public void Dispose() => buffer?.Dispose();
}
