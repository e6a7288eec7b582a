namespace G2RL.Onnx.Algorithms.Advantages;

/// <summary>Rewards of a step's sequences, and what an advantage may depend on beside them.</summary>
/// <param name="Rewards">One per sequence; NaN where there is none.</param>
/// <param name="Groups">Index of each sequence's group (prompt).</param>
/// <param name="Lengths">Unmasked tokens of each sequence.</param>
internal sealed record AdvantageBatch(double[] Rewards, int[] Groups, double[] Lengths)
{
    /// <summary>Scores of several rewards [B][K], NaN where one gave none; null where the rewards are all there is.</summary>
    public double[][]? Parts { get; init; }

    /// <summary>Their weights [K].</summary>
    public IReadOnlyList<double> Weights { get; init; } = [1];

    /// <summary>Indices of each group's sequences, groups in the order in which they first appear.</summary>
    public IEnumerable<int[]> Members => Enumerable.Range(0, Rewards.Length).GroupBy(i => Groups[i]).Select(g => g.ToArray());
}

/// <summary>Constants in which trainers differ.</summary>
/// <param name="Epsilon">Added to a standard deviation (to the variance in <c>group-normal</c>), > 0.</param>
/// <param name="LoneKeepsReward">Whether a group of one has baseline 0 and scale 1; else its own reward is its baseline.</param>
internal readonly record struct AdvantageSettings(double Epsilon, bool LoneKeepsReward)
{
    /// <summary>Whether a sum of normalised rewards is whitened over tokens; else it is normalised over sequences.</summary>
    public bool WhitensTokens { get; init; }
}

/// <summary>Rewards to advantages of a whole step. A missing reward (NaN) takes no part in any statistic and has advantage 0.</summary>
/// <param name="batch">Rewards.</param>
/// <param name="settings">Constants.</param>
/// <param name="advantages">Receives A, one per sequence.</param>
internal delegate void AdvantageRule(AdvantageBatch batch, AdvantageSettings settings, Span<double> advantages);
