using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Converter.Tests;

/// <summary>Small models with random weights.</summary>
internal static class TestModels
{
    public const string Qwen3 =
        """{"model_type": "qwen3", "vocab_size": 19, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64, "tie_word_embeddings": true, "eos_token_id": 1}""";
    public const string Gpt2 =
        """{"model_type": "gpt2", "vocab_size": 19, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32, "eos_token_id": 1, "bos_token_id": 1}""";
    public const string Olmo2 =
        """{"model_type": "olmo2", "vocab_size": 19, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64, "eos_token_id": 1}""";

    /// <summary>Writes one.</summary>
    public static string Write(
        string folder,
        string config,
        SafeTensorsDtype dtype = SafeTensorsDtype.F32,
        Func<string, float, float>? change = null)
    {
        var spec = Architectures.Parse(config, "test");
        var random = new Random(5);
        var values = spec.Parameters.ToDictionary(
            p => p.Name,
            p => Enumerable.Range(0, (int)p.Count).Select(_ => (float)(random.NextDouble() - 0.5)).ToArray(),
            StringComparer.Ordinal);
        HuggingFaceCheckpoint.Create(folder, spec, name => values[name].Select(v => change?.Invoke(name, v) ?? v).ToArray(), dtype);
        return folder;
    }
}
