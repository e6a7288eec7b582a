using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Tests.Resuming;

/// <summary>What may change when a run goes on, may because every step that is done would have been the same.</summary>
[TestClass]
public sealed class ResumeSettingsTests
{
    [TestMethod]
    public void Names_OfTheTable_AreSettings()
    {
        var settings = ConfigSettings.Flat(RunConfigFile.ToNode(new RunConfig())).Keys;
        foreach (var name in ResumableSettings.Names)
            Assert.IsTrue(settings.Any(s => name.EndsWith('*') ? s.StartsWith(name[..^1], StringComparison.Ordinal) : s == name), name);
    }

    // The claim behind the table, but for the settings that only round differently: with any of them from the start the weights are the
    // same.
    [TestMethod]
    public void Train_WithAnyOfThemFromTheStart_GivesTheSameWeights()
    {
        using var model = new TinyModel();
        var config = model.Config;
        var expected = Train(config, Path.Combine(model.Root, "a"));
        RunConfig[] others =
        [
            config with { Sampling = config.Sampling with { MaxPromptTokens = 40 } },
            config with { Logging = new() { RolloutsEvery = 1 }, Evaluation = new() { Problems = 3, Samples = 1, Every = 1, Seed = 5 } },
            config with { Execution = config.Execution with { Threads = config.Execution.Threads == 1 ? 2 : 1 } },
            config with { Training = config.Training with { CheckpointEvery = 7, KeepCheckpoints = 1 } },
            config with { Problems = new() { TooLong = Problems.Prompts.TooLong.Skip } },
        ];
        for (var i = 0; i < others.Length; i++)
            Assert.AreEqual(expected, Train(others[i], Path.Combine(model.Root, $"b{i}")), $"{i}");
    }

    [TestMethod]
    public void Resume_MoreStepsOfACompleteRun_EqualsTheLongerRun()
    {
        using var model = new TinyModel();
        var (whole, cut) = (Path.Combine(model.Root, "whole"), Path.Combine(model.Root, "cut"));
        var longer = model.Config with { Steps = 5 };
        var expected = Train(longer, whole);
        Train(model.Config, cut);
        // What the command exports.
        Directory.CreateDirectory(Path.Combine(cut, "model"));
        var asked = longer with { Logging = new() { RolloutsEvery = 3 }, Name = "elsewhere" };
        var words = new List<string>();
        Assert.AreEqual(expected, Resume(cut, asked, words));
        CollectionAssert.AreEqual(Rows(whole), Rows(cut));
        StringAssert.Contains(words[0], "from step 4 on logging.rolloutsEvery: 10 -> 3.");
        StringAssert.Contains(words[1], "from step 4 on steps: 3 -> 5.");
        StringAssert.Contains(words[2], "model-000003");
        Assert.IsTrue(Directory.Exists(Path.Combine(cut, "model-000003")));
        // Recorded, and from now on the run's own.
        Assert.AreEqual(
            """{"step":3,"settings":{"logging.rolloutsEvery":[10,3],"steps":[3,5]}}""",
            File.ReadAllText(Path.Combine(cut, "changes.jsonl")).Trim());
        using var again = RunDirectory.Resume(cut, null);
        Assert.AreEqual((5, 3, "run"), (again.Config.Steps, again.Config.Logging.RolloutsEvery, again.Config.Name));
    }

    [TestMethod]
    public void Resume_StepsUnderASchedule_SaysWhatTheyDoToTheRates()
    {
        using var model = new TinyModel();
        var config =
            model.Config with { Steps = 2, Training = model.Config.Training with { Schedule = new() { Kind = ScheduleKind.Cosine } } };
        var folder = Path.Combine(model.Root, "run");
        Train(config, folder);
        var words = new List<string>();
        Resume(folder, config with { Steps = 3 }, words);
        StringAssert.Contains(words.Single(), "training.schedule follows the new number of steps from here on");
    }

    [TestMethod]
    public void Resume_WhatWouldChangeStepsThatAreDone_IsRefusedAndNothingWritten()
    {
        using var model = new TinyModel();
        var folder = Path.Combine(model.Root, "run");
        Train(model.Config, folder);
        var before = File.ReadAllText(Path.Combine(folder, "config.json"));
        void Refuses(RunConfig asked, string what) =>
            StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => RunDirectory.Resume(folder, asked)).Message, what);
        Refuses(
            model.Config with { Seed = 1 },
            "seed: 0 -> 1. Resume with the same one, or start a new run. When a run goes on these may change: model, steps,");
        Refuses(
            model.Config with { Algorithm = new() { KlCoefficient = 0 }, Steps = 9 },
            "another configuration: algorithm.klCoefficient: 0.001 -> 0.");
        Refuses(
            model.Config with { Sampling = model.Config.Sampling with { MaxPromptTokens = 11 } },
            "sampling.maxPromptTokens: 12 -> 11 (it may only be raised)");
        Assert.AreEqual(before, File.ReadAllText(Path.Combine(folder, "config.json")));
        Assert.IsFalse(File.Exists(Path.Combine(folder, "changes.jsonl")));
        // Fewer steps than are done: known only once the checkpoint is opened.
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => Resume(folder, model.Config with { Steps = 2 })).Message,
            "steps must be at least 3");
        Assert.AreEqual(before, File.ReadAllText(Path.Combine(folder, "config.json")));
    }

    // The run does not exist yet, so to speak: it begins with what is asked for, and its evaluation is made again where it would be
    // another.
    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void Resume_BeforeTheFirstSavedStep_TakesAnySetting(bool evaluates)
    {
        using var model = new TinyModel();
        var config = model.Config with { Training = model.Config.Training with { CheckpointEvery = 100 } };
        var folder = Path.Combine(model.Root, "run");
        using (var cancel = new CancellationTokenSource())
        using (var trainer = new Trainer(config, TinyModel.Problems(), new() { Evaluation = _ => cancel.Cancel() }))
        using (var run = RunDirectory.Create(config, TimeProvider.System, folder))
            Assert.IsFalse(trainer.Run(run, cancel.Token).Completed);
        Directory.CreateDirectory(Path.Combine(folder, "artifacts"));
        var asked = config with
        {
            Training = config.Training with { LearningRate = 1e-2 },
            Evaluation = evaluates ? config.Evaluation with { Samples = 3 } : config.Evaluation,
        };
        var words = new List<string>();
        Assert.AreEqual(Train(asked, Path.Combine(model.Root, "other")), Resume(folder, asked, words));
        Assert.AreEqual(
            evaluates,
            words.Contains("the evaluation before the first step was made with other inputs or settings and is made again."));
        Assert.AreEqual(
            evaluates ? 3 : 2,
            (int)JsonNode.Parse(File.ReadLines(Path.Combine(folder, "evaluations.jsonl")).First())!["samples"]!);
        Assert.IsFalse(Directory.Exists(Path.Combine(folder, "artifacts")), "graphs of other settings");
    }

    private static string Train(RunConfig config, string folder)
    {
        using var trainer = new Trainer(config, TinyModel.Problems());
        using var run = RunDirectory.Create(config, TimeProvider.System, folder);
        Assert.IsTrue(trainer.Run(run).Completed);
        return trainer.Policy.Hash();
    }

    private static string Resume(string folder, RunConfig asked, List<string>? words = null)
    {
        using var run = RunDirectory.Resume(folder, asked);
        using var trainer = new Trainer(run.Config, TinyModel.Problems(), new() { Warning = w => words?.Add(w) });
        Assert.IsTrue(trainer.Run(run).Completed);
        return trainer.Policy.Hash();
    }

    private static string[] Rows(string folder) => [.. File.ReadLines(Path.Combine(folder, "metrics.jsonl")).Select(line =>
    {
        var row = JsonNode.Parse(line)!.AsObject();
        foreach (var name in row.Select(p => p.Key).Where(StepMetrics.IsTiming).ToArray())
            row.Remove(name);
        return row.ToJsonString();
    })];
}
