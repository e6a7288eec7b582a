namespace G2RL.Onnx.Problems.Curriculum;

/// <summary>Leaves out, while training, what is always or never solved, and brings it back later.</summary>
public sealed record PassRateConfig
{
    /// <summary>A problem is left out whose last share of right answers was at most this, in [0, 1).</summary>
    public double Low { get; init; }

    /// <summary>A problem is left out whose last share of right answers was at least this, in (low, 1].</summary>
    public double High { get; init; } = 1;

    /// <summary>Steps for which it stays out; then it is asked again. 0 turns the filter off.</summary>
    public int Window { get; init; }

    internal bool IsOn => Window > 0;
}
