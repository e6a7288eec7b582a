using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;

namespace G2RL.Onnx.Gradients;

/// <summary>Gradients of <see cref="FusedOperators"/>: each an operator of its own.</summary>
internal static class FusedGradients
{
    /// <summary>The rules, by operator.</summary>
    public static IEnumerable<KeyValuePair<string, GradientRule>> All =>
    [
        Rule("RmsNorm", RmsNorm),
        Rule("Product", LinearGradients.Product),
        Rule("Rows", g => [g.Op.Fused("RowsAdded", 1, [g.Op.ZerosLike(g.Input(0)), g.Input(1), g.DY])[0], null]),
        Rule("Rotary", Rotary),
        Rule("GatedUnit", GatedUnit),
        Rule("CausalAttention", CausalAttention),
        Rule("TokenScores", TokenScores),
    ];

    private static KeyValuePair<string, GradientRule> Rule(string name, GradientRule rule) => new($"{FusedOperators.Domain}::{name}", rule);

    private static Value?[] RmsNorm(GradientContext g) =>
        g.Op.Fused("RmsNormGrad", 2, [g.DY, g.Input(0), g.Input(1)], ("epsilon", g.Node.Float("epsilon", 0)));

    // A rotation's gradient is the way back.
    private static Value?[] Rotary(GradientContext g) =>
        [g.Op.Fused("Rotary", 1, [g.DY, g.Input(1), g.Input(2)], ("inverse", 1 - g.Node.Int("inverse", 0)))[0], null, null];

    private static Value?[] GatedUnit(GradientContext g) =>
        g.Op.Fused("GatedUnitGrad", 2, [g.DY, g.Input(0), g.Input(1)], ("gelu", g.Node.Int("gelu", 0)));

    private static Value?[] CausalAttention(GradientContext g)
    {
        var segments = g.Node.Inputs.ElementAtOrDefault(4);
        Value?[] inputs =
            [g.DY, g.Input(0), g.Input(1), g.Input(2), g.Input(3), g.Y, g.Node.Outputs[1], .. segments is null ? [] : new[] { segments }];
        return
        [
            .. g.Op.Fused(
                "CausalAttentionGrad",
                3,
                inputs,
                ("scale", g.Node.Float("scale", 0)),
                ("window", g.Node.Int("window", 0)),
                ("softcap", g.Node.Float("softcap", 0))),
            .. Enumerable.Repeat<Value?>(null, g.Node.Inputs.Count - 3),
        ];
    }

    // The log sum is there for the gradient alone: nothing else reads it.
    private static Value?[] TokenScores(GradientContext g) =>
    [
        g.Op.TokenScoresGrad(g.Input(0), g.Input(1), g.Node.Outputs[2]!, g.Node.Outputs[1]!, g.DYOf(0), g.DYOf(1)),
        null,
    ];
}
