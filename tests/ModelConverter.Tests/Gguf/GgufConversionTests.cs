using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Graphs.Tests.Checkpoints;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Converter.Tests.Gguf;

[TestClass]
public sealed class GgufConversionTests
{
    [TestMethod]
    [DataRow("golden-llama-a")]
    [DataRow("golden-llama-b")]
    [DataRow("golden-qwen2-a")]
    [DataRow("golden-qwen3-a")]
    public void GoldenModel_AsF32Gguf_ConvertsLikeItsHuggingFaceFolder(string name)
    {
        var source = SharedFolder.Require("models", name);
        using var folder = new TemporaryFolder();
        GgufWriter.Of(source).Save(folder["m.gguf"]);
        ConverterRun.Done("convert", folder["m.gguf"], folder["onnx"], "--graphs", "decode");
        Assert.IsEmpty(Directory.GetDirectories(folder.Path, "*.checkpoint"));
        ConverterRun.Done("convert", source, folder["expected"], "--graphs", "decode");
        ConverterRun.Done("verify", folder["onnx"], "--against", folder["expected"]);
        ConverterRun.Done("export", folder["onnx"], folder["back"]);
        using var expected = HuggingFaceCheckpoint.Open(source);
        using var actual = HuggingFaceCheckpoint.Open(folder["back"]);
        Assert.AreEqual(expected.Spec, actual.Spec);
        using var before = SafeTensorsFile.Open(Path.Combine(source, "model.safetensors"));
        using var after = SafeTensorsFile.Open(Path.Combine(folder["back"], "model.safetensors"));
        foreach (var parameter in expected.Spec.Parameters)
            Assert.IsTrue(before.RawBytes(parameter.Name).SequenceEqual(after.RawBytes(parameter.Name)), parameter.Name);
        var facts = JsonNode.Parse(ConverterRun.Done("inspect", folder["m.gguf"], "--json"))!;
        Assert.AreEqual(expected.Spec.Architecture, (string)facts["architecture"]!);
        Assert.AreEqual(expected.Spec.ParameterCount, (long)facts["parameters"]!);
    }

    [TestMethod]
    [DataRow(GgmlType.F16, "F16")]
    [DataRow(GgmlType.BF16, "BF16")]
    public void ShorterTypes_KeepTheirBytes(GgmlType type, string stored)
    {
        using var folder = new TemporaryFolder();
        TestModels.Write(folder["hf"], TestModels.Qwen3);
        GgufWriter.Of(folder["hf"], type, values => [.. values.SelectMany(v => type == GgmlType.F16 ? BitConverter.GetBytes((Half)v) : BitConverter.GetBytes(v)[2..])]).Save(folder["m.gguf"]);
        using var file = GgufFile.Open(folder["m.gguf"]);
        GgufConversion.ToHuggingFace(folder["m.gguf"], folder["back"]);
        using var back = SafeTensorsFile.Open(Path.Combine(folder["back"], "model.safetensors"));
        Assert.AreEqual(stored, back.Tensors["model.embed_tokens.weight"].Dtype.ToString());
        Assert.AreEqual("F32", back.Tensors["model.norm.weight"].Dtype.ToString());
        float[] expected = new float[19 * 16], actual = new float[19 * 16];
        file.ReadFloats("token_embd.weight", 0, expected);
        back.ReadFloats("model.embed_tokens.weight", actual);
        CollectionAssert.AreEqual(expected, actual);
    }

    [TestMethod]
    [DataRow("qwen3.expert_count", 8u, "mixture of experts")]
    [DataRow("qwen3.rope.scaling.type", "longrope", "'longrope'")]
    [DataRow("qwen3.rope.dimension_count", 4u, "whole heads")]
    [DataRow("qwen3.logit_scale", 2f, "qwen3.logit_scale is unknown")]
    [DataRow("qwen3.embedding_length", 24u, "token_embd.weight' is [19, 16]")]
    [DataRow("qwen3.block_count", 3u, "'blk.2.attn_norm.weight' is missing")]
    [DataRow("qwen3.block_count", 1u, "blk.1.attn_k.weight' is not a weight")]
    [DataRow("qwen3.attention.head_count", "4", "whole number")]
    [DataRow("qwen3.attention.layer_norm_rms_epsilon", float.NaN, "finite")]
    [DataRow("general.architecture", "mamba", "'mamba'")]
    [DataRow("general.type", "adapter", "'adapter'")]
    [DataRow("split.count", 2u, "one of 2 parts")]
    [DataRow("tokenizer.ggml.model", "llama", "--tokenizer FOLDER")]
    public void Metadata_ThatMeansAnotherModel_IsRefusedByName(string key, object value, string named)
    {
        using var folder = new TemporaryFolder();
        TestModels.Write(folder["hf"], TestModels.Qwen3);
        GgufWriter.Of(folder["hf"]).Set(key, value).Save(folder["m.gguf"]);
        StringAssert.Contains(ConverterRun.Refused("convert", folder["m.gguf"], folder["onnx"]), named);
        Assert.IsFalse(Directory.Exists(folder["onnx"]));
    }

    // The tokenizer's tables go into GGUF's arrays and come back; the ids of the reference must too.
    [TestMethod]
    public void Tokenizer_OfQwen3_GivesTheReferencesIds()
    {
        var source = SharedFolder.Require("tokenizers", "qwen3");
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(source, "tokenizer.json")));
        var model = json.RootElement.GetProperty("model");
        var tokens = new SortedDictionary<int, (string Text, int Type)>();
        foreach (var token in model.GetProperty("vocab").EnumerateObject())
            tokens.Add(token.Value.GetInt32(), (token.Name, 1));
        foreach (var token in json.RootElement.GetProperty("added_tokens").EnumerateArray())
            tokens[token.GetProperty("id").GetInt32()] = (token.GetProperty("content").GetString()!, token.GetProperty("special").GetBoolean() ? 3 : 4);
        using var folder = new TemporaryFolder();
        TestModels.Write(folder["hf"], TestModels.Qwen3);
        GgufWriter.Of(folder["hf"])
            .Set("tokenizer.ggml.model", "gpt2")
            .Set("tokenizer.ggml.pre", "qwen2")
            .Set("tokenizer.ggml.tokens", (string[])[.. tokens.Values.Select(t => t.Text), "[PAD]"])
            .Set("tokenizer.ggml.token_type", (int[])[.. tokens.Values.Select(t => t.Type), 5])
            .Set("tokenizer.ggml.merges", (string[])[.. model.GetProperty("merges").EnumerateArray().Select(m => m.ValueKind == JsonValueKind.String ? m.GetString()! : $"{m[0].GetString()} {m[1].GetString()}")])
            .Save(folder["m.gguf"]);
        GgufConversion.ToHuggingFace(folder["m.gguf"], folder["back"]);
        var tokenizer = Tokenizer.Load(folder["back"]);
        foreach (var name in (string[])["qwen3_golden.jsonl", "qwen3_golden_edge.jsonl", "qwen3_chat_golden.jsonl"])
            foreach (var line in File.ReadLines(Path.Combine(source, name)))
            {
                using var golden = JsonDocument.Parse(line);
                CollectionAssert.AreEqual(golden.RootElement.GetProperty("ids").EnumerateArray().Select(e => e.GetInt32()).ToArray(), tokenizer.Encode(golden.RootElement.GetProperty("text").GetString()!), line);
            }
    }

    [TestMethod]
    public void Tokenizer_GivenApart_IsTaken()
    {
        using var folder = new TemporaryFolder();
        TestModels.Write(folder["hf"], TestModels.Qwen3);
        GgufWriter.Of(folder["hf"]).Set("tokenizer.ggml.model", "llama").Save(folder["m.gguf"]);
        Directory.CreateDirectory(folder["t"]);
        StringAssert.Contains(ConverterRun.Refused("convert", folder["m.gguf"], folder["onnx"], "--tokenizer", folder["t"]), "tokenizer.json does not exist");
        File.WriteAllText(Path.Combine(folder["t"], "tokenizer.json"), "{}");
        ConverterRun.Done("convert", folder["m.gguf"], folder["onnx"], "--graphs", "none", "--tokenizer", folder["t"]);
        Assert.AreEqual("{}", File.ReadAllText(Path.Combine(folder["onnx"], "tokenizer.json")));
        StringAssert.Contains(ConverterRun.Refused("convert", folder["hf"], folder["no"], "--tokenizer", folder["t"]), "is no .gguf file");
    }
}
