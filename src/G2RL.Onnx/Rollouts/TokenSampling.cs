using System.Numerics.Tensors;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Rollouts;

/// <summary>How a token is chosen. log-prob, entropy and gradient features always belong to the full softmax(z / temperature).</summary>
public sealed record SamplingSettings
{
    /// <summary>Divides the logits; > 0.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Only the k most probable tokens may be chosen; 0 means all.</summary>
    public int TopK { get; init; }

    /// <summary>Only the smallest set of the most probable tokens whose mass reaches this share; in (0, 1].</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Only tokens at least this share as probable as the most probable one; in [0, 1].</summary>
    public double MinP { get; init; }

    /// <summary>Always the most probable token; the lowest id among equals.</summary>
    public bool Greedy { get; init; }

    /// <summary>Whether the choice is from the full distribution, so that sampler and policy are one.</summary>
    public bool IsUnrestricted => !Greedy && TopK == 0 && TopP >= 1 && MinP <= 0;

    /// <summary>Checks every range.</summary>
    /// <exception cref="InputException">All faults at once.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (!(Temperature > 0 && double.IsFinite(Temperature)))
            faults.Add($"sampling.temperature is {Temperature}; it must be above 0 and finite. For the most probable token use sampling.greedy.");
        if (TopK < 0)
            faults.Add($"sampling.topK is {TopK}; it must be 0 (off) or more.");
        if (!(TopP is > 0 and <= 1))
            faults.Add($"sampling.topP is {TopP}; it must lie in (0, 1].");
        if (!(MinP is >= 0 and <= 1))
            faults.Add($"sampling.minP is {MinP}; it must lie in [0, 1].");
        if (faults.Count > 0)
            throw InputException.Of(faults);
    }
}

/// <summary>Chooses tokens from logits. Holds scratch for one thread; allocates nothing per draw.</summary>
/// <param name="vocabulary">V</param>
/// <param name="settings">How to choose.</param>
public sealed class TokenSampler(int vocabulary, SamplingSettings settings)
{
    // exp of this is exactly 0 in float32; it keeps 0 * -infinity out of the entropy.
    private const float Floor = -1e4f;
    private const int Chunk = 1024;

    private readonly float inverseTemperature = (float)(1 / settings.Temperature);
    private readonly float[] shifted = new float[vocabulary];
    private readonly float[] weights = new float[vocabulary];
    private readonly float[] sorted = settings.IsUnrestricted || settings.Greedy ? [] : new float[vocabulary];
    private readonly double[] chunkSums = new double[(vocabulary + Chunk - 1) / Chunk];

    /// <summary>Draws one token.</summary>
    /// <param name="logits">z [V]; -infinity is allowed, NaN and +infinity are not.</param>
    /// <param name="uniform">In [0, 1); the inverse of the cumulative distribution in token order is taken there.</param>
    /// <param name="features">Empty, or u [V]: receives + onehot(token) - softmax(z / temperature).</param>
    /// <returns>The token, its log-prob and the entropy of the full distribution, nats.</returns>
    /// <exception cref="NonFiniteException">A logit is NaN or +infinity, or all are -infinity.</exception>
    public (int Token, float LogProb, float Entropy) Draw(ReadOnlySpan<float> logits, double uniform, Span<float> features)
    {
        var sum = Weigh(logits, out var entropy);
        var token = settings.Greedy ? TensorPrimitives.IndexOfMax(logits)
            : settings.IsUnrestricted ? Invert(uniform * sum)
            : InvertRestricted(uniform, sum);
        if (!features.IsEmpty)
        {
            TensorPrimitives.MultiplyAdd(weights, (float)(-1 / sum), features, features);
            features[token] += 1;
        }
        return (token, (float)(shifted[token] - Math.Log(sum)), entropy);
    }

    /// <summary>log-prob of a given token and entropy, both of softmax(z / temperature), nats.</summary>
    public (float LogProb, float Entropy) Measure(ReadOnlySpan<float> logits, int token)
    {
        var sum = Weigh(logits, out var entropy);
        return ((float)(shifted[token] - Math.Log(sum)), entropy);
    }

    // Fills shifted = z/T - max and weights = exp(shifted); returns their sum.
    private double Weigh(ReadOnlySpan<float> logits, out float entropy)
    {
        if (logits.Length != vocabulary)
            throw new ArgumentException($"{logits.Length} logits for a vocabulary of {vocabulary}.", nameof(logits));
        TensorPrimitives.Multiply(logits, inverseTemperature, shifted);
        var max = TensorPrimitives.Max(shifted);
        if (!float.IsFinite(max))
            throw new NonFiniteException($"The largest logit is {max}: the model gave numbers that are no distribution. Lower the learning rate, or look for broken weights.");
        TensorPrimitives.Subtract(shifted, max, shifted);
        TensorPrimitives.Max(shifted, Floor, shifted);
        TensorPrimitives.Exp(shifted, weights);
        var (sum, energy) = (0d, 0d);
        for (var i = 0; i < chunkSums.Length; i++)
        {
            var part = weights.AsSpan(i * Chunk, Math.Min(Chunk, vocabulary - (i * Chunk)));
            sum += chunkSums[i] = TensorPrimitives.Sum<float>(part);
            energy += TensorPrimitives.Dot(part, shifted.AsSpan(i * Chunk, part.Length));
        }
        entropy = (float)Math.Max(0, Math.Log(sum) - (energy / sum));
        return sum;
    }

    // The first token whose cumulative weight exceeds the target.
    private int Invert(double target)
    {
        var (chunk, cumulative) = (0, 0d);
        while (chunk < chunkSums.Length - 1 && cumulative + chunkSums[chunk] <= target)
            cumulative += chunkSums[chunk++];
        var last = -1;
        for (var i = chunk * Chunk; i < vocabulary; i++)
        {
            if (weights[i] == 0)
                continue;
            last = i;
            cumulative += weights[i];
            if (cumulative > target)
                return i;
        }
        return last >= 0 ? last : TensorPrimitives.IndexOfMax<float>(weights);
    }

    // top-k, then top-p of what is left, then min-p. Among equals the lower id stays.
    private int InvertRestricted(double uniform, double sum)
    {
        weights.CopyTo(sorted, 0);
        sorted.AsSpan().Sort();
        var kept = settings.TopK > 0 ? Math.Min(settings.TopK, vocabulary) : vocabulary;
        if (settings.TopP < 1)
        {
            var mass = kept == vocabulary ? sum : MassOfLargest(kept);
            var (cumulative, n) = (0d, 0);
            while (n < kept && cumulative < settings.TopP * mass)
                cumulative += sorted[vocabulary - ++n];
            kept = Math.Max(1, n);
        }
        var threshold = sorted[vocabulary - kept];
        var ties = kept;
        for (var i = vocabulary - 1; i >= 0 && sorted[i] > threshold; i--)
            ties--;
        var least = (float)settings.MinP * sorted[vocabulary - 1];
        var total = 0d;
        var left = ties;
        for (var i = 0; i < vocabulary; i++)
            if (Keeps(i, threshold, least, ref left))
                total += weights[i];
        var (target, last, running) = (uniform * total, -1, 0d);
        left = ties;
        for (var i = 0; i < vocabulary; i++)
        {
            if (!Keeps(i, threshold, least, ref left))
                continue;
            last = i;
            running += weights[i];
            if (running > target)
                break;
        }
        return last;
    }

    private bool Keeps(int token, float threshold, float least, ref int ties)
    {
        var w = weights[token];
        return w >= least && (w > threshold || (w == threshold && ties-- > 0));
    }

    private double MassOfLargest(int count)
    {
        var mass = 0d;
        for (var i = 1; i <= count; i++)
            mass += sorted[vocabulary - i];
        return mass;
    }
}
