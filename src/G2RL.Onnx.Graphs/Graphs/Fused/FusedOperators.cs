namespace G2RL.Onnx.Graphs.Fused;

/// <summary>
/// Operators of our own, each in place of several standard ones: what sessions on the CPU compute in C#, and attention on CUDA devices by
/// kernels of ours. A graph that leaves this project holds none of them.
/// </summary>
public static class FusedOperators
{
    /// <summary>Their operator set.</summary>
    public const string Domain = "g2rl";

    /// <summary>
    /// Sum + gradient, a float32 sum and a gradient in bfloat16 of one shape: devices alone, see <see cref="MixedPrecision"/>.
    /// </summary>
    internal const string GradientSum = "GradientSum";

    /// <summary>x / sqrt(mean(x^2) + epsilon) * w over the last axis.</summary>
    /// <param name="op">Receives the node.</param>
    /// <param name="x">[..., D]</param>
    /// <param name="weight">[D]</param>
    /// <param name="epsilon">> 0</param>
    public static Value RmsNorm(this OpBuilder op, Value x, Value weight, double epsilon) =>
        op.Fused("RmsNorm", 1, [x, weight], ("epsilon", (float)epsilon))[0];

    /// <summary>op(A) op(B) + C, as Gemm, for many rows.</summary>
    /// <param name="op">Receives the node.</param>
    /// <param name="a">[M, K], or [K, M] turned.</param>
    /// <param name="b">[K, N], or [N, K] turned.</param>
    /// <param name="c">[M, N] or [N]; null for none.</param>
    /// <param name="transposeA">Whether A lies turned.</param>
    /// <param name="transposeB">Whether B lies turned.</param>
    public static Value Product(
        this OpBuilder op,
        Value a,
        Value b,
        Value? c = null,
        bool transposeA = false,
        bool transposeB = false) =>
        op.Fused(
            "Product",
            1,
            c is null ? [a, b] : [a, b, c],
            ("transA", transposeA ? 1L : 0L),
            ("transB", transposeB ? 1L : 0L),
            (InTurn, 0L))[0];

    /// <summary>
    /// Attribute of a product: 1 where C is a sum that several runs of the graph share. The product is then found apart, and added when the
    /// runs before have added theirs.
    /// </summary>
    public const string InTurn = "inTurn";

    /// <summary>A product without C, added in turn to a sum that others share: an output of the graph, in the sum's memory.</summary>
    internal static Value AddedInTurn(this OpBuilder op, Value shared, Node product, string name) =>
        op.Graph.Add(
            product.Op,
            [product.Inputs[0], product.Inputs[1], shared],
            new Dictionary<string, AttributeValue>(product.Attributes, StringComparer.Ordinal) { [InTurn] = 1L },
            [name],
            domain: product.Domain).Outputs[0]!;

    /// <summary>x W^T + c, as Gemm, for few rows: a row's numbers do not depend on the rows beside it.</summary>
    /// <param name="op">Receives the node.</param>
    /// <param name="x">[R, K]</param>
    /// <param name="w">[N, K]</param>
    /// <param name="c">[R, N] or [N]; null for none.</param>
    public static Value RowProduct(this OpBuilder op, Value x, Value w, Value? c = null) =>
        op.Fused("RowProduct", 1, c is null ? [x, w] : [x, w, c])[0];

    /// <summary>x W^T of two or three weights.</summary>
    /// <param name="op">Receives the node.</param>
    /// <param name="x">[R, K]</param>
    /// <param name="weights">[N, K] each, N may differ.</param>
    public static Value[] RowProducts(this OpBuilder op, Value x, params ReadOnlySpan<Value> weights) =>
        op.Fused("RowProducts", weights.Length, [x, .. weights]);

    /// <summary>
    /// a + b. Where b is a product that is written for nothing else, and ours may be written, it is written once more, on top of a; what is
    /// left of the first is pruned. Both are of one shape.
    /// </summary>
    internal static Value AddedTo(this OpBuilder op, Value a, Value b) =>
        op.Fuses && b.Producer is { Op: "Product" or "RowProduct" or "Gemm", Inputs.Count: 2 } product && Shapes.Same(a.Shape, b.Shape)
            ? op.Graph.Add(product.Op, [product.Inputs[0], product.Inputs[1], a], product.Attributes, domain: product.Domain).Outputs[0]!
            : op.Add(a, b);

    /// <summary>Rows of a matrix by their numbers.</summary>
    /// <param name="op">Receives the node.</param>
    /// <param name="x">[N, D]</param>
    /// <param name="numbers">[R], int64, 0 to N - 1.</param>
    public static Value Rows(this OpBuilder op, Value x, Value numbers) => op.Fused("Rows", 1, [x, numbers])[0];

    /// <summary>Halves (a, b) of the rotated part of each head -> (a cos - b sin, b cos + a sin); what is beyond stays.</summary>
    /// <param name="op">Receives the node.</param>
    /// <param name="x">[B, T, H, d]</param>
    /// <param name="cos">[B, T, 1, r / 2], r at most d.</param>
    /// <param name="sin">In the same shape.</param>
    public static Value Rotary(this OpBuilder op, Value x, Value cos, Value sin) =>
        op.Fused("Rotary", 1, [x, cos, sin], ("inverse", 0L))[0];

    /// <summary>SiLU or GELU (tanh) of a gate, times what passes.</summary>
    /// <param name="op">Receives the node.</param>
    /// <param name="gate">Any shape.</param>
    /// <param name="up">In the same.</param>
    /// <param name="gelu">GELU rather than SiLU.</param>
    public static Value GatedUnit(this OpBuilder op, Value gate, Value up, bool gelu) =>
        op.Fused("GatedUnit", 1, [gate, up], ("gelu", gelu ? 1L : 0L))[0];

    /// <summary>Causal grouped-query attention of whole rows -> [B*T, H*d].</summary>
    /// <param name="op">Receives the node.</param>
    /// <param name="q">[B, T, H, d]</param>
    /// <param name="k">[B, T, K, d], K a divisor of H.</param>
    /// <param name="v">In the same shape.</param>
    /// <param name="mask">1 on tokens, 0 on padding [B, T], int64. A token that sees nothing gives zeros.</param>
    /// <param name="scale">What products of queries and keys are multiplied by.</param>
    /// <param name="window">How many tokens are seen, the token itself included; 0: all.</param>
    /// <param name="softcap">c of c tanh(score / c); null: none.</param>
    /// <param name="segments">
    /// Of packed rows, B = 1, the segments that lie one behind the other [S, 2], int64: tokens, and 0 for a root or 1 for a branch, which
    /// sees all of the last root before its own tokens. Null: each row is by itself.
    /// </param>
    public static Value CausalAttention(
        this OpBuilder op,
        Value q,
        Value k,
        Value v,
        Value mask,
        double scale,
        int window,
        double? softcap,
        Value? segments = null) =>
        op.Fused(
            "CausalAttention",
            2,
            segments is null ? [q, k, v, mask] : [q, k, v, mask, segments],
            ("scale", (float)scale),
            ("window", (long)window),
            ("softcap", (float)(softcap ?? 0)))[0];

    /// <summary>
    /// Grouped-query attention of new tokens over a cache that they are written into -> [B*S, H*d] and the cache, which may be bound on the
    /// memory that it was given in.
    /// </summary>
    /// <param name="op">Receives the node.</param>
    /// <param name="q">[B, S, H, d]</param>
    /// <param name="k">[B, S, K, d], K a divisor of H.</param>
    /// <param name="v">In the same shape.</param>
    /// <param name="cache">Keys and values [B, K, C, w], w at least d, in float32 or bfloat16; or in int8, and behind them what those of a
    /// position are multiplied by [B, K, C, 1].</param>
    /// <param name="ends">The last filled position of each row, the new tokens included [B], int32.</param>
    /// <param name="scale">What products of queries and keys are multiplied by.</param>
    /// <param name="window">How many tokens are seen, the token itself included; 0: all.</param>
    /// <param name="softcap">c of c tanh(score / c); null: none.</param>
    /// <param name="names">Names of the results: one more than the cache has tensors.</param>
    public static Value CachedAttention(
        this OpBuilder op,
        Value q,
        Value k,
        Value v,
        IReadOnlyList<Value> cache,
        Value ends,
        double scale,
        int window,
        double? softcap,
        params string[] names) =>
        op.Graph.Add(
            cache[0].Type == ElementType.Float32 ? "CachedAttention" : "CachedAttention" + cache[0].Type,
            [q, k, v, cache[0], cache[1], ends, .. cache.Skip(2)],
            new Dictionary<string, AttributeValue>(StringComparer.Ordinal)
            {
                ["scale"] = (float)scale,
                ["window"] = (long)window,
                ["softcap"] = (float)(softcap ?? 0),
            },
            names,
            Domain).Outputs[0]!;

    /// <summary>log p of targets, entropies and log sums of e^z, [R] each, from logits.</summary>
    /// <param name="op">Receives the node.</param>
    /// <param name="logits">[R, V]</param>
    /// <param name="targets">[R], int64.</param>
    public static (Value LogProb, Value Entropy, Value LogSum) TokenScores(this OpBuilder op, Value logits, Value targets)
    {
        var made = op.Fused("TokenScores", 3, [logits, targets]);
        return (made[0], made[1], made[2]);
    }

    /// <summary>
    /// The gradient of logits from those of log p and, where there is one, of the entropy; it may take the logits' memory.
    /// </summary>
    public static Value TokenScoresGrad(
        this OpBuilder op,
        Value logits,
        Value targets,
        Value logSum,
        Value entropy,
        Value ofLogProb,
        Value? ofEntropy) =>
        op.Fused("TokenScoresGrad", 1, [logits, targets, logSum, entropy, ofLogProb, .. ofEntropy is null ? [] : new[] { ofEntropy }])[0];

    /// <summary>Any of them, with all of its outputs.</summary>
    internal static Value[] Fused(
        this OpBuilder op,
        string name,
        int outputs,
        Value?[] inputs,
        params ReadOnlySpan<(string Name, AttributeValue Value)> attributes)
    {
        var map = new Dictionary<string, AttributeValue>(StringComparer.Ordinal);
        foreach (var (key, value) in attributes)
            map.Add(key, value);
        return [.. op.Graph.Add(name, inputs, map, domain: Domain, outputCount: outputs).Outputs.Select(o => o!)];
    }
}
