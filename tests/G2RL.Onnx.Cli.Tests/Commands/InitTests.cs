using G2RL.Onnx.Configuration;

namespace G2RL.Onnx.Cli.Tests.Commands;

[TestClass]
public sealed class InitTests
{
    [TestMethod]
    public void Init_OwnModelAndData_WritesACommentedConfigurationThatTrains()
    {
        using var tiny = new TinyRun();
        var config = tiny.Folder("new/g2rl.json");
        string[] command = ["init", "--model", tiny.Model, "--data", tiny.Problems, "--output", config, "--steps", "1"];
        var printed = G2rlProcess.Run(command).Exits(0).Output;
        Assert.Contains($"next: g2rl export-and-train --config {config}", printed);
        Assert.Contains("every answer is a number", printed);
        // A comment above every value.
        var lines = File.ReadAllLines(config);
        for (var i = 1; i < lines.Length; i++)
            if (lines[i].TrimStart().StartsWith('"') && !lines[i].EndsWith('{'))
                Assert.StartsWith("//", lines[i - 1].TrimStart(), lines[i]);
        var read = RunConfigFile.Load(config);
        Assert.AreEqual(1, read.Steps);
        Assert.AreEqual(tiny.Model, read.Model);
        Assert.AreEqual("jsonl", read.Problems.Set);
        G2rlProcess.Call(command).Refuses($"{config} exists", "--force");
        G2rlProcess.Call([.. command, "--force"]).Exits(0);
        G2rlProcess.Call("export-and-train", "--config", config, "--run", tiny.Folder("run"), "--set", "sampling.groupSize=4", "--set",
            "sampling.maxNewTokens=6").Exits(0);
        Assert.IsTrue(File.Exists(Path.Combine(tiny.Folder("run"), "report.html")));
    }

    [TestMethod]
    [DataRow("""{"question": "1+1=", "answer": "#### 2"}""", "\"policy\": \"gsm8k\"")]
    [DataRow("""{"problem": "1+1=", "solution": "\\boxed{2}"}""", "\"policy\": \"math\"")]
    [DataRow("""{"prompt": "1+1=", "answer": "two"}""", "\"answer\": \"whole\"")]
    [DataRow("""{"prompt": "1+1=", "answer": 0.5}""", "\"match\": \"numeric\"")]
    public void Init_AnswersOfEachKind_ChoosesHowTheyAreJudged(string row, string chosen)
    {
        using var tiny = new TinyRun();
        File.WriteAllLines(tiny.Problems, Enumerable.Range(0, 40).Select(i => row.Replace("1+1", $"{i}+1")));
        var config = tiny.Folder("g2rl.json");
        G2rlProcess.Call("init", "--model", tiny.Model, "--data", tiny.Problems, "--output", config).Exits(0);
        Assert.Contains(chosen, File.ReadAllText(config));
    }

    [TestMethod]
    public void Init_WrongInput_SaysWhatAndWritesNothing()
    {
        using var tiny = new TinyRun();
        var config = tiny.Folder("g2rl.json");
        CommandResult Init(params string[] more) => G2rlProcess.Call(["init", "--output", config, .. more]);
        Init("--model", tiny.Folder("none")).Refuses("none is not a folder");
        Init("--model", tiny.Model, "--data", tiny.Folder("none.jsonl")).Refuses("none.jsonl");
        Init("--model", tiny.Model, "--data", tiny.Problems, "--algorithm", "gprp").Refuses("there are: ", "grpo");
        File.WriteAllText(tiny.Problems, "{\"text\": \"1\"}\n{\"text\": \"2\"}\n");
        Init("--model", tiny.Model, "--data", tiny.Problems).Refuses("problems.jsonl:1", "it has text", "2");
        Assert.IsFalse(File.Exists(config));
    }
}
