using G2RL.Onnx.Models.Keys;

namespace G2RL.Onnx.Models;

/// <summary>The weights that a <see cref="DecoderSpec"/> implies, under Hugging Face's names and in Hugging Face's layout.</summary>
internal static class DecoderParameters
{
    public static IReadOnlyList<ParameterSpec> Of(DecoderSpec spec)
    {
        var names = DecoderNames.Of(spec);
        var key = ConfigKeys.Of(spec);
        var hidden = new Axis(spec.HiddenSize, key("hidden_size"));
        var inner = new Axis(spec.IntermediateSize, key("intermediate_size"));
        var vocabulary = new Axis(spec.VocabularySize, key("vocab_size"));
        var head = new Axis(spec.HeadDimension, "head_dim");
        var queries = new Axis((long)spec.Heads * spec.HeadDimension, $"({key("num_attention_heads")} * head_dim)");
        var keys = new Axis((long)spec.KeyValueHeads * spec.HeadDimension, $"({key("num_key_value_heads")} * head_dim)");
        Axis[] projections = [queries, keys, keys];
        var all = new List<ParameterSpec>();

        Table(names.Embedding, vocabulary);
        if (names.Positions is { } positions)
            Table(positions, new Axis(spec.MaxPositions, key("max_position_embeddings")));
        for (var i = 0; i < spec.Layers; i++)
        {
            var layer = names.Prefix(i);
            Norm(layer, names.BeforeAttention, hidden);
            if (names.FusedQueryKeyValue is { } fused)
                Linear(layer + fused, Together(projections), hidden, spec.QueryKeyValueBias);
            else
                foreach (var (name, rows) in names.QueryKeyValue.Zip(projections))
                    Linear(layer + name, rows, hidden, spec.QueryKeyValueBias);
            if (spec.QueryKeyNorm)
            {
                Norm(layer, names.QueryNorm, spec.QueryKeyNormAcrossHeads ? queries : head);
                Norm(layer, names.KeyNorm, spec.QueryKeyNormAcrossHeads ? keys : head);
            }
            Linear(layer + names.AttentionOutput, hidden, queries, spec.OutputBias);
            Norm(layer, names.AfterAttention, hidden);
            Norm(layer, names.BeforeMlp, hidden);
            if (names.FusedGateUp is { } gateUp)
                Linear(layer + gateUp, Together(inner, inner), hidden, spec.MlpBias);
            else
                foreach (var name in names.GateUp)
                    Linear(layer + name, inner, hidden, spec.MlpBias);
            Linear(layer + names.Down, hidden, inner, spec.MlpBias);
            Norm(layer, names.AfterMlp, hidden);
        }
        Norm("", names.FinalNorm, hidden);
        if (!spec.TieEmbeddings)
            Table(names.Head, vocabulary);
        return all;

        void Table(string name, Axis rows) => all.Add(Matrix(name, rows, hidden));

        void Linear(string name, Axis outputs, Axis inputs, bool bias)
        {
            all.Add(spec.Weights == WeightLayout.Gpt2 ? Matrix(name, inputs, outputs) : Matrix(name, outputs, inputs));
            if (bias)
                all.Add(new ParameterSpec(name + ".bias", [outputs.Size], outputs.Words));
        }

        void Norm(string prefix, string? name, Axis axis)
        {
            if (name is null)
                return;
            all.Add(new ParameterSpec(prefix + name + ".weight", [axis.Size], axis.Words));
            if (spec.Norm == NormKind.Layer)
                all.Add(new ParameterSpec(prefix + name + ".bias", [axis.Size], axis.Words));
        }
    }

    private static ParameterSpec Matrix(string name, Axis rows, Axis columns) =>
        new(name + ".weight", [rows.Size, columns.Size], $"{rows.Words} x {columns.Words}");

    private static Axis Together(params Axis[] parts) => new(parts.Sum(p => p.Size), $"({string.Join(" + ", parts.Select(p => p.Words))})");

    private sealed record Axis(long Size, string Words);
}
