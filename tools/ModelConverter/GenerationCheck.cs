namespace G2RL.Onnx.Converter;

/// <summary>One text through decode.onnx: a prompt at once, then token by token, the cache handed from call to call.</summary>
internal sealed class GenerationCheck(ConvertedModel model)
{
    private readonly List<long> ids = [];
    private (float[] Key, float[] Value)[] cache =
        [.. Enumerable.Range(0, model.Spec.Layers).Select(_ => (Array.Empty<float>(), Array.Empty<float>()))];

    /// <summary>Feeds tokens; gives the last one's logits [V].</summary>
    public float[] Feed(params IReadOnlyList<int> tokens)
    {
        var spec = model.Spec;
        var past = ids.Count;
        ids.AddRange(tokens.Select(t => (long)t));
        long[] step = [1, tokens.Count];
        var inputs = new Dictionary<string, (Array, long[])>(StringComparer.Ordinal)
        {
            ["input_ids"] = (tokens.Select(t => (long)t).ToArray(), step),
            ["attention_mask"] = (Enumerable.Repeat(1L, ids.Count).ToArray(), [1, ids.Count]),
            ["position_ids"] = (Enumerable.Range(past, tokens.Count).Select(i => (long)i).ToArray(), step),
        };
        long[] shape = [1, spec.KeyValueHeads, past, Models.DecoderGraph.CacheWidth(spec)];
        for (var layer = 0; layer < spec.Layers; layer++)
        {
            inputs[$"past_key_values.{layer}.key"] = (cache[layer].Key, shape);
            inputs[$"past_key_values.{layer}.value"] = (cache[layer].Value, shape);
        }
        var outputs = model.Run("decode", inputs);
        cache = [.. Enumerable.Range(0, spec.Layers).Select(layer => (outputs[$"present.{layer}.key"], outputs[$"present.{layer}.value"]))];
        return outputs["logits"][^spec.VocabularySize..];
    }
}
