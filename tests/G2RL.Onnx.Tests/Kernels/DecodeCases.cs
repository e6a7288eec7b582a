using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;

namespace G2RL.Onnx.Tests.Kernels;

/// <summary>Operators of decoding: products of few rows and attention over a cache.</summary>
internal static partial class FusedCases
{
    private static IEnumerable<FusedCase> DecodeCases() =>
    [
        .. from rows in new[] { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 17, 64 } select RowProduct(rows, 24, 70),
        RowProduct(3, 1, 1),
        RowProduct(2, 7, 16),
        RowProduct(2, 4, 600),
        .. from rows in new[] { 1, 5, 12, 13, 16, 30, 50, 64, 65, 150 } select RowProduct(rows, 53, 1301),
        .. from rows in new[] { 0, 1, 6, 13 } select RowProducts(rows, 20, 48, 5, null),
        RowProducts(2, 576, 300, 90, 91),
        RowProducts(40, 576, 100, 90, 91),
        Cached(1, 1, 1, 1, 8, 8, 12),
        Cached(2, 1, 4, 2, 12, 16, 40),
        Cached(3, 1, 9, 3, 64, 64, 70),
        Cached(2, 1, 10, 2, 64, 64, 70),
        Cached(2, 5, 6, 2, 24, 24, 33),
        Cached(2, 1, 3, 1, 16, 16, 40, window: 7),
        Cached(2, 9, 4, 4, 6, 8, 60, window: 5, softcap: 3),
        Cached(1, 40, 3, 1, 80, 80, 60, softcap: 20),
        Cached(2, 1, 6, 2, 64, 64, 1100, first: 500),
        Cached(2, 1, 2, 1, 16, 16, 1700, window: 600, first: 1000),
        Cached(1, 700, 2, 1, 16, 16, 900),
        .. from type in new[] { ElementType.BFloat16, ElementType.Int8 }
           from one in new[]
           {
               Cached(1, 1, 1, 1, 8, 8, 12, type: type),
               Cached(2, 1, 4, 2, 12, 16, 40, type: type),
               Cached(3, 1, 9, 3, 64, 64, 70, type: type),
               Cached(2, 5, 6, 2, 24, 24, 33, window: 7, softcap: 3, type: type),
               Cached(1, 40, 3, 1, 80, 80, 60, type: type),
               Cached(2, 1, 6, 2, 64, 64, 1100, first: 500, type: type),
               Cached(2, 0, 2, 1, 8, 8, 4, type: type),
           }
           select one,
        Cached(0, 1, 2, 1, 8, 8, 4),
        Cached(2, 0, 2, 1, 8, 8, 4),
    ];

    private static FusedCase RowProduct(int rows, int columns, int inner) => new(
        $"RowProduct {rows} x {inner} x {columns}",
        [("x", [rows, inner]), ("w", [columns, inner]), ("c", [rows, columns]), ("bias", [columns])],
        [],
        op =>
        {
            var (x, w) = (Scaled(op, "x", inner), op.Graph["w"]);
            return [op.RowProduct(x, w), op.RowProduct(x, w, op.Graph["c"]), op.RowProduct(x, w, op.Graph["bias"])];
        },
        op =>
        {
            var product = op.MatMul(Scaled(op, "x", inner), op.SwapLastTwo(op.Graph["w"]));
            return [product, op.Add(product, op.Graph["c"]), op.Add(product, op.Graph["bias"])];
        },
        Learns: false);

    private static FusedCase RowProducts(int rows, int inner, int first, int second, int? third)
    {
        string[] names = third is null ? ["w0", "w1"] : ["w0", "w1", "w2"];
        return new(
            $"RowProducts {rows} x {inner} x {first}, {second}, {third ?? 0}",
            [("x", [rows, inner]), ("w0", [first, inner]), ("w1", [second, inner]), ("w2", [third ?? 1, inner])],
            [],
            op => op.RowProducts(Scaled(op, "x", inner), [.. names.Select(n => op.Graph[n])]),
            op => [.. names.Select(n => op.MatMul(Scaled(op, "x", inner), op.SwapLastTwo(op.Graph[n])))],
            Learns: false);
    }

    private static Value Scaled(OpBuilder op, string name, int inner) => op.Mul(op.Graph[name], op.Scalar(1 / Math.Sqrt(inner + 1)));

    private static FusedCase Cached(
        int b,
        int s,
        int heads,
        int keyHeads,
        int width,
        int cacheWidth,
        int capacity,
        int window = 0,
        double? softcap = null,
        int first = 0,
        ElementType type = ElementType.Float32)
    {
        var scale = 1 / Math.Sqrt(width);
        // The last filled position, somewhere from "first" to the last.
        Value Ends(OpBuilder op) => op.Add(op.Graph["ends"], op.Int(Math.Max(first, s - 1)));
        return new(
            $"CachedAttention B {b}, S {s}, H {heads}, K {keyHeads}, d {width} in {cacheWidth}, C {capacity}, window {window}, "
                + $"cap {softcap ?? 0}, from {first}, {type}",
            [
                ("q", [b, s, heads, width]),
                ("k", [b, s, keyHeads, width]),
                ("v", [b, s, keyHeads, width]),
                ("keys", [b, keyHeads, capacity, cacheWidth]),
                ("values", [b, keyHeads, capacity, cacheWidth]),
            ],
            [("ends", [b], capacity - Math.Max(first, s - 1))],
            op =>
            {
                var g = op.Graph;
                var ends = op.Cast(Ends(op), ElementType.Int32);
                Value[] keys = Stored(op, g["keys"]), values = Stored(op, g["values"]);
                string[] names = ["mixed", "new.keys", "new.values", .. keys.Length > 1 ? new[] { "key.scales", "value.scales" } : []];
                var mixed = op.CachedAttention(
                    g["q"], g["k"], g["v"], [keys[0], values[0], .. keys.Skip(1), .. values.Skip(1)], ends, scale, window, softcap, names);
                return
                [
                    mixed,
                    Meant(op, keys.Length > 1 ? [g["new.keys"], g["key.scales"]] : [g["new.keys"]]),
                    Meant(op, keys.Length > 1 ? [g["new.values"], g["value.scales"]] : [g["new.values"]]),
                ];
            },
            op =>
            {
                // Positions of the new tokens [B, S], their keys and values scattered there, and every place seen or not.
                var first = op.Sub(Ends(op), op.Int(s - 1));
                var offsets = op.Ints([.. Enumerable.Range(0, s).Select(i => (long)i)]);
                var positions = op.Add(op.Unsqueeze(first, 1), op.Unsqueeze(offsets, 0));
                var (keys, values) = (Written("keys", "k"), Written("values", "v"));
                var q = op.Transpose(Wide("q"), 0, 2, 1, 3);
                var scores = op.Mul(op.MatMul(q, op.SwapLastTwo(Shared(keys))), op.Scalar(scale));
                if (softcap is { } cap)
                    scores = op.Mul(op.Tanh(op.Mul(scores, op.Scalar(1 / cap))), op.Scalar(cap));
                var distance = op.Sub(
                    op.Unsqueeze(positions, 1, 3),
                    op.Ints([.. Enumerable.Range(0, capacity).Select(i => (long)i)]));
                var seen = op.Op("GreaterOrEqual", [distance, op.Int(0)]);
                if (window > 0)
                    seen = op.Op("And", [seen, op.Op("Less", [distance, op.Int(window)])]);
                var shares = op.Softmax(op.Where(seen, scores, op.Scalar(-1e9)));
                var mixed = op.Slice(op.MatMul(shares, Shared(values)), 3, 0, width);
                return [op.Reshape(op.Transpose(mixed, 0, 2, 1, 3), op.Ints(b * s, heads * width)), keys, values];

                Value Wide(string name) => cacheWidth == width
                    ? op.Graph[name]
                    : op.Op("Pad", [op.Graph[name], op.Ints(0, 0, 0, 0, 0, 0, 0, cacheWidth - width)]);

                Value Written(string past, string name) => op.Op(
                    "ScatterElements",
                    [
                        Meant(op, Stored(op, op.Graph[past])),
                        op.Op("Expand", [op.Unsqueeze(positions, 1, 3), op.Ints(b, keyHeads, s, cacheWidth)]),
                        Meant(op, Stored(op, op.Transpose(Wide(name), 0, 2, 1, 3))),
                    ],
                    ("axis", 2L));

                Value Shared(Value x) =>
                    op.Gather(x, op.Ints([.. Enumerable.Range(0, heads).Select(h => (long)(h / (heads / keyHeads)))]), 1);
            },
            Learns: false);

        // Numbers as a cache of the type holds them, and what it means by them.
        Value[] Stored(OpBuilder op, Value x)
        {
            if (type == ElementType.Float32)
                return [x];
            if (type == ElementType.BFloat16)
                return [op.Cast(x, type)];
            var scales = op.Div(op.Op("ReduceMax", [op.Op("Abs", [x]), op.Ints(3)], ("keepdims", 1L)), op.Scalar(127));
            // Beside 1.5 x 2^23 a float32 has no place for fractions: the nearest whole number is left, the even one of two.
            var large = op.Scalar(3 << 22);
            return [op.Cast(op.Sub(op.Add(op.Div(x, scales), large), large), type), scales];
        }

        Value Meant(OpBuilder op, Value[] stored)
        {
            var numbers = type == ElementType.Float32 ? stored[0] : op.Cast(stored[0], ElementType.Float32);
            return stored.Length == 1 ? numbers : op.Mul(numbers, stored[1]);
        }
    }
}
