namespace G2RL.Onnx.Algorithms;

/// <summary>How a reward falls as a response nears the length limit.</summary>
public enum OverlongKind
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>In a straight line over the buffer, to -factor at sampling.maxNewTokens.</summary>
    Linear,

    /// <summary>In a straight line over the buffer, to -1 at sampling.maxNewTokens.</summary>
    Bounded,
}

/// <summary>
/// Overlong shaping: long responses lose reward before the group's normalisation. Overlong filtering is algorithm.truncated=mask.
/// </summary>
public sealed record OverlongConfig
{
    /// <summary>How.</summary>
    public OverlongKind Kind { get; init; } = OverlongKind.None;

    /// <summary>Tokens before the limit over which the reward falls, 1 to sampling.maxNewTokens.</summary>
    public int Buffer { get; init; } = 16;

    /// <summary>What a response at the limit loses, >= 0; for linear alone.</summary>
    public double Factor { get; init; } = 1;
}
