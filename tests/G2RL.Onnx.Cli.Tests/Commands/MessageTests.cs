using System.Diagnostics;
using System.Text.Json.Nodes;
using G2RL.Onnx.Cuda.Diagnosis;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Cli.Tests.Commands;

/// <summary>What a new user is told when something is wrong or odd.</summary>
[TestClass]
public sealed class MessageTests
{
    [TestMethod]
    [DataRow("steps=ten", "steps is \"ten\"; it must be a whole number. It must be at least 1.", "1000000. For example --set steps=100")]
    [DataRow("training.learningRate=fast", "it must be a number. It must be above 0 and finite.", "--set training.learningRate=0.0002")]
    [DataRow("problems.chat=perhaps", "it must be true or false.", "--set problems.chat=false")]
    [DataRow("sampling.topP=[1]", "it must be a number. It must lie in (0, 1].")]
    [DataRow("algorithm.shaping=odd", "it must be one of: literal, prose")]
    [DataRow("algorithm.clipHigh=much", "it must be a number.", "--set algorithm.clipHigh=0.5")]
    [DataRow("evaluation.every=1.5", "it must be a whole number. It must be at least 0.")]
    public void Setting_OfAnotherKind_StatesRuleRangeAndExample(string set, params string[] parts) =>
        G2rlProcess.Call("export-and-train", "--dry-run", "--set", set).Refuses(parts);

    [TestMethod]
    public void Output_ThatIsAFile_IsSaidToBeOne()
    {
        using var tiny = new TinyRun();
        var file = tiny.Folder("file");
        File.WriteAllText(file, "");
        var said = G2rlProcess.Call("export-and-train", "--config", tiny.Config, "--set", $"output={file}");
        said.Refuses("it is a file, and output must be a folder", "--set output=FOLDER");
        G2rlProcess.Call(tiny.Train(file)).Refuses("it is a file, and --run must be a folder");
        Assert.AreEqual("", File.ReadAllText(file));
    }

    [TestMethod]
    public void Rows_ThatAreBroken_AreToldTogether()
    {
        using var tiny = new TinyRun();
        var input = tiny.Folder("rows.jsonl");
        File.WriteAllLines(input, Enumerable.Range(1, 30).Select(i => i == 3 ? "{\"prompt\": \"1\", \"completion\": \"2\"}" : "{}"));
        var score = G2rlProcess.Call("score", "--model", tiny.Model, "--input", input);
        score.Refuses("rows.jsonl:1:", "rows.jsonl:2:", "rows.jsonl:21:", "... and 9 more rows.");
        Assert.DoesNotContain("rows.jsonl:3:", score.Error);
        G2rlProcess.Call("sample", "--model", tiny.Model, "--input", input).Refuses("line 1:", "line 2:", "... and 9 more rows.");
    }

    // A tokenizer of another model: no command goes on with it.
    [TestMethod]
    public void Tokenizer_LargerThanTheVocabulary_IsNoticedByEveryCommand()
    {
        using var tiny = new TinyRun();
        var path = Path.Combine(tiny.Model, "tokenizer.json");
        var tokenizer = JsonNode.Parse(File.ReadAllText(path))!;
        tokenizer["model"]!["vocab"]!["#"] = 99;
        File.WriteAllText(path, tokenizer.ToJsonString());
        var input = tiny.Folder("rows.jsonl");
        File.WriteAllText(input, "{\"prompt\": \"1\", \"completion\": \"2\"}\n");
        string[][] commands =
        [
            ["doctor", "--model", tiny.Model],
            ["export-and-train", "--config", tiny.Config, "--run", tiny.Folder("run")],
            ["export-and-train", "--config", tiny.Config, "--dry-run"],
            ["evaluate", "--config", tiny.Config],
            ["sample", "--model", tiny.Model, "--prompt", "1"],
            ["score", "--model", tiny.Model, "--input", input],
            ["tokenize", "--model", tiny.Model, "--text", "1"],
            ["init", "--model", tiny.Model, "--output", tiny.Folder("new.json")],
            ["pretrain", "--model", tiny.Model, "--data", tiny.Problems, "--output", tiny.Folder("taught")],
            ["export", "--model", tiny.Model, "--output", tiny.Folder("x.gguf")],
        ];
        foreach (var command in commands)
        {
            var result = G2rlProcess.Call(command);
            Assert.AreEqual(2, result.ExitCode, string.Join(' ', command));
            result.Refuses("Tokenizer and weights do not belong together");
        }
        Assert.IsFalse(Directory.Exists(tiny.Folder("run")));
    }

    [TestMethod]
    public void Requirement_OfCuda_IsOneInDoctorAndReadme()
    {
        foreach (var page in new[] { "README.md", "docs/gpu.md" })
            Assert.Contains(CudaLibrary.Driver, File.ReadAllText(SharedFolder.InRepository(page)), page);
    }

    [TestMethod]
    public void Evaluation_WithoutAWellFormedSample_HasNoIntervalAndSaysSo()
    {
        using var tiny = new TinyRun();
        var config = tiny.Default;
        config["problems"]!["settings"]!["answer"] = "boxed";
        tiny.Write(config);
        var output = G2rlProcess.Call("evaluate", "--config", tiny.Config).Exits(0).Output;
        Assert.Contains("No sample is well-formed, so pass@1 says nothing", output);
        Assert.Contains("sampling.maxNewTokens", output);
        Assert.DoesNotContain("pass@1_low", output);
        var result = new EvaluationResult(0, 10, 4, new(0.2, 0.1, 0.3), 0.4, 0.3, 0.4, 0.5, 6, 0.9, 0, 1);
        Assert.Contains("90 % of the samples were cut off", result.Doubt!);
        Assert.IsFalse(result.SaysNothing);
        Assert.IsNull((result with { Truncated = 0.2 }).Doubt);
    }

    [TestMethod]
    public void Settings_WithoutEffect_AreWarnedOf()
    {
        using var tiny = new TinyRun();
        string Warned(params string[] sets) => G2rlProcess.Call(
            ["export-and-train", "--config", tiny.Config, "--dry-run", .. sets.SelectMany(s => new[] { "--set", s })]).Exits(0).Error;
        string[] odd = ["algorithm.lambda=2", "algorithm.passAtK=3", "adapter.rank=4", "algorithm.overlong.factor=2"];
        var words = Warned(["algorithm.name=grpo", .. odd]);
        foreach (var name in odd.Select(o => o.Replace("=", " is ")))
            Assert.Contains($"warning: {name} and has no effect: ", words);
        Assert.DoesNotContain("no effect", Warned("algorithm.lambda=2", "adapter.type=lora", "adapter.rank=4"));
    }

    // Slow at first, then even: after a tenth of the work the rest is told within 30 %.
    [TestMethod]
    public void TimeLeft_AfterASlowStart_IsThatOfTheLastSeconds()
    {
        var left = new TimeLeft();
        long At(double seconds) => (long)(seconds * Stopwatch.Frequency);
        left.StartAt(0, At(0));
        Assert.IsNull(left.At(0, At(0.2)));
        // Ten seconds of loading, then a hundredth a second.
        left.At(0, At(10));
        TimeSpan? told = null;
        for (var i = 1; i <= 40; i++)
            told = left.At(i * 0.01, At(10 + i));
        Assert.AreEqual(60, told!.Value.TotalSeconds, 6);
        var tenth = new TimeLeft();
        tenth.StartAt(0.5, At(0));
        for (var i = 1; i <= 10; i++)
            told = tenth.At(0.5 + (i * 0.005), At(i));
        Assert.AreEqual(90, told!.Value.TotalSeconds, 27);
    }

    [TestMethod]
    public void Progress_OnANarrowTerminal_StaysWithinIt()
    {
        const string Text = "12 % step 3/100, sampling, rollouts 40/256, about 3 min 10 s left";
        for (var width = 5; width < 120; width += 7)
        {
            var drawn = ProgressLine.Drawn(Text, 0.12, width).Replace(Ansi.Green, "").Replace(Ansi.Plain, "");
            Assert.IsLessThan(width, drawn.Length);
        }
        Assert.Contains("[", ProgressLine.Drawn(Text, 0.12, 120));
        var lines = ProgressLine.Wrapped("step    3/100  right 12.5 %  nu 0.500  kl 0.0012  entropy 0.812", 30).ToArray();
        Assert.IsGreaterThan(1, lines.Length);
        foreach (var line in lines)
            Assert.IsLessThanOrEqualTo(30, line.Length);
    }
}
