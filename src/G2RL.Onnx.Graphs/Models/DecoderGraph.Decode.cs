using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;

namespace G2RL.Onnx.Models;

/// <summary>A tensor of a layer's cache, [B, kv heads, C, <paramref name="Width"/>].</summary>
/// <param name="Name">What the graph calls it behind the layer's number.</param>
/// <param name="Type">Type of its numbers.</param>
/// <param name="Width">Numbers of a position.</param>
public readonly record struct CacheTensor(string Name, ElementType Type, int Width);

// Graphs that decode: new tokens over a cache.
public static partial class DecoderGraph
{
    /// <summary>
    /// Width of a head in the cache: GroupQueryAttention wants a multiple of 8, so narrower heads carry zeros, which change no product.
    /// </summary>
    public static int CacheWidth(DecoderSpec spec) => (spec.HeadDimension + 7) / 8 * 8;

    /// <summary>What the cache of a layer consists of.</summary>
    /// <param name="spec">The decoder.</param>
    /// <param name="type">Type of keys and values. Those in 8 bits have a scale each, q s being what is meant.</param>
    public static IReadOnlyList<CacheTensor> CacheTensors(DecoderSpec spec, ElementType type = ElementType.Float32)
    {
        CacheTensor[] numbers = [new("key", type, CacheWidth(spec)), new("value", type, CacheWidth(spec))];
        return type == ElementType.Int8
            ? [.. numbers, .. numbers.Select(t => new CacheTensor(t.Name + "_scale", ElementType.Float32, 1))]
            : numbers;
    }

    /// <summary>
    /// New tokens with a key/value cache that is written in place. Inputs: input_ids, position_ids [B, S]; rows [R], the flat positions
    /// whose logits are wanted; seqlens_k int32 [B], the last filled position of each row after this call; total_sequence_length int32 [1],
    /// the largest row length after this call; past_key_values.N.{key,value} [B, kv heads, C, <see cref="CacheWidth"/>] and whatever else
    /// <see cref="CacheTensors"/> lists. Outputs: logits [R, V], last_hidden_state [R, D] (input of the LM head), present.N.{key,value} and
    /// so on, to be bound on the buffers of the past.
    /// </summary>
    /// <param name="spec">The decoder.</param>
    /// <param name="opset">Version of ONNX's own operator set.</param>
    /// <param name="attention">How the cache is read; <see cref="CacheAttention.Plain"/> asks for more, see there.</param>
    /// <param name="cache">Type of cached keys and values: float32, or for <see cref="CacheAttention.Fused"/> bfloat16 and int8.</param>
    /// <exception cref="GraphException">A narrow cache for operators that have none.</exception>
    public static Graph Decode(
        DecoderSpec spec,
        int opset = 21,
        CacheAttention attention = CacheAttention.Grouped,
        ElementType cache = ElementType.Float32)
    {
        if (cache != ElementType.Float32 && attention != CacheAttention.Fused)
            throw new GraphException($"{attention} attention has no cache in {cache}. Take CacheAttention.Fused, or float32.");
        var graph = new Graph("decode", opset);
        var fuses = attention == CacheAttention.Fused;
        var op = new OpBuilder(graph) { Fuses = fuses, FusesMaps = fuses, HasFewRows = fuses };
        var ids = graph.Input("input_ids", ElementType.Int64, "B", "S");
        var positions = graph.Input("position_ids", ElementType.Int64, "B", "S");
        var rows = graph.Input("rows", ElementType.Int64, "R");
        var lengths = graph.Input("seqlens_k", ElementType.Int32, "B");
        var total = graph.Input("total_sequence_length", ElementType.Int32, 1);
        var (blocks, hidden) = attention == CacheAttention.Plain
            ? CachedPlainly(op, spec, ids, positions, "C")
            : Cached(op, spec, ids, positions, lengths, total, "C", cache);
        var last = blocks.FinalNorm(blocks.Rows(hidden, rows));
        graph.Output(op.Named("logits", blocks.Logits(last)));
        graph.Output(op.Named("last_hidden_state", last));
        PresentOutputs(graph, spec, cache);
        // Products that were written once more with a sum; inputs that nobody reads stay.
        if (fuses)
            graph.Prune();
        return graph;
    }

    /// <summary>
    /// <see cref="Decode"/> with the inputs and outputs that other clients expect: input_ids, position_ids [B, S]; attention_mask [B, T], 1
    /// on every token so far and the new ones, tokens first, padding last; past_key_values.N.{key,value} [B, kv heads, P,
    /// <see cref="CacheWidth"/>]; logits [B, S, V], last_hidden_state [B, S, D], present.N.{key,value} [B, kv heads, T, CacheWidth], or on
    /// the past's own buffer when it is T long.
    /// </summary>
    /// <remarks>The names are those of Hugging Face's exporters and of ONNX Runtime GenAI.</remarks>
    public static Graph PortableDecode(DecoderSpec spec, int opset = 21)
    {
        var graph = new Graph("decode", opset);
        var op = new OpBuilder(graph);
        var ids = graph.Input("input_ids", ElementType.Int64, "B", "S");
        var mask = graph.Input("attention_mask", ElementType.Int64, "B", "T");
        var positions = graph.Input("position_ids", ElementType.Int64, "B", "S");
        var lengths = op.Cast(op.Sub(op.ReduceSum(mask, keepDims: false, 1), op.Int(1)), ElementType.Int32);
        var total = op.Cast(op.Slice(op.ShapeOf(mask), 0, 1, 2), ElementType.Int32);
        var (blocks, hidden) = Cached(op, spec, ids, positions, lengths, total, "P");
        var last = blocks.FinalNorm(hidden);
        graph.Output(op.Named("logits", blocks.ByRow(blocks.Logits(last), spec.VocabularySize)));
        graph.Output(op.Named("last_hidden_state", blocks.ByRow(last, spec.HiddenSize)));
        PresentOutputs(graph, spec);
        return graph;
    }

    // All layers over new tokens, keys and values in a cache of the given length.
    private static (DecoderBlocks Blocks, Value Hidden) Cached(
        OpBuilder op,
        DecoderSpec spec,
        Value ids,
        Value positions,
        Value lengths,
        Value total,
        Dimension capacity,
        ElementType type = ElementType.Float32)
    {
        var graph = op.Graph;
        var past = PastInputs(graph, spec, capacity, type);
        var blocks = new DecoderBlocks(op, spec, ids, positions);
        return (blocks, blocks.Layers((layer, q, k, v) =>
        {
            if (op.Fuses)
                return op.CachedAttention(
                    q,
                    k,
                    v,
                    past[layer],
                    lengths,
                    AttentionScale(spec),
                    spec.WindowOf(layer),
                    spec.AttentionSoftcap,
                    [$"attention.{layer}", .. CacheTensors(spec, type).Select(t => $"present.{layer}.{t.Name}")]);
            var attributes = new Dictionary<string, AttributeValue>(StringComparer.Ordinal)
            {
                ["num_heads"] = spec.Heads,
                ["kv_num_heads"] = spec.KeyValueHeads,
                ["scale"] = (float)AttentionScale(spec),
            };
            // Like ours, the operator's window counts the token itself.
            if (spec.WindowOf(layer) is > 0 and var window)
                attributes["local_window_size"] = window;
            if (spec.AttentionSoftcap is { } cap)
                attributes["softcap"] = (float)cap;
            var node = graph.Add("GroupQueryAttention",
                [
                    blocks.Packed(q, spec.Heads),
                    blocks.Packed(k, spec.KeyValueHeads),
                    blocks.Packed(v, spec.KeyValueHeads),
                    past[layer][0],
                    past[layer][1],
                    lengths,
                    total,
                ],
                attributes,
                [$"attention.{layer}", $"present.{layer}.key", $"present.{layer}.value"], "com.microsoft");
            return blocks.Unpacked(node.Outputs[0]!);
        }));
    }

    // The same in operators that every provider has in every type.
    private static (DecoderBlocks Blocks, Value Hidden) CachedPlainly(
        OpBuilder op,
        DecoderSpec spec,
        Value ids,
        Value positions,
        Dimension capacity)
    {
        var past = PastInputs(op.Graph, spec, capacity);
        var blocks = new DecoderBlocks(op, spec, ids, positions);
        var places = blocks.CachePlaces();
        var length = op.Slice(op.ShapeOf(past[0][0]), 0, 2, 3);
        var biases = Enumerable.Range(0, spec.Layers)
            .Select(spec.WindowOf)
            .Distinct()
            .ToDictionary(window => window, window => blocks.CacheBias(length, window));
        return (blocks, blocks.Layers((layer, q, k, v) =>
        {
            var key = blocks.Written(past[layer][0], k, places, $"present.{layer}.key");
            var value = blocks.Written(past[layer][1], v, places, $"present.{layer}.value");
            return blocks.CachedAttention(q, key, value, biases[spec.WindowOf(layer)], length);
        }));
    }

    private static Value[][] PastInputs(Graph graph, DecoderSpec spec, Dimension capacity, ElementType type = ElementType.Float32) =>
    [
        .. Enumerable.Range(0, spec.Layers).Select(layer => CacheTensors(spec, type)
            .Select(t => graph.Input($"past_key_values.{layer}.{t.Name}", t.Type, "B", spec.KeyValueHeads, capacity, t.Width))
            .ToArray()),
    ];

    private static void PresentOutputs(Graph graph, DecoderSpec spec, ElementType type = ElementType.Float32)
    {
        for (var layer = 0; layer < spec.Layers; layer++)
            foreach (var tensor in CacheTensors(spec, type))
                graph.Output(graph[$"present.{layer}.{tensor.Name}"]);
    }
}
