namespace G2RL.Onnx.Cuda.Several;

/// <summary>Adds up how far each device has come.</summary>
/// <param name="devices">How many devices.</param>
/// <param name="progress">Told the sum, never twice at once.</param>
internal sealed class EndedCount(int devices, Action<int>? progress)
{
    private readonly int[] counts = new int[devices];
    private readonly Lock gate = new();

    /// <summary>A device has come so far.</summary>
    public void Tell(int device, int count)
    {
        lock (gate)
        {
            counts[device] = count;
            progress?.Invoke(counts.Sum());
        }
    }
}
