using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Algorithms.Novelty;

/// <summary>
/// The gradient feature Phi of a rollout on the host, in double, in both of its forms. The plain reference that faster paths are held to:
/// Phi = sum_t a_t (E[y_t] - p_t E) / (sum_t a_t + eps) = u E.
/// </summary>
/// <remarks>Source: G2RL, arXiv:2512.15687, equations 5 to 8 and 14; METHOD.md for the exact cheap form.</remarks>
public static class GradientFeature
{
    /// <summary>u = sum_t a_t (onehot(y_t) - softmax(E h_t / T)) / (sum_t a_t + eps).</summary>
    /// <param name="hidden">h, the LM head's inputs that score each token, row-major [L, D].</param>
    /// <param name="tokens">y [L], L >= 1, each in [0, V).</param>
    /// <param name="head">E, the LM head's weight, row-major [V, D].</param>
    /// <param name="temperature">T > 0 of the rollout.</param>
    /// <param name="tokenWeights">a [L], >= 0; empty means 1 for every token.</param>
    /// <param name="weights">Receives u [V]; it sums to 0.</param>
    /// <exception cref="ArgumentException">Lengths that do not belong together, or a token outside the vocabulary.</exception>
    public static void Weights(
        ReadOnlySpan<float> hidden,
        ReadOnlySpan<int> tokens,
        ReadOnlySpan<float> head,
        double temperature,
        ReadOnlySpan<float> tokenWeights,
        Span<double> weights)
    {
        var width = Width(hidden, tokens, head, temperature, tokenWeights, weights.Length);
        weights.Clear();
        var probabilities = new double[weights.Length];
        var total = 0d;
        for (var t = 0; t < tokens.Length; t++)
        {
            var a = tokenWeights.IsEmpty ? 1 : tokenWeights[t];
            Softmax(hidden.Slice(t * width, width), head, temperature, probabilities);
            for (var v = 0; v < weights.Length; v++)
                weights[v] -= a * probabilities[v];
            weights[tokens[t]] += a;
            total += a;
        }
        for (var v = 0; v < weights.Length; v++)
            weights[v] /= total + ExplorationScore.Epsilon;
    }

    /// <summary>Phi = u E, the exact cheap form.</summary>
    /// <param name="weights">u [V].</param>
    /// <param name="head">E, row-major [V, D].</param>
    /// <param name="feature">Receives Phi [D].</param>
    /// <exception cref="ArgumentException">Lengths that do not belong together.</exception>
    public static void FromWeights(ReadOnlySpan<double> weights, ReadOnlySpan<float> head, Span<double> feature)
    {
        if (head.Length != checked((long)weights.Length * feature.Length))
            throw new ArgumentException($"The head has {head.Length} numbers, not {weights.Length} x {feature.Length}.", nameof(head));
        feature.Clear();
        for (var v = 0; v < weights.Length; v++)
            for (var d = 0; d < feature.Length; d++)
                feature[d] += weights[v] * head[(v * feature.Length) + d];
    }

    /// <summary>Phi token by token: phi_t = E[y_t] - p_t E for each, then their weighted mean.</summary>
    /// <param name="hidden">h, row-major [L, D].</param>
    /// <param name="tokens">y [L].</param>
    /// <param name="head">E, row-major [V, D].</param>
    /// <param name="temperature">T > 0.</param>
    /// <param name="tokenWeights">a [L]; empty means 1 for every token.</param>
    /// <param name="feature">Receives Phi [D].</param>
    /// <param name="perToken">Empty, or receives phi, row-major [L, D].</param>
    public static void PerToken(
        ReadOnlySpan<float> hidden,
        ReadOnlySpan<int> tokens,
        ReadOnlySpan<float> head,
        double temperature,
        ReadOnlySpan<float> tokenWeights,
        Span<double> feature,
        Span<double> perToken = default)
    {
        var vocabulary = feature.IsEmpty ? 0 : head.Length / feature.Length;
        var width = Width(hidden, tokens, head, temperature, tokenWeights, vocabulary);
        if (!perToken.IsEmpty && perToken.Length != hidden.Length)
            throw new ArgumentException($"{perToken.Length} numbers for {tokens.Length} features of width {width}.", nameof(perToken));
        feature.Clear();
        var probabilities = new double[vocabulary];
        var phi = new double[width];
        var total = 0d;
        for (var t = 0; t < tokens.Length; t++)
        {
            var a = tokenWeights.IsEmpty ? 1 : tokenWeights[t];
            Softmax(hidden.Slice(t * width, width), head, temperature, probabilities);
            for (var d = 0; d < width; d++)
                phi[d] = head[(tokens[t] * width) + d];
            for (var v = 0; v < vocabulary; v++)
                for (var d = 0; d < width; d++)
                    phi[d] -= probabilities[v] * head[(v * width) + d];
            for (var d = 0; d < width; d++)
                feature[d] += a * phi[d];
            if (!perToken.IsEmpty)
                phi.CopyTo(perToken[(t * width)..]);
            total += a;
        }
        for (var d = 0; d < width; d++)
            feature[d] /= total + ExplorationScore.Epsilon;
    }

    private static void Softmax(ReadOnlySpan<float> state, ReadOnlySpan<float> head, double temperature, Span<double> probabilities)
    {
        var (max, sum) = (double.NegativeInfinity, 0d);
        for (var v = 0; v < probabilities.Length; v++)
        {
            probabilities[v] = Reductions.Dot(state, head.Slice(v * state.Length, state.Length)) / temperature;
            max = Math.Max(max, probabilities[v]);
        }
        foreach (ref var p in probabilities)
            sum += p = Math.Exp(p - max);
        foreach (ref var p in probabilities)
            p /= sum;
    }

    private static int Width(
        ReadOnlySpan<float> hidden,
        ReadOnlySpan<int> tokens,
        ReadOnlySpan<float> head,
        double temperature,
        ReadOnlySpan<float> tokenWeights,
        int vocabulary)
    {
        if (tokens.IsEmpty || hidden.IsEmpty || hidden.Length % tokens.Length != 0)
            throw new ArgumentException($"{hidden.Length} numbers are no hidden states of {tokens.Length} tokens.", nameof(hidden));
        var width = hidden.Length / tokens.Length;
        if (head.Length != checked((long)vocabulary * width))
            throw new ArgumentException($"The head has {head.Length} numbers, not {vocabulary} x {width}.", nameof(head));
        if (!tokenWeights.IsEmpty && tokenWeights.Length != tokens.Length)
            throw new ArgumentException($"{tokenWeights.Length} weights for {tokens.Length} tokens.", nameof(tokenWeights));
        if (!(temperature > 0 && double.IsFinite(temperature)))
            throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "A temperature is above 0 and finite.");
        foreach (var token in tokens)
            if ((uint)token >= (uint)vocabulary)
                throw new ArgumentException($"Token {token} lies outside the vocabulary of {vocabulary}.", nameof(tokens));
        return width;
    }
}
