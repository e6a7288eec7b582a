using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Models;

/// <summary>
/// The blocks of a decoder: embedding, norms, projections, positions, attention, feed-forward. Shared by every graph and every family.
/// </summary>
internal sealed class DecoderBlocks
{
    // Large enough that exp(score - max) is exactly 0, finite so that a row that may attend nothing gives no NaN.
    private const double Masked = -1e9;

    private readonly OpBuilder op;
    private readonly DecoderSpec spec;
    private readonly DecoderNames names;
    private readonly Value ids;
    private readonly Value positions;
    private readonly Value rows;
    private readonly Value tokens;
    private readonly Dictionary<string, (Value Cos, Value Sin)> rotations = new(StringComparer.Ordinal);

    /// <summary>Declares every weight as an input, in the order of <see cref="DecoderSpec.Parameters"/>, then the rotary tables.</summary>
    /// <param name="op">Writes the nodes.</param>
    /// <param name="spec">The decoder.</param>
    /// <param name="ids">Token ids [B, T].</param>
    /// <param name="positions">Positions [B, T].</param>
    public DecoderBlocks(OpBuilder op, DecoderSpec spec, Value ids, Value positions)
    {
        (this.op, this.spec, this.ids, this.positions) = (op, spec, ids, positions);
        names = DecoderNames.Of(spec);
        foreach (var parameter in spec.Parameters)
            WeightStorages.Declare(op.Graph, parameter);
        var shape = op.ShapeOf(ids);
        rows = op.Slice(shape, 0, 0, 1);
        tokens = op.Slice(shape, 0, 1, 2);
        foreach (var table in RotaryTable.Of(spec))
            rotations[table.Cos] = (RopeRows(table.Cos, table.Width / 2), RopeRows(table.Sin, table.Width / 2));

        // [P, half] -> [B, T, 1, half]
        Value RopeRows(string table, int half) =>
            op.Unsqueeze(op.Gather(op.Graph.Input(table, ElementType.Float32, "P", half), positions), 2);
    }

    /// <summary>
    /// All layers. <paramref name="attention"/> gets the layer, queries [B, T, heads, head_dim] and keys [B, T, kv heads, head_dim] (normed
    /// and rotated) and values [B, T, kv heads, head_dim], and returns [B*T, heads * head_dim]. The result is [B*T, D], before the final
    /// norm.
    /// </summary>
    /// <param name="attention">Mixes values.</param>
    /// <param name="memory">Whether the backward pass computes the inside of each layer's two halves again, and in how many blocks of
    /// tokens the second runs; null is the plain graph.</param>
    public Value Layers(Func<int, Value, Value, Value, Value> attention, GraphMemory? memory = null)
    {
        Value Half(Func<Value> write) => memory?.Recompute == true ? op.Recompute(write) : write();

        var x = Embedded();
        for (var layer = 0; layer < spec.Layers; layer++)
        {
            var (prefix, number, before) = (names.Prefix(layer), layer, x);
            var after = Half(() =>
            {
                var (q, k, v) = QueriesKeysValues(NormIf(before, prefix, names.BeforeAttention), prefix);
                var mixed = attention(number, Rotate(q, number), Rotate(k, number), v);
                return op.AddedTo(before, NormIf(Linear(mixed, prefix + names.AttentionOutput), prefix, names.AfterAttention));
            });
            Value Second(Value tokens) => op.AddedTo(
                tokens,
                NormIf(FeedForward(NormIf(tokens, prefix, names.BeforeMlp), prefix), prefix, names.AfterMlp));
            x = memory?.FeedForwardBlocks > 1
                ? TokenBlocks.Run(op, after, memory.FeedForwardBlocks, Second)
                : Half(() => Second(after));
        }
        return x;
    }

    /// <summary>The norm before the LM head.</summary>
    public Value FinalNorm(Value x) => Norm(x, names.FinalNorm);

    /// <summary>Logits [R, V].</summary>
    public Value Logits(Value hidden) => Logits(op, spec, hidden);

    /// <summary>Logits [R, V] in a graph that may hold nothing but the head.</summary>
    public static Value Logits(OpBuilder op, DecoderSpec spec, Value hidden) =>
        Softcap(
            op,
            op.HasFewRows
                ? op.RowProduct(hidden, HeadWeight(op, spec))
                : op.Gemm(hidden, HeadWeight(op, spec), transposeB: true),
            spec.LogitSoftcap);

    /// <summary>The LM head's weight [V, D]: the embedding when tied.</summary>
    public static Value HeadWeight(OpBuilder op, DecoderSpec spec)
    {
        var name = DecoderGraph.HeadWeightName(spec);
        return op.Graph.Contains(name) ? op.Graph[name] : op.Graph.Input(name, ElementType.Float32, spec.VocabularySize, spec.HiddenSize);
    }

    /// <summary>[B*T, width] -> [B, T, width]</summary>
    public Value ByRow(Value x, int width) => op.Reshape(x, Sizes(rows, tokens, (long)width));

    /// <summary>[B, T, n, head_dim] -> [B, T, n * cache width], each head filled up with zeros.</summary>
    public Value Packed(Value x, int heads) => op.Reshape(Widened(x), Sizes(rows, tokens, (long)heads * DecoderGraph.CacheWidth(spec)));

    /// <summary>[B, T, heads * cache width] -> [B*T, heads * head_dim], the zeros cut off again.</summary>
    public Value Unpacked(Value x)
    {
        var width = DecoderGraph.CacheWidth(spec);
        if (width != spec.HeadDimension)
            x = op.Slice(op.Reshape(x, Sizes(rows, tokens, (long)spec.Heads, (long)width)), 3, 0, spec.HeadDimension);
        return op.Reshape(x, -1, (long)spec.Heads * spec.HeadDimension);
    }

    /// <summary>
    /// 0 where a token may attend another (itself or an earlier one, unmasked, inside the window), a large negative number elsewhere:
    /// [B, 1, 1, T, T].
    /// </summary>
    /// <param name="mask">1 on tokens, 0 on padding [B, T].</param>
    /// <param name="window">How many tokens are seen, the token itself included; 0: all.</param>
    public Value CausalBias(Value mask, int window)
    {
        var index = Places();
        return CausalBias(index, index, mask, window);
    }

    /// <summary>The numbers of a row's tokens [T].</summary>
    public Value Places() => op.Op("Range", [op.Int(0), op.Squeeze(tokens, 0), op.Int(1)]);

    /// <summary>The same for some of the queries and keys: [B, 1, 1, queries, keys].</summary>
    /// <param name="queries">Their places in the row, int64.</param>
    /// <param name="keys">Theirs.</param>
    /// <param name="mask">1 on keys that are tokens, 0 on padding [B, keys].</param>
    /// <param name="window">How many tokens are seen, the token itself included; 0: all.</param>
    public Value CausalBias(Value queries, Value keys, Value mask, int window)
    {
        (keys, queries) = (op.Unsqueeze(keys, 0), op.Unsqueeze(queries, 1));
        var causal = op.Op("LessOrEqual", [keys, queries]);
        var visible = op.Op("Greater", [op.Unsqueeze(mask, 1, 2, 3), op.Int(0)]);
        if (window > 0)
            causal = op.Op("And", [causal, op.Op("Less", [op.Sub(queries, keys), op.Int(window)])]);
        return op.Where(op.Op("And", [causal, visible]), op.Scalar(0), op.Scalar(Masked));
    }

    /// <summary>Grouped-query attention over whole sequences -> [B*T, heads * head_dim].</summary>
    public Value Attention(Value q, Value k, Value v, Value bias) =>
        op.Reshape(Mixed(q, k, v, bias, tokens, tokens), -1, (long)spec.Heads * spec.HeadDimension);

    /// <summary>The same as one operator of ours.</summary>
    /// <param name="q">Queries [B, T, heads, head_dim].</param>
    /// <param name="k">Keys [B, T, kv heads, head_dim].</param>
    /// <param name="v">Values, likewise.</param>
    /// <param name="mask">1 on tokens, 0 on padding [B, T].</param>
    /// <param name="window">How many tokens are seen, the token itself included; 0: all.</param>
    /// <param name="segments">Of packed rows, see <see cref="FusedOperators.CausalAttention"/>; else null.</param>
    public Value FusedAttention(Value q, Value k, Value v, Value mask, int window, Value? segments = null) =>
        op.CausalAttention(q, k, v, mask, DecoderGraph.AttentionScale(spec), window, spec.AttentionSoftcap, segments);

    /// <summary>Grouped-query attention of some queries over some keys -> [B, queries, heads * head_dim].</summary>
    public Value PartialAttention(Value q, Value k, Value v, Value bias)
    {
        var queries = op.LengthOf(q, 1);
        return op.Reshape(Mixed(q, k, v, bias, queries, op.LengthOf(k, 1)), Sizes(rows, queries, (long)spec.Heads * spec.HeadDimension));
    }

    // [B, queries, kv heads, group, head_dim]
    private Value Mixed(Value q, Value k, Value v, Value bias, Value queries, Value keys)
    {
        long group = spec.Heads / spec.KeyValueHeads;
        var (kv, width) = ((long)spec.KeyValueHeads, (long)spec.HeadDimension);
        // Queries that share a key head are stacked as rows, so that no key or value is ever repeated.
        q = op.Mul(q, op.Scalar(DecoderGraph.AttentionScale(spec)));
        q = op.Transpose(op.Reshape(q, Sizes(rows, queries, kv, group, width)), 0, 2, 3, 1, 4);
        q = op.Reshape(q, 0, kv, -1, width);                                                         // [B, kv, group*queries, width]
        var scores = Softcap(op, op.MatMul(q, op.Transpose(k, 0, 2, 3, 1)), spec.AttentionSoftcap);  // [B, kv, group*queries, keys]
        var shares = op.Softmax(op.Add(op.Reshape(scores, Sizes(rows, kv, group, queries, keys)), bias));
        v = op.Transpose(v, 0, 2, 1, 3);                                                             // [B, kv, keys, width]
        var mixed = op.MatMul(op.ReshapeLike(shares, scores), v);                                    // [B, kv, group*queries, width]
        return op.Transpose(op.Reshape(mixed, Sizes(rows, kv, group, queries, width)), 0, 3, 1, 2, 4);
    }

    /// <summary>
    /// Where the new tokens' keys and values go along a cache's third axis [B, kv heads, T, cache width]: to their positions.
    /// </summary>
    public Value CachePlaces() =>
        op.Op(
            "Expand",
            [op.Unsqueeze(positions, 1, 3), Sizes(rows, (long)spec.KeyValueHeads, tokens, (long)DecoderGraph.CacheWidth(spec))]);

    /// <summary>
    /// 0 where a new token may attend a place of the cache (its own or an earlier one, inside the window), a large negative number
    /// elsewhere: [B, 1, 1, T, C].
    /// </summary>
    /// <param name="capacity">C, int64 [1].</param>
    /// <param name="window">How many tokens are seen, the token itself included; 0: all.</param>
    public Value CacheBias(Value capacity, int window)
    {
        var keys = op.Op("Range", [op.Int(0), op.Squeeze(capacity, 0), op.Int(1)]);
        var queries = op.Unsqueeze(positions, 1, 2, 4);
        var visible = op.Op("LessOrEqual", [keys, queries]);
        if (window > 0)
            visible = op.Op("And", [visible, op.Op("Less", [op.Sub(queries, keys), op.Int(window)])]);
        return op.Where(visible, op.Scalar(0), op.Scalar(Masked));
    }

    /// <summary>
    /// A cache with new keys or values [B, T, kv heads, head_dim] at their places: [B, kv heads, C, cache width], an output of the graph.
    /// </summary>
    public Value Written(Value past, Value x, Value places, string name) =>
        op.Graph.Add("ScatterElements", [past, places, op.Transpose(Widened(x), 0, 2, 1, 3)],
            new Dictionary<string, AttributeValue>(StringComparer.Ordinal) { ["axis"] = 2L }, [name]).Outputs[0]!;

    /// <summary>Grouped-query attention of new tokens over a cache -> [B*T, heads * head_dim]; every place of the cache is read.</summary>
    public Value CachedAttention(Value q, Value key, Value value, Value bias, Value capacity)
    {
        long group = spec.Heads / spec.KeyValueHeads;
        var (kv, width) = ((long)spec.KeyValueHeads, (long)DecoderGraph.CacheWidth(spec));
        q = Widened(op.Mul(q, op.Scalar(DecoderGraph.AttentionScale(spec))));
        q = op.Reshape(op.Transpose(op.Reshape(q, Sizes(rows, tokens, kv, group, width)), 0, 2, 3, 1, 4), 0, kv, -1, width);
        var scores = Softcap(op, op.MatMul(q, op.Transpose(key, 0, 1, 3, 2)), spec.AttentionSoftcap);       // [B, kv, group*T, C]
        var shares = op.Softmax(op.Add(op.Reshape(scores, Sizes(rows, kv, group, tokens, capacity)), bias));
        var mixed = op.Reshape(op.MatMul(op.ReshapeLike(shares, scores), value), Sizes(rows, kv, group, tokens, width));
        return Unpacked(op.Reshape(op.Transpose(mixed, 0, 3, 1, 2, 4), Sizes(rows, tokens, kv * group * width)));
    }

    // [..., head_dim] -> [..., cache width], filled up with zeros.
    private Value Widened(Value x) => DecoderGraph.CacheWidth(spec) - spec.HeadDimension is > 0 and var zeros
        ? op.Op("Pad", [x, op.Ints(0, 0, 0, 0, 0, 0, 0, zeros)])
        : x;

    private Value Weight(string name) => op.Graph[name];

    private Value? Bias(string module) => op.Graph.Contains(module + ".bias") ? Weight(module + ".bias") : null;

    private Value Embedded()
    {
        var x = Rows(Weight(names.Embedding + ".weight"), op.Reshape(ids, -1));
        if (spec.ScaleEmbeddings)
            x = op.Mul(x, op.Scalar(Math.Sqrt(spec.HiddenSize)));
        return names.Positions is { } learned ? op.Add(x, Rows(Weight(learned + ".weight"), op.Reshape(positions, -1))) : x;
    }

    /// <summary>Rows [R, D] of a matrix [N, D] by their numbers [R].</summary>
    public Value Rows(Value x, Value numbers) => op.Fuses ? op.Rows(x, numbers) : op.Gather(x, numbers);

    private (Value Q, Value K, Value V) QueriesKeysValues(Value h, string prefix)
    {
        long queries = (long)spec.Heads * spec.HeadDimension, keys = (long)spec.KeyValueHeads * spec.HeadDimension;
        var parts = names.FusedQueryKeyValue is { } all
            ? op.Split(Linear(h, prefix + all), -1, queries, keys, keys)
            : Together(h, prefix, names.QueryKeyValue);
        var (q, k, v) =
            (Part(0, spec.Heads, names.QueryNorm), Part(1, spec.KeyValueHeads, names.KeyNorm), Part(2, spec.KeyValueHeads, null));
        if (spec.QueryKeyNorm && !spec.QueryKeyNormAcrossHeads)
            (q, k) = (Norm(q, prefix + names.QueryNorm), Norm(k, prefix + names.KeyNorm));
        return (q, k, v);

        Value Part(int index, int heads, string? norm)
        {
            var x = parts?[index] ?? Linear(h, prefix + names.QueryKeyValue[index]);
            if (spec.QueryKeyNormAcrossHeads)
                x = NormIf(x, prefix, norm);
            return op.Reshape(x, Sizes(rows, tokens, (long)heads, (long)spec.HeadDimension));
        }
    }

    private Value FeedForward(Value h, string prefix)
    {
        if (!spec.GatedMlp)
            return Linear(Activated(Linear(h, prefix + names.GateUp[0])), prefix + names.Down);
        var parts = names.FusedGateUp is { } both
            ? op.Split(Linear(h, prefix + both), -1, spec.IntermediateSize, spec.IntermediateSize)
            : Together(h, prefix, names.GateUp);
        var (gate, up) = (parts?[0] ?? Linear(h, prefix + names.GateUp[0]), parts?[1] ?? Linear(h, prefix + names.GateUp[1]));
        var passed = op.FusesMaps && spec.Activation is (Activation.Silu or Activation.GeluTanh)
            ? op.GatedUnit(gate, up, gelu: spec.Activation == Activation.GeluTanh)
            : op.Mul(Activated(gate), up);
        return Linear(passed, prefix + names.Down);
    }

    // Products of few rows with several weights in one operator, where nothing is added to them; null where something is.
    private Value[]? Together(Value x, string prefix, IReadOnlyList<string> modules) =>
        op.HasFewRows && spec.Adapter is null && spec.Weights != WeightLayout.Gpt2 && modules.All(m => Bias(prefix + m) is null)
            ? op.RowProducts(x, [.. modules.Select(m => ForFewRows(prefix + m + ".weight", x))])
            : null;

    // Products of few rows read bfloat16 as it is stored, where its rows are whole tiles.
    private Value ForFewRows(string name, Value x) =>
        op.Graph[name] is { Type: ElementType.BFloat16 } stored && stored.Shape[0].Size % 4 == 0 && stored.Shape[1].Size % 16 == 0
            ? stored
            : WeightStorages.Widened(op, name, x);

    // y = x W^T + b with W [out, in], or x W + b with GPT-2's W [in, out]; either is read as it lies.
    private Value Linear(Value x, string module)
    {
        var y = op.HasFewRows && spec.Weights != WeightLayout.Gpt2
            ? op.RowProduct(x, ForFewRows(module + ".weight", x), Bias(module))
            : op.Gemm(
                x,
                WeightStorages.Widened(op, module + ".weight", x),
                Bias(module),
                transposeB: spec.Weights != WeightLayout.Gpt2);
        return AdapterParameters.Added(op, spec, module, x, y);
    }

    private Value NormIf(Value x, string prefix, string? module) => module is null ? x : Norm(x, prefix + module);

    // Over the last axis, written so that ONNX Runtime fuses it where nothing else reads the parts.
    private Value Norm(Value x, string module)
    {
        var weight = Weight(module + ".weight");
        if (spec.Norm == NormKind.RmsFromOne)
            weight = op.Add(weight, op.Scalar(1));
        if (op.FusesMaps && spec.Norm != NormKind.Layer)
            return op.RmsNorm(x, weight, spec.NormEpsilon);
        if (spec.Norm == NormKind.Layer)
            x = op.Sub(x, op.ReduceMean(x, keepDims: true, -1));
        var meanSquare = op.ReduceMean(op.Pow(x, op.Scalar(2)), keepDims: true, -1);
        var scaled = op.Mul(op.Div(x, op.Sqrt(op.Add(meanSquare, op.Scalar(spec.NormEpsilon)))), weight);
        return Bias(module) is { } bias ? op.Add(scaled, bias) : scaled;
    }

    private Value Activated(Value x) => spec.Activation switch
    {
        Activation.Silu => op.Mul(x, op.Sigmoid(x)),
        Activation.GeluTanh =>
            Gelu(x, op.Tanh(op.Mul(op.Add(x, op.Mul(op.Mul(op.Mul(x, x), x), op.Scalar(0.044715))), op.Scalar(Math.Sqrt(2 / Math.PI))))),
        Activation.Gelu => Gelu(x, op.Op("Erf", [op.Div(x, op.Scalar(Math.Sqrt(2)))])),
        _ => throw new GraphException($"The activation {spec.Activation} is unknown here. Add a case to DecoderBlocks."),
    };

    // x/2 (1 + s), s between -1 and 1.
    private Value Gelu(Value x, Value s) => op.Mul(op.Mul(x, op.Add(s, op.Scalar(1))), op.Scalar(0.5));

    private static Value Softcap(OpBuilder op, Value x, double? cap) =>
        cap is { } limit ? op.Mul(op.Tanh(op.Mul(x, op.Scalar(1 / limit))), op.Scalar(limit)) : x;

    // Halves (a, b) of the rotated part -> (a cos - b sin, b cos + a sin): Hugging Face's layout. What is beyond stays.
    private Value Rotate(Value x, int layer)
    {
        if (spec.Rope is null)
            return x;
        var (cos, sin) = rotations[spec.IsLocal(layer) ? DecoderGraph.LocalRopeCos : DecoderGraph.RopeCos];
        if (op.FusesMaps)
            return op.Rotary(x, cos, sin);
        long width = spec.RotaryDimension ?? spec.HeadDimension, rest = spec.HeadDimension - width;
        var parts = rest == 0 ? op.Split(x, -1, width / 2, width / 2) : op.Split(x, -1, width / 2, width / 2, rest);
        var (a, b) = (parts[0], parts[1]);
        return op.Concat(-1, [op.Sub(op.Mul(a, cos), op.Mul(b, sin)), op.Add(op.Mul(b, cos), op.Mul(a, sin)), .. parts[2..]]);
    }

    private Value Sizes(params ReadOnlySpan<object> parts)
    {
        var values = new List<Value>();
        foreach (var part in parts)
            values.Add(part as Value ?? op.Ints((long)part));
        return op.Concat(0, [.. values]);
    }
}
