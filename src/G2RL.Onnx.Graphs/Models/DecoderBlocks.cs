using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Models;

/// <summary>The blocks of a pre-norm decoder: embedding, RMS norm, projections, rotary embedding, attention, gated MLP. Shared by every graph.</summary>
internal sealed class DecoderBlocks
{
    // Large enough that exp(score - max) is exactly 0, finite so that a row that may attend nothing gives no NaN.
    private const double Masked = -1e9;

    private readonly OpBuilder op;
    private readonly DecoderSpec spec;
    private readonly Value ids;
    private readonly Value rows;
    private readonly Value tokens;
    private readonly Value cos;
    private readonly Value sin;

    /// <summary>Declares every weight as an input, in the order of <see cref="DecoderSpec.Parameters"/>.</summary>
    /// <param name="op">Writes the nodes.</param>
    /// <param name="spec">The decoder.</param>
    /// <param name="ids">Token ids [B, T].</param>
    /// <param name="positions">Positions [B, T].</param>
    public DecoderBlocks(OpBuilder op, DecoderSpec spec, Value ids, Value positions)
    {
        (this.op, this.spec, this.ids) = (op, spec, ids);
        foreach (var parameter in spec.Parameters)
            op.Graph.Input(parameter.Name, ElementType.Float32, [.. parameter.Shape.Select(d => (Dimension)d)]);
        var shape = op.ShapeOf(ids);
        rows = op.Slice(shape, 0, 0, 1);
        tokens = op.Slice(shape, 0, 1, 2);
        var half = spec.HeadDimension / 2;
        cos = RopeRows(DecoderGraph.RopeCos);
        sin = RopeRows(DecoderGraph.RopeSin);

        // [P, half] -> [B, T, 1, half]
        Value RopeRows(string table) => op.Unsqueeze(op.Gather(op.Graph.Input(table, ElementType.Float32, "P", half), positions), 2);
    }

    /// <summary>
    /// All layers. <paramref name="attention"/> gets the layer, queries [B, T, heads, head_dim] and keys [B, T, kv heads, head_dim] (normed and
    /// rotated) and values [B, T, kv heads, head_dim], and returns [B*T, heads * head_dim]. The result is [B*T, D], before the final norm.
    /// </summary>
    public Value Layers(Func<int, Value, Value, Value, Value> attention)
    {
        var x = op.Gather(Weight("model.embed_tokens.weight"), op.Reshape(ids, -1));
        for (var layer = 0; layer < spec.Layers; layer++)
        {
            var prefix = $"model.layers.{layer}.";
            var h = Norm(x, prefix + "input_layernorm.weight");
            var q = Heads(Linear(h, prefix + "self_attn.q_proj"), spec.Heads);
            var k = Heads(Linear(h, prefix + "self_attn.k_proj"), spec.KeyValueHeads);
            var v = Heads(Linear(h, prefix + "self_attn.v_proj"), spec.KeyValueHeads);
            if (spec.QueryKeyNorm)
                (q, k) = (Norm(q, prefix + "self_attn.q_norm.weight"), Norm(k, prefix + "self_attn.k_norm.weight"));
            x = op.Add(x, Linear(attention(layer, Rotate(q), Rotate(k), v), prefix + "self_attn.o_proj"));
            h = Norm(x, prefix + "post_attention_layernorm.weight");
            x = op.Add(x, Linear(op.Mul(Silu(Linear(h, prefix + "mlp.gate_proj")), Linear(h, prefix + "mlp.up_proj")), prefix + "mlp.down_proj"));
        }
        return x;
    }

    /// <summary>The norm before the LM head.</summary>
    public Value FinalNorm(Value x) => Norm(x, "model.norm.weight");

    /// <summary>Logits [R, V].</summary>
    public Value Logits(Value hidden) => Logits(op, spec, hidden);

    /// <summary>Logits [R, V] in a graph that may hold nothing but the head.</summary>
    public static Value Logits(OpBuilder op, DecoderSpec spec, Value hidden) => op.Gemm(hidden, HeadWeight(op, spec), transposeB: true);

    /// <summary>The LM head's weight [V, D]: the embedding when tied.</summary>
    public static Value HeadWeight(OpBuilder op, DecoderSpec spec)
    {
        var name = DecoderGraph.HeadWeightName(spec);
        return op.Graph.Contains(name) ? op.Graph[name] : op.Graph.Input(name, ElementType.Float32, spec.VocabularySize, spec.HiddenSize);
    }

    /// <summary>[B, T, n, head_dim] -> [B, T, n * cache width], each head filled up with zeros.</summary>
    public Value Packed(Value x, int heads)
    {
        var width = DecoderGraph.CacheWidth(spec);
        if (width != spec.HeadDimension)
            x = op.Op("Pad", [x, op.Ints(0, 0, 0, 0, 0, 0, 0, width - spec.HeadDimension)]);
        return op.Reshape(x, Sizes(rows, tokens, (long)heads * width));
    }

    /// <summary>[B, T, heads * cache width] -> [B*T, heads * head_dim], the zeros cut off again.</summary>
    public Value Unpacked(Value x)
    {
        var width = DecoderGraph.CacheWidth(spec);
        if (width != spec.HeadDimension)
            x = op.Slice(op.Reshape(x, Sizes(rows, tokens, (long)spec.Heads, (long)width)), 3, 0, spec.HeadDimension);
        return op.Reshape(x, -1, (long)spec.Heads * spec.HeadDimension);
    }

    /// <summary>0 where a token may attend another (itself or an earlier one, unmasked), a large negative number elsewhere: [B, 1, 1, T, T].</summary>
    public Value CausalBias(Value mask)
    {
        var index = op.Op("Range", [op.Int(0), op.Squeeze(tokens, 0), op.Int(1)]);
        var causal = op.Op("LessOrEqual", [op.Unsqueeze(index, 0), op.Unsqueeze(index, 1)]);
        var visible = op.Op("Greater", [op.Unsqueeze(mask, 1, 2, 3), op.Int(0)]);
        return op.Where(op.Op("And", [causal, visible]), op.Scalar(0), op.Scalar(Masked));
    }

    /// <summary>Grouped-query attention over whole sequences -> [B*T, heads * head_dim].</summary>
    public Value Attention(Value q, Value k, Value v, Value bias)
    {
        long group = spec.Heads / spec.KeyValueHeads;
        var (kv, width) = ((long)spec.KeyValueHeads, (long)spec.HeadDimension);
        // Queries that share a key head are stacked as rows, so that no key or value is ever repeated.
        q = op.Mul(q, op.Scalar(1 / Math.Sqrt(width)));
        q = op.Transpose(op.Reshape(q, Sizes(rows, tokens, kv, group, width)), 0, 2, 3, 1, 4);
        q = op.Reshape(q, 0, kv, -1, width);                                                         // [B, kv, group*T, width]
        var scores = op.MatMul(q, op.Transpose(k, 0, 2, 3, 1));                                      // [B, kv, group*T, T]
        var shares = op.Softmax(op.Add(op.Reshape(scores, Sizes(rows, kv, group, tokens, tokens)), bias));
        v = op.Transpose(v, 0, 2, 1, 3);                                                             // [B, kv, T, width]
        var mixed = op.MatMul(op.ReshapeLike(shares, scores), v);                                    // [B, kv, group*T, width]
        mixed = op.Transpose(op.Reshape(mixed, Sizes(rows, kv, group, tokens, width)), 0, 3, 1, 2, 4);
        return op.Reshape(mixed, -1, kv * group * width);
    }

    private Value Weight(string name) => op.Graph[name];

    private Value Heads(Value x, int heads) => op.Reshape(x, Sizes(rows, tokens, (long)heads, (long)spec.HeadDimension));

    // y = x W^T + b with W [out, in], read as it lies.
    private Value Linear(Value x, string name) =>
        op.Gemm(x, Weight(name + ".weight"), op.Graph.Contains(name + ".bias") ? Weight(name + ".bias") : null, transposeB: true);

    // x / sqrt(mean(x^2) + eps) * w over the last axis, written so that ONNX Runtime fuses it where nothing else reads the parts.
    private Value Norm(Value x, string weight)
    {
        var meanSquare = op.ReduceMean(op.Pow(x, op.Scalar(2)), keepDims: true, -1);
        return op.Mul(op.Div(x, op.Sqrt(op.Add(meanSquare, op.Scalar(spec.NormEpsilon)))), Weight(weight));
    }

    private Value Silu(Value x) => op.Mul(x, op.Sigmoid(x));

    // Halves (a, b) of the head -> (a cos - b sin, b cos + a sin): Hugging Face's layout.
    private Value Rotate(Value x)
    {
        var half = spec.HeadDimension / 2;
        var parts = op.Split(x, -1, half, half);
        var (a, b) = (parts[0], parts[1]);
        return op.Concat(-1, op.Sub(op.Mul(a, cos), op.Mul(b, sin)), op.Add(op.Mul(b, cos), op.Mul(a, sin)));
    }

    private Value Sizes(params ReadOnlySpan<object> parts)
    {
        var values = new List<Value>();
        foreach (var part in parts)
            values.Add(part as Value ?? op.Ints((long)part));
        return op.Concat(0, [.. values]);
    }
}
