using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;

namespace G2RL.Onnx.Algorithms.Novelty;

/// <summary>How far a rollout's gradient direction lies from those of its siblings.</summary>
/// <remarks>Source: G2RL, arXiv:2512.15687, equations 9 to 11.</remarks>
public static class ExplorationScore
{
    /// <summary>Added to norms and to the sum of weights; the least spread of novelty that is normalised.</summary>
    public const double Epsilon = FeatureWeights.Epsilon;

    /// <summary>S_ij = cosine of features i and j; rows of zeros give zeros.</summary>
    /// <param name="features">Phi, one array [D] per rollout.</param>
    /// <param name="cosines">Receives S, [m, m] row-major; the diagonal is the square of the unit vector's length, 1 but for
    /// rounding.</param>
    /// <exception cref="ArgumentException">Features of several widths, or another number of cosines than m x m.</exception>
    /// <exception cref="NonFiniteException">A feature is not finite; the message names the rollout.</exception>
    public static void Cosines(IReadOnlyList<float[]> features, Span<double> cosines)
    {
        var m = features.Count;
        if (cosines.Length != m * m)
            throw new ArgumentException($"{cosines.Length} cosines for {m} features.", nameof(cosines));
        var norms = new double[m];
        for (var i = 0; i < m; i++)
        {
            norms[i] = Math.Sqrt(Reductions.Dot(features[i], features[i])) + Epsilon;
            if (!double.IsFinite(norms[i]))
                throw new NonFiniteException($"The gradient feature of rollout {i} is not finite. "
                    + "Lower the learning rate, or look for broken weights.");
        }
        for (var i = 0; i < m; i++)
            for (var j = i; j < m; j++)
                cosines[(i * m) + j] = cosines[(j * m) + i] = Reductions.Dot(features[i], features[j]) / (norms[i] * norms[j]);
    }

    /// <summary>nu_i = sqrt(max(1 - sum_j w_ij S_ij^2, 0)), w_ij = e^(r_j) / sum over k != i of e^(r_k), w_ii = 0.</summary>
    /// <param name="cosines">S [m, m].</param>
    /// <param name="rewards">Base rewards [m], m >= 2.</param>
    /// <param name="novelty">Receives nu [m], in [0, 1].</param>
    public static void Novelty(ReadOnlySpan<double> cosines, ReadOnlySpan<double> rewards, Span<double> novelty)
    {
        var m = rewards.Length;
        if (m < 2 || cosines.Length != m * m || novelty.Length != m)
            throw new ArgumentException(
                $"{m} rewards, {cosines.Length} cosines and {novelty.Length} scores; a group has at least 2 rollouts.",
                nameof(rewards));
        for (var i = 0; i < m; i++)
        {
            // exp(r - largest) over a sum with eps exp(-largest) is the same weight, and no reward overflows it.
            var largest = double.NegativeInfinity;
            for (var j = 0; j < m; j++)
                if (j != i)
                    largest = Math.Max(largest, rewards[j]);
            var (total, redundant) = (Epsilon * Math.Exp(-largest), 0d);
            for (var j = 0; j < m; j++)
            {
                if (j == i)
                    continue;
                var weight = Math.Exp(rewards[j] - largest);
                total += weight;
                redundant += weight * cosines[(i * m) + j] * cosines[(i * m) + j];
            }
            novelty[i] = Math.Sqrt(Math.Max(1 - (redundant / total), 0));
        }
    }

    /// <summary>nu_bar: novelty scaled to [0, 1] within the group; 0 for all where the spread is below 1e-8.</summary>
    /// <param name="novelty">nu [m], finite.</param>
    /// <param name="normalized">Receives nu_bar [m]. May be the same memory as <paramref name="novelty"/>.</param>
    /// <exception cref="ArgumentException">Lengths that differ, or a number that is not finite.</exception>
    public static void Normalize(ReadOnlySpan<double> novelty, Span<double> normalized)
    {
        if (novelty.Length != normalized.Length)
            throw new ArgumentException($"{novelty.Length} numbers to normalise, room for {normalized.Length}.", nameof(normalized));
        var (min, max) = (double.PositiveInfinity, double.NegativeInfinity);
        foreach (var nu in novelty)
            (min, max) = double.IsFinite(nu)
                ? (Math.Min(min, nu), Math.Max(max, nu))
                : throw new ArgumentException($"A novelty is {nu}; it must be finite.", nameof(novelty));
        var spread = max - min;
        for (var i = 0; i < novelty.Length; i++)
            normalized[i] = spread < Epsilon ? 0 : (novelty[i] - min) / spread;
    }

    /// <summary>
    /// nu_bar scaled to [0, 1] within the right (reward above 0) and within the others; 0 for all of a class where the spread is below
    /// 1e-8.
    /// </summary>
    /// <param name="novelty">nu [m], finite.</param>
    /// <param name="rewards">Base rewards [m].</param>
    /// <param name="normalized">Receives nu_bar [m].</param>
    /// <exception cref="ArgumentException">Lengths that differ, or a number that is not finite.</exception>
    public static void NormalizeByClass(ReadOnlySpan<double> novelty, ReadOnlySpan<double> rewards, Span<double> normalized)
    {
        if (novelty.Length != rewards.Length || novelty.Length != normalized.Length)
            throw new ArgumentException(
                $"{novelty.Length} numbers to normalise, {rewards.Length} rewards, room for {normalized.Length}.",
                nameof(normalized));
        foreach (var right in (ReadOnlySpan<bool>)[true, false])
        {
            var members = new List<int>();
            for (var i = 0; i < rewards.Length; i++)
                if (rewards[i] > 0 == right)
                    members.Add(i);
            var part = new double[members.Count];
            for (var k = 0; k < part.Length; k++)
                part[k] = novelty[members[k]];
            Normalize(part, part);
            for (var k = 0; k < part.Length; k++)
                normalized[members[k]] = part[k];
        }
    }
}
