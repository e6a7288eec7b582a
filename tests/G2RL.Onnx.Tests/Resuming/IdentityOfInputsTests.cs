using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Models;
using G2RL.Onnx.Problems.Prompts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Resuming;

namespace G2RL.Onnx.Tests.Resuming;

/// <summary>What of model, tokenizer and files goes into the identity of a run.</summary>
[TestClass]
public sealed class IdentityOfInputsTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("g2rl-inputs-").FullName;
    private readonly Tokenizer tokenizer;
    private readonly DecoderSpec spec = Architectures.Parse(
        """
        {"architectures": ["Qwen3ForCausalLM"], "vocab_size": 32, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "max_position_embeddings": 64, "tie_word_embeddings": true,
         "eos_token_id": 1, "pad_token_id": 3}
        """,
        "config.json");

    public IdentityOfInputsTests()
    {
        CharacterTokenizer.Write(Path.Combine(root, "tokenizer"), "12+=");
        tokenizer = Tokenizer.Load(Path.Combine(root, "tokenizer"));
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    [TestMethod]
    public void Of_Inputs_TakesWhatItIsGiven()
    {
        var identity = Of(new());
        Assert.AreEqual(("w", "t", "h", 7), (identity.Weights, identity.TrainingProblems, identity.HeldOutProblems, identity.ProblemCount));
        CollectionAssert.AreEqual(new[] { 1, 2 }, identity.StopTokens.ToArray());
        // What is derived, long or without a part in any result is not compared.
        var architecture = identity.Architecture.ToDictionary(p => p.Key, p => p.Value);
        foreach (var name in new[] { "parameters", "parameterCount", "padToken" })
            Assert.IsFalse(architecture.ContainsKey(name), name);
        Assert.AreEqual(32, (int)architecture["vocabularySize"]!);
        Assert.AreEqual(1, (int)architecture["layers"]!);
        Assert.Contains("\n  \"weights\": \"w\",", identity.ToJson());
    }

    // Each token by itself with its number, then all behind one another: a decoder may spell them otherwise there.
    [TestMethod]
    public void Of_Tokenizer_IsTheHashOfAllTexts()
    {
        var text = new StringBuilder();
        for (var id = 0; id < tokenizer.VocabularySize; id++)
            text.Append(System.Globalization.CultureInfo.InvariantCulture, $"{id} {tokenizer.Decode([id])}\n");
        text.Append(tokenizer.Decode([.. Enumerable.Range(0, tokenizer.VocabularySize)]));
        Assert.AreEqual(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()))), Of(new()).Tokens);
    }

    [TestMethod]
    public void Of_Files_AreThoseOfTheModelTheEmbedderAndTheProblems()
    {
        string[] names =
        [
            "added_tokens.json", "chat_template.jinja", "config.json", "generation_config.json", "merges.txt", "special_tokens_map.json",
            "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json",
        ];
        var folder = Directory.CreateDirectory(Path.Combine(root, "model")).FullName;
        foreach (var name in names)
            File.WriteAllText(Path.Combine(folder, name), name);
        // Weights are known by their own hash; an empty file has none.
        File.WriteAllText(Path.Combine(folder, "model.safetensors"), "weights");
        var (embedder, rows, empty) = (Path.Combine(root, "embedder"), Path.Combine(root, "rows.jsonl"), Path.Combine(root, "empty.jsonl"));
        File.WriteAllText(embedder, "e");
        File.WriteAllText(rows, "r");
        File.WriteAllText(empty, "");
        var config = new RunConfig
        {
            Model = folder,
            Algorithm = new() { Embedder = embedder },
            Problems = new()
            {
                Settings = JsonSerializer.SerializeToElement(
                    new { train = rows, heldOut = empty, other = "no file", none = "", count = 3, on = true }),
            },
        };
        SortedDictionary<string, string> expected = new(StringComparer.Ordinal)
        {
            ["algorithm.embedder"] = Hash("e"),
            ["problems.settings.train"] = Hash("r"),
        };
        foreach (var name in names)
            expected[$"model/{name}"] = Hash(name);
        CollectionAssert.AreEqual(expected.ToArray(), Of(config).Files.ToArray());
        Assert.IsEmpty(Of(new() { Model = Path.Combine(root, "none") }).Files);
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private RunIdentity Of(RunConfig config) =>
        RunIdentity.Of(config, "w", spec, [1, 2], tokenizer, new CheckedProblems(TinyModel.Problems(), [], 7, "t", "h"));
}
