using G2RL.Onnx.Cuda.Memory;

namespace G2RL.Onnx.Cuda.Sessions;

/// <summary>
/// Device memory for inputs that live for one run. Everything is in stream order, so the next run's inputs may be copied over the last
/// one's before that has ended on the device.
/// </summary>
/// <param name="memory">The device's memory.</param>
/// <param name="purpose">For messages.</param>
internal sealed class StagingArea(DeviceMemory memory, Purpose purpose) : IDisposable
{
    private const long BlockBytes = 1L << 16;
    private const long Alignment = 256;

    private readonly List<DeviceBuffer> blocks = [];
    private int block;
    private long used;

    /// <summary>Forgets what was taken.</summary>
    public void Reset() => (block, used) = (0, 0);

    /// <summary>Takes a piece.</summary>
    public (DeviceBuffer Buffer, long Offset) Take(long bytes)
    {
        for (; block < blocks.Count; block++, used = 0)
            if (used + bytes <= blocks[block].Bytes)
                break;
        if (block == blocks.Count)
            blocks.Add(memory.Allocate(purpose, Math.Max(bytes, BlockBytes)));
        var offset = used;
        used += (bytes + Alignment - 1) / Alignment * Alignment;
        return (blocks[block], offset);
    }

    public void Dispose()
    {
        foreach (var buffer in blocks)
            buffer.Dispose();
        blocks.Clear();
    }
}
