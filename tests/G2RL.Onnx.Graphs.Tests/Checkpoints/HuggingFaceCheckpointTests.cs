using System.Text.Json.Nodes;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Models;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Graphs.Tests.Checkpoints;

[TestClass]
public sealed class HuggingFaceCheckpointTests
{
    [TestMethod]
    [DataRow("golden-qwen3-a")]
    [DataRow("golden-qwen3-a-bf16")]
    [DataRow("golden-qwen3-yarn")]
    [DataRow("golden-qwen2-a")]
    [DataRow("golden-qwen2-a-sharded")]
    [DataRow("golden-llama-a")]
    [DataRow("golden-llama-b")]
    [DataRow("golden-mistral-a")]
    [DataRow("golden-phi3-a")]
    [DataRow("golden-gemma3-a")]
    public void Checkpoint_ReadAndSaved_IsTheSameBytes(string name) => IsSavedToTheSameBytes(OwnModels.OrShared(name));

    [TestMethod]
    public void Checkpoint_OfVerl_IsSavedToTheSameBytes() => IsSavedToTheSameBytes(SharedFolder.Require("models", "verl-arith-random"));

    private static void IsSavedToTheSameBytes(string source)
    {
        using var folder = new TemporaryFolder();
        using var checkpoint = HuggingFaceCheckpoint.Open(source);
        checkpoint.SaveAs(folder["copy"], Weights(checkpoint));
        Assert.IsFalse(Directory.Exists(folder["copy.partial"]));
        var written = Directory.GetFiles(folder["copy"]).Select(Path.GetFileName).ToArray();
        foreach (var file in written)
            Assert.IsTrue(File.ReadAllBytes(Path.Combine(source, file!))
                .AsSpan()
                .SequenceEqual(File.ReadAllBytes(Path.Combine(folder["copy"], file!))), file);
        foreach (var file in Directory.GetFiles(source).Select(Path.GetFileName))
            if (!file!.StartsWith("golden", StringComparison.Ordinal)
                && !file.StartsWith("grads", StringComparison.Ordinal)
                && !file.StartsWith("params", StringComparison.Ordinal)
                && file != "config_v5.json")
                CollectionAssert.Contains(written, file);
        using var reopened = HuggingFaceCheckpoint.Open(folder["copy"]);
        Assert.AreEqual(checkpoint.Spec, reopened.Spec);
    }

    // Other writers lay out the header differently (blanks, order, padding), so only the content can be the same.
    [TestMethod]
    public void Checkpoint_FromAnotherWriter_KeepsItsTensors()
    {
        using var folder = new TemporaryFolder();
        var model = folder.CopyOf(OwnModels.Own("golden-qwen3-a"));
        var path = Path.Combine(model, "model.safetensors");
        // The tensors from the last to the first, a header with blanks between and behind, and no metadata.
        using (var file = SafeTensorsFile.Open(path))
        {
            var at = 0L;
            var entries = new List<string>();
            var data = new MemoryStream();
            foreach (var tensor in file.Tensors.Values.OrderByDescending(t => t.Offset))
            {
                entries.Add($"\"{tensor.Name}\" : {{ \"shape\": [{string.Join(", ", tensor.Shape)}], \"dtype\": \"F32\", "
                    + $"\"data_offsets\": [{at}, {at += tensor.Length}] }}");
                data.Write(file.RawBytes(tensor.Name));
            }
            var header = System.Text.Encoding.UTF8.GetBytes($"{{ {string.Join(" , ", entries)} }}".PadRight(40_000));
            File.WriteAllBytes(folder["other"], [.. BitConverter.GetBytes((long)header.Length), .. header, .. data.ToArray()]);
        }
        File.Move(folder["other"], path, overwrite: true);
        KeepsItsTensors(model);
    }

    [TestMethod]
    public void Checkpoints_OfOthers_KeepTheirTensors()
    {
        foreach (var name in (string[])["qwen3-adder-155", "tiny_qwen3", "tiny_llama3"])
            KeepsItsTensors(SharedFolder.Require("models", name));
    }

    private static void KeepsItsTensors(string model)
    {
        using var folder = new TemporaryFolder();
        using var checkpoint = HuggingFaceCheckpoint.Open(model);
        checkpoint.SaveAs(folder["copy"], Weights(checkpoint));
        using var before = SafeTensorsFile.Open(Path.Combine(model, "model.safetensors"));
        using var after = SafeTensorsFile.Open(Path.Combine(folder["copy"], "model.safetensors"));
        CollectionAssert.AreEqual(InOrder(before), InOrder(after));
        foreach (var tensor in before.Tensors.Values)
        {
            Assert.AreEqual(tensor.Dtype, after.Tensors[tensor.Name].Dtype);
            CollectionAssert.AreEqual(tensor.Shape, after.Tensors[tensor.Name].Shape);
            Assert.IsTrue(before.RawBytes(tensor.Name).SequenceEqual(after.RawBytes(tensor.Name)), tensor.Name);
        }

        static string[] InOrder(SafeTensorsFile file) => [.. file.Tensors.Values.OrderBy(t => t.Offset).Select(t => t.Name)];
    }

    // The shards hold the weights of the unsharded twin.
    [TestMethod]
    public void Shards_HoldTheSameWeightsAsTheSingleFile()
    {
        using var single = HuggingFaceCheckpoint.Open(OwnModels.OrShared("golden-qwen2-a"));
        using var sharded = HuggingFaceCheckpoint.Open(OwnModels.OrShared("golden-qwen2-a-sharded"));
        Assert.AreEqual(single.Spec, sharded.Spec);
        foreach (var parameter in single.Spec.Parameters)
        {
            float[] a = new float[parameter.Count], b = new float[parameter.Count];
            single.ReadParameter(parameter, a);
            sharded.ReadParameter(parameter, b);
            CollectionAssert.AreEqual(a, b, parameter.Name);
        }
    }

    [TestMethod]
    public void TiedCheckpoint_WithAStoredHead_UsesTheEmbedding_AndSavesBothAlike()
    {
        using var folder = new TemporaryFolder();
        using var checkpoint = HuggingFaceCheckpoint.Open(OwnModels.OrShared("golden-qwen3-a-bf16"));
        Assert.IsTrue(checkpoint.Tensors.ContainsKey("lm_head.weight"));
        Assert.IsFalse(checkpoint.Spec.Parameters.Any(p => p.Name == "lm_head.weight"));
        Assert.AreEqual(SafeTensorsDtype.BF16, checkpoint.Tensors["model.norm.weight"].Dtype);
        checkpoint.SaveAs(folder["new"], name =>
        {
            var values = Read(checkpoint, name);
            values[0] += 1;
            return values;
        });
        using var saved = HuggingFaceCheckpoint.Open(folder["new"]);
        Assert.AreNotEqual(Read(checkpoint, "model.embed_tokens.weight")[0], Read(saved, "model.embed_tokens.weight")[0]);
    }

    [TestMethod]
    public void TiedCheckpoint_WithADifferentHead_IsRefused()
    {
        using var folder = new TemporaryFolder();
        var model = folder.CopyOf(OwnModels.OrShared("golden-qwen3-a-bf16"));
        Flip(model, "lm_head.weight");
        StringAssert.Contains(Refusal(model), "'lm_head.weight' differs from model.embed_tokens.weight");
    }

    [TestMethod]
    [DataRow("golden-qwen3-a-bf16")]
    [DataRow("golden-qwen2-a-sharded")]
    public void SaveAs_WithAnotherDtype_SaysSoInConfigAndIndex(string name)
    {
        using var folder = new TemporaryFolder();
        using var checkpoint = HuggingFaceCheckpoint.Open(OwnModels.OrShared(name));
        checkpoint.SaveAs(folder["half"], Weights(checkpoint), SafeTensorsDtype.F16);
        using var saved = HuggingFaceCheckpoint.Open(folder["half"]);
        Assert.IsTrue(saved.Tensors.Values.All(t => t.Dtype == SafeTensorsDtype.F16));
        Assert.AreEqual(
            "float16",
            JsonNode.Parse(File.ReadAllText(Path.Combine(folder["half"], "config.json")))!["torch_dtype"]!.GetValue<string>());
        var index = Path.Combine(folder["half"], "model.safetensors.index.json");
        if (File.Exists(index))
            Assert.AreEqual(
                saved.Tensors.Values.Sum(t => t.Length),
                JsonNode.Parse(File.ReadAllText(index))!["metadata"]!["total_size"]!.GetValue<long>());
    }

    [TestMethod]
    public void SaveAs_ThatFails_LeavesNothing()
    {
        using var folder = new TemporaryFolder();
        using var checkpoint = HuggingFaceCheckpoint.Open(OwnModels.OrShared("golden-qwen3-a"));
        Assert.ThrowsExactly<InputException>(() => checkpoint.SaveAs(folder["new"], name =>
        {
            var values = Read(checkpoint, name);
            if (name == "model.norm.weight")
                values[5] = float.NaN;
            return values;
        }));
        Assert.ThrowsExactly<InvalidOperationException>(() => checkpoint.SaveAs(folder["new"], _ => throw new InvalidOperationException()));
        Assert.IsEmpty(Directory.GetFileSystemEntries(folder.Path));

        Directory.CreateDirectory(folder["new"]);
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => checkpoint.SaveAs(folder["new"], Weights(checkpoint))).Message,
            "exists already");
        File.WriteAllText(folder["file"], "");
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() =>
            checkpoint.SaveAs(Path.Combine(folder["file"], "inside"), Weights(checkpoint))).Message, "cannot be written");
    }

    [TestMethod]
    public void SaveAs_AfterAKilledRun_ReplacesItsRemains()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["new.partial"]);
        File.WriteAllText(Path.Combine(folder["new.partial"], "config.json"), "{");
        using var checkpoint = HuggingFaceCheckpoint.Open(OwnModels.OrShared("golden-qwen3-a"));
        checkpoint.SaveAs(folder["new"] + Path.DirectorySeparatorChar, Weights(checkpoint));
        HuggingFaceCheckpoint.Open(folder["new"]).Dispose();
    }

    [TestMethod]
    public void Create_OfANewModel_CanBeOpened()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["tokenizer.json"], "{}");
        foreach (var name in (string[])[
            "golden-qwen3-a",
            "golden-qwen2-a",
            "golden-llama-b",
            "golden-mistral-a",
            "golden-phi3-a",
            "golden-gemma3-a",
        ])
        {
            var spec = Architectures.Read(OwnModels.OrShared(name));
            var count = spec.Parameters.ToDictionary(p => p.Name, p => p.Count);
            HuggingFaceCheckpoint.Create(
                folder[name],
                spec,
                parameter => new float[count[parameter]],
                SafeTensorsDtype.BF16,
                [folder["tokenizer.json"]]);
            using var made = HuggingFaceCheckpoint.Open(folder[name]);
            Assert.AreEqual(spec, made.Spec);
            Assert.AreEqual(spec.Parameters.Count, made.Tensors.Count);
            Assert.IsTrue(File.Exists(Path.Combine(folder[name], "tokenizer.json")));
        }
    }

    [TestMethod]
    public void Shape_ThatConfigDoesNotImply_IsExplained()
    {
        using var folder = new TemporaryFolder();
        var model = folder.CopyOf(OwnModels.OrShared("golden-qwen3-a"));
        Edit(model, config => config["intermediate_size"] = 80);
        StringAssert.Contains(Refusal(model), $"{model}: tensor 'model.layers.2.mlp.up_proj.weight' is [96, 48]; "
            + "config.json implies [80, 48] (intermediate_size x hidden_size). The checkpoint and config do not belong together.");
    }

    [TestMethod]
    public void Layers_MoreOrFewerThanConfigSays_AreNamed()
    {
        using var folder = new TemporaryFolder();
        var model = folder.CopyOf(OwnModels.OrShared("golden-qwen3-a"));
        Edit(model, config => config["num_hidden_layers"] = 4);
        StringAssert.Contains(Refusal(model), "'model.layers.3.input_layernorm.weight' is missing");
        StringAssert.Contains(Refusal(model), "more faults");
        Edit(model, config => config["num_hidden_layers"] = 2);
        StringAssert.Contains(Refusal(model), "'model.layers.2.input_layernorm.weight' is not a weight of the model");
        Edit(model, config => (config["num_hidden_layers"], config["tie_word_embeddings"]) = (3, false));
        StringAssert.Contains(Refusal(model), "'lm_head.weight' is missing");
    }

    [TestMethod]
    [DataRow(float.NaN)]
    [DataRow(float.PositiveInfinity)]
    public void Weight_ThatIsNotFinite_IsNamedWithItsIndex(float value)
    {
        using var folder = new TemporaryFolder();
        var model = folder.CopyOf(OwnModels.OrShared("golden-qwen3-a"));
        Patch(model, "model.layers.1.self_attn.k_proj.weight", ((5 * 48) + 7) * 4, BitConverter.GetBytes(value));
        using var checkpoint = HuggingFaceCheckpoint.Open(model);
        var message = Assert.ThrowsExactly<InputException>(() => Read(checkpoint, "model.layers.1.self_attn.k_proj.weight")).Message;
        StringAssert.Contains(message, $"'model.layers.1.self_attn.k_proj.weight' is {value} at [5, 7]");
        Read(checkpoint, "model.layers.1.self_attn.q_proj.weight");
    }

    [TestMethod]
    public void QuantisedModel_IsRefusedForItsConfig_AndForItsTensors()
    {
        using var folder = new TemporaryFolder();
        // As MLX writes them: the packed integers under the weight's name, scales beside them.
        var model = folder.CopyOf(OwnModels.Own("golden-qwen3-a"));
        Edit(model, config => config["quantization"] = JsonNode.Parse("""{"group_size": 64, "bits": 4}"""));
        StringAssert.Contains(Refusal(model), "quantization");
        Edit(model, config => config.Remove("quantization"));
        var path = Path.Combine(model, "model.safetensors");
        using (var file = SafeTensorsFile.Open(path))
            SafeTensorsWriter.Write(path + ".new", [.. file.Tensors.Values.Select(t => t.Name == "model.embed_tokens.weight"
                ? new TensorToWrite(t.Name, SafeTensorsDtype.U32, [97, 6], stream => stream.Write(new byte[97 * 6 * 4]))
                : new TensorToWrite(t.Name, t.Dtype, t.Shape, stream => stream.Write(file.RawBytes(t.Name))))]);
        File.Move(path + ".new", path, overwrite: true);
        StringAssert.Contains(Refusal(model), "model.embed_tokens.weight");
    }

    [TestMethod]
    public void QuantisedModel_OfMlx_IsRefusedForItsConfig_AndForItsTensors()
    {
        using var folder = new TemporaryFolder();
        var model = folder.CopyOf(SharedFolder.Require("models", "tiny_qwen3_tied"));
        StringAssert.Contains(Refusal(model), "quantization");
        Edit(model, config => config.Remove("quantization"));
        StringAssert.Contains(Refusal(model), "model.embed_tokens.weight");
    }

    [TestMethod]
    public void InverseFrequencyBuffers_OfOldFiles_AreCarriedAlong()
    {
        using var folder = new TemporaryFolder();
        var model = folder.CopyOf(OwnModels.OrShared("golden-llama-a"));
        var single = Path.Combine(model, "model.safetensors");
        AddTensor(single, "model.layers.0.self_attn.rotary_emb.inv_freq");
        using (var checkpoint = HuggingFaceCheckpoint.Open(model))
            checkpoint.SaveAs(folder["copy"], Weights(checkpoint));
        Assert.IsTrue(File.ReadAllBytes(single)
            .AsSpan()
            .SequenceEqual(File.ReadAllBytes(Path.Combine(folder["copy"], "model.safetensors"))));
        AddTensor(single, "model.layers.0.adapter.weight");
        StringAssert.Contains(Refusal(model), "'model.layers.0.adapter.weight' is not a weight");
    }

    // openai-community/gpt2 holds the bare decoder, without "transformer.", and its causal masks.
    [TestMethod]
    [DataRow(true)]
    [DataRow(false)]
    public void Gpt2_WithOrWithoutItsPrefixAndMasks_IsReadAndSavedByteForByte(bool bare)
    {
        using var folder = new TemporaryFolder();
        const string config =
            """{"model_type": "gpt2", "vocab_size": 11, "n_embd": 6, "n_layer": 2, "n_head": 2, "n_positions": 4, "eos_token_id": 1, "bos_token_id": 1}""";
        var spec = Architectures.Parse(config, "x");
        Directory.CreateDirectory(folder["model"]);
        File.WriteAllText(Path.Combine(folder["model"], "config.json"), config);
        var random = new Random(3);
        var values = spec.Parameters.ToDictionary(
            p => p.Name,
            p => Enumerable.Range(0, (int)p.Count).Select(_ => (float)random.NextDouble()).ToArray());
        string Stored(string name) => bare ? name["transformer.".Length..] : name;
        // An order of their own, as in the wild.
        var tensors = spec.Parameters.OrderBy(p => p.Name, StringComparer.Ordinal)
            .Select(p => TensorToWrite.Floats(Stored(p.Name), SafeTensorsDtype.F32, p.Shape, _ => values[p.Name]))
            .ToList();
        for (var layer = 0; layer < 2; layer++)
            tensors.Insert(1 + layer, new TensorToWrite(
                Stored($"transformer.h.{layer}.attn.bias"),
                SafeTensorsDtype.BOOL,
                [1, 1, 4, 4],
                stream => stream.Write(new byte[16])));
        if (!bare)
            tensors.Add(TensorToWrite.Floats("lm_head.weight", SafeTensorsDtype.F32, [11, 6], _ => values["transformer.wte.weight"]));
        SafeTensorsWriter.Write(Path.Combine(folder["model"], "model.safetensors"), tensors);

        using (var checkpoint = HuggingFaceCheckpoint.Open(folder["model"]))
        {
            CollectionAssert.AreEqual(values["transformer.h.1.mlp.c_fc.weight"], Read(checkpoint, "transformer.h.1.mlp.c_fc.weight"));
            checkpoint.SaveAs(folder["copy"], Weights(checkpoint));
        }
        Assert.IsTrue(File.ReadAllBytes(Path.Combine(folder["model"], "model.safetensors"))
            .AsSpan()
            .SequenceEqual(File.ReadAllBytes(Path.Combine(folder["copy"], "model.safetensors"))));
        Edit(folder["model"], json => json["n_layer"] = 3);
        StringAssert.Contains(Refusal(folder["model"]), "'transformer.h.2.ln_1.weight' is missing");
    }

    [TestMethod]
    public void Folder_WithoutWeights_SaysWhatItLooksFor()
    {
        using var folder = new TemporaryFolder();
        StringAssert.Contains(Refusal(folder["none"]), "is not a folder");
        var model = folder.CopyOf(OwnModels.OrShared("golden-qwen3-a"));
        File.WriteAllText(Path.Combine(model, "model.safetensors.index.json"), "{}");
        StringAssert.Contains(Refusal(model), "both model.safetensors and model.safetensors.index.json");
        File.Delete(Path.Combine(model, "model.safetensors"));
        StringAssert.Contains(Refusal(model), "weight_map");
        File.Delete(Path.Combine(model, "model.safetensors.index.json"));
        StringAssert.Contains(Refusal(model), "neither model.safetensors nor");
    }

    [TestMethod]
    [DataRow("../model-00001-of-00002.safetensors", "plain name")]
    [DataRow("/etc/passwd", "plain name")]
    [DataRow("..\\\\x.safetensors", "plain name")]
    [DataRow("model-00009.safetensors", "not in the folder")]
    [DataRow("model-00002-of-00002.safetensors", "it does not")]
    public void Index_ThatPutsATensorElsewhere_IsRefused(string shard, string named)
    {
        using var folder = new TemporaryFolder();
        var model = folder.CopyOf(OwnModels.OrShared("golden-qwen2-a-sharded"));
        var index = Path.Combine(model, "model.safetensors.index.json");
        var text = File.ReadAllText(index);
        const string entry = "\"model.embed_tokens.weight\": \"";
        File.WriteAllText(index, text.Replace(entry + "model-00001-of-00002.safetensors", entry + shard));
        StringAssert.Contains(Refusal(model), named);
        StringAssert.Contains(Refusal(model), shard);

        File.WriteAllText(index, text.Replace("\"weight_map\": {", "\"weight_map\": {" + entry + "model-00001-of-00002.safetensors\","));
        StringAssert.Contains(Refusal(model), "not valid JSON");
    }

    [TestMethod]
    public void Shards_ThatTheIndexDoesNotDescribe_AreRefused()
    {
        using var folder = new TemporaryFolder();
        var model = folder.CopyOf(OwnModels.OrShared("golden-qwen2-a-sharded"));
        var first = Path.Combine(model, "model-00001-of-00002.safetensors");
        var whole = File.ReadAllBytes(first);
        AddTensor(first, "extra");
        StringAssert.Contains(Refusal(model), "does not list tensor 'extra'");
        File.WriteAllBytes(first, whole);
        AddTensor(first, "model.norm.weight");
        StringAssert.Contains(Refusal(model), "'model.norm.weight' is also in");
        File.WriteAllBytes(first, whole[..^1]);
        StringAssert.Contains(Refusal(model), "truncated");
        File.Delete(first);
        StringAssert.Contains(Refusal(model), "model-00001-of-00002.safetensors, which is not in the folder");
    }

    [TestMethod]
    public void GenerationEosTokens_FollowGenerationConfig()
    {
        using var folder = new TemporaryFolder();
        var model = folder.CopyOf(OwnModels.OrShared("golden-qwen3-a"));
        using var checkpoint = HuggingFaceCheckpoint.Open(model);
        CollectionAssert.AreEqual(new[] { 2 }, checkpoint.GenerationEosTokens());
        var path = Path.Combine(model, "generation_config.json");
        File.WriteAllText(path, "{\"eos_token_id\": [7, 2]}");
        CollectionAssert.AreEqual(new[] { 7, 2 }, checkpoint.GenerationEosTokens());
        File.WriteAllText(path, "{\"eos_token_id\": 97}");
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(checkpoint.GenerationEosTokens).Message,
            "generation_config.json: eos_token_id is 97");
    }

    private static string Refusal(string folder) =>
        Assert.ThrowsExactly<InputException>(() => HuggingFaceCheckpoint.Open(folder).Dispose()).Message;

    private static WeightSource Weights(HuggingFaceCheckpoint checkpoint) => name => Read(checkpoint, name);

    private static float[] Read(HuggingFaceCheckpoint checkpoint, string name)
    {
        var parameter = checkpoint.Spec.Parameters.Single(p => p.Name == name);
        var values = new float[parameter.Count];
        checkpoint.ReadParameter(parameter, values);
        return values;
    }

    private static void Edit(string folder, Action<JsonObject> change)
    {
        var path = Path.Combine(folder, "config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(config);
        File.WriteAllText(path, config.ToJsonString());
    }

    private static void Flip(string folder, string tensor) => Patch(folder, tensor, 0, [0x55]);

    private static void Patch(string folder, string tensor, int at, byte[] bytes)
    {
        var path = Path.Combine(folder, "model.safetensors");
        long offset;
        using (var file = SafeTensorsFile.Open(path))
            offset = file.Tensors[tensor].Offset;
        using var stream = File.OpenWrite(path);
        stream.Seek(offset + at, SeekOrigin.Begin);
        stream.Write(bytes);
    }

    private static void AddTensor(string path, string name)
    {
        using (var file = SafeTensorsFile.Open(path))
        {
            var tensors = file.Tensors.Values.OrderBy(t => t.Offset)
                .Select(t => new TensorToWrite(t.Name, t.Dtype, t.Shape, stream => stream.Write(file.RawBytes(t.Name))))
                .ToList();
            tensors.Add(new TensorToWrite(name, SafeTensorsDtype.F32, [2], stream => stream.Write(new byte[8])));
            SafeTensorsWriter.Write(path + ".new", tensors, flush: false);
        }
        File.Move(path + ".new", path, overwrite: true);
    }
}
