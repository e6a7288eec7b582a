using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Artifacts;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.Adapters;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Files;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Training;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Tests;

/// <summary>Adapters as files: PEFT's layout, in and out, and ONNX Runtime's own.</summary>
[TestClass]
public sealed class AdapterFileTests
{
    [TestMethod]
    [DataRow(0)]
    [DataRow(1)]
    public void Peft_FolderOfAnotherProgram_GivesItsLogProbs(int index)
    {
        using var golden = new GoldenAdapter(index);
        using var policy = golden.Load();
        var (expected, actual) =
            (golden.Case["log_probs"].Deserialize<double[]>()!, Score(policy, golden.Case["tokens"].Deserialize<int[]>()!));
        for (var i = 0; i < expected.Length; i++)
            Assert.AreEqual(expected[i], actual[i], Tolerances.LogProbs, $"token {i}");
    }

    // Adapters of a folder, in sequences as long as the configuration allows; targets that no model has are named with their setting.
    [TestMethod]
    public void Load_AdaptersOfAFolder_AreThatFoldersNumbers()
    {
        using var model = new TinyModel();
        var config = model.Config with { Adapter = new() { Type = AdapterKind.Lora, Rank = 2 } };
        var folder = Path.Combine(model.Root, "adapter");
        var learned = new Dictionary<string, float[]>(StringComparer.Ordinal);
        using (var policy = RunAdapter.Load(config))
        {
            Assert.AreEqual(24, policy.Positions);
            for (var i = 0; i < policy.Trainable.Count; i++)
            {
                Seeds.Normal(3, i, policy.Trainable[i].Buffer.Span);
                learned[policy.Trainable[i].Name] = policy.Trainable[i].Buffer.Span.ToArray();
            }
            RunAdapter.Write(folder, policy, config.Model);
        }
        using var again = RunAdapter.Load(config with { Adapter = config.Adapter with { Path = folder } });
        Assert.HasCount(learned.Count, again.Trainable);
        foreach (var parameter in again.Trainable)
            CollectionAssert.AreEqual(learned[parameter.Name], parameter.Buffer.Span.ToArray(), parameter.Name);
        using var checkpoint = HuggingFaceCheckpoint.Open(model.Folder);
        StringAssert.StartsWith(
            Assert.ThrowsExactly<InputException>(() => RunAdapter.Applied(
                config with { Adapter = config.Adapter with { Targets = ["no_proj"] } }, checkpoint.Spec)).Message,
            "adapter: the target 'no_proj' names no projection of the model's layers. There are: all-linear, ");
    }

    [TestMethod]
    public void Peft_WrittenAndReadAgain_IsTheSame()
    {
        using var golden = new GoldenAdapter(1);
        using var policy = golden.Load();
        var folder = Path.Combine(golden.Root, "again");
        RunAdapter.Write(folder, policy, golden.Model);
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, PeftFolder.ConfigFile)))!;
        Assert.AreEqual("LORA", config["peft_type"]!.GetValue<string>());
        Assert.AreEqual(
            (3, 2.0, true),
            (config["r"]!.GetValue<int>(), config["lora_alpha"]!.GetValue<double>(), config["use_rslora"]!.GetValue<bool>()));
        CollectionAssert.AreEqual(new[] { "v_proj", "down_proj" }, config["target_modules"].Deserialize<string[]>());
        using var again = golden.Load(folder);
        Assert.AreEqual(policy.Hash(), again.Hash());
        using var bytes = SafeTensorsFile.Open(Path.Combine(folder, PeftFolder.WeightsFile));
        CollectionAssert.AreEquivalent(golden.Case["adapter"]!.AsObject().Select(t => t.Key).ToArray(), bytes.Tensors.Keys.ToArray());
    }

    [TestMethod]
    [DataRow("use_dora", "true", "DoRA")]
    [DataRow("bias", "\"all\"", "bias is all")]
    [DataRow("modules_to_save", "[\"lm_head\"]", "modules_to_save")]
    [DataRow("rank_pattern", "{\"q_proj\":4}", "rank_pattern")]
    [DataRow("layers_to_transform", "[0]", "layers_to_transform")]
    [DataRow("peft_type", "\"VERA\"", "peft_type is VERA")]
    [DataRow("target_modules", "\".*proj\"", "regular expression")]
    [DataRow("target_modules", "[\"v_proj\"]", "belongs to no module")]
    [DataRow("target_modules", "[\"v_proj\",\"down_proj\",\"c_attn\"]", "'c_attn' names no projection")]
    [DataRow("r", "4", "is [3, 8]")]
    [DataRow("r", "0", "rank is 0")]
    [DataRow("lora_alpha", "0", "alpha is 0")]
    [DataRow("something_new", "1", "something_new")]
    public void Peft_SettingsThatChangeTheMathematics_AreNamed(string key, string value, string part)
    {
        using var golden = new GoldenAdapter(1);
        var path = Path.Combine(golden.Folder, PeftFolder.ConfigFile);
        var config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        config[key] = JsonNode.Parse(value);
        File.WriteAllText(path, config.ToJsonString());
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => golden.Load()).Message, part);
    }

    [TestMethod]
    public void Peft_TensorThatIsMissingOrNotFinite_IsNamed()
    {
        using var golden = new GoldenAdapter(1);
        golden.WriteWeights(name => !name.Contains("down_proj.lora_B", StringComparison.Ordinal), float.NaN);
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => golden.Load()).Message,
            "there is no tensor 'base_model.model.model.layers.0.mlp.down_proj.lora_B.weight'");
        File.WriteAllText(Path.Combine(golden.Folder, PeftFolder.WeightsFile), "no safetensors");
        Assert.ThrowsExactly<InputException>(() => golden.Load());
    }

    [TestMethod]
    public void OnnxAdapter_LoadedByTheStockRuntime_GivesWhatThePolicyGives()
    {
        using var golden = new GoldenAdapter(0);
        using var policy = golden.Load();
        var path = Path.Combine(golden.Root, "mine" + OnnxAdapterFile.Extension);
        var weights = policy.Trainable.ToDictionary(p => p.Name, StringComparer.Ordinal);
        OnnxAdapterFile.Write(path, policy.Spec, name => weights[name].Buffer.Span);
        Assert.ThrowsExactly<InputException>(() => OnnxAdapterFile.Write(path, policy.Spec, name => weights[name].Buffer.Span));

        // The graph gets everything but the adapter by name; that comes from the file, through the runtime's own reader.
        var tokens = golden.Case["tokens"].Deserialize<int[]>()!;
        long[] row = [1, tokens.Length], count = [tokens.Length - 1];
        using var session = new InferenceSession(OnnxFile.ToBytes(DecoderGraph.Score(policy.Spec)));
        using var adapter = OrtLoraAdapter.Create(path, null);
        using var options = new RunOptions();
        options.AddActiveLoraAdapter(adapter);
        var inputs = policy.Parameters.Except(policy.Trainable)
            .Concat(policy.Tables)
            .ToDictionary(p => p.Name, p => p.Value, StringComparer.Ordinal);
        inputs["input_ids"] = OrtValue.CreateTensorValueFromMemory(tokens.Select(t => (long)t).ToArray(), row);
        inputs["attention_mask"] = OrtValue.CreateTensorValueFromMemory(tokens.Select(_ => 1L).ToArray(), row);
        inputs["position_ids"] = OrtValue.CreateTensorValueFromMemory(tokens.Select((_, i) => (long)i).ToArray(), row);
        inputs["rows"] = OrtValue.CreateTensorValueFromMemory(tokens[1..].Select((_, i) => (long)i).ToArray(), count);
        inputs["targets"] = OrtValue.CreateTensorValueFromMemory(tokens[1..].Select(t => (long)t).ToArray(), count);
        inputs["inverse_temperature"] = OrtValue.CreateTensorValueFromMemory(new[] { 1f }, []);
        using var outputs = session.Run(options, inputs, ["log_probs"]);
        var expected = golden.Case["log_probs"].Deserialize<double[]>()!;
        var actual = outputs[0].GetTensorDataAsSpan<float>();
        for (var i = 0; i < expected.Length; i++)
            Assert.AreEqual(expected[i], actual[i], Tolerances.LogProbs, $"token {i}");
    }

    private static float[] Score(Policy policy, int[] tokens)
    {
        using var scorer = new Scorer(policy.Spec, threads: 1);
        return scorer.Score(policy, [new(tokens[..1], tokens[1..])], temperature: 1, maxTokens: 64)[0].LogProbs;
    }

    /// <summary>A case of tests/fixtures/lora.json as files.</summary>
    private sealed class GoldenAdapter : IDisposable
    {
        public GoldenAdapter(int index)
        {
            var fixture = JsonNode.Parse(File.ReadAllText(SharedFolder.InRepository("tests", "fixtures", "lora.json")))!;
            Case = fixture["cases"]![index]!;
            int Size(string name) => fixture["sizes"]![name]!.GetValue<int>();
            var spec = new DecoderSpec
            {
                Architecture = "LlamaForCausalLM",
                ModelType = "llama",
                VocabularySize = Size("vocab"),
                HiddenSize = Size("hidden"),
                IntermediateSize = Size("intermediate"),
                Layers = 1,
                Heads = Size("heads"),
                KeyValueHeads = Size("kv_heads"),
                HeadDimension = Size("head_dim"),
                NormEpsilon = fixture["sizes"]!["eps"]!.GetValue<double>(),
                MaxPositions = 32,
                Rope = new RopeSpec { Theta = fixture["sizes"]!["theta"]!.GetValue<double>() },
                TieEmbeddings = false,
            };
            HuggingFaceCheckpoint.Create(Model, spec, name => Numbers(fixture["model"]![name]!));
            Directory.CreateDirectory(Folder);
            File.WriteAllText(Path.Combine(Folder, PeftFolder.ConfigFile), Case["adapter_config"]!.ToJsonString());
            WriteWeights(_ => true);
        }

        public string Root { get; } = Directory.CreateTempSubdirectory("g2rl-adapter-").FullName;

        public string Model => Path.Combine(Root, "model");

        public string Folder => Path.Combine(Root, "adapter");

        public JsonNode Case { get; }

        public void WriteWeights(Func<string, bool> kept, float? first = null)
        {
            SafeTensorsWriter.Write(
                Path.Combine(Folder, PeftFolder.WeightsFile),
                [.. Case["adapter"]!.AsObject().Where(t => kept(t.Key)).Select(t => new TensorToWrite(
                    t.Key,
                    SafeTensorsDtype.F32,
                    [t.Value!.AsArray().Count, t.Value![0]!.AsArray().Count],
                    stream =>
                    {
                        var numbers = Numbers(t.Value!);
                        numbers[0] = first ?? numbers[0];
                        stream.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes(numbers.AsSpan()));
                    }))]);
        }

        public Policy Load(string? folder = null)
        {
            using var checkpoint = HuggingFaceCheckpoint.Open(Model);
            return RunAdapter.Load(Model, 16, checkpoint.Spec, folder ?? Folder);
        }

        public void Dispose() => Directory.Delete(Root, recursive: true);

        private static float[] Numbers(JsonNode node) =>
            node is JsonArray array ? [.. array.SelectMany(n => Numbers(n!))] : [node.GetValue<float>()];
    }
}
