using G2RL.Onnx.Algorithms.Novelty;

namespace G2RL.Onnx.Algorithms.Arms;

/// <summary>
/// Right answers are worth more whose gradient points where that of an expert's solution does; wrong ones are worth nothing.
/// </summary>
/// <remarks>
/// Source: Gradient-Aligned Reward, as METHOD.md tells it (the paper itself was not to be had): v = mean over the first 768 tokens of
/// G_t * h_t, elementwise, G_t = E^T (p_t - e(y_t)), h_t the LM head's input; b the cosine with v of the expert's solution.
/// </remarks>
internal static class Gar
{
    /// <summary>Tokens of a response that count.</summary>
    public const int Tokens = 768;

    /// <summary>Rewards of a group, then GRPO; see <see cref="AdvantageFunction"/>.</summary>
    /// <exception cref="InvalidOperationException">The group has no feature of an expert's solution.</exception>
    public static void Advantages(ScoredGroup group, IReadOnlyList<float[]>? features, AlgorithmConfig config, ulong seed)
    {
        var m = group.Members.Length;
        var expert = group.Expert ?? throw new InvalidOperationException("The expert's solution was not looked at.");
        var cosines = new double[(m + 1) * (m + 1)];
        ExplorationScore.Cosines([.. features ?? throw new ArgumentNullException(nameof(features)), expert], cosines);
        var alignments = new double[m];
        group.Cosines = new double[m * m];
        for (var i = 0; i < m; i++)
        {
            alignments[i] = cosines[(i * (m + 1)) + m];
            cosines.AsSpan(i * (m + 1), m).CopyTo(group.Cosines.AsSpan(i * m));
        }
        Rewards(group.Verdicts, alignments, config.AlignmentWeight, group.Shaped);
        Grpo.Advantages(group, features, config, seed);
    }

    /// <summary>1 + beta max(0, b - mean of b over the right) where right, else 0.</summary>
    /// <param name="verdicts">Above 0 is right [G].</param>
    /// <param name="alignments">b [G]</param>
    /// <param name="beta">beta >= 0</param>
    /// <param name="rewards">Receives the rewards [G].</param>
    public static void Rewards(ReadOnlySpan<double> verdicts, ReadOnlySpan<double> alignments, double beta, Span<double> rewards)
    {
        var (sum, right) = (0d, 0);
        for (var i = 0; i < verdicts.Length; i++)
            if (verdicts[i] > 0)
                (sum, right) = (sum + alignments[i], right + 1);
        for (var i = 0; i < verdicts.Length; i++)
            rewards[i] = verdicts[i] > 0 ? 1 + (beta * Math.Max(0, alignments[i] - (sum / right))) : 0;
    }
}
