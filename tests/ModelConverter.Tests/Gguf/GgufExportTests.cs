using System.Text.Json.Nodes;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Graphs.Tests.Checkpoints;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Converter.Tests.Gguf;

/// <summary>GGUF files that are written: read back by our own reader, and run by llama.cpp (tests/llama-interop).</summary>
[TestClass]
public sealed class GgufExportTests
{
    private const string Sizes = """
        "vocab_size": 60, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "max_position_embeddings": 64, "eos_token_id": 1
        """;
    private const string Qwen3 =
        $$"""{"model_type": "qwen3", {{Sizes}}, "num_key_value_heads": 2, "head_dim": 16, "tie_word_embeddings": true}""";
    private const string Qwen2 = $$"""{"model_type": "qwen2", {{Sizes}}, "num_key_value_heads": 2}""";
    private const string Llama = $$"""{"model_type": "llama", {{Sizes}}, "num_key_value_heads": 2, "attention_bias": true}""";
    private const string Mistral = $$"""{"model_type": "mistral", {{Sizes}}, "num_key_value_heads": 2, "sliding_window": null}""";
    private const string Phi3 = $$"""{"model_type": "phi3", {{Sizes}}, "num_key_value_heads": 2, "pad_token_id": 1}""";
    private const string Olmo2 = $$"""{"model_type": "olmo2", {{Sizes}}, "pad_token_id": 1}""";
    private const string Gpt2 = """
        {"model_type": "gpt2", "vocab_size": 60, "n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64, "eos_token_id": 1,
        "bos_token_id": 1}
        """;
    private const string Gemma3 = """
        {"model_type": "gemma3_text", "vocab_size": 60, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 6,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "query_pre_attn_scalar": 16, "max_position_embeddings": 64,
        "sliding_window": 8, "rope_scaling": null, "eos_token_id": 1}
        """;

    [TestMethod]
    [DataRow(Qwen3)]
    [DataRow(Qwen2)]
    [DataRow(Llama)]
    public void Export_EachType_ReadsBackAsItWas(string config)
    {
        using var folder = new TemporaryFolder();
        var source = WithTokenizer(TestModels.Write(folder["hf"], config));
        using var before = HuggingFaceCheckpoint.Open(source);
        foreach (var type in GgufExport.Types)
        {
            var file = folder[$"{type}.gguf"];
            GgufExport.Write(file, before.Spec, before.ReadParameter, type, source);
            GgufConversion.ToHuggingFace(file, folder[$"{type}"]);
            using var after = HuggingFaceCheckpoint.Open(folder[$"{type}"]);
            Assert.AreEqual(before.Spec, after.Spec);
            foreach (var parameter in before.Spec.Parameters)
            {
                float[] expected = new float[parameter.Count], actual = new float[parameter.Count];
                before.ReadParameter(parameter, expected);
                after.ReadParameter(parameter, actual);
                for (var i = 0; i < expected.Length; i++)
                    Assert.AreEqual(
                        parameter.Shape.Length == 1 ? expected[i] : Rounded(expected, i, type),
                        actual[i],
                        $"{type} {parameter.Name}[{i}]");
            }
            var (mine, theirs) = (Tokenizer.Load(source), Tokenizer.Load(folder[$"{type}"]));
            CollectionAssert.AreEqual(mine.Encode("!01AB<|end|>"), theirs.Encode("!01AB<|end|>"));
        }
    }

    // In llama.cpp itself: the greedy tokens of our own client, and the ids of its own tokenizer.
    [TestMethod]
    public void Export_OfEachFamily_SpeaksTheSameInLlamaCpp()
    {
        using var folder = new TemporaryFolder();
        string[] families = [Qwen3, Qwen2, Llama, Mistral, Phi3, Olmo2, Gpt2, Gemma3];
        int[][] prompts = [[3, 1, 4, 1, 5], [9, 2, 6]];
        var (files, expected) = (new JsonArray(), new List<string>());
        foreach (var (i, config) in families.Index())
        {
            var source = WithTokenizer(TestModels.Write(folder[$"hf{i}"], config));
            using var checkpoint = HuggingFaceCheckpoint.Open(source);
            GgufExport.Write(folder[$"{i}.gguf"], checkpoint.Spec, checkpoint.ReadParameter, GgmlType.F32, source);
            // llama.cpp reads GELU from a table in float16, so tokens that are nearly as probable change places sooner.
            var steps = config is Gpt2 or Gemma3 ? 6 : 12;
            files.Add(Case(folder[$"{i}.gguf"], prompts, steps, "!01AB<|end|>"));
            expected.AddRange(prompts.Select(p => Ours(folder, source, p, steps)));
        }
        var results = JsonNode.Parse(InLlamaCpp(files))!["results"]!.AsArray();
        var actual = results.SelectMany(r => r!["tokens"]!.AsArray()).Select(t => t!.ToJsonString()).ToArray();
        for (var i = 0; i < actual.Length; i++)
            Assert.AreEqual(expected[i], actual[i], families[i / 2]);
        var tokenizer = Tokenizer.Load(folder["hf0"]);
        foreach (var result in results)
            Assert.AreEqual(Json(tokenizer.Encode("!01AB<|end|>")), result!["ids"]![0]!.ToJsonString());
    }

    // Against Hugging Face's own tokens, in the type with the least error.
    [TestMethod]
    public void Export_OfGoldenModels_SpeaksAsTransformersDoesInLlamaCpp()
    {
        string[] names = ["golden-qwen3-a", "golden-qwen2-a", "golden-llama-a", "golden-llama-b", "golden-mistral-a", "golden-phi3-a"];
        using var folder = new TemporaryFolder();
        var (files, expected) = (new JsonArray(), new List<string>());
        foreach (var name in names)
        {
            var source = SharedFolder.Require("models", name);
            using var checkpoint = HuggingFaceCheckpoint.Open(source);
            var tokenizer = WithTokenizer(Directory.CreateDirectory(folder[name]).FullName, checkpoint.Spec.VocabularySize);
            GgufExport.Write(folder[name + ".gguf"], checkpoint.Spec, checkpoint.ReadParameter, GgmlType.F32, tokenizer);
            var texts = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "golden.json")))!["decode"]!.AsArray();
            files.Add(Case(
                folder[name + ".gguf"],
                [.. texts.Select(t => t!["prompt"]!.AsArray().Select(id => id!.GetValue<int>()).ToArray())],
                texts[0]!["tokens"]!.AsArray().Count));
            expected.AddRange(texts.Select(t => $"{name} {JsonNode.Parse(t!["tokens"]!.ToJsonString())!.ToJsonString()}"));
        }
        var results = JsonNode.Parse(InLlamaCpp(files))!["results"]!.AsArray();
        var actual = results.SelectMany((r, i) => r!["tokens"]!.AsArray().Select(t => $"{names[i]} {t!.ToJsonString()}")).ToArray();
        CollectionAssert.AreEqual(expected, actual);
    }

    [TestMethod]
    public void Export_WhatLlamaCppLacks_IsRefusedByName()
    {
        using var folder = new TemporaryFolder();
        void Refused(string config, string said)
        {
            var source = WithTokenizer(TestModels.Write(folder[$"{Guid.NewGuid():N}"], config));
            using var refused = HuggingFaceCheckpoint.Open(source);
            var fault = Assert.ThrowsExactly<InputException>(() =>
                GgufExport.Write(folder["x.gguf"], refused.Spec, refused.ReadParameter, GgmlType.F32, source));
            Assert.Contains(said, fault.Message);
            Assert.IsFalse(File.Exists(folder["x.gguf"]));
        }
        Refused(Mistral.Replace("null", "8"), "layers have an attention window");
        Refused(Gemma3.Replace("\"query_pre_attn_scalar\": 16", "\"query_pre_attn_scalar\": 20"), "query_pre_attn_scalar is 20");
        var hf = TestModels.Write(folder["hf"], Qwen3);
        using var checkpoint = HuggingFaceCheckpoint.Open(hf);
        void Write(string file, GgmlType type = GgmlType.F32) =>
            GgufExport.Write(file, checkpoint.Spec, checkpoint.ReadParameter, type, hf);
        Assert.Contains("--no-tokenizer", Assert.ThrowsExactly<InputException>(() => Write(folder["y.gguf"])).Message);
        WithTokenizer(hf, 70);
        Assert.Contains("token 69", Assert.ThrowsExactly<InputException>(() => Write(folder["y.gguf"])).Message);
        WithTokenizer(hf);
        Write(folder["y.gguf"]);
        Assert.Contains("exists", Assert.ThrowsExactly<InputException>(() => Write(folder["y.gguf"])).Message);
        var large = TestModels.Write(folder["large"], Qwen3, change: (_, v) => v * 1e6f);
        using var beyond = HuggingFaceCheckpoint.Open(large);
        Assert.Contains("65504", Assert.ThrowsExactly<InputException>(() =>
            GgufExport.Write(folder["z.gguf"], beyond.Spec, beyond.ReadParameter, GgmlType.F16, hf)).Message);
        Assert.IsEmpty(Directory.GetFiles(folder.Path, "*.partial"));
    }

    // Q8_0 by hand: d = max / 127 in float16, then whole numbers nearest to x / d with d in float32.
    private static float Rounded(float[] values, int at, GgmlType type)
    {
        switch (type)
        {
            case GgmlType.F16:
                return (float)(Half)values[at];
            case GgmlType.BF16:
                Span<byte> two = stackalloc byte[2];
                FloatConversion.FromFloats(SafeTensorsDtype.BF16, [values[at]], two);
                var back = new float[1];
                FloatConversion.ToFloats(SafeTensorsDtype.BF16, two, back);
                return back[0];
            case GgmlType.Q8_0:
                var block = values[(at / 32 * 32)..((at / 32 * 32) + 32)];
                var scale = block.Max(Math.Abs) / 127;
                return (float)(Half)scale * MathF.Round(values[at] * (1 / scale), MidpointRounding.AwayFromZero);
            default:
                return values[at];
        }
    }

    private static string Ours(TemporaryFolder folder, string source, int[] prompt, int steps)
    {
        var onnx = folder[$"{Guid.NewGuid():N}"];
        ConverterRun.Done("convert", source, onnx, "--graphs", "decode");
        using var model = new ConvertedModel(onnx);
        var generation = new GenerationCheck(model);
        var (tokens, logits) = (new List<int>(), generation.Feed(prompt));
        for (var i = 0; i < steps; i++)
        {
            tokens.Add(Array.IndexOf(logits, logits.Max()));
            logits = generation.Feed(tokens[^1]);
        }
        return Json(tokens);
    }

    private static JsonObject Case(string path, int[][] prompts, int steps, params string[] texts) => new()
    {
        ["path"] = path,
        ["prompts"] = new JsonArray([.. prompts.Select(p => JsonNode.Parse(Json(p)))]),
        ["steps"] = steps,
        ["texts"] = new JsonArray([.. texts.Select(t => JsonValue.Create(t))]),
    };

    private static string InLlamaCpp(JsonArray files) => NodeProgram.Run(
        "llama-interop",
        ["node-llama-cpp"],
        new JsonObject { ["files"] = files }.ToJsonString(),
        "greedy.mjs");

    private static string Json(IEnumerable<int> ids) => $"[{string.Join(',', ids)}]";

    // Byte-level BPE of single characters from '!' on, and an end token.
    private static string WithTokenizer(string folder, int count = 60)
    {
        var vocabulary = new JsonObject();
        // The characters that byte-level vocabularies spell as themselves.
        string[] letters =
            [.. Enumerable.Range(33, 94).Concat(Enumerable.Range(161, 12)).Concat(Enumerable.Range(174, 82)).Select(c => $"{(char)c}")];
        foreach (var (id, letter) in letters.Take(count - 1).Index())
            vocabulary[letter] = id;
        var step = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = true };
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray(new JsonObject
            {
                ["id"] = count - 1,
                ["content"] = "<|end|>",
                ["single_word"] = false,
                ["lstrip"] = false,
                ["rstrip"] = false,
                ["normalized"] = false,
                ["special"] = true,
            }),
            ["normalizer"] = null,
            ["pre_tokenizer"] = step,
            ["post_processor"] = null,
            ["decoder"] = step.DeepClone(),
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = new JsonArray() },
        }.ToJsonString());
        return folder;
    }
}
