using System.Numerics.Tensors;

namespace G2RL.Onnx.Algorithms;

/// <summary>How far a rollout's gradient direction lies from those of its siblings.</summary>
/// <remarks>Source: G2RL, arXiv:2512.15687, equations 9 to 11.</remarks>
public static class ExplorationScore
{
    /// <summary>Added to norms and to the sum of weights.</summary>
    public const double Epsilon = 1e-8;

    /// <summary>S_ij = cosine of features i and j; rows of zeros give zeros.</summary>
    /// <param name="features">Phi, one array [D] per rollout.</param>
    /// <param name="cosines">Receives S, [m, m] row-major; the diagonal is the square of the unit vector's length, 1 but for rounding.</param>
    public static void Cosines(IReadOnlyList<float[]> features, Span<double> cosines)
    {
        var m = features.Count;
        if (cosines.Length != m * m)
            throw new ArgumentException($"{cosines.Length} cosines for {m} features.", nameof(cosines));
        var norms = new double[m];
        for (var i = 0; i < m; i++)
            norms[i] = Math.Sqrt(Dot(features[i], features[i])) + Epsilon;
        for (var i = 0; i < m; i++)
            for (var j = i; j < m; j++)
                cosines[(i * m) + j] = cosines[(j * m) + i] = Dot(features[i], features[j]) / (norms[i] * norms[j]);
    }

    /// <summary>nu_i = sqrt(max(1 - sum_j w_ij S_ij^2, 0)), w_ij = e^(r_j) / sum over k != i of e^(r_k), w_ii = 0.</summary>
    /// <param name="cosines">S [m, m].</param>
    /// <param name="rewards">Base rewards [m], m >= 2.</param>
    /// <param name="novelty">Receives nu [m], in [0, 1].</param>
    public static void Novelty(ReadOnlySpan<double> cosines, ReadOnlySpan<double> rewards, Span<double> novelty)
    {
        var m = rewards.Length;
        if (m < 2 || cosines.Length != m * m || novelty.Length != m)
            throw new ArgumentException($"{m} rewards, {cosines.Length} cosines and {novelty.Length} scores; a group has at least 2 rollouts.", nameof(rewards));
        for (var i = 0; i < m; i++)
        {
            var (total, redundant) = (0d, 0d);
            for (var j = 0; j < m; j++)
            {
                if (j == i)
                    continue;
                var weight = Math.Exp(rewards[j]);
                total += weight;
                redundant += weight * cosines[(i * m) + j] * cosines[(i * m) + j];
            }
            novelty[i] = Math.Sqrt(Math.Max(1 - (redundant / (total + Epsilon)), 0));
        }
    }

    /// <summary>nu_bar: novelty scaled to [0, 1] within the group; 0 for all where the spread is below 1e-8.</summary>
    public static void Normalize(ReadOnlySpan<double> novelty, Span<double> normalized)
    {
        var (min, max) = (TensorPrimitives.Min(novelty), TensorPrimitives.Max(novelty));
        for (var i = 0; i < novelty.Length; i++)
            normalized[i] = max - min < 1e-8 ? 0 : (novelty[i] - min) / (max - min);
    }

    private static double Dot(float[] a, float[] b)
    {
        var sum = 0d;
        for (var i = 0; i < a.Length; i += 256)
        {
            var n = Math.Min(256, a.Length - i);
            sum += TensorPrimitives.Dot(a.AsSpan(i, n), b.AsSpan(i, n));
        }
        return sum;
    }
}
