using System.Numerics;
using System.Numerics.Tensors;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Rollouts;

/// <summary>
/// Chooses tokens from logits. Holds scratch for one thread; allocates nothing per draw. The same logits and uniform number give the same
/// bits wherever the numbers lie in memory.
/// </summary>
internal sealed class TokenSampler
{
    // exp of this is exactly 0 in float32; it keeps 0 * -infinity out of the entropy.
    private const float Floor = -1e4f;
    private const int Chunk = 1024;

    private readonly int vocabulary;
    private readonly SamplingSettings settings;
    private readonly double inverseTemperature;
    private readonly float[] shifted;
    private readonly float[] weights;
    private readonly double[] chunkSums;
    private readonly TokenFilter? filter;
    private readonly int[] kept;

    /// <summary>Reserves scratch.</summary>
    /// <param name="vocabulary">V, >= 1.</param>
    /// <param name="settings">How to choose.</param>
    /// <exception cref="InputException">A setting out of range.</exception>
    public TokenSampler(int vocabulary, SamplingSettings settings)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabulary, 1);
        settings.Validate();
        (this.vocabulary, this.settings, inverseTemperature) = (vocabulary, settings, 1 / settings.Temperature);
        shifted = new float[Math.Min(Chunk, vocabulary)];
        weights = new float[vocabulary];
        chunkSums = new double[((vocabulary - 1) / Chunk) + 1];
        var restricts = !settings.Greedy && !settings.IsUnrestricted;
        filter = restricts && (settings.TopK > 0 || settings.TopP < 1) ? new TokenFilter(vocabulary) : null;
        kept = restricts ? new int[vocabulary] : [];
    }

    /// <summary>The largest magnitude of a logit since it was last set.</summary>
    internal float LargestLogit { get; set; }

    /// <summary>Draws one token.</summary>
    /// <param name="logits">z [V]; -infinity is allowed, NaN and +infinity are not.</param>
    /// <param name="uniform">In [0, 1); the inverse of the cumulative distribution in token order is taken there. Unused when
    /// greedy.</param>
    /// <param name="features">Empty, or u [V]: receives + onehot(token) - softmax(z / temperature).</param>
    /// <returns>The token, its log-prob and the entropy of the full distribution, nats.</returns>
    /// <exception cref="NonFiniteException">A logit is NaN or +infinity, or all are -infinity.</exception>
    /// <exception cref="ArgumentException">A length other than V, or a uniform number outside [0, 1).</exception>
    public (int Token, float LogProb, float Entropy) Draw(ReadOnlySpan<float> logits, double uniform, Span<float> features)
    {
        if (!(uniform is >= 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(uniform), uniform, "A uniform number lies in [0, 1).");
        if (!features.IsEmpty && features.Length != vocabulary)
            throw new ArgumentException($"{features.Length} feature weights for a vocabulary of {vocabulary}.", nameof(features));
        var (max, sum, entropy) = Weigh(logits);
        var token = settings.Greedy ? TensorPrimitives.IndexOfMax(logits)
            : settings.IsUnrestricted ? Invert(uniform * sum)
            : InvertRestricted(uniform, sum);
        if (!features.IsEmpty)
        {
            TensorPrimitives.MultiplyAdd(weights, (float)(-1 / sum), features, features);
            features[token] += 1;
        }
        return (token, LogProb(logits[token], max, sum), entropy);
    }

    /// <summary>log-prob of a given token and entropy, both of softmax(z / temperature), nats.</summary>
    /// <param name="logits">z [V], as in <see cref="Draw"/>.</param>
    /// <param name="token">In [0, V). A token whose logit is -infinity has log-prob -infinity.</param>
    /// <exception cref="NonFiniteException">A logit is NaN or +infinity, or all are -infinity.</exception>
    public (float LogProb, float Entropy) Measure(ReadOnlySpan<float> logits, int token)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)token, (uint)vocabulary, nameof(token));
        var (max, sum, entropy) = Weigh(logits);
        return (LogProb(logits[token], max, sum), entropy);
    }

    private float LogProb(float logit, float max, double sum) => (float)((((double)logit - max) * inverseTemperature) - Math.Log(sum));

    // Fills weights = exp((z - max) / T). Subtracting before dividing keeps the likely tokens, which lie near 0,
    // exact.
    private (float Max, double Sum, float Entropy) Weigh(ReadOnlySpan<float> logits)
    {
        if (logits.Length != vocabulary)
            throw new ArgumentException($"{logits.Length} logits for a vocabulary of {vocabulary}.", nameof(logits));
        var (max, magnitude) = Reductions.Largest(logits);
        LargestLogit = MathF.Max(LargestLogit, magnitude);
        if (!float.IsFinite(max))
            throw new NonFiniteException($"The largest logit is {max}: the model gave numbers that are no distribution. "
                + "Lower the learning rate, or look for broken weights.");
        // A chunk goes through all of it while it lies in the nearest cache.
        var (sum, energy) = (0d, 0d);
        for (var i = 0; i < chunkSums.Length; i++)
        {
            var part = weights.AsSpan(i * Chunk, Math.Min(Chunk, vocabulary - (i * Chunk)));
            var below = shifted.AsSpan(0, part.Length);
            Shift(logits.Slice(i * Chunk, part.Length), max, (float)inverseTemperature, below);
            TensorPrimitives.Exp(below, part);
            (chunkSums[i], var product) = Reductions.SumAndDot(part, below);
            sum += chunkSums[i];
            energy += product;
        }
        return (max, sum, (float)Math.Max(0, Math.Log(sum) - (energy / sum)));
    }

    // (z - max) / T, limited below.
    private static void Shift(ReadOnlySpan<float> logits, float max, float inverseTemperature, Span<float> to)
    {
        var (most, by, floor) = (new Vector<float>(max), new Vector<float>(inverseTemperature), new Vector<float>(Floor));
        var i = 0;
        for (; i <= logits.Length - Vector<float>.Count; i += Vector<float>.Count)
            Vector.MaxNative((new Vector<float>(logits[i..]) - most) * by, floor).CopyTo(to[i..]);
        for (; i < logits.Length; i++)
            to[i] = MathF.Max((logits[i] - max) * inverseTemperature, Floor);
    }

    // The first token whose cumulative weight exceeds the target, a part of the sum; never one of weight zero, which adds nothing.
    private int Invert(double target)
    {
        var (chunk, cumulative) = (0, 0d);
        // It ends: together they are the sum, which is more.
        while (cumulative + chunkSums[chunk] <= target)
            cumulative += chunkSums[chunk++];
        for (var i = chunk * Chunk; i < vocabulary; i++)
        {
            cumulative += weights[i];
            if (cumulative > target)
                return i;
        }
        // One by one they may round to less than a chunk at a time.
        return weights.AsSpan().LastIndexOfAnyExcept(0f);
    }

    private int InvertRestricted(double uniform, double sum)
    {
        var (threshold, ties) = filter?.Threshold(weights, sum, settings.TopK, settings.TopP) ?? (0, vocabulary);
        // The most probable token weighs exp(0) = 1.
        var least = Math.Max((float)settings.MinP, float.Epsilon);
        var (count, total) = (0, 0d);
        for (var i = 0; i < weights.Length; i++)
        {
            var w = weights[i];
            if (w < threshold || w < least || (w == threshold && ties-- <= 0))
                continue;
            kept[count++] = i;
            total += w;
        }
        // It ends: the same numbers in the same order add up to more than a part of them.
        var (target, cumulative, last) = (uniform * total, 0d, -1);
        do
            cumulative += weights[kept[++last]];
        while (cumulative <= target);
        return kept[last];
    }
}
