namespace G2RL.Onnx.Algorithms;

/// <summary>What a response loses for its length.</summary>
/// <remarks>Source: DAPO, arXiv:2503.14476, section 3.4.</remarks>
internal static class OverlongPenalty
{
    /// <summary>0 up to most - buffer tokens, then falling in a straight line to -factor at most tokens, and on below it.</summary>
    /// <param name="length">Tokens of the response.</param>
    /// <param name="most">The longest response.</param>
    /// <param name="buffer">Tokens over which the penalty grows, > 0.</param>
    /// <param name="factor">Penalty at the longest response, >= 0.</param>
    public static double Linear(int length, int most, int buffer, double factor) =>
        Math.Min(-(length - (most - buffer)) / (double)buffer * factor, 0);

    /// <summary>The same with factor 1 and never below -1.</summary>
    /// <inheritdoc cref="Linear"/>
    public static double Bounded(int length, int most, int buffer) =>
        Math.Clamp((most - buffer - length) / (double)buffer, -1, 0);
}
