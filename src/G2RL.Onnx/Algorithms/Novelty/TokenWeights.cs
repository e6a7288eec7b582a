using G2RL.Onnx.Execution.Scoring;

namespace G2RL.Onnx.Algorithms.Novelty;

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
