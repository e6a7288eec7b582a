using System.Text.Json.Nodes;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Cli.Tests;

/// <summary>A small model with seeded random weights that reads any text: the byte-level tokenizer of tests/fixtures.</summary>
internal static class TextModel
{
    /// <summary>Writes it and returns its folder.</summary>
    public static string Write(string root)
    {
        var fixture = JsonNode.Parse(File.ReadAllText(SharedFolder.InRepository("tests", "fixtures", "byte-level-bpe.json")))!;
        var companions = Directory.CreateDirectory(Path.Combine(root, "text-tokenizer")).FullName;
        File.WriteAllText(Path.Combine(companions, "tokenizer.json"), new JsonObject
        {
            ["added_tokens"] = fixture["added_tokens"]!.DeepClone(),
            ["pre_tokenizer"] = fixture["variants"]!["gpt2"]!["pre_tokenizer"]!.DeepClone(),
            ["decoder"] = new JsonObject { ["type"] = "ByteLevel" },
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["vocab"] = fixture["vocab"]!.DeepClone(),
                ["merges"] = fixture["merges"]!.DeepClone(),
            },
        }.ToJsonString());
        File.WriteAllText(Path.Combine(companions, "tokenizer_config.json"), """{"eos_token": "<|end|>"}""");
        var spec = new DecoderSpec
        {
            Architecture = "Qwen3ForCausalLM",
            ModelType = "qwen3",
            VocabularySize = 393,
            HiddenSize = 16,
            IntermediateSize = 24,
            Layers = 1,
            Heads = 2,
            KeyValueHeads = 1,
            HeadDimension = 8,
            NormEpsilon = 1e-6,
            MaxPositions = 2048,
            Rope = new RopeSpec { Theta = 10000 },
            TieEmbeddings = true,
            QueryKeyNorm = true,
            EosTokens = [391],
        };
        var index = 0;
        using var policy = Policy.Create(spec, 64, (p, w) =>
        {
            Seeds.Normal(7, index++, w);
            for (var i = 0; i < w.Length; i++)
                w[i] = p.Shape.Length == 1 ? 1 : 0.3f * w[i];
        });
        var folder = Path.Combine(root, "text-model");
        var weights = policy.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
        HuggingFaceCheckpoint.Create(folder, spec, name => weights[name].Buffer.Span, companions: Directory.EnumerateFiles(companions));
        return folder;
    }
}
