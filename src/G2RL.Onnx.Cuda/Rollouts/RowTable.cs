using G2RL.Onnx.Cuda.Memory;

namespace G2RL.Onnx.Cuda.Rollouts;

/// <summary>
/// What the device reads of every row before a step. One block, one copy: seeds u64, positions i64, counters 4 x u32, last filled positions
/// i32, feature slots i32, feature weights f32, a column for each row.
/// </summary>
internal sealed class RowTable : IDisposable
{
    private const int SeedBytes = 8;
    private const int PositionBytes = 8;
    private const int CounterBytes = 16;
    private const int IntBytes = 4;

    private readonly int columns;
    private readonly byte[] host;
    private readonly ulong[] seeds;
    private readonly long[] positions;
    private readonly uint[] counters;
    private readonly int[] ends;
    private readonly int[] slots;
    private readonly float[] weights;

    public RowTable(DeviceMemory memory, int columns)
    {
        this.columns = columns;
        (seeds, positions, counters, ends, slots, weights) =
            (new ulong[columns], new long[columns], new uint[4 * columns], new int[columns], new int[columns], new float[columns]);
        host = new byte[columns * (SeedBytes + PositionBytes + CounterBytes + (3 * IntBytes))];
        Buffer = memory.Allocate(Purpose.Small, host.Length);
    }

    /// <summary>The block.</summary>
    public DeviceBuffer Buffer { get; }

    /// <summary>Where the positions begin, bytes.</summary>
    public long PositionOffset => (long)columns * SeedBytes;

    /// <summary>Where the last filled positions begin, bytes.</summary>
    public long EndOffset => PositionOffset + ((long)columns * (PositionBytes + CounterBytes));

    private long CounterOffset => PositionOffset + ((long)columns * PositionBytes);

    private long SlotOffset => EndOffset + ((long)columns * IntBytes);

    private long WeightOffset => SlotOffset + ((long)columns * IntBytes);

    public nint Seeds(int column) => Buffer.At((long)column * SeedBytes);

    public nint Counters(int column) => Buffer.At(CounterOffset + ((long)column * CounterBytes));

    public nint Slots(int column) => Buffer.At(SlotOffset + ((long)column * IntBytes));

    public nint Weights(int column) => Buffer.At(WeightOffset + ((long)column * IntBytes));

    /// <summary>Describes a row that draws its next token.</summary>
    public void Set(int column, DeviceRow row, ulong seed, int step, int slot)
    {
        (seeds[column], positions[column], ends[column], slots[column], weights[column]) = (seed, row.Filled, row.Filled, slot, 1);
        (counters[4 * column], counters[(4 * column) + 1], counters[(4 * column) + 2], counters[(4 * column) + 3]) =
            ((uint)row.Issued, (uint)row.Sample, (uint)row.PromptKey, (uint)step);
    }

    /// <summary>A row that fills the batch up.</summary>
    public void SetEmpty(int column) => (positions[column], ends[column]) = (0, 0);

    /// <summary>The longest row after the step, tokens.</summary>
    public int Longest(int count) =>
        ends.AsSpan(0, count).IndexOfAnyExcept(0) < 0 ? 1 : System.Numerics.Tensors.TensorPrimitives.Max<int>(ends.AsSpan(0, count)) + 1;

    /// <summary>Copies the table to the device.</summary>
    public void Send()
    {
        var at = 0;
        void Append<T>(T[] values) where T : unmanaged
        {
            var bytes = System.Runtime.InteropServices.MemoryMarshal.AsBytes<T>(values);
            bytes.CopyTo(host.AsSpan(at));
            at += bytes.Length;
        }
        Append(seeds);
        Append(positions);
        Append(counters);
        Append(ends);
        Append(slots);
        Append(weights);
        Buffer.Write<byte>(host);
    }

    /// <summary>Sets the weights of the features of the first rows and copies those.</summary>
    public void SendWeights(ReadOnlySpan<float> values)
    {
        values.CopyTo(weights);
        Buffer.Write(values, WeightOffset);
    }

    public void Dispose() => Buffer.Dispose();
}
