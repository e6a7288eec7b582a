namespace G2RL.Onnx.Models;

/// <summary>The weights that a <see cref="DecoderSpec"/> implies, under Hugging Face's names.</summary>
internal static class DecoderParameters
{
    private const string Hidden = "hidden_size";
    private const string Inner = "intermediate_size";
    private const string Vocabulary = "vocab_size";
    private const string Queries = "(num_attention_heads * head_dim)";
    private const string Keys = "(num_key_value_heads * head_dim)";

    public static IReadOnlyList<ParameterSpec> Of(DecoderSpec spec)
    {
        long hidden = spec.HiddenSize, inner = spec.IntermediateSize, vocabulary = spec.VocabularySize;
        var queries = (long)spec.Heads * spec.HeadDimension;
        var keys = (long)spec.KeyValueHeads * spec.HeadDimension;
        var all = new List<ParameterSpec>();

        Matrix("model.embed_tokens", vocabulary, hidden, Vocabulary, Hidden);
        for (var i = 0; i < spec.Layers; i++)
        {
            var layer = $"model.layers.{i}";
            Vector($"{layer}.input_layernorm.weight", hidden, Hidden);
            Matrix($"{layer}.self_attn.q_proj", queries, hidden, Queries, Hidden, spec.QueryKeyValueBias);
            Matrix($"{layer}.self_attn.k_proj", keys, hidden, Keys, Hidden, spec.QueryKeyValueBias);
            Matrix($"{layer}.self_attn.v_proj", keys, hidden, Keys, Hidden, spec.QueryKeyValueBias);
            if (spec.QueryKeyNorm)
            {
                Vector($"{layer}.self_attn.q_norm.weight", spec.HeadDimension, "head_dim");
                Vector($"{layer}.self_attn.k_norm.weight", spec.HeadDimension, "head_dim");
            }
            Matrix($"{layer}.self_attn.o_proj", hidden, queries, Hidden, Queries, spec.OutputBias);
            Vector($"{layer}.post_attention_layernorm.weight", hidden, Hidden);
            Matrix($"{layer}.mlp.gate_proj", inner, hidden, Inner, Hidden, spec.MlpBias);
            Matrix($"{layer}.mlp.up_proj", inner, hidden, Inner, Hidden, spec.MlpBias);
            Matrix($"{layer}.mlp.down_proj", hidden, inner, Hidden, Inner, spec.MlpBias);
        }
        Vector("model.norm.weight", hidden, Hidden);
        if (!spec.TieEmbeddings)
            Matrix("lm_head", vocabulary, hidden, Vocabulary, Hidden);
        return all;

        void Vector(string name, long size, string words) => all.Add(new ParameterSpec(name, [size], words));

        void Matrix(string name, long rows, long columns, string rowWords, string columnWords, bool bias = false)
        {
            all.Add(new ParameterSpec($"{name}.weight", [rows, columns], $"{rowWords} x {columnWords}"));
            if (bias)
                Vector($"{name}.bias", rows, rowWords);
        }
    }
}
