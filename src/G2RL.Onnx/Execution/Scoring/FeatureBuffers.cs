namespace G2RL.Onnx.Execution.Scoring;

/// <summary>
/// Arrays for feature weights, V numbers a rollout: taken when a rollout begins, handed back when its feature is made, so that a run has as
/// many as a step has rollouts, and makes none from its second step on. From any thread.
/// </summary>
public sealed class FeatureBuffers
{
    private readonly Lock gate = new();
    private readonly Stack<float[]> free = [];

    /// <summary>An array of zeros.</summary>
    /// <param name="length">Numbers.</param>
    public float[] Take(int length)
    {
        float[]? found;
        lock (gate)
            free.TryPop(out found);
        if (found?.Length != length)
            return new float[length];
        Array.Clear(found);
        return found;
    }

    /// <summary>Hands an array back, which nobody reads any more.</summary>
    public void Return(float[] numbers)
    {
        lock (gate)
            free.Push(numbers);
    }
}
