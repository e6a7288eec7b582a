using G2RL.Onnx.Cuda.Memory;

namespace G2RL.Onnx.Cuda.Rollouts;

/// <summary>Page-locked memory for the tokens of two turns, and the event after the last one.</summary>
/// <param name="driver">The device.</param>
/// <param name="columns">Columns of the tables.</param>
/// <param name="width">D</param>
internal sealed class DrawBuffers(ICudaDriver driver, int columns, int width) : IDisposable
{
    private readonly HostBuffer<float>?[] hidden = new HostBuffer<float>?[2];

    /// <summary>After everything that a turn enqueued.</summary>
    public nint Event { get; } = driver.CreateEvent();

    /// <summary>Tokens, stop flags and faults of steps.</summary>
    public HostBuffer<int>[] Step { get; } = [new(driver, 3 * columns), new(driver, 3 * columns)];

    /// <summary>The same of first tokens.</summary>
    public HostBuffer<int>[] First { get; } = [new(driver, 3 * columns), new(driver, 3 * columns)];

    /// <summary>Hidden states of a step; reserved when first asked for.</summary>
    public HostBuffer<float> Hidden(int turn) => hidden[turn] ??= new(driver, columns * width);

    public void Dispose()
    {
        foreach (var buffer in Step.Concat(First))
            buffer.Dispose();
        foreach (var buffer in hidden)
            buffer?.Dispose();
        driver.FreeEvent(Event);
    }
}
