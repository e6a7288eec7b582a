namespace G2RL.Onnx.Algorithms.Novelty;

/// <summary>Base reward and normalised novelty to shaped reward.</summary>
/// <remarks>Source: G2RL, arXiv:2512.15687, equations 12 and 13; METHOD.md's table for the two readings.</remarks>
public static class RewardShaping
{
    /// <summary>
    /// One shaped reward: literal clip(r + lambda nu_bar r^2, +-c), prose clip(r (1 + lambda (2 nu_bar - 1)), +-c), multiplicative clip(r
    /// (1 + lambda nu_bar), +-c).
    /// </summary>
    /// <param name="kind">The reading; shuffled is literal on novelties that were permuted before.</param>
    /// <param name="reward">r</param>
    /// <param name="normalizedNovelty">nu_bar in [0, 1].</param>
    /// <param name="lambda">>= 0; 0 gives r itself, bit for bit, and then nothing is clipped either.</param>
    /// <param name="clip">c > 0</param>
    public static double Shape(ShapingKind kind, double reward, double normalizedNovelty, double lambda, double clip)
    {
        if (lambda == 0)
            return reward;
        var factor = kind switch
        {
            ShapingKind.Prose => 1 + (lambda * ((2 * normalizedNovelty) - 1)),
            ShapingKind.Multiplicative => 1 + (lambda * normalizedNovelty),
            _ => 1 + (lambda * reward * normalizedNovelty),
        };
        return Math.Clamp(reward * factor, -clip, clip);
    }
}
