using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Graphs.Tests.Checkpoints;
using G2RL.Onnx.Models.Rotary;
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
        var source = OwnModels.OrShared(name);
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
        GgufWriter.Of(folder["hf"], type, values => [.. values.SelectMany(v =>
            type == GgmlType.F16 ? BitConverter.GetBytes((Half)v) : BitConverter.GetBytes(v)[2..])]).Save(folder["m.gguf"]);
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
    [DataRow("qwen3.block_count", 1026u, "but the file has 24 tensors")]
    [DataRow("qwen3.block_count", 1u, "blk.1.attn_k.weight' is not a weight")]
    [DataRow("qwen3.attention.head_count", "4", "whole number")]
    [DataRow("qwen3.attention.layer_norm_rms_epsilon", float.NaN, "finite")]
    [DataRow("general.architecture", "mamba", "'mamba'")]
    [DataRow("general.type", "adapter", "'adapter'")]
    [DataRow("split.count", 2u, "one of 2 parts")]
    [DataRow("tokenizer.ggml.model", "llama", "--tokenizer FOLDER")]
    [DataRow("tokenizer.ggml.model", "bert", "'bert'")]
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
            tokens[token.GetProperty("id").GetInt32()] =
                (token.GetProperty("content").GetString()!, token.GetProperty("special").GetBoolean() ? 3 : 4);
        using var folder = new TemporaryFolder();
        TestModels.Write(folder["hf"], TestModels.Qwen3);
        GgufWriter.Of(folder["hf"])
            .Set("tokenizer.ggml.model", "gpt2")
            .Set("tokenizer.ggml.pre", "qwen2")
            .Set("tokenizer.ggml.tokens", (string[])[.. tokens.Values.Select(t => t.Text), "[PAD]"])
            .Set("tokenizer.ggml.token_type", (int[])[.. tokens.Values.Select(t => t.Type), 5])
            .Set("tokenizer.ggml.merges", (string[])[.. model.GetProperty("merges")
                .EnumerateArray()
                .Select(m => m.ValueKind == JsonValueKind.String ? m.GetString()! : $"{m[0].GetString()} {m[1].GetString()}")])
            .Save(folder["m.gguf"]);
        GgufConversion.ToHuggingFace(folder["m.gguf"], folder["back"]);
        var tokenizer = Tokenizer.Load(folder["back"]);
        foreach (var name in (string[])["qwen3_golden.jsonl", "qwen3_golden_edge.jsonl", "qwen3_chat_golden.jsonl"])
            foreach (var line in File.ReadLines(Path.Combine(source, name)))
            {
                using var golden = JsonDocument.Parse(line);
                CollectionAssert.AreEqual(
                    golden.RootElement.GetProperty("ids").EnumerateArray().Select(e => e.GetInt32()).ToArray(),
                    tokenizer.Encode(golden.RootElement.GetProperty("text").GetString()!),
                    line);
            }
    }

    [TestMethod]
    public void Tokenizer_GivenApart_IsTaken()
    {
        using var folder = new TemporaryFolder();
        TestModels.Write(folder["hf"], TestModels.Qwen3);
        GgufWriter.Of(folder["hf"]).Set("tokenizer.ggml.model", "llama").Save(folder["m.gguf"]);
        Directory.CreateDirectory(folder["t"]);
        StringAssert.Contains(
            ConverterRun.Refused("convert", folder["m.gguf"], folder["onnx"], "--tokenizer", folder["t"]),
            "tokenizer.json does not exist");
        File.WriteAllText(Path.Combine(folder["t"], "tokenizer.json"), "{}");
        ConverterRun.Done("convert", folder["m.gguf"], folder["onnx"], "--graphs", "none", "--tokenizer", folder["t"]);
        Assert.AreEqual("{}", File.ReadAllText(Path.Combine(folder["onnx"], "tokenizer.json")));
        StringAssert.Contains(
            ConverterRun.Refused("convert", folder["hf"], folder["no"], "--tokenizer", folder["t"]),
            "is no .gguf or .bin file");
    }

    [TestMethod]
    [DataRow("linear", 4f, null, RopeKind.Linear, 4.0, null)]
    [DataRow("linear", 1f, null, RopeKind.Default, 1.0, null)]
    [DataRow("yarn", 2.5f, 16u, RopeKind.Yarn, 2.5, 16)]
    [DataRow("yarn", 4f, null, RopeKind.Yarn, 4.0, 64)]
    [DataRow("none", null, null, RopeKind.Default, 1.0, null)]
    [DataRow(null, 8f, null, RopeKind.Linear, 8.0, null)]
    public void RopeScaling_InEitherVersion_BecomesConfigJsons(
        string? type,
        float? factor,
        uint? original,
        RopeKind kind,
        double expected,
        int? positions)
    {
        using var folder = new TemporaryFolder();
        TestModels.Write(folder["hf"], TestModels.Qwen3);
        foreach (var version in (uint[])[2, 3])
        {
            var writer = GgufWriter.Of(folder["hf"]);
            writer.Version = version;
            if (type is not null)
                writer.Set("qwen3.rope.scaling.type", type);
            if (factor is { } number)
                writer.Set("qwen3.rope.scaling.factor", number);
            if (original is { } length)
                writer.Set("qwen3.rope.scaling.original_context_length", length);
            writer.Save(folder["m.gguf"]);
            GgufConversion.ToHuggingFace(folder["m.gguf"], folder[$"back{version}"]);
            using var back = HuggingFaceCheckpoint.Open(folder[$"back{version}"]);
            var rope = back.Spec.Rope!;
            Assert.AreEqual((kind, expected), (rope.Kind, rope.Factor));
            if (kind == RopeKind.Yarn)
                Assert.AreEqual(positions, rope.OriginalMaxPositions);
        }
    }

    // Digits show which pattern cuts: one by one, by threes, or not at all; the merges would join four.
    [TestMethod]
    [DataRow("qwen2", 1, 2, 3, 4)]
    [DataRow("smollm", 1, 2, 3, 4)]
    [DataRow("llama-bpe", 6, 4)]
    [DataRow("gpt-2", 7)]
    public void Patterns_CutAsTheirModelsDo(string pattern, params int[] ids)
    {
        using var folder = new TemporaryFolder();
        TestModels.Write(folder["hf"], TestModels.Qwen3);
        GgufWriter.Of(folder["hf"])
            .Set("tokenizer.ggml.model", "gpt2")
            .Set("tokenizer.ggml.pre", pattern)
            .Set("tokenizer.ggml.tokens", (string[])["<e>", "1", "2", "3", "4", "12", "123", "1234"])
            .Set("tokenizer.ggml.token_type", (int[])[3, 1, 1, 1, 1, 1, 1, 1])
            .Set("tokenizer.ggml.merges", (string[])["1 2", "12 3", "123 4"])
            .Save(folder["m.gguf"]);
        GgufConversion.ToHuggingFace(folder["m.gguf"], folder["back"]);
        CollectionAssert.AreEqual(ids, Tokenizer.Load(folder["back"]).Encode("1234"));
    }

    [TestMethod]
    [DataRow("tokenizer.ggml.scores", null, "lacks")]
    [DataRow("tokenizer.ggml.scores", new[] { 0f, 1f }, "5, 2, 5 entries")]
    [DataRow("tokenizer.ggml.scores", new[] { 0f, 0f, 0f, float.NaN, 0f }, "token 3 of the vocabulary")]
    [DataRow("tokenizer.ggml.token_type", new[] { 2, 3, 1, 1, 9 }, "token 4 of the vocabulary")]
    [DataRow("tokenizer.ggml.tokens", new[] { "<unk>", "<s>", "a", "a", "b" }, "'a' twice, at 2 and 3")]
    [DataRow("tokenizer.ggml.bos_token_id", 7u, "bos_token_id is 7")]
    [DataRow("tokenizer.ggml.remove_extra_whitespaces", true, "remove_extra_whitespaces")]
    public void SentencePieceTables_ThatDoNotFit_AreRefusedByName(string key, object? value, string named)
    {
        using var folder = new TemporaryFolder();
        TestModels.Write(folder["hf"], TestModels.Qwen3);
        var writer = GgufWriter.Of(folder["hf"])
            .Set("tokenizer.ggml.model", "llama")
            .Set("tokenizer.ggml.tokens", (string[])["<unk>", "<s>", "a", "b", "ab"])
            .Set("tokenizer.ggml.scores", (float[])[0, 0, -1, -2, -3])
            .Set("tokenizer.ggml.token_type", (int[])[2, 3, 1, 1, 1]);
        writer.Save(folder["good.gguf"]);
        GgufConversion.ToHuggingFace(folder["good.gguf"], folder["back"]);
        CollectionAssert.Contains(Tokenizer.Load(folder["back"]).Encode("ab"), 4);
        if (value is null)
            writer.Metadata.RemoveAll(entry => entry.Key == key);
        else
            writer.Set(key, value);
        writer.Save(folder["m.gguf"]);
        StringAssert.Contains(ConverterRun.Refused("convert", folder["m.gguf"], folder["onnx"]), named);
    }
}
