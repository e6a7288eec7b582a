using G2RL.Onnx.Cuda.Memory;

namespace G2RL.Onnx.Cuda.Rollouts;

/// <summary>
/// Log-probs, entropies and greatest logits of the last draws, a line each, on the device. Nobody needs them while rollouts are drawn, so
/// they come to the host once in many steps.
/// </summary>
internal sealed class Ledger : IDisposable
{
    private const int Lines = 64;

    private readonly int columns;
    private readonly DeviceBuffer logProbs;
    private readonly DeviceBuffer entropies;
    private readonly DeviceBuffer normalizers;
    private readonly float[] hostLogProbs;
    private readonly float[] hostEntropies;
    private readonly float[] hostNormalizers;
    private long next;
    private long settled;

    /// <summary>Reserves the lines.</summary>
    public Ledger(DeviceMemory memory, int columns)
    {
        this.columns = columns;
        logProbs = memory.Zeros<float>(Purpose.Small, Lines * columns);
        entropies = memory.Zeros<float>(Purpose.Small, Lines * columns);
        normalizers = memory.Zeros<float>(Purpose.Small, 2 * Lines * columns);
        (hostLogProbs, hostEntropies, hostNormalizers) =
            (new float[Lines * columns], new float[Lines * columns], new float[2 * Lines * columns]);
    }

    /// <summary>Whether the lines have to be settled before the next two are opened.</summary>
    public bool IsFull => next - settled > Lines - 2;

    /// <summary>Opens a line for the draws to come.</summary>
    public int Open() => (int)(next++ % Lines);

    /// <summary>Where a line and column lie, as <see cref="DeviceRow"/> keeps it.</summary>
    public int Place(int line, int column) => (line * columns) + column;

    /// <summary>Addresses on the device from a column of a line on.</summary>
    public (nint LogProbs, nint Entropies, nint Normalizers) At(int line, int column)
    {
        var place = (long)Place(line, column);
        return (logProbs.At(place * sizeof(float)), entropies.At(place * sizeof(float)), normalizers.At(2 * place * sizeof(float)));
    }

    /// <summary>Brings all lines to the host and settles rows.</summary>
    /// <param name="rows">Every row with tokens whose log-probs were not looked up.</param>
    /// <param name="open">Lines on their way, whose tokens the host does not know yet.</param>
    /// <returns>The largest of the greatest logits seen.</returns>
    public float Settle(IEnumerable<DeviceRow> rows, int open)
    {
        logProbs.Read<float>(hostLogProbs);
        entropies.Read<float>(hostEntropies);
        normalizers.Read<float>(hostNormalizers);
        foreach (var row in rows)
            row.Settle(hostLogProbs, hostEntropies);
        settled = next - open;
        var largest = 0f;
        for (var i = 0; i < hostNormalizers.Length; i += 2)
            largest = MathF.Max(largest, MathF.Abs(hostNormalizers[i]));
        return largest;
    }

    public void Dispose()
    {
        logProbs.Dispose();
        entropies.Dispose();
        normalizers.Dispose();
    }
}
