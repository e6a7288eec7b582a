namespace G2RL.Onnx.Cuda.Memory;

/// <summary>The accumulators u [rows, V] of the last draw or scoring that asked for them.</summary>
/// <param name="memory">The device's memory.</param>
internal sealed class FeatureStore(DeviceMemory memory) : IDisposable
{
    private DeviceBuffer? buffer;

    /// <summary>Rows in use.</summary>
    public int Rows { get; private set; }

    /// <summary>The accumulators.</summary>
    public DeviceBuffer Buffer => buffer ?? throw new InvalidOperationException("No feature weights were accumulated; ask the draw or the scoring for them.");

    /// <summary>Zeroed accumulators; what was there is lost. A product of one row takes another path than one of several, so there are two at least.</summary>
    public DeviceBuffer Reserve(int rows, int vocabulary)
    {
        Rows = Math.Max(rows, 2);
        var bytes = checked((long)Rows * vocabulary * sizeof(float));
        if (buffer is null || buffer.Bytes < bytes)
        {
            buffer?.Dispose();
            buffer = null;
            buffer = memory.Allocate(Purpose.Features, bytes);
        }
        buffer.Clear();
        return buffer;
    }

    public void Dispose() => buffer?.Dispose();
}
