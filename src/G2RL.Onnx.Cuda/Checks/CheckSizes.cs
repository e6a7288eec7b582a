namespace G2RL.Onnx.Cuda.Checks;

/// <summary>How large the inputs are.</summary>
/// <param name="Rows">Rows of logits.</param>
/// <param name="Vocabulary">V</param>
/// <param name="Group">Rollouts of a group.</param>
/// <param name="Width">D</param>
/// <param name="Elements">Of a weight, a gradient or an array to be cast; above one chunk of 65,536 for the optimizer's sake.</param>
/// <param name="Repeats">Launches that are timed.</param>
public sealed record CheckSizes(int Rows, int Vocabulary, int Group, int Width, int Elements, int Repeats)
{
    /// <summary>Enough to fill a device: Qwen's vocabulary, 64 MiB an array.</summary>
    public static CheckSizes Device { get; } = new(64, 151_936, 16, 4096, 1 << 24, 7);

    /// <summary>Odd and small, for interpreters.</summary>
    public static CheckSizes Small { get; } = new(3, 131, 3, 70, 65_600, 1);
}
