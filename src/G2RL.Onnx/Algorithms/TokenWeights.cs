using G2RL.Onnx.Configuration;

namespace G2RL.Onnx.Algorithms;

/// <summary>Weight a_t >= 0 of a token in its rollout's gradient feature.</summary>
/// <param name="entropy">Entropy of the distribution that the token was drawn from, nats.</param>
/// <param name="index">Its place in the response, from 0.</param>
/// <param name="length">Tokens of the response.</param>
public delegate float TokenWeight(float entropy, int index, int length);

/// <summary>The token weights that a configuration can choose.</summary>
public static class TokenWeights
{
    /// <summary>The weight of the chosen kind; null where every token counts alike.</summary>
    public static TokenWeight? Of(AlgorithmConfig config) => config.TokenWeights switch
    {
        TokenWeightKind.Entropy => (entropy, _, _) => entropy,
        TokenWeightKind.LastK => (_, index, length) => index >= length - config.LastTokens ? 1 : 0,
        _ => null,
    };
}
