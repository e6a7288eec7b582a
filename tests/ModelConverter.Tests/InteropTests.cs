using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Converter.Tests.Gguf;
using G2RL.Onnx.Graphs.Tests.Checkpoints;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Converter.Tests;

/// <summary>
/// Converted models in another client of ONNX Runtime: onnxruntime-node; and GGUF files in another reader, see tests/interop.
/// </summary>
[TestClass]
public sealed class InteropTests
{
    // Rows of whole blocks of 32.
    private const string Wide =
        """{"model_type": "qwen3", "vocab_size": 19, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64, "tie_word_embeddings": true, "eos_token_id": 1}""";

    [TestMethod]
    public void Decode_InNode_GivesTransformersTokens()
    {
        GivesTransformersTokens("golden-qwen3-a");
        GivesTransformersTokens("golden-llama-b");
        GivesTransformersTokens("golden-mistral-a");
        GivesTransformersTokens("golden-phi3-a");
        GivesTransformersTokens("golden-gemma3-a");
    }

    private static void GivesTransformersTokens(string name)
    {
        var source = SharedFolder.Require("models", name);
        using var golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(source, "golden.json")));
        var texts = golden.RootElement.GetProperty("decode").EnumerateArray().ToArray();
        using var folder = new TemporaryFolder();
        ConverterRun.Done("convert", source, folder["onnx"], "--graphs", "decode");
        var answer = Greedy(
            folder["onnx"],
            texts.Select(t => JsonNode.Parse(t.GetProperty("prompt").GetRawText())!),
            texts[0].GetProperty("tokens").GetArrayLength());
        for (var i = 0; i < texts.Length; i++)
            Assert.AreEqual(
                JsonNode.Parse(texts[i].GetProperty("tokens").GetRawText())!.ToJsonString(),
                answer[i]!.ToJsonString(),
                $"{name} text {i}");
    }

    // No outside numbers for these two: the same tokens as in our own client.
    [TestMethod]
    [DataRow(TestModels.Gpt2)]
    [DataRow(TestModels.Olmo2)]
    public void Decode_InNode_GivesOurTokens(string config)
    {
        using var folder = new TemporaryFolder();
        ConverterRun.Done("convert", TestModels.Write(folder["model"], config), folder["onnx"], "--graphs", "decode");
        SameTokens(folder["onnx"]);
    }

    // Quantised weights in the other client: the tokens of our own, with either width.
    [TestMethod]
    [DataRow("--int4", "--zero-points")]
    [DataRow("--int8", "--accuracy-level=1")]
    public void Quantised_InNode_GivesOurTokens(string bits, string option)
    {
        using var folder = new TemporaryFolder();
        var source = TestModels.Write(folder["model"], TestModels.Qwen3);
        ConverterRun.Done("export", source, folder["onnx"], "--source", source, "--format", "onnx", bits, option);
        SameTokens(folder["onnx"]);
    }

    private static void SameTokens(string folder)
    {
        var answer = Greedy(folder, [new JsonArray(3, 1, 4)], 8);
        using var model = new ConvertedModel(folder);
        var generation = new GenerationCheck(model);
        var logits = generation.Feed(3, 1, 4);
        foreach (var token in answer[0]!.AsArray().Select(t => t!.GetValue<int>()))
        {
            Assert.AreEqual(Array.IndexOf(logits, logits.Max()), token);
            logits = generation.Feed(token);
        }
    }

    // The tests write GGUF from the format's description; another reader finds in such a file what ours does, at the same places.
    [TestMethod]
    [DataRow(2u)]
    [DataRow(3u)]
    public void Gguf_InNode_HoldsWhatOursDoes(uint version)
    {
        using var folder = new TemporaryFolder();
        var writer = GgufWriter.Of(TestModels.Write(folder["hf"], Wide), GgmlType.Q8_0, values => new byte[values.Length / 32 * 34])
            .Set("tokenizer.ggml.model", "llama")
            .Set("tokenizer.ggml.tokens", (string[])["<u>", "é", "▁😀"])
            .Set("tokenizer.ggml.scores", (float[])[0, -1.5f, -2])
            .Set("tokenizer.ggml.token_type", (int[])[2, 1, 1])
            .Set("tokenizer.ggml.add_bos_token", false);
        writer.Version = version;
        using var ours = GgufFile.Open(writer.Save(folder["m.gguf"]));
        var theirs = JsonNode.Parse(Node("", "gguf.mjs", folder["m.gguf"]))!;
        Assert.AreEqual(version, theirs["version"]!.GetValue<uint>());
        var tensors = theirs["tensors"]!.AsArray();
        Assert.HasCount(tensors.Count, ours.Tensors);
        foreach (var tensor in tensors)
        {
            var mine = ours.Tensors[tensor![0]!.GetValue<string>()];
            CollectionAssert.AreEqual(tensor[1]!.AsArray().Select(n => n!.GetValue<long>()).Reverse().ToArray(), mine.Shape);
            Assert.AreEqual((tensor[2]!.GetValue<int>(), tensor[3]!.GetValue<long>()), ((int)mine.Type, mine.Offset));
        }
        var metadata = theirs["metadata"]!.AsObject();
        CollectionAssert.AreEquivalent(metadata.Select(entry => entry.Key).ToArray(), ours.Metadata.Keys.ToArray());
        foreach (var (key, value) in ours.Metadata)
            Assert.IsTrue(JsonElement.DeepEquals(Element(value.Type switch
            {
                GgufType.String when value.IsArray => new JsonArray([.. ours.Texts(value, key).Select(t => (JsonNode)t)]),
                GgufType.String => ours.Text(value, key),
                GgufType.Float32 when value.IsArray => new JsonArray([.. ours.Numbers(value, key).Select(n => (JsonNode)(double)n)]),
                GgufType.Float32 => ours.Number(value, key).Number,
                GgufType.Bool => ours.Number(value, key).Integer == 1,
                _ when value.IsArray => new JsonArray([.. ours.Integers(value, key).Select(n => (JsonNode)n!.Value)]),
                _ => ours.Number(value, key).Integer,
            }), Element(metadata[key])), key);

        static JsonElement Element(JsonNode? node) => JsonSerializer.SerializeToElement(node);
    }

    private static JsonArray Greedy(string folder, IEnumerable<JsonNode> prompts, int steps)
    {
        var request = new JsonObject { ["prompts"] = new JsonArray([.. prompts]), ["steps"] = steps }.ToJsonString();
        return JsonNode.Parse(Node(request, "greedy.mjs", folder))!["tokens"]!.AsArray();
    }

    private static string Node(string input, params string[] arguments) =>
        NodeProgram.Run("interop", ["onnxruntime-node", "@huggingface/gguf"], input, arguments);
}
