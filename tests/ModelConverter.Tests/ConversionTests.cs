using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Artifacts;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Graphs.Tests.Checkpoints;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Converter.Tests;

[TestClass]
public sealed class ConversionTests
{
    public static IEnumerable<string> Golden =>
        ["golden-qwen3-a", "golden-qwen3-a-bf16", "golden-qwen3-yarn", "golden-qwen2-a", "golden-qwen2-a-sharded", "golden-llama-a",
            "golden-llama-b", "golden-mistral-a", "golden-phi3-a", "golden-gemma3-a"];

    [TestMethod]
    [DynamicData(nameof(Golden))]
    public void Folder_Converted_GoesBackByteForByte(string name)
    {
        var source = OwnModels.OrShared(name);
        using var folder = new TemporaryFolder();
        // The loss of the golden case A.
        ConverterRun.Done("convert", source, folder["onnx"], "--kl", "0.01", "--entropy", "0.003");
        if (File.Exists(Path.Combine(source, "golden.json")))
            HoldsAgainst(source, folder["onnx"]);
        ConverterRun.Done("export", folder["onnx"], folder["back"]);
        foreach (var file in Directory.GetFiles(source, "model*.safetensors").Append(Path.Combine(source, "config.json")))
            Assert.IsTrue(
                File.ReadAllBytes(file).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(folder["back"], Path.GetFileName(file)))),
                file);
        HuggingFaceCheckpoint.Open(folder["back"]).Dispose();
    }

    // The numbers of transformers, of every folder converted above; here to say where they are missing.
    [TestMethod]
    public void GoldenFolders_AreThere()
    {
        foreach (var name in Golden)
            Assert.IsTrue(File.Exists(Path.Combine(SharedFolder.Require("models", name), "golden.json")), name);
    }

    private static void HoldsAgainst(string source, string onnx)
    {
        var report = JsonNode.Parse(ConverterRun.Done("verify", onnx, "--golden", source, "--json"))!;
        Assert.IsTrue(report["holds"]!.GetValue<bool>());
        var quantities = report["differences"]!.AsArray().Select(d => d!["quantity"]!.GetValue<string>()).ToArray();
        CollectionAssert.IsSubsetOf(
            new[] { "log-probs", "entropies", "last hidden states", "decoding logits", "greedy tokens that differ" },
            quantities);
        if (File.Exists(Path.Combine(source, "grads.safetensors")))
            CollectionAssert.IsSubsetOf(new[] { "training log-probs", "loss", "gradients" }, quantities);
    }

    // Case B: another temperature, clip-higher, no KL, no entropy.
    [TestMethod]
    public void GoldenCaseB_HasItsLoss_AndAnotherLossIsNotCompared()
    {
        var source = SharedFolder.Require("models", "golden-llama-b");
        using var folder = new TemporaryFolder();
        ConverterRun.Done("convert", source, folder["b"], "--clip-high", "0.28", "--graphs", "train");
        StringAssert.Contains(ConverterRun.Done("verify", folder["b"], "--golden", source, "--json"), "\"loss\"");
        ConverterRun.Done("convert", source, folder["other"], "--clip-high", "0.3", "--graphs", "train");
        Assert.IsFalse(ConverterRun.Done("verify", folder["other"], "--golden", source, "--json")
            .Contains("\"loss\"", StringComparison.Ordinal));
    }

    [TestMethod]
    [DataRow(TestModels.Qwen3)]
    [DataRow(TestModels.Gpt2)]
    [DataRow(TestModels.Olmo2)]
    public void ShorterTypes_DifferByTheirRounding_AndNoMore(string config)
    {
        using var folder = new TemporaryFolder();
        var model = TestModels.Write(folder["model"], config);
        foreach (var precision in (string[])["source", "fp32", "fp16", "bf16"])
            ConverterRun.Done("convert", model, folder[precision], "--precision", precision);
        ConverterRun.Done("verify", folder["fp32"], "--against", folder["source"], "--tolerance-factor", "1e-9");
        ConverterRun.Done("verify", folder["fp16"], "--against", folder["source"]);
        ConverterRun.Done("verify", folder["bf16"], "--against", folder["source"]);
        // It can say no: rounding is far beyond what float32 arithmetic explains.
        var strict = ConverterRun.Of("verify", folder["fp16"], "--against", folder["source"], "--tolerance-factor", "0.001", "--json");
        Assert.AreEqual(1, strict.Code);
        StringAssert.Contains(strict.Output, "\"holds\":false");
        Assert.AreEqual(
            2 * new FileInfo(Path.Combine(folder["fp16"], "weights.bin")).Length,
            new FileInfo(Path.Combine(folder["fp32"], "weights.bin")).Length,
            512 * 1024);
    }

    // bf16 -> fp32 is exact, so the way back is too.
    [TestMethod]
    public void WiderType_StillGoesBackByteForByte()
    {
        using var folder = new TemporaryFolder();
        var model = TestModels.Write(folder["model"], TestModels.Qwen3, SafeTensorsDtype.BF16);
        ConverterRun.Done("convert", model, folder["onnx"], "--precision", "fp32", "--graphs", "none");
        ConverterRun.Done("export", folder["onnx"], folder["back"]);
        CollectionAssert.AreEqual(
            File.ReadAllBytes(Path.Combine(model, "model.safetensors")),
            File.ReadAllBytes(Path.Combine(folder["back"], "model.safetensors")));
    }

    [TestMethod]
    public void OneDataFile_ServesAllGraphs_AndCopiesAndBuffersLieInItOnce()
    {
        var source = OwnModels.OrShared("golden-qwen3-a-bf16");
        using var folder = new TemporaryFolder();
        ConverterRun.Done("convert", source, folder["onnx"]);
        CollectionAssert.AreEquivalent(
            new[] { "config.json", "decode.onnx", "genai_config.json", "manifest.json", "score.onnx", "train.onnx", "weights.bin" },
            Directory.GetFiles(folder["onnx"]).Select(Path.GetFileName).ToArray());
        var manifest = ConversionManifest.Read(folder["onnx"]);
        // The stored copy of the tied head lies on the embedding.
        Assert.AreEqual(
            manifest.Tensors.Single(t => t.Name == "model.embed_tokens.weight").Offset,
            manifest.Tensors.Single(t => t.Name == "lm_head.weight").Offset);
        var ends = manifest.Tensors.DistinctBy(t => t.Offset).OrderBy(t => t.Offset).ToArray();
        for (var i = 1; i < ends.Length; i++)
            Assert.IsLessThanOrEqualTo(ends[i].Offset, ends[i - 1].Offset + ends[i - 1].Bytes);
    }

    [TestMethod]
    [DataRow("--precision", "int8", "--precision is 'int8'")]
    [DataRow("--opset", "17", "The opset is 17")]
    [DataRow("--opset", "22", "The opset is 22")]
    [DataRow("--max-length", "65", "The longest text is 65")]
    [DataRow("--max-length", "0", "The longest text is 0")]
    [DataRow("--graphs", "decode,prefill", "'prefill'")]
    [DataRow("--clip-low", "1", "--clip-low 1")]
    public void Option_OutOfRange_IsRefused_AndNothingIsWritten(string option, string value, string named)
    {
        using var folder = new TemporaryFolder();
        var model = TestModels.Write(folder["model"], TestModels.Qwen3);
        StringAssert.Contains(ConverterRun.Refused("convert", model, folder["onnx"], option, value), named);
        Assert.IsFalse(Path.Exists(folder["onnx"]));
    }

    [TestMethod]
    public void OldOpset_AndShortTables_RunToo()
    {
        using var folder = new TemporaryFolder();
        var model = TestModels.Write(folder["model"], TestModels.Qwen3);
        ConverterRun.Done("convert", model, folder["new"]);
        ConverterRun.Done("convert", model, folder["old"], "--opset", "18", "--max-length", "20");
        ConverterRun.Done("verify", folder["old"], "--against", folder["new"]);
        StringAssert.Contains(ConverterRun.Done("inspect", Path.Combine(folder["old"], "decode.onnx"), "--json"), "\"opset\":18");
    }

    [TestMethod]
    public void UnknownCommandLine_IsWrongInput() => Assert.AreEqual(2, ConverterRun.Of("convert").Code);

    [TestMethod]
    public void InterruptedConversion_LooksLikeNone_AndTheNextStartsOver()
    {
        using var folder = new TemporaryFolder();
        var model = TestModels.Write(folder["model"], TestModels.Qwen3);
        // What a killed conversion leaves: some weights and no manifest.
        Directory.CreateDirectory(folder["onnx.partial"]);
        File.WriteAllBytes(Path.Combine(folder["onnx.partial"], "weights.bin"), new byte[10]);
        StringAssert.Contains(ConverterRun.Refused("verify", folder["onnx"]), "manifest.json");
        var run = ConverterRun.Of("convert", model, folder["onnx"]);
        Assert.AreEqual(0, run.Code);
        StringAssert.Contains(run.Error, "interrupted; starting over");
        Assert.IsFalse(Directory.Exists(folder["onnx.partial"]));
        StringAssert.Contains(ConverterRun.Refused("convert", model, folder["onnx"]), "exists already");
    }

    // A GGUF file's checkpoint lies beside the output for a while: both must fit, and what a killed run left of it is removed and told.
    [TestMethod]
    public void IntermediateFolder_MustFitToo_AndItsRemainsGo()
    {
        using var folder = new TemporaryFolder();
        var source = TestModels.Write(folder["hf"], TestModels.Qwen3);
        using (var checkpoint = HuggingFaceCheckpoint.Open(source))
        {
            var plan = checkpoint.Plan;
            Assert.AreEqual(4 * plan.Spec.ParameterCount, plan.Bytes);
            Assert.AreEqual(2 * plan.Spec.ParameterCount, WeightPlan.Of(plan.Spec, SafeTensorsDtype.BF16).Bytes);
            ConverterRun.Done("convert", source, folder["onnx"]);
            var (room, real) = (ModelConversion.Room(plan, new()), Directory.GetFiles(folder["onnx"]).Sum(f => new FileInfo(f).Length));
            Assert.IsGreaterThanOrEqualTo(real, room);
            Assert.IsLessThan(real + (65 << 20), room);
            var huge = plan with { Spec = plan.Spec with { VocabularySize = int.MaxValue, HiddenSize = 1 << 20 } };
            var refusal =
                Assert.ThrowsExactly<InputException>(() => Aside.Use(folder["out"], huge, new(), _ => Assert.Fail(), _ => Assert.Fail()));
            StringAssert.Contains(refusal.Message, "MiB are free there");
        }
        Gguf.GgufWriter.Of(source).Save(folder["m.gguf"]);
        Directory.CreateDirectory(folder["next.checkpoint.partial"]);
        var run = ConverterRun.Of("convert", folder["m.gguf"], folder["next"], "--graphs", "none");
        Assert.AreEqual(0, run.Code, run.Error);
        StringAssert.Contains(run.Error, "interrupted; starting over");
        Assert.IsEmpty(Directory.GetDirectories(folder.Path, "*checkpoint*"));
    }

    [TestMethod]
    public void NumbersThatTheTypeCannotHold_AreNamed_AndNothingIsLeft()
    {
        using var folder = new TemporaryFolder();
        var model = TestModels.Write(folder["model"], TestModels.Qwen3, change: (name, v) => name == "model.norm.weight" ? 70_000 : v);
        StringAssert.Contains(
            ConverterRun.Refused("convert", model, folder["onnx"], "--precision", "fp16"),
            "'model.norm.weight' is not finite as F16 at element 0");
        Assert.HasCount(1, Directory.GetFileSystemEntries(folder.Path));
    }

    [TestMethod]
    public void DamagedFolder_IsNamedByVerify()
    {
        using var folder = new TemporaryFolder();
        var onnx = folder["onnx"];
        ConverterRun.Done("convert", TestModels.Write(folder["model"], TestModels.Qwen3), onnx);
        void Damage(string file, Action<byte[]> change, string named)
        {
            var path = Path.Combine(onnx, file);
            var good = File.ReadAllBytes(path);
            var bad = (byte[])good.Clone();
            change(bad);
            File.WriteAllBytes(path, bad);
            StringAssert.Contains(ConverterRun.Refused("verify", onnx, "--against", onnx), named);
            File.WriteAllBytes(path, good);
        }
        var norm = ConversionManifest.Read(onnx).Tensors.Single(t => t.Name == "model.norm.weight");
        Damage("weights.bin", bytes => bytes[norm.Offset + 5] ^= 1, "'model.norm.weight' is not what was converted");
        Damage("decode.onnx", bytes => bytes[^1] ^= 1, "decode.onnx is not what was converted");
        File.Delete(Path.Combine(onnx, "score.onnx"));
        StringAssert.Contains(ConverterRun.Refused("verify", onnx, "--against", onnx), "score.onnx is missing");
    }

    [TestMethod]
    [DataRow("\"name\": \"score.onnx\"", "\"name\": \"../score.onnx\"", "no plain file name")]
    [DataRow("\"name\": \"model.safetensors\"", "\"name\": \"/tmp/x.safetensors\"", "no plain file name")]
    [DataRow("\"format\": 1", "\"format\": 2", "the format is 2")]
    [DataRow("\"offset\": 0", "\"offset\": -1", "from -1 on")]
    [DataRow("\"bytes\": 1216", "\"bytes\": 1220", "1220 bytes")]
    [DataRow("\"hasIndex\"", "\"hasIndexes\"", "no manifest")]
    [DataRow("\"stored\": \"F32\"", "\"stored\": \"F99\"", "no manifest")]
    public void HostileManifest_IsRefused(string good, string bad, string named)
    {
        using var folder = new TemporaryFolder();
        var onnx = folder["onnx"];
        ConverterRun.Done("convert", TestModels.Write(folder["model"], TestModels.Qwen3), onnx);
        var path = Path.Combine(onnx, "manifest.json");
        var text = File.ReadAllText(path);
        StringAssert.Contains(text, good);
        File.WriteAllText(path, text.Replace(good, bad));
        StringAssert.Contains(ConverterRun.Refused("export", onnx, folder["back"]), named);
        Assert.IsFalse(Path.Exists(folder["back"]));
    }

    [TestMethod]
    public void TrainedWeights_AreExportedInTheSourcesForm()
    {
        using var folder = new TemporaryFolder();
        var source = TestModels.Write(folder["source"], TestModels.Qwen3, SafeTensorsDtype.BF16);
        // A run's checkpoint holds float32 parameters under their names; one was trained.
        using (var checkpoint = HuggingFaceCheckpoint.Open(source))
        {
            Directory.CreateDirectory(folder["step"]);
            SafeTensorsWriter.Write(Path.Combine(folder["step"], "model.safetensors"), [.. checkpoint.Spec.Parameters.Select(p =>
            {
                var values = new float[p.Count];
                checkpoint.ReadParameter(p, values);
                if (p.Name == "model.norm.weight")
                    values[0] += 1;
                return TensorToWrite.Floats(p.Name, SafeTensorsDtype.F32, p.Shape, _ => values);
            })]);
        }
        ConverterRun.Done("export", folder["step"], folder["back"], "--source", source);
        using var before = SafeTensorsFile.Open(Path.Combine(source, "model.safetensors"));
        using var after = SafeTensorsFile.Open(Path.Combine(folder["back"], "model.safetensors"));
        foreach (var name in before.Tensors.Keys)
        {
            Assert.AreEqual(SafeTensorsDtype.BF16, after.Find(name).Dtype);
            Assert.AreEqual(name != "model.norm.weight", before.RawBytes(name).SequenceEqual(after.RawBytes(name)), name);
        }
        // An exported policy is a model folder; exporting it back to the source's types is the same.
        ConverterRun.Done("export", folder["back"], folder["again"], "--source", source);
        CollectionAssert.AreEqual(
            File.ReadAllBytes(Path.Combine(folder["back"], "model.safetensors")),
            File.ReadAllBytes(Path.Combine(folder["again"], "model.safetensors")));
        // For inference alone: the same numbers as a conversion of the exported checkpoint, and nothing is left beside it.
        ConverterRun.Done("export", folder["step"], folder["inference"], "--source", source, "--format", "onnx");
        ConverterRun.Done("convert", folder["back"], folder["whole"]);
        ConverterRun.Done("verify", folder["inference"], "--against", folder["whole"], "--tolerance-factor", "1e-9");
        CollectionAssert.AreEquivalent(
            new[] { "config.json", "decode.onnx", "genai_config.json", "manifest.json", "weights.bin" },
            Directory.GetFiles(folder["inference"]).Select(Path.GetFileName).ToArray());
        Assert.IsEmpty(Directory.GetDirectories(folder.Path, "*.checkpoint"));
        StringAssert.Contains(ConverterRun.Refused("export", folder["step"], folder["no"], "--format", "gguf"), "--format is 'gguf'");
        StringAssert.Contains(ConverterRun.Refused("export", folder["step"], folder["no"]), "--source");
        StringAssert.Contains(
            ConverterRun.Refused("export", folder["step"], folder["no"], "--source", TestModels.Write(folder["other"], TestModels.Olmo2)),
            "They are not of one model");
    }

    [TestMethod]
    public void GenAiConfig_HasOnlyKeysThatItsReaderAccepts()
    {
        var fixture =
            JsonNode.Parse(File.ReadAllText(SharedFolder.InRepository("tests", "fixtures", "genai-config-keys.json")))!.AsObject();
        using var folder = new TemporaryFolder();
        foreach (var (name, config) in new[]
        {
            ("qwen3", TestModels.Qwen3),
            ("gpt2", TestModels.Gpt2),
            ("olmo2", TestModels.Olmo2),
            ("ends", TestModels.Qwen3.Replace("\"eos_token_id\": 1", "\"eos_token_id\": [1, 2]")),
        })
        {
            ConverterRun.Done("convert", TestModels.Write(folder[name], config), folder[name + "-onnx"], "--max-length", "20");
            var root = JsonNode.Parse(File.ReadAllText(Path.Combine(folder[name + "-onnx"], "genai_config.json")))!.AsObject();
            Check("", root);
            Assert.AreEqual(20, root["model"]!["context_length"]!.GetValue<int>());
            CollectionAssert.Contains(Names("types"), root["model"]!["type"]!.GetValue<string>());
            var graph = JsonNode.Parse(ConverterRun.Done("inspect", Path.Combine(folder[name + "-onnx"], "decode.onnx"), "--json"))!;
            foreach (var (list, key) in new[] { ("inputs", "inputs"), ("outputs", "outputs") })
                foreach (var (_, value) in root["model"]!["decoder"]![key]!.AsObject())
                    Assert.IsTrue(graph[list]!.AsArray().Any(v => v!.GetValue<string>().StartsWith(
                        value!.GetValue<string>().Replace("%d", "1", StringComparison.Ordinal) + ":",
                        StringComparison.Ordinal)), $"{name} {value}");
        }

        string[] Names(string path) => [.. fixture[path]!.AsArray().Select(n => n!.GetValue<string>())];

        void Check(string path, JsonObject value)
        {
            foreach (var (key, inner) in value)
            {
                CollectionAssert.Contains(Names(path), key, path);
                var full = path.Length == 0 ? key : $"{path}.{key}";
                if (inner is JsonObject child)
                    Check(full, child);
                else
                    Assert.IsTrue(Kinds(inner!).Any(kind => path is "model.decoder.inputs" or "model.decoder.outputs"
                        ? kind == "text"
                        : fixture["kinds"]![kind]!.AsArray().Any(n => n!.GetValue<string>() == full)), $"{full} is {inner}");
            }
        }

        static string[] Kinds(JsonNode value) => value.GetValueKind() switch
        {
            JsonValueKind.Number => value.AsValue().TryGetValue<int>(out _) ? ["integer", "number"] : ["number"],
            JsonValueKind.True or JsonValueKind.False => ["flag"],
            JsonValueKind.String => ["text"],
            _ => value.AsArray().All(n => n!.AsValue().TryGetValue<int>(out _)) ? ["list"] : [],
        };
    }

    [TestMethod]
    public void Inspect_TellsWhatIsThere()
    {
        using var folder = new TemporaryFolder();
        var model = TestModels.Write(folder["model"], TestModels.Qwen3, SafeTensorsDtype.BF16);
        var facts = JsonNode.Parse(ConverterRun.Done("inspect", model, "--json"))!;
        // embed 19*16; per layer 2 norms of 16, q 32*16, k and v 16*16, two norms of 8, o 16*32, mlp 3 * 24*16; final norm 16.
        const int parameters = (19 * 16) + (2 * (32 + (32 * 16) + (2 * 16 * 16) + 16 + (16 * 32) + (3 * 24 * 16))) + 16;
        Assert.AreEqual(
            ("Qwen3ForCausalLM", (long)parameters, 2L * parameters),
            (facts["architecture"]!.GetValue<string>(), facts["parameters"]!.GetValue<long>(), facts["weight_bytes"]!.GetValue<long>()));
        Assert.AreEqual(24, facts["types"]!["BF16"]!.GetValue<int>());
        // 8 texts of 64 tokens: 2 layers, keys and values, 2 heads of 8 floats.
        Assert.AreEqual((4L * parameters) + (8 * 64 * 2 * 2 * 2 * 8 * 4), facts["memory_bytes"]!["to sample"]!.GetValue<long>());
        ConverterRun.Done("convert", model, folder["onnx"]);
        StringAssert.Contains(ConverterRun.Done("inspect", folder["onnx"], "--json"), "\"kind\":\"converted folder\"");
        StringAssert.Contains(
            ConverterRun.Done("inspect", Path.Combine(model, "model.safetensors"), "--json"),
            "model.norm.weight BF16 [16]");
        var decode = JsonNode.Parse(ConverterRun.Done("inspect", Path.Combine(folder["onnx"], "decode.onnx"), "--json"))!;
        Assert.AreEqual(2, decode["operators"]!["com.microsoft::GroupQueryAttention"]!.GetValue<int>());
        StringAssert.Contains(decode["external_files"]![0]!.GetValue<string>(), "weights.bin");
        Assert.AreEqual(0, ConverterRun.Of("inspect", folder["onnx"]).Code);
        StringAssert.Contains(ConverterRun.Refused("inspect", folder["nothing"]), "does not exist");
        StringAssert.Contains(ConverterRun.Refused("inspect", Path.Combine(model, "config.json")), "kind that is not read");
    }
}
