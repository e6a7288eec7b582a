using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Graphs.Tests.Checkpoints;

/// <summary>Models that are something else, and models whose tensors have other names.</summary>
[TestClass]
public sealed class ForeignModelTests
{
    private const string Llama = """
        {"architectures": ["LlamaForCausalLM"], "vocab_size": 7, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
        """;

    [TestMethod]
    [DataRow("Qwen/Qwen3-0.6B", "`hf download Qwen/Qwen3-0.6B --local-dir models")]
    [DataRow("https://huggingface.co/Qwen/Qwen3-0.6B", "hf download Qwen/Qwen3-0.6B")]
    [DataRow("no-such-folder", "no-such-folder is not a folder; give one that holds config.json and model.safetensors.")]
    public void PathThatIsNotThere_IsSaid_AndAHubNameRecognised(string path, string message) => Assert.Contains(message, Refusal(path));

    [TestMethod]
    public void FolderOfSomethingElse_IsNamed()
    {
        using var folder = new TemporaryFolder();
        Case(
            "lora",
            "an adapter (LORA) of Qwen/Qwen3-0.6B, not a model",
            ("adapter_config.json", """{"peft_type": "LORA", "base_model_name_or_path": "Qwen/Qwen3-0.6B"}"""));
        Case("broken", "is an adapter, not a model", ("adapter_config.json", "{"));
        Case("run", $"its trained model is {Path.Combine(folder["run"], "model")}", ("metrics.jsonl", ""), ("config.json", "{}"));
        Case("converted", "a converted folder, of ONNX graphs", ("manifest.json", "{}"));
        Case("onnx", "ONNX graphs cannot be trained", ("config.json", Llama), ("model.onnx", ""));
        Case("gguf", "is given by its own path", ("a.gguf", "GGUF"));
        Case("old", "pytorch_model.bin is of another format", ("config.json", Llama), ("pytorch_model.bin", ""));
        Case("shards", "whose model.safetensors.index.json is missing", ("config.json", Llama), ("model-00001-of-00002.safetensors", ""));
        Case("empty", "It is empty");
        File.WriteAllText(folder["m.gguf"], "GGUF");
        Assert.Contains("m.gguf has 4 bytes; a GGUF file has at least 24", Refusal(folder["m.gguf"]));
        File.WriteAllText(folder["m.safetensors"], "");
        Assert.Contains("give its folder", Refusal(folder["m.safetensors"]));
        Directory.CreateDirectory(folder["hub"] + "/snapshots");
        Assert.Contains("the model is the folder in", Refusal(folder["hub"]));

        void Case(string name, string message, params (string Name, string Text)[] files)
        {
            Directory.CreateDirectory(folder[name]);
            foreach (var (file, text) in files)
                File.WriteAllText(Path.Combine(folder[name], file), text);
            Assert.Contains(message, Refusal(folder[name]));
        }
    }

    [TestMethod]
    [DataRow("version https://git-lfs.github.com/spec/v1\noid sha256:aaaa\nsize 1234\n", "a Git LFS pointer to 1234 bytes")]
    [DataRow("<!DOCTYPE html><html>Access to model is restricted</html>", "an HTML page")]
    public void WeightsThatAreSomethingElse_AreNamed(string content, string message)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], Llama);
        File.WriteAllText(folder["model.safetensors"], content);
        Assert.Contains(message, Refusal(folder.Path));
    }

    [TestMethod]
    [DataRow("module.", "module.")]
    [DataRow("_orig_mod.", "_orig_mod.")]
    [DataRow("module._orig_mod.", "module._orig_mod.")]
    [DataRow("language_model.", "language_model.")]
    [DataRow("base_model.model.", "base_model.model.")]
    [DataRow("model.language_", "")]
    public void WholeSetBehindAPrefix_IsRead_AndSavedUnderTheFamilysNames(string prefix, string head)
    {
        using var folder = new TemporaryFolder();
        string Renamed(string name) => (name.StartsWith("lm_head", StringComparison.Ordinal) ? head : prefix) + name;
        var spec = Write(folder.Path, Renamed);
        using (var checkpoint = HuggingFaceCheckpoint.Open(folder.Path))
        {
            var values = new float[spec.Parameters[3].Count];
            checkpoint.ReadParameter(spec.Parameters[3], values);
            Assert.AreEqual(3, values[0]);
            checkpoint.SaveAs(
                folder["saved"],
                name => Enumerable.Repeat(5f, (int)spec.Parameters.First(p => p.Name == name).Count).ToArray());
        }
        using var saved = SafeTensorsFile.Open(Path.Combine(folder["saved"], "model.safetensors"));
        CollectionAssert.AreEquivalent(spec.Parameters.Select(p => p.Name).ToArray(), saved.Tensors.Keys.ToArray());
        HuggingFaceCheckpoint.Open(folder["saved"]).Dispose();
    }

    [TestMethod]
    public void PartOfTheSetBehindAPrefix_OrOthersNames_AreRefusedWithTheNamesThatAreThere()
    {
        using var folder = new TemporaryFolder();
        Write(folder.Path, name => name.Contains("layers.1", StringComparison.Ordinal) ? name : "module." + name);
        Assert.Contains("tensor 'module.model.layers.1.input_layernorm.weight' is missing", Refusal(folder.Path));
        Assert.Contains("tensor 'model.layers.1.", Refusal(folder.Path));
        File.Delete(folder["model.safetensors"]);
        Write(folder.Path, name => name.Contains("layers.1", StringComparison.Ordinal) ? "other." + name : "module." + name);
        Assert.Contains("tensor 'other.model.layers.1.", Refusal(folder.Path));
        File.Delete(folder["model.safetensors"]);
        Write(folder.Path, name => "x" + name.Replace("embed_tokens", "emb", StringComparison.Ordinal));
        var message = Refusal(folder.Path);
        Assert.Contains("The tensors that are there: 'xlm_head.weight', 'xmodel.emb.weight'", message);
        Assert.Contains("such as 'model.embed_tokens.weight'", message);
    }

    private static DecoderSpec Write(string folder, Func<string, string> rename)
    {
        var spec = Architectures.Parse(Llama, "x");
        File.WriteAllText(Path.Combine(folder, "config.json"), Llama);
        var tensors = spec.Parameters.Select((p, i) =>
            TensorToWrite.Floats(rename(p.Name), SafeTensorsDtype.F32, p.Shape, _ => Enumerable.Repeat((float)i, (int)p.Count).ToArray()))
            .ToList();
        SafeTensorsWriter.Write(Path.Combine(folder, "model.safetensors"), tensors, null);
        return spec;
    }

    private static string Refusal(string path) => Assert.ThrowsExactly<InputException>(() => HuggingFaceCheckpoint.Open(path)).Message;
}
