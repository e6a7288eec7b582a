using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace G2RL.Onnx.Cli.Tests;

/// <summary>A tiny experiment from its file to its pages.</summary>
[TestClass]
public sealed class CompareTests
{
    [TestMethod]
    public void Compare_TinyExperiment_LeavesRowsTablesChartsAndPage()
    {
        using var tiny = new TinyRun();
        var (file, output) = (tiny.Folder("experiment.json"), tiny.Folder("out"));
        File.WriteAllText(file, Experiment(tiny, steps: 3).ToJsonString());
        var printed = G2rlProcess.Call("compare", file, "--output", output, "--json").Exits(0).Rows;
        var rows = Results(output);
        CollectionAssert.AreEqual(
            new[] { "base/before/", "base/grpo/1", "base/g2rl/1", "base/grpo/2", "base/g2rl/2" },
            rows.Select(r => $"{r["base"]}/{r["arm"]}/{r["seed"]}").ToArray());
        foreach (var row in rows)
        {
            foreach (var name in new[] { "pass@1", "maj@4", "pass@4", "well_formed", "response_length", "evaluation_seconds" })
                Assert.IsNotNull(row[name], name);
            CollectionAssert.AreEqual(
                new[] { 1.0, 0.5 },
                row["geometry"]!.AsArray().Select(g => g!["feature_temperature"]!.GetValue<double>()).ToArray());
        }
        // A run of the experiment is the run that the main job makes of the same settings, the evaluation before included, which was made
        // only once.
        var alone = tiny.Folder("alone");
        G2rlProcess.Call(tiny.Train(alone, "--set", "steps=3", "--set", "seed=2", "--set", "algorithm.name=grpo")).Exits(0);
        CollectionAssert.AreEqual(
            TinyRun.Rows(alone, "metrics.jsonl"),
            TinyRun.Rows(Path.Combine(output, "base", "grpo", "seed-2"), "metrics.jsonl"));
        CollectionAssert.AreEqual(
            TinyRun.Rows(alone, "evaluations.jsonl"),
            TinyRun.Rows(Path.Combine(output, "base", "grpo", "seed-2"), "evaluations.jsonl"));
        // The difference is that of the rows, seed by seed.
        double Pass(string arm, int seed) =>
            rows.Single(r => r["arm"]!.GetValue<string>() == arm && (int?)r["seed"] == seed)["pass@1"]!.GetValue<double>();
        var difference = printed.Single(r => r["minus"] is not null && r["metric"]!.GetValue<string>() == "pass@1");
        Assert.AreEqual(
            (Pass("g2rl", 1) - Pass("grpo", 1) + Pass("g2rl", 2) - Pass("grpo", 2)) / 2,
            difference["mean"]!.GetValue<double>(),
            1e-12);
        Assert.HasCount(4 * 3, printed.Where(r => r["reward/mean"] is not null && r["seed"] is not null).ToArray());
        Assert.IsTrue(printed[^1]["completed"]!.GetValue<bool>());
        foreach (var picture in new[] { "learning", "entropy", "cosines", "differences" })
            Assert.DoesNotContain("var(--", XDocument.Load(Path.Combine(output, "charts", $"{picture}-base.svg")).ToString());
        var page = File.ReadAllText(Path.Combine(output, "compare.html"));
        foreach (var text in new[] { "4 runs, finished", "base: pass@1", "base: maj@4", "base: geometry", "minus grpo", "chart-learning-ba"
            + "se-g2rl" })
            Assert.Contains(text, page);
        Assert.IsFalse(Regex.IsMatch(page, "<script|src=|NaN", RegexOptions.NonBacktracking));
        Assert.Contains("| base model, before |", File.ReadAllText(Path.Combine(output, "tables.md")));
    }

    [TestMethod]
    public void Compare_KilledInterruptedAndStartedAgain_EndsInTheSameResults()
    {
        using var tiny = new TinyRun();
        var (file, whole, killed) = (tiny.Folder("experiment.json"), tiny.Folder("whole"), tiny.Folder("killed"));
        File.WriteAllText(file, Experiment(tiny, steps: 60).ToJsonString());
        string[] again = ["compare", file, "--output", killed, "--parallel", "2"];
        using (var process = G2rlProcess.Start(again))
        {
            process.WaitFor(() => Steps(killed, "grpo", 1) >= 5 && Steps(killed, "g2rl", 1) >= 3);
            process.Kill();
        }
        using (var process = G2rlProcess.Start(again))
        {
            process.WaitFor(() => Steps(killed, "g2rl", 2) >= 3);
            G2rlProcess.Run(again).Refuses("Another process is at work");
            process.Send(PosixSignal.SIGTERM);
            Assert.Contains("go on with the same command", process.End().Exits(130).Error);
        }
        var finished = File.ReadAllText(Path.Combine(killed, "base", "grpo", "seed-1", "evaluations.jsonl"));
        // Another number of runs side by side, another number of threads: the same results.
        G2rlProcess.Run("compare", file, "--output", killed, "--parallel", "1").Exits(0);
        Assert.AreEqual(
            finished,
            File.ReadAllText(Path.Combine(killed, "base", "grpo", "seed-1", "evaluations.jsonl")),
            "a finished run is not evaluated again");
        G2rlProcess.Run("compare", file, "--output", whole, "--parallel", "3").Exits(0);
        CollectionAssert.AreEqual(Timeless(whole), Timeless(killed));
        Assert.AreEqual(File.ReadAllText(Path.Combine(whole, "tables.md")), File.ReadAllText(Path.Combine(killed, "tables.md")));
        var third = G2rlProcess.Call("compare", file, "--output", killed).Exits(0);
        Assert.Contains("4 runs, 4 of them finished before", third.Output);
    }

    [TestMethod]
    public void Compare_WrongInput_IsRefused()
    {
        using var tiny = new TinyRun();
        var (file, output) = (tiny.Folder("experiment.json"), tiny.Folder("out"));
        G2rlProcess.Call("compare", file).Refuses("experiment.json cannot be read");
        var experiment = Experiment(tiny, steps: 1);
        File.WriteAllText(file, experiment.ToJsonString());
        G2rlProcess.Call("compare", file, "--parallel", "-1").Refuses("--parallel is -1");
        G2rlProcess.Call("compare", file, "--output", output, "--pages-only").Refuses("holds no experiment");
        G2rlProcess.Call("compare", file, "--output", output).Exits(0);
        Assert.Contains("base: pass@1", G2rlProcess.Call("compare", file, "--output", output, "--pages-only").Exits(0).Output);
        // Runs of other settings are not mixed in.
        experiment["run"]!["training"]!["learningRate"] = 0.5;
        File.WriteAllText(file, experiment.ToJsonString());
        G2rlProcess.Call("compare", file, "--output", output).Refuses(
            Path.Combine("base", "grpo", "seed-1") + " was begun with other settings: training.learningRate: 0.01 -> 0.5",
            Path.Combine("base", "g2rl", "seed-2") + " was begun");
        experiment["bases"] =
            new JsonArray(new JsonObject { ["name"] = "gone", ["settings"] = new JsonObject { ["model"] = tiny.Folder("nothing") } });
        File.WriteAllText(file, experiment.ToJsonString());
        G2rlProcess.Call("compare", file, "--output", tiny.Folder("other")).Refuses("nothing");
    }

    [TestMethod]
    public void Compare_DivergedRun_IsNamedAndTheOthersAreCompared()
    {
        using var tiny = new TinyRun();
        var (file, output) = (tiny.Folder("experiment.json"), tiny.Folder("out"));
        var experiment = Experiment(tiny, steps: 2);
        experiment["arms"]!.AsArray().Add(new JsonObject
        {
            ["name"] = "wild",
            ["settings"] = new JsonObject { ["training"] = new JsonObject { ["learningRate"] = 1e30 } },
        });
        File.WriteAllText(file, experiment.ToJsonString());
        var result = G2rlProcess.Call("compare", file, "--output", output).Exits(1);
        Assert.Contains("base / wild / seed 1 diverged: Step ", result.Error);
        Assert.HasCount(5, Results(output));
    }

    [TestMethod]
    public void Geometry_TinyModel_IsThatOfTheExperiment()
    {
        using var tiny = new TinyRun();
        var (file, output) = (tiny.Folder("experiment.json"), tiny.Folder("out"));
        File.WriteAllText(file, Experiment(tiny, steps: 1).ToJsonString());
        G2rlProcess.Call("compare", file, "--output", output).Exits(0);
        var rows = G2rlProcess.Call("geometry", "--config", tiny.Config, "--problems", "6", "--samples", "4", "--temperature", "0.5",
            "--json").Exits(0).Rows;
        var before = Results(output)[0]["geometry"]!.AsArray();
        for (var t = 0; t < 2; t++)
            foreach (var name in new[] { "feature_temperature", "cosine_mean", "cosine_negative_share", "cosine_small_share", "semantic_co"
                + "sine_mean", "histogram" })
                Assert.AreEqual(before[t]![name]!.ToJsonString(), rows[t][name]!.ToJsonString(), name);
        Assert.Contains("cosine_mean", G2rlProcess.Call("geometry", "--config", tiny.Config, "--problems", "3").Exits(0).Output);
        G2rlProcess.Call("geometry", "--config", tiny.Config, "--samples", "1").Refuses("geometry.samples is 1");
    }

    private static JsonObject Experiment(TinyRun tiny, int steps)
    {
        var run = tiny.Default;
        run.Remove("output");
        run["steps"] = steps;
        JsonObject Arm(string name) => new()
        {
            ["name"] = name,
            ["settings"] = new JsonObject { ["algorithm"] = new JsonObject { ["name"] = name } },
        };
        return new()
        {
            ["name"] = "tiny",
            ["run"] = run,
            ["arms"] = new JsonArray(Arm("grpo"), Arm("g2rl")),
            ["seeds"] = new JsonArray(1, 2),
            ["geometry"] = new JsonObject { ["problems"] = 6, ["samples"] = 4, ["otherTemperatures"] = new JsonArray(0.5) },
        };
    }

    private static JsonObject[] Results(string output) => [.. File.ReadAllLines(Path.Combine(output, "results.jsonl"))
        .Select(l => JsonNode.Parse(l)!.AsObject())];

    private static string[] Timeless(string output) => [.. Results(output).Select(row =>
    {
        foreach (var name in new[] { "training_seconds", "evaluation_seconds" })
            row.Remove(name);
        return row.ToJsonString();
    })];

    private static int Steps(string output, string arm, int seed) =>
        Path.Combine(output, "base", arm, $"seed-{seed}", "metrics.jsonl") is var log && File.Exists(log) ? File.ReadLines(log).Count() : 0;
}
