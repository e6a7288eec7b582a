using System.Text;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Cli.Tests;

/// <summary>
/// Wrong input ends with exit code 2 and a message that names the thing, its value, the rule and the way out; and leaves no run folder
/// behind.
/// </summary>
[TestClass]
public sealed class BadInputTests
{
    [TestMethod]
    public void Model_MissingWeights_NamesTheFile() => Refuses(tiny => File.Delete(Weights(tiny)), "model.safetensors");

    [TestMethod]
    public void Model_TruncatedWeights_SaysSo() =>
        Refuses(tiny => File.WriteAllBytes(Weights(tiny), File.ReadAllBytes(Weights(tiny))[..^100]), "model.safetensors", "runcated");

    [TestMethod]
    public void Model_ShapeMismatch_NamesTensorAndBothShapes() => Refuses(
        tiny => Edit(tiny, config => config["intermediate_size"] = 20),
        "tensor 'model.layers.0.mlp.up_proj.weight' is [24, 16]; config.json implies [20, 16]",
        "do not belong together");

    [TestMethod]
    public void Model_NaNWeight_NamesTensorAndPlace() => Refuses(
        tiny =>
        {
            var bytes = File.ReadAllBytes(Weights(tiny));
            var header = BitConverter.ToInt64(bytes);
            var tensor = JsonNode.Parse(Encoding.UTF8.GetString(bytes, 8, (int)header))!["model.layers.1.mlp.down_proj.weight"]!;
            // The second number of the second row of [16, 24].
            BitConverter.GetBytes(float.NaN)
                .CopyTo(bytes, 8 + header + tensor["data_offsets"]![0]!.GetValue<long>() + (25 * sizeof(float)));
            File.WriteAllBytes(Weights(tiny), bytes);
        },
        "tensor 'model.layers.1.mlp.down_proj.weight' is NaN at [1, 1]", "weights must be finite");

    [TestMethod]
    public void Model_UnknownArchitecture_NamesIt() => Refuses(
        tiny => Edit(tiny, config => (config["architectures"], config["model_type"]) =
            (new JsonArray("GrandioseForCausalLM"), "grandiose")), "GrandioseForCausalLM", "Qwen3ForCausalLM");

    [TestMethod]
    public void Model_UnknownKeyThatChangesTheMathematics_NamesIt() =>
        Refuses(tiny => Edit(tiny, config => config["logit_softcapping"] = 30.0), "logit_softcapping");

    [TestMethod]
    public void Model_NotThere_NamesTheFolder() => Refuses(tiny => Directory.Delete(tiny.Model, recursive: true), "is not a folder");

    [TestMethod]
    public void Tokenizer_WithoutAStopToken_NamesIt() => Refuses(
        tiny => Set(tiny, "sampling", "stopTokens", new JsonArray("<stop>")),
        "sampling.stopTokens names '<stop>'",
        "does not have");

    [TestMethod]
    public void Tokenizer_WithoutACharacterOfAPrompt_NamesIt() => Refuses(
        tiny => Set(
            tiny,
            "problems",
            "settings",
            new JsonObject { ["train"] = tiny.Problems, ["heldOutFraction"] = 0.5, ["template"] = "sum {prompt}" }), "'s'");

    [TestMethod]
    public void Problems_MalformedRow_NamesItsLine() => Refuses(
        tiny =>
        {
            var lines = File.ReadAllLines(tiny.Problems);
            lines[6] = "{\"prompt\": \"1+1=\", ";
            File.WriteAllLines(tiny.Problems, lines);
        },
        "problems.jsonl:7 is not JSON");

    [TestMethod]
    public void Problems_RowWithoutAnswer_NamesLineAndField() => Refuses(
        tiny => File.AppendAllText(tiny.Problems, """{"prompt": "1+1=", "result": "2"}"""),
        "problems.jsonl:41 has no field 'answer'",
        "prompt, result");

    [TestMethod]
    public void Sampling_GroupOfOne_SaysWhy() =>
        Refuses(tiny => Set(tiny, "sampling", "groupSize", 1), "sampling.groupSize is 1; a group-relative advantage needs at least 2.");

    [TestMethod]
    public void Sampling_LongerThanThePositions_GivesTheSum() =>
        Refuses(tiny => Set(tiny, "sampling", "maxNewTokens", 60), "12 + sampling.maxNewTokens 60 = 72", "has 64 positions");

    [TestMethod]
    public void Sampling_PromptLongerThanAllowed_NamesTheProblem() =>
        Refuses(tiny => Set(tiny, "sampling", "maxPromptTokens", 3), "problems.jsonl:", "more than sampling.maxPromptTokens (3) tokens");

    [TestMethod]
    public void Device_ThatThisBuildCannotDrive_SaysWhichBuildCan() => Refuses(
        tiny => Set(tiny, "execution", "device", "cuda:0"),
        "execution.device is cuda:0; this build works on the CPU alone",
        "-p:Flavor=cuda",
        "execution.device=cpu");

    [TestMethod]
    [DataRow("[cuda:0, cuda:1]", "cpu", "execution.device is cuda:0; this build works on the CPU alone")]
    [DataRow("[cuda:0, cuda:0]", "cpu", "execution.devices is [cuda:0, cuda:0]; each must be cuda:N with the index of a GPU, named once.")]
    [DataRow("[cpu]", "cpu", "execution.devices is [cpu]; each must be cuda:N")]
    [DataRow("cuda:0", "cpu", "execution.devices is \"cuda:0\"")]
    [DataRow("[cuda:0,cuda:1]", "cuda:1",
        "execution.device is cuda:1; with execution.devices it must be the first of them, cuda:0, or left alone.")]
    public void Devices_ThatCannotBe_SayWhy(string devices, string device, string message)
    {
        using var tiny = new TinyRun();
        G2rlProcess.Call(
            ["export-and-train", "--config", tiny.Config, "--set", $"execution.devices={devices}", "--set", $"execution.device={device}"])
            .Refuses(message);
    }

    [TestMethod]
    public void DryRun_OfHeadsThatOurKernelsDoNotCompute_NamesThemWithoutWeights()
    {
        using var tiny = new TinyRun();
        Edit(tiny, config => config["head_dim"] = 256);
        File.Delete(Weights(tiny));
        G2rlProcess.Call("export-and-train", "--config", tiny.Config, "--dry-run", "--set", "execution.device=cuda:0", "--set",
                "execution.precision=bfloat16", "--set", "execution.kernels=fused")
            .Refuses("execution.kernels is fused", "on cuda:0: a head is 256 wide; they take multiples of 8 up to 128",
                "Leave execution.kernels at auto");
    }

    [TestMethod]
    public void DryRun_OfInt8MomentsOnADevice_SaysWhatThereIs()
    {
        using var tiny = new TinyRun();
        G2rlProcess.Call("export-and-train", "--config", tiny.Config, "--dry-run", "--set", "execution.device=cuda:0", "--set",
            "training.optimizer.moments=int8").Refuses("training.optimizer.moments is Int8", "on a GPU bFloat16");
    }

    [TestMethod]
    public void Device_WithoutAnIndex_SaysWhatThereIs() =>
        Refuses(tiny => Set(tiny, "execution", "device", "cuda"), "execution.device is 'cuda'; it must be cpu, or cuda:N");

    [TestMethod]
    public void Config_SeveralFaults_AreReportedAtOnce() => Refuses(
        tiny =>
        {
            Set(tiny, "sampling", "temperature", -1);
            Set(tiny, "training", "learningRate", 0);
        },
        "sampling.temperature is -1; it must lie in [1e-6, 1e6].", "training.learningRate is 0; it must be above 0 and finite.");

    [TestMethod]
    public void Config_UnknownKey_SuggestsTheNearest() =>
        Refuses(tiny => Set(tiny, "sampling", "groupsize", 4), "there is no setting 'sampling.groupsize'. Nearest: sampling.groupSize");

    [TestMethod]
    public void Config_UnknownKeyOfTheProblemSet_NamesIt() =>
        Refuses(tiny => Set(tiny, "problems", "settings", new JsonObject { ["train"] = tiny.Problems, ["heldout"] = "x" }), "heldout");

    [TestMethod]
    public void Config_ValueOfAnotherKind_ShowsValueAndRule()
    {
        Refuses(tiny => Set(tiny, "sampling", "groupSize", "many"), "sampling.groupSize is \"many\"", "16");
        Refuses(
            tiny => Set(tiny, "algorithm", "shaping", "wild"),
            "algorithm.shaping is \"wild\"; it must be one of: literal, prose, multiplicative, shuffled.");
        Refuses(tiny => Set(tiny, "sampling", "stopStrings", new JsonArray((JsonNode?)null)), "sampling.stopStrings");
    }

    [TestMethod]
    public void Config_InvalidJson_GivesTheLine() => Refuses(
        tiny => File.WriteAllText(tiny.Config, "{\n  \"steps\": 5,\n  \"seed\" 1\n}"),
        "config.json, line 3, column ",
        "is not valid JSON");

    [TestMethod]
    public void Config_SameKeyTwice_NamesIt() =>
        Refuses(tiny => File.WriteAllText(tiny.Config, """{"steps": 5, "steps": 6}"""), "config.json", "steps");

    [TestMethod]
    public void Config_NotThere_NamesTheFile() => Refuses(tiny => File.Delete(tiny.Config), "config.json cannot be read");

    [TestMethod]
    public void Set_UnknownName_SuggestsTheNearest()
    {
        using var tiny = new TinyRun();
        G2rlProcess.Call(tiny.Train(tiny.Folder("run"), "--set", "sampling.grupSize=4"))
            .Refuses("there is no setting 'sampling.grupSize'. Nearest: sampling.groupSize");
        G2rlProcess.Call(tiny.Train(tiny.Folder("run"), "--set", "steps")).Refuses("--set steps: write it as name=value");
        Assert.IsFalse(Directory.Exists(tiny.Folder("run")));
    }

    [TestMethod]
    public void Set_TextThatLooksLikeANumber_IsAText()
    {
        using var tiny = new TinyRun();
        Assert.Contains(
            "\"name\": \"2026\"",
            G2rlProcess.Call("export-and-train", "--config", tiny.Config, "--dry-run", "--set", "name=2026").Exits(0).Output);
    }

    [TestMethod]
    public void Run_FolderThatIsAFile_IsRefused()
    {
        using var tiny = new TinyRun();
        File.WriteAllText(tiny.Folder("file"), "");
        G2rlProcess.Call(tiny.Train(tiny.Folder("file"))).Refuses("run folder", tiny.Folder("file"));
        G2rlProcess.Call("export-and-train", "--config", tiny.Config, "--set", $"output={tiny.Folder("file")}")
            .Refuses("run folder", tiny.Folder("file"), "--set output=FOLDER");
    }

    [TestMethod]
    public void Run_FolderWithOtherThings_IsRefused()
    {
        using var tiny = new TinyRun();
        Directory.CreateDirectory(tiny.Folder("taken"));
        File.WriteAllText(Path.Combine(tiny.Folder("taken"), "notes.txt"), "");
        G2rlProcess.Call(tiny.Train(tiny.Folder("taken"))).Refuses("is not empty (it holds notes.txt)");
    }

    [TestMethod]
    public void CommandLine_UnknownOption_ExitsWith2AndPointsToHelp()
    {
        var result = G2rlProcess.Run("export-and-train", "--stepz", "5");
        result.Refuses("--stepz", "g2rl export-and-train --help");
        Assert.AreEqual("", result.Output);
        G2rlProcess.Call("exportandtrain").Refuses("exportandtrain", "g2rl --help");
        G2rlProcess.Call("score").Refuses("--model", "--input");
    }

    [TestMethod]
    public void Pretrain_OutputExists_IsRefused()
    {
        using var tiny = new TinyRun();
        G2rlProcess.Call("pretrain", "--output", tiny.Model).Refuses(tiny.Model, "exists; pretraining never overwrites a model");
        G2rlProcess.Call("pretrain", "--output", tiny.Folder("new"), "--resume").Refuses("there is no interrupted pretraining");
        File.WriteAllText(tiny.Folder("file"), "");
        G2rlProcess.Call("pretrain", "--output", Path.Combine(tiny.Folder("file"), "new")).Refuses("cannot be written");
    }

    private static string Weights(TinyRun tiny) => Path.Combine(tiny.Model, "model.safetensors");

    private static void Edit(TinyRun tiny, Action<JsonNode> edit)
    {
        var path = Path.Combine(tiny.Model, "config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        edit(config);
        File.WriteAllText(path, config.ToJsonString());
    }

    private static void Set(TinyRun tiny, string group, string name, JsonNode value)
    {
        var config = JsonNode.Parse(File.ReadAllText(tiny.Config))!;
        (config[group] ??= new JsonObject())[name] = value;
        File.WriteAllText(tiny.Config, config.ToJsonString());
    }

    // Breaks the input of a run that would else work.
    private static void Refuses(Action<TinyRun> harm, params string[] parts)
    {
        using var tiny = new TinyRun();
        harm(tiny);
        G2rlProcess.Call("export-and-train", "--config", tiny.Config, "--set", "steps=1").Refuses(parts);
    }
}
