using System.Text.Json.Nodes;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Resuming;

namespace G2RL.Onnx.Tests;

/// <summary>What is read from the folder of a run, and what resuming notes there.</summary>
[TestClass]
public sealed class RunLogsTests
{
    private readonly string folder = Directory.CreateTempSubdirectory("g2rl-logs").FullName;

    [TestCleanup]
    public void Clean() => Directory.Delete(folder, recursive: true);

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(folder, name), text);

    [TestMethod]
    public void Read_RowsOfAStep_TheLastOneCountsInTheirOrder()
    {
        Write("config.json", """{ /* remark */ "steps": 12, }""");
        Write("environment.json", """{"os": "here"}""");
        Write("metrics.jsonl", "{\"step\":2,\"a\":1}\n{\"step\":1,\"a\":2}\n{\"step\":2,\"a\":3}\n{\"a\":4}\n");
        Write("evaluations.jsonl", "{\"step\":0,\"b\":1}\n");
        var logs = RunLogs.Read(folder);
        Assert.AreEqual(12, logs.PlannedSteps);
        Assert.AreEqual("here", RunLogs.Text(logs.Environment!, "os"));
        CollectionAssert.AreEqual(new double?[] { 2, 3 }, logs.Metrics.Select(m => RunLogs.Number(m, "a")).ToArray());
        Assert.HasCount(1, logs.Evaluations);
        Assert.IsEmpty(logs.FirstRollouts);
        Assert.IsEmpty(logs.LastRollouts);
    }

    [TestMethod]
    public void Read_RolloutsOfSeveralSteps_AreTheFirstAndTheLast()
    {
        Write("config.json", "{}");
        Directory.CreateDirectory(Path.Combine(folder, "rollouts"));
        foreach (var step in (int[])[1, 3, 5])
            Write($"rollouts/step-00000{step}.jsonl", $$"""{"step":{{step}},"text":"of {{step}}"}""" + "\n");
        var logs = RunLogs.Read(folder);
        Assert.AreEqual("of 1", RunLogs.Text(logs.FirstRollouts.Single(), "text"));
        Assert.AreEqual("of 5", RunLogs.Text(logs.LastRollouts.Single(), "text"));
    }

    [TestMethod]
    [DataRow(double.NaN)]
    [DataRow(double.PositiveInfinity)]
    public void Set_NoNumber_IsRefusedByName(double value)
    {
        var metrics = new StepMetrics(1);
        Assert.AreEqual($"x is {value}.", Assert.ThrowsExactly<NonFiniteException>(() => metrics.Set("x", value)).Message);
        Assert.IsEmpty(metrics.Values);
    }

    [TestMethod]
    public void Read_NoRun_IsRefused()
    {
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => RunLogs.Read(folder)).Message, "holds no run");
        foreach (var text in (string[])["[]", "{", "5"])
        {
            Write("config.json", text);
            StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => RunLogs.Read(folder)).Message, "no JSON object");
        }
        Write("config.json", "{}");
        Assert.AreEqual(0, RunLogs.Read(folder).PlannedSteps);
        Assert.IsNull(RunLogs.Read(folder).Environment);
    }

    [TestMethod]
    public void Number_AndText_AreOfTheirKindAlone()
    {
        var row = JsonNode.Parse("""{"a": 1.5, "b": "x", "c": null, "d": 1e999, "e": "\ud800"}""")!.AsObject();
        Assert.AreEqual(1.5, RunLogs.Number(row, "a"));
        Assert.AreEqual(5e9, RunLogs.Number(JsonValue.Create(5_000_000_000L)));
        foreach (var name in (string[])["b", "c", "d", "f"])
            Assert.IsNull(RunLogs.Number(row, name), name);
        Assert.AreEqual("x", RunLogs.Text(row, "b"));
        foreach (var name in (string[])["a", "c", "e", "f"])
            Assert.AreEqual("", RunLogs.Text(row, name), name);
    }

    [TestMethod]
    public void Changes_AreAppendedAndFoundAgain()
    {
        RunChanges.Append(folder, 1, [], [], []);
        Assert.IsFalse(File.Exists(Path.Combine(folder, RunChanges.FileName)));
        RunChanges.Append(folder, 3, [new("steps", "5", "9")], [new("build", "\"a\"", "\"b\"")], ["data (1 -> 2)"]);
        RunChanges.Append(folder, 5, [new("steps", "9", "(none)"), new("seed", "0", "1")], [], []);
        RunChanges.Append(folder, 6, [], [new("build", "\"b\"", "\"c\"")], []);
        RunChanges.Append(folder, 7, [], [], ["data (2 -> 3)"]);
        RunChanges.Append(folder, 8, [new("name", "\"a\"", "\"b\"")], [], ["data (3 -> 4)"]);
        CollectionAssert.AreEqual(
            new[]
            {
                """{"step":3,"settings":{"steps":[5,9]},"environment":{"build":["a","b"]},"inputs":["data (1 -> 2)"]}""",
                """{"step":5,"settings":{"steps":[9,null],"seed":[0,1]}}""",
                """{"step":6,"environment":{"build":["b","c"]}}""",
                """{"step":7,"inputs":["data (2 -> 3)"]}""",
                """{"step":8,"settings":{"name":["a","b"]},"inputs":["data (3 -> 4)"]}""",
            },
            File.ReadAllLines(Path.Combine(folder, RunChanges.FileName)).Select(l => JsonNode.Parse(l)!.ToJsonString())
                .Select(l => l.Replace("\\u003E", ">")).ToArray());
        Assert.AreEqual(5, RunChanges.LastOf(folder, "steps"));
        Assert.AreEqual(5, RunChanges.LastOf(folder, "seed"));
        Assert.AreEqual(0, RunChanges.LastOf(folder, "model"));
        var environment = RunChanges.Environment(folder, new() { ["build"] = "a", ["os"] = "here" });
        Assert.AreEqual("""{"build":"c","os":"here"}""", environment.ToJsonString());
    }
}
