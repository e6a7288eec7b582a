using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;

namespace G2RL.Onnx.Tests.Kernels;

/// <summary>An operator of ours beside the standard operators that it stands for.</summary>
/// <param name="Name">The operator, and what is special.</param>
/// <param name="Inputs">Names and shapes of float32 inputs.</param>
/// <param name="Integers">Names, shapes and bounds (exclusive) of int64 inputs.</param>
/// <param name="Fused">Written with ours.</param>
/// <param name="Standard">Written without.</param>
/// <param name="Learns">Whether it has gradients.</param>
internal sealed record FusedCase(
    string Name,
    (string Name, long[] Shape)[] Inputs,
    (string Name, long[] Shape, int Bound)[] Integers,
    Func<OpBuilder, Value[]> Fused,
    Func<OpBuilder, Value[]> Standard,
    bool Learns = true);

/// <summary>Every operator, in sizes below, at and above what vectors, blocks and steps hold, and empty ones.</summary>
internal static partial class FusedCases
{
    public static IReadOnlyList<FusedCase> All { get; } =
    [
        .. from shape in new long[][] { [3, 16], [5, 24], [40, 128], [2, 3, 7], [1, 1], [0, 8], [300, 33] } select Norm(shape),
        .. from shape in new long[][]
        {
            [2, 3, 2, 16],
            [1, 5, 3, 24],
            [3, 1, 1, 70],
            [0, 4, 2, 8],
            [2, 40, 9, 64],
        } select Rotary(shape, shape[3]),
        Rotary([2, 3, 4, 32], 20),
        .. from turn in new[] { (false, false), (false, true), (true, false), (true, true) }
           from sizes in new[] { (1, 1, 1), (5, 31, 7), (6, 32, 16), (13, 70, 33), (50, 9, 300), (7, 600, 600), (0, 5, 4), (3, 5, 0) }
           select Product(sizes.Item1, sizes.Item2, sizes.Item3, turn.Item1, turn.Item2),
        .. DecodeCases(),
        .. from shape in new (int, int, int)[] { (5, 16, 7), (3, 9, 1), (40, 300, 100), (1, 1, 2), (4, 8, 0) }
           select Rows(shape.Item1, shape.Item2, shape.Item3),
        .. from gelu in new[] { false, true }
           from shape in new long[][] { [3, 16], [7, 5], [0, 4], [130, 128] }
           select Gated(shape, gelu),
        Attention(1, 1, 1, 1, 8),
        Attention(2, 5, 2, 1, 16),
        Attention(2, 47, 4, 2, 8),
        Attention(1, 48, 2, 2, 24),
        Attention(1, 49, 3, 1, 32),
        Attention(2, 130, 2, 1, 64),
        Attention(2, 130, 2, 1, 16, window: 33),
        Attention(1, 200, 1, 1, 16, window: 100),
        Attention(1, 30, 2, 1, 12, window: 1),
        Attention(2, 60, 2, 2, 8, window: 7, softcap: 3),
        Attention(2, 50, 4, 2, 20, softcap: 30),
        Attention(0, 5, 2, 1, 8),
        Attention(2, 0, 2, 1, 8),
        Packed(2, 1, 16, 0, (5, 0)),
        Packed(4, 2, 8, 0, (3, 0), (4, 1), (1, 1), (7, 0), (2, 0), (9, 1)),
        Packed(2, 1, 20, 0, (50, 0), (49, 1), (1, 1), (100, 1), (3, 0), (130, 1)),
        Packed(3, 3, 16, 7, (10, 0), (20, 1), (4, 1), (60, 0)),
        Packed(1, 1, 24, 60, (70, 0), (47, 1), (48, 1)),
        .. from shape in new (int, int)[] { (1, 1), (3, 19), (5, 16), (2, 1024), (4, 2500), (0, 7), (70, 300) }
           from entropy in new[] { false, true }
           select Scores(shape.Item1, shape.Item2, entropy),
    ];

    private static FusedCase Norm(long[] shape) => new(
        $"RmsNorm [{string.Join(", ", shape)}]",
        [("x", shape), ("w", [shape[^1]])],
        [],
        op => [op.RmsNorm(op.Graph["x"], op.Graph["w"], 1e-5)],
        op =>
        {
            var x = op.Graph["x"];
            var square = op.ReduceMean(op.Mul(x, x), keepDims: true, -1);
            return [op.Mul(op.Div(x, op.Sqrt(op.Add(square, op.Scalar(1e-5)))), op.Graph["w"])];
        });

    private static FusedCase Rotary(long[] shape, long rotated) => new(
        $"Rotary [{string.Join(", ", shape)}], {rotated}",
        [("x", shape), ("cos", [shape[0], shape[1], 1, rotated / 2]), ("sin", [shape[0], shape[1], 1, rotated / 2])],
        [],
        op => [op.Rotary(op.Graph["x"], op.Graph["cos"], op.Graph["sin"])],
        op =>
        {
            var parts = op.Split(op.Graph["x"], -1, rotated / 2, rotated / 2, shape[3] - (rotated / 2 * 2));
            var (cos, sin) = (op.Graph["cos"], op.Graph["sin"]);
            return
            [
                op.Concat(
                    -1,
                    op.Sub(op.Mul(parts[0], cos), op.Mul(parts[1], sin)),
                    op.Add(op.Mul(parts[1], cos), op.Mul(parts[0], sin)),
                    parts[2]),
            ];
        });

    private static FusedCase Product(int rows, int columns, int inner, bool turnA, bool turnB) => new(
        $"Product {rows} x {inner} x {columns}{(turnA ? ", A turned" : "")}{(turnB ? ", B turned" : "")}",
        [
            ("a", turnA ? [inner, rows] : [rows, inner]),
            ("b", turnB ? [columns, inner] : [inner, columns]),
            ("c", [rows, columns]),
            ("bias", [columns]),
        ],
        [],
        op =>
        {
            Value Scaled(string name) => op.Mul(op.Graph[name], op.Scalar(1 / Math.Sqrt(inner + 1)));
            var (a, b) = (Scaled("a"), Scaled("b"));
            return
            [
                op.Product(a, b, null, turnA, turnB),
                op.Product(a, b, op.Graph["c"], turnA, turnB),
                op.Product(a, b, op.Graph["bias"], turnA, turnB),
                op.AddedInTurn(op.Graph["c"], op.Product(a, b, null, turnA, turnB).Producer!, "sum"),
            ];
        },
        op =>
        {
            Value Scaled(string name) => op.Mul(op.Graph[name], op.Scalar(1 / Math.Sqrt(inner + 1)));
            var (a, b) = (turnA ? op.SwapLastTwo(Scaled("a")) : Scaled("a"), turnB ? op.SwapLastTwo(Scaled("b")) : Scaled("b"));
            var product = op.MatMul(a, b);
            return [product, op.Add(product, op.Graph["c"]), op.Add(product, op.Graph["bias"]), op.Add(product, op.Graph["c"])];
        });

    private static FusedCase Rows(int count, int width, int taken) => new(
        $"Rows {taken} of [{count}, {width}]",
        [("x", [count, width])],
        [("numbers", [taken], count)],
        op => [op.Rows(op.Graph["x"], op.Graph["numbers"])],
        op => [op.Gather(op.Graph["x"], op.Graph["numbers"])]);

    private static FusedCase Gated(long[] shape, bool gelu) => new(
        $"GatedUnit [{string.Join(", ", shape)}], {(gelu ? "GELU" : "SiLU")}",
        [("gate", shape), ("up", shape)],
        [],
        op => [op.GatedUnit(op.Graph["gate"], op.Graph["up"], gelu)],
        op =>
        {
            var g = op.Graph["gate"];
            if (!gelu)
                return [op.Mul(op.Mul(g, op.Sigmoid(g)), op.Graph["up"])];
            var cubic = op.Mul(op.Mul(op.Mul(g, g), g), op.Scalar(0.044715));
            var t = op.Tanh(op.Mul(op.Add(g, cubic), op.Scalar(Math.Sqrt(2 / Math.PI))));
            return [op.Mul(op.Mul(op.Mul(g, op.Add(t, op.Scalar(1))), op.Scalar(0.5)), op.Graph["up"])];
        });

    private static FusedCase Attention(int b, int t, int heads, int keyHeads, int width, int window = 0, double? softcap = null)
    {
        var scale = 1 / Math.Sqrt(width);
        float[] seen = [.. Enumerable.Range(0, t * t).Select(i => i % t <= i / t && (window == 0 || (i / t) - (i % t) < window) ? 1f : 0)];
        return new(
            $"CausalAttention B {b}, T {t}, H {heads}, K {keyHeads}, d {width}, window {window}, cap {softcap ?? 0}",
            [("q", [b, t, heads, width]), ("k", [b, t, keyHeads, width]), ("v", [b, t, keyHeads, width])],
            [("mask", [b, t], 2)],
            op => [op.CausalAttention(op.Graph["q"], op.Graph["k"], op.Graph["v"], op.Graph["mask"], scale, window, softcap)],
            op => Plain(op, [b, t], heads, keyHeads, scale, softcap, seen));
    }

    // Every query head with a copy of its key head, and plain masks of numbers [T, T].
    private static Value[] Plain(OpBuilder op, int[] rows, int heads, int keyHeads, double scale, double? softcap, float[] seen)
    {
        var (q, k, v) = (Heads("q", heads), Heads("k", keyHeads), Heads("v", keyHeads));
        var scores = op.Mul(op.MatMul(q, op.SwapLastTwo(k)), op.Scalar(scale));
        if (softcap is { } cap)
            scores = op.Mul(op.Tanh(op.Mul(scores, op.Scalar(1 / cap))), op.Scalar(cap));
        var mask = op.Cast(op.Unsqueeze(op.Graph["mask"], 1, 2), ElementType.Float32);
        var allowed = op.Mul(op.Graph.Initializer("seen", TensorData.Of(seen, rows[1], rows[1])), mask);
        // A token that sees nothing gives zeros.
        var shares = op.Mul(op.Softmax(op.Add(scores, op.Mul(op.Sub(allowed, op.Scalar(1)), op.Scalar(1e9)))), allowed);
        var mixed = op.Transpose(op.MatMul(shares, v), 0, 2, 1, 3);
        return [op.Reshape(mixed, op.Ints(rows[0] * rows[1], (long)heads * q.Shape[3].Size))];

        Value Heads(string name, int count) => op.Gather(
            op.Transpose(op.Graph[name], 0, 2, 1, 3),
            op.Ints([.. Enumerable.Range(0, heads).Select(h => (long)(h / (heads / count)))]),
            1);
    }

    // Packed rows beside plain attention under a mask in which every token sees its root and its own segment.
    private static FusedCase Packed(int heads, int keyHeads, int width, int window, params (int Tokens, int Branch)[] segments)
    {
        var plain = Attention(1, segments.Sum(s => s.Tokens), heads, keyHeads, width, window: 0);
        var (t, scale) = (segments.Sum(s => s.Tokens), 1 / Math.Sqrt(width));
        // Of each token: its segment, that segment's root, and its place in the row that the two make.
        var (tokens, root, rootTokens) = (new List<(int Segment, int Root, int Place)>(), 0, 0);
        for (var i = 0; i < segments.Length; i++)
        {
            if (segments[i].Branch == 0)
                (root, rootTokens) = (i, segments[i].Tokens);
            for (var j = 0; j < segments[i].Tokens; j++)
                tokens.Add((i, root, segments[i].Branch == 0 ? j : rootTokens + j));
        }
        bool Sees((int Segment, int Root, int Place) query, (int Segment, int Root, int Place) key) =>
            (key.Segment == query.Segment || key.Segment == query.Root) && key.Place <= query.Place
            && (window == 0 || query.Place - key.Place < window);
        float[] seen = [.. from query in tokens from key in tokens select Sees(query, key) ? 1f : 0];
        return plain with
        {
            Name = $"CausalAttention packed {string.Join(' ', segments)}, H {heads}, K {keyHeads}, d {width}, window {window}",
            Fused = op =>
            [
                op.CausalAttention(
                    op.Graph["q"],
                    op.Graph["k"],
                    op.Graph["v"],
                    op.Graph["mask"],
                    scale,
                    window,
                    null,
                    op.Graph.Initializer(
                        "segments",
                        TensorData.Of([.. segments.SelectMany(s => new[] { (long)s.Tokens, s.Branch })], segments.Length, 2))),
            ],
            Standard = op => Plain(op, [1, t], heads, keyHeads, scale, null, seen),
        };
    }

    private static FusedCase Scores(int rows, int width, bool entropy) => new(
        $"TokenScores [{rows}, {width}]{(entropy ? " with entropies" : "")}",
        [("z", [rows, width])],
        [("targets", [rows], width)],
        op =>
        {
            var (logProb, h, _) = op.TokenScores(op.Mul(op.Graph["z"], op.Scalar(3)), op.Graph["targets"]);
            return entropy ? [logProb, h] : [logProb];
        },
        op =>
        {
            var all = op.LogSoftmax(op.Mul(op.Graph["z"], op.Scalar(3)));
            var logProb = op.Squeeze(op.GatherElements(all, op.Unsqueeze(op.Graph["targets"], 1), 1), 1);
            return entropy ? [logProb, op.Neg(op.ReduceSum(op.Mul(op.Exp(all), all), keepDims: false, 1))] : [logProb];
        });
}
