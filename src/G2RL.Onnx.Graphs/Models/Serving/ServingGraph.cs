using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Models;

/// <summary>
/// The decode graph for throughput: everything in one type, the residual stream too; rotary positions inside GroupQueryAttention, norms
/// fused with the residual's sums, queries, keys and values by one product, gate and up by one. No arithmetic on shapes, so that every node
/// runs on the device and a step can be captured.
/// </summary>
/// <remarks>
/// Inputs and outputs are those of <see cref="DecoderGraph.Decode"/>, with these differences: position_ids are not read, since a row's new
/// tokens follow its last one; weights, rotary tables, caches and logits are of the type; <see cref="FusedWeight"/>s replace their parts.
/// A step may be given any total_sequence_length from the longest row's up to the capacity; a prompt needs its exact padded length.
/// </remarks>
public sealed class ServingGraph
{
    private const string Microsoft = "com.microsoft";

    private readonly DecoderSpec spec;
    private readonly ElementType type;
    private readonly DecoderNames names;
    private readonly Graph graph;
    private readonly OpBuilder op;

    private ServingGraph(DecoderSpec spec, ElementType type, int opset)
    {
        (this.spec, this.type, names, graph) = (spec, type, DecoderNames.Of(spec), new Graph("decode", opset));
        op = new OpBuilder(graph);
    }

    /// <summary>
    /// Why a model has no serving graph; null where it has. Such a model decodes by <see cref="DecoderGraph.Decode"/>, which knows all.
    /// </summary>
    public static string? Misfit(DecoderSpec spec) =>
        spec.Rope is null || spec.RotaryDimension is { } part && part != spec.HeadDimension ? "its heads are not rotated as a whole"
        : spec.LocalRope is not null ? "its layers turn by different angles"
        : spec.Norm != NormKind.Rms ? $"its norms are {spec.Norm}"
        : spec.NormPlacement != NormPlacement.Before ? "it has norms behind its blocks"
        : spec.QueryKeyNormAcrossHeads ? "it norms queries and keys across heads"
        : spec.HeadDimension % 16 != 0 ? $"its heads are {spec.HeadDimension} wide, no multiple of 16"
        : !spec.GatedMlp || spec.Activation != Activation.Silu ? "its feed-forward block is not gated by SiLU"
        : spec.ScaleEmbeddings || spec.LogitSoftcap is not null ? "it scales its embeddings or caps its logits"
        : spec.Adapter is not null || spec.Storage != WeightStorage.Float32 ? "it has an adapter or weights in a storage type"
        : null;

    /// <summary>The graph.</summary>
    /// <param name="spec">A decoder that fits.</param>
    /// <param name="type">Float32 for the host, Float16 or BFloat16 for a device.</param>
    /// <param name="opset">Version of ONNX's own operator set.</param>
    public static Graph Decode(DecoderSpec spec, ElementType type, int opset) =>
        Misfit(spec) is { } reason
            ? throw new GraphException($"{spec.Architecture} has no serving graph: {reason}.")
            : new ServingGraph(spec, type, opset).Write();

    private Graph Write()
    {
        var ids = graph.Input("input_ids", ElementType.Int64, "B", "S");
        var rows = graph.Input("rows", ElementType.Int64, "R");
        var lengths = graph.Input("seqlens_k", ElementType.Int32, "B");
        var total = graph.Input("total_sequence_length", ElementType.Int32, 1);
        var (cos, sin) = (Table(DecoderGraph.RopeCos), Table(DecoderGraph.RopeSin));
        var x = op.Gather(Weight(names.Embedding + ".weight", spec.VocabularySize, spec.HiddenSize), ids);
        var h = op.Op("SimplifiedLayerNormalization", [x, Norm(names.Prefix(0) + names.BeforeAttention)], Epsilon, ("axis", -1L));
        for (var layer = 0; layer < spec.Layers; layer++)
        {
            var prefix = names.Prefix(layer);
            (h, x) = Added(Attention(h, layer, prefix, lengths, total, cos, sin), x, prefix + names.BeforeMlp);
            (h, x) = Added(
                FeedForward(h, prefix),
                x,
                layer + 1 < spec.Layers ? names.Prefix(layer + 1) + names.BeforeAttention : names.FinalNorm);
        }
        var last = op.Gather(op.Reshape(h, -1, spec.HiddenSize), rows);
        var head = DecoderGraph.HeadWeightName(spec);
        var weight = graph.Contains(head) ? graph[head] : Weight(head, spec.VocabularySize, spec.HiddenSize);
        graph.Output(op.Named("logits", Product(last, weight)));
        graph.Output(op.Named("last_hidden_state", op.Cast(last, ElementType.Float32)));
        for (var layer = 0; layer < spec.Layers; layer++)
        {
            graph.Output(graph[$"present.{layer}.key"]);
            graph.Output(graph[$"present.{layer}.value"]);
        }
        return graph;
    }

    private (string, AttributeValue) Epsilon => ("epsilon", (float)spec.NormEpsilon);

    // Sum and norm in one: (norm(y + x), y + x).
    private (Value Normed, Value Sum) Added(Value y, Value x, string norm)
    {
        var node = graph.Add(
            "SkipSimplifiedLayerNormalization",
            [y, x, Norm(norm)],
            new Dictionary<string, AttributeValue>(StringComparer.Ordinal) { ["epsilon"] = (float)spec.NormEpsilon },
            [norm + ".out", "", "", norm + ".sum"],
            Microsoft);
        return (node.Outputs[0]!, node.Outputs[3]!);
    }

    private Value Attention(Value h, int layer, string prefix, Value lengths, Value total, Value cos, Value sin)
    {
        var (queries, keys) = (spec.Heads * spec.HeadDimension, spec.KeyValueHeads * spec.HeadDimension);
        var packed = names.FusedQueryKeyValue is { } stored
            ? Linear(h, prefix + stored, queries + (2 * keys), spec.HiddenSize)
            : Linear(h, prefix + FusedWeight.QueryKeyValue, queries + (2 * keys), spec.HiddenSize, spec.QueryKeyValueBias);
        Value?[] input = [packed, null, null];
        if (spec.QueryKeyNorm)
        {
            var parts = op.Split(packed, -1, queries, keys, keys);
            input =
            [
                HeadNorm(parts[0], spec.Heads, prefix + names.QueryNorm),
                HeadNorm(parts[1], spec.KeyValueHeads, prefix + names.KeyNorm),
                parts[2],
            ];
        }
        var attributes = new Dictionary<string, AttributeValue>(StringComparer.Ordinal)
        {
            ["num_heads"] = spec.Heads,
            ["kv_num_heads"] = spec.KeyValueHeads,
            ["scale"] = (float)DecoderGraph.AttentionScale(spec),
            ["do_rotary"] = 1,
        };
        // Like ours, the operator's window counts the token itself.
        if (spec.WindowOf(layer) is > 0 and var window)
            attributes["local_window_size"] = window;
        if (spec.AttentionSoftcap is { } cap)
            attributes["softcap"] = (float)cap;
        Value Past(string kind) =>
            graph.Input($"past_key_values.{layer}.{kind}", type, "B", spec.KeyValueHeads, "C", DecoderGraph.CacheWidth(spec));
        var node = graph.Add(
            "GroupQueryAttention",
            [.. input, Past("key"), Past("value"), lengths, total, cos, sin],
            attributes,
            [$"attention.{layer}", $"present.{layer}.key", $"present.{layer}.value"],
            Microsoft);
        return Linear(node.Outputs[0]!, prefix + names.AttentionOutput, spec.HiddenSize, queries, spec.OutputBias);
    }

    private Value FeedForward(Value h, string prefix)
    {
        var both = names.FusedGateUp is { } stored
            ? Linear(h, prefix + stored, 2 * spec.IntermediateSize, spec.HiddenSize)
            : Linear(h, prefix + FusedWeight.GateUp, 2 * spec.IntermediateSize, spec.HiddenSize, spec.MlpBias);
        var parts = op.Split(both, -1, spec.IntermediateSize, spec.IntermediateSize);
        var gate = graph.Add(
            "QuickGelu",
            [parts[0]],
            new Dictionary<string, AttributeValue>(StringComparer.Ordinal) { ["alpha"] = 1f },
            domain: Microsoft).Outputs[0]!;
        return Linear(op.Mul(gate, parts[1]), prefix + names.Down, spec.HiddenSize, spec.IntermediateSize, spec.MlpBias);
    }

    // [B, S, heads * width], each head normed by itself.
    private Value HeadNorm(Value x, int heads, string module)
    {
        var apart = op.Reshape(x, 0, 0, heads, spec.HeadDimension);
        var normed = op.Op(
            "SimplifiedLayerNormalization", [apart, Weight(module + ".weight", spec.HeadDimension)], Epsilon, ("axis", -1L));
        return op.Reshape(normed, 0, 0, (long)heads * spec.HeadDimension);
    }

    private Value Linear(Value x, string module, int outputs, int inputs, bool bias = false)
    {
        var y = Product(x, Weight(module + ".weight", outputs, inputs));
        return bias ? op.Add(y, Weight(module + ".bias", outputs)) : y;
    }

    // x W^T, W read as it lies.
    private Value Product(Value x, Value weight) => graph.Add(
        "FusedMatMul",
        [x, weight],
        new Dictionary<string, AttributeValue>(StringComparer.Ordinal) { ["transB"] = 1L, ["alpha"] = 1f },
        domain: Microsoft).Outputs[0]!;

    private Value Norm(string module) => Weight(module + ".weight", spec.HiddenSize);

    private Value Table(string name) => graph.Input(name, type, "P", spec.HeadDimension / 2);

    private Value Weight(string name, params ReadOnlySpan<int> shape)
    {
        var dimensions = new Dimension[shape.Length];
        for (var i = 0; i < shape.Length; i++)
            dimensions[i] = shape[i];
        return graph.Input(name, type, dimensions);
    }
}
