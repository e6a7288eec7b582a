using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Resuming;

namespace G2RL.Onnx.Tests.Resuming;

/// <summary>What a resumption says, records and throws away, by itself: no model, no step.</summary>
[TestClass]
public sealed class ResumptionPartsTests : IDisposable
{
    private const string Differences = "model/config.json (aaaaaaaaaaaa -> dddddddddddd), rows.jsonl (missing -> eeeeeeeeeeee)";

    private static readonly RunConfig Config = new() { Model = "m" };

    private readonly Scratch scratch = new();

    public ResumptionPartsTests()
    {
        RunDirectory.Create(Config, TimeProvider.System, Folder).Dispose();
        File.WriteAllText(In("inputs.json"), Identity().ToJson());
    }

    private string Folder => Path.Combine(scratch.Path, "run");

    public void Dispose() => scratch.Dispose();

    [TestMethod]
    [DataRow(0)]
    [DataRow(2)]
    public void Begin_NothingChanged_WritesNothing(int done)
    {
        // Texts that mean the same and that this program would write otherwise.
        File.AppendAllText(In("inputs.json"), "\n");
        File.AppendAllText(In("config.json"), "\n");
        File.WriteAllText(In("environment.json"), """{"vector_bits": 0}""");
        File.WriteAllText(In("evaluations.jsonl"), "{\"step\":0}\n");
        if (done > 0)
            File.WriteAllText(In("environment.json"), RunEnvironment.ToJson() + "\n");
        var before = Texts();
        CollectionAssert.AreEqual(Array.Empty<string>(), Begin(Identity(), done));
        // The machine of a run without a step is this one.
        if (done == 0)
            before["environment.json"] = RunEnvironment.ToJson();
        CollectionAssert.AreEqual(before.ToArray(), Texts().ToArray());
    }

    [TestMethod]
    [DataRow(0, false)]
    [DataRow(2, true)]
    public void Begin_WithoutRecordedInputs_RecordsThem(int done, bool says)
    {
        File.Delete(In("inputs.json"));
        var words = $"{Folder} has no inputs.json: whether model, tokenizer and problems are those that it began with cannot be told. They "
            + "are recorded now.";
        CollectionAssert.AreEqual(says ? new[] { words } : [], Begin(Identity(), done));
        Assert.AreEqual(Identity().ToJson(), File.ReadAllText(In("inputs.json")));
        Assert.IsFalse(File.Exists(In("changes.jsonl")));
    }

    [TestMethod]
    public void Begin_OtherBytesOfTheSameMeaning_AreToldAndRecorded()
    {
        CollectionAssert.AreEqual(
            new[] { $"files have changed since the run began, without a consequence for it: {Differences}." }, Begin(Files(), 2));
        Assert.AreEqual(Files().ToJson(), File.ReadAllText(In("inputs.json")));
        Assert.AreEqual(
            """{"step":2,"inputs":["model/config.json (aaaaaaaaaaaa -> dddddddddddd)","rows.jsonl (missing -> eeeeeeeeeeee)"]}""" + "\n",
            File.ReadAllText(In("changes.jsonl")));
    }

    [TestMethod]
    [DataRow(false, "")]
    [DataRow(true, $" Files with other bytes: {Differences}.")]
    public void Begin_OtherInputsAfterAStep_IsRefused(bool files, string more)
    {
        var before = Texts();
        var now = (files ? Files() : Identity()) with { Weights = "x", Tokens = "u" };
        Assert.AreEqual(
            $"{Folder} cannot go on to the results that it would have had: m: the run began with other weights (w) than the model now has "
                + $"(x); m: the tokenizer's tokens have other texts.{more} Put the first model and problems back and resume, or start a "
                + "new run.",
            Assert.ThrowsExactly<InputException>(() => Begin(now, 1)).Message);
        CollectionAssert.AreEqual(before.ToArray(), Texts().ToArray());
    }

    [TestMethod]
    [DataRow(false, false)]
    [DataRow(true, false)]
    [DataRow(false, true)]
    public void Begin_OtherInputsBeforeAStep_BeginsWithThem(bool evaluated, bool files)
    {
        if (evaluated)
            File.WriteAllText(In("evaluations.jsonl"), "{\"step\":0}\n");
        var now = (files ? Files() : Identity()) with { Tokens = "u" };
        var more = files ? $" Files with other bytes: {Differences}." : "";
        List<string> expected =
        [
            $"{Folder} began with other inputs; no step is saved, so it begins with those of now: m: the tokenizer's tokens have other "
                + $"texts.{more}",
        ];
        if (evaluated)
            expected.Add("the evaluation before the first step was made with other inputs or settings and is made again.");
        CollectionAssert.AreEqual(expected, Begin(now, 0));
        Assert.IsFalse(File.Exists(In("evaluations.jsonl")));
        Assert.AreEqual(now.ToJson(), File.ReadAllText(In("inputs.json")));
        StringAssert.StartsWith(
            File.ReadAllText(In("changes.jsonl")), """{"step":0,"inputs":["m: the tokenizer's tokens have other texts""");
    }

    // Settings: which words, and whether the evaluation before the first step still says what it said.
    [TestMethod]
    [DataRow(0, true, false, true)]
    [DataRow(0, false, true, false)]
    [DataRow(0, true, true, false)]
    [DataRow(2, false, true, true)]
    public void Begin_OtherSettings_AreToldTakenOverAndRecorded(int done, bool rate, bool samples, bool keeps)
    {
        if (done > 0)
            Directory.CreateDirectory(In("checkpoints/step-000002"));
        File.WriteAllText(In("evaluations.jsonl"), "{\"step\":0}\n");
        var asked = Config with
        {
            Training = rate ? Config.Training with { LearningRate = 0.5 } : Config.Training,
            Evaluation = samples ? Config.Evaluation with { Samples = 9 } : Config.Evaluation,
        };
        List<string> expected = [];
        if (!keeps)
            expected.Add("the evaluation before the first step was made with other inputs or settings and is made again.");
        if (samples)
            expected.Add($"from step {done + 1} on evaluation.samples: {Config.Evaluation.Samples} -> 9; evaluations before and after this "
                + "cannot be compared.");
        if (rate)
            expected.Add("from step 1 on training.learningRate: 1E-06 -> 0.5.".Replace("1E-06", Json(Config.Training.LearningRate)));
        CollectionAssert.AreEqual(expected, Begin(Identity(), done, asked));
        Assert.AreEqual(keeps, File.Exists(In("evaluations.jsonl")));
        Assert.AreEqual(RunConfigFile.ToJson(asked), File.ReadAllText(In("config.json")));
        string[] settings =
        [
            .. samples ? [$"\"evaluation.samples\":[{Config.Evaluation.Samples},9]"] : Array.Empty<string>(),
            .. rate ? [$"\"training.learningRate\":[{Json(Config.Training.LearningRate)},0.5]"] : Array.Empty<string>(),
        ];
        Assert.AreEqual(
            "{\"step\":" + done + ",\"settings\":{" + string.Join(',', settings) + "}}\n", File.ReadAllText(In("changes.jsonl")));

        static string Json(double value) => JsonValue.Create(value).ToJsonString();
    }

    // A model that an earlier prolongation kept under the same name is of the same steps.
    [TestMethod]
    public void Begin_MoreSteps_KeepsTheModelThatTheRunHadEndedWith()
    {
        Directory.CreateDirectory(In("checkpoints/step-000007"));
        Directory.CreateDirectory(In("model"));
        File.WriteAllText(In("model/new"), "");
        Directory.CreateDirectory(In("model-000100"));
        File.WriteAllText(In("model-000100/old"), "");
        Assert.AreEqual(100, Config.Steps);
        var asked = Config with { Steps = 120, Logging = new() { RolloutsEvery = 3 } };
        CollectionAssert.AreEqual(
            new[]
            {
                "from step 8 on logging.rolloutsEvery: 10 -> 3.",
                "from step 8 on steps: 100 -> 120.",
                $"the model that the run had ended with is kept as {In("model")}-000100.",
            },
            Begin(Identity(), 7, asked));
        Assert.AreEqual("new", Path.GetFileName(Directory.GetFiles(In("model-000100")).Single()));
        Assert.IsFalse(Directory.Exists(In("model")));
        // There is none: nothing to keep.
        Assert.HasCount(1, Begin(Identity(), 7, asked with { Steps = 130 }));
    }

    [TestMethod]
    public void Begin_AnotherMachine_IsToldAndRecorded()
    {
        var here = RunEnvironment.Describe();
        var there = RunEnvironment.Describe();
        (there["vector_bits"], there["onnxruntime"], there["cores"]) = (64, "1.0.0", 999);
        File.WriteAllText(In("environment.json"), there.ToJsonString());
        var version = here["onnxruntime"]!.ToJsonString();
        CollectionAssert.AreEqual(
            new[]
            {
                $"this is not the machine or the software that the run was on: onnxruntime: \"1.0.0\" -> {version}; vector_bits: 64 -> "
                    + $"{here["vector_bits"]}. Sums may be rounded differently, so it goes on, but no longer ends in the same bytes as one "
                    + "that was left alone.",
            },
            Begin(Identity(), 2));
        Assert.AreEqual(
            $$$"""{"step":2,"environment":{"onnxruntime":["1.0.0",{{{version}}}],"vector_bits":[64,{{{here["vector_bits"]}}}]}}""" + "\n",
            File.ReadAllText(In("changes.jsonl")));
        Assert.AreEqual(there.ToJsonString(), File.ReadAllText(In("environment.json")), "the first life's, for ever");
        Assert.IsEmpty(Begin(Identity(), 2), "told once");
        // What it cannot be compared with is written down now.
        File.WriteAllText(In("environment.json"), "[]");
        Assert.IsEmpty(Begin(Identity(), 2));
        Assert.AreEqual(RunEnvironment.ToJson(), File.ReadAllText(In("environment.json")));
    }

    [TestMethod]
    public void Begin_RunWithANote_SaysItFirst()
    {
        using var run = RunDirectory.Create(Config, TimeProvider.System, Folder);
        Assert.AreEqual($"{Folder} held a run without a step; this one begins in its place.", run.Note);
        CollectionAssert.AreEqual(new[] { run.Note }, new Resumption(run, Identity(), 0).Begin().ToArray());
    }

    // every, evaluated from step; steps of metrics, steps of evaluations, done; words.
    [TestMethod]
    [DataRow(0, 0, "1 2 3", "0", 3, "", "")]
    [DataRow(0, 0, "", "", 3, "1-3", "0")]
    [DataRow(0, 0, "", "", 0, "", "")]
    [DataRow(0, 0, "2 4 7 8", "0", 9, "1, 3, 5-6, 9", "")]
    [DataRow(0, 0, "2 4 6 8 10 12 14 16 18 20", "0", 21, "1, 3, 5, 7, 9, 11, 13, 15, 17, 19, ...", "")]
    [DataRow(0, 0, "2 4 6 8 10 12 14 16 18", "0", 19, "1, 3, 5, 7, 9, 11, 13, 15, 17, 19", "")]
    [DataRow(2, 0, "1 2 3 4 5 6", "", 6, "", "0, 2, 4")]
    [DataRow(2, 0, "1 2 3 4 5 6 7", "2", 7, "", "0, 4, 6")]
    [DataRow(2, 4, "1 2 3 4 5 6 7", "0", 7, "", "4, 6")]
    [DataRow(1, 3, "1 2 3 4 5 6", "5", 6, "", "0, 3-4")]
    [DataRow(2, 5, "1 2 3 4 5 6 7", "0", 7, "", "6")]
    public void MissingRows_OfLogs_AreToldByTheirSteps(
        int every, int since, string metrics, string evaluations, int done, string missing, string lost)
    {
        using var run = RunDirectory.Resume(Folder, Config with { Evaluation = Config.Evaluation with { Every = every } });
        Write(run.MetricsPath, metrics);
        Write(run.EvaluationsPath, evaluations);
        RunChanges.Append(Folder, 1, [new("evaluation.every", "9", "8")], [], []);
        RunChanges.Append(Folder, since, [new("evaluation.every", "8", $"{every}"), new("steps", "1", "2")], [], []);
        RunChanges.Append(Folder, 6, [new("steps", "2", "3")], [], []);
        string[] rows = missing.Length == 0 ? [] :
        [
            $"{run.MetricsPath} lacks the rows of steps {missing} of {done} that are done. They cannot be made again; tables and pages "
                + "leave them out.",
        ];
        string[] also = lost.Length == 0 ? [] :
        [
            $"{run.EvaluationsPath} lacks the evaluations after steps {lost}. They cannot be made again, the weights have gone on.",
        ];
        var resumption = new Resumption(run, Identity(), done);
        CollectionAssert.AreEqual(rows.Concat(also).ToArray(), resumption.MissingRows(evaluations: true).ToArray());
        CollectionAssert.AreEqual(rows, resumption.MissingRows(evaluations: false).ToArray());

        static void Write(string path, string steps) =>
            File.WriteAllText(path, string.Concat(steps.Split(' ').Where(s => s.Length > 0).Select(s => $"{{\"step\":{s}}}\n")));
    }

    [TestMethod]
    public void Changes_OfSeveralLives_AddUp()
    {
        RunChanges.Append(Folder, 1, [], [], []);
        Assert.IsFalse(File.Exists(In("changes.jsonl")));
        Assert.AreEqual(0, RunChanges.LastOf(Folder, "steps"));
        RunChanges.Append(Folder, 1, [new("steps", "1", "2")], [new("cores", "(none)", "2"), new("os", "\"a\"", "\"b\"")], ["c"]);
        RunChanges.Append(Folder, 4, [new("steps", "2", "9"), new("name", "\"x\"", "(none)")], [new("cores", "2", "4")], []);
        Assert.AreEqual(
            """
            {"step":1,"settings":{"steps":[1,2]},"environment":{"cores":[null,2],"os":["a","b"]},"inputs":["c"]}
            {"step":4,"settings":{"steps":[2,9],"name":["x",null]},"environment":{"cores":[2,4]}}

            """,
            File.ReadAllText(In("changes.jsonl")));
        Assert.AreEqual(4, RunChanges.LastOf(Folder, "steps"));
        Assert.AreEqual(4, RunChanges.LastOf(Folder, "name"));
        Assert.AreEqual(0, RunChanges.LastOf(Folder, "seed"));
        // Rows of somebody else's are passed over.
        File.AppendAllText(
            In("changes.jsonl"), """{"environment":{"os":["c"],"build":"z"}}""" + "\n" + """{"environment":5,"settings":[]}""");
        Assert.AreEqual(
            """{"os":"b","vector_bits":8,"cores":4}""",
            RunChanges.Environment(Folder, new() { ["os"] = "0", ["vector_bits"] = 8 }).ToJsonString());
    }

    private static RunIdentity Identity() => new()
    {
        Weights = "w",
        Architecture = new() { ["layers"] = 2 },
        StopTokens = [1, 2],
        Tokens = "t",
        TrainingProblems = "p",
        HeldOutProblems = "h",
        ProblemCount = 5,
        Files = new(StringComparer.Ordinal) { ["model/config.json"] = new string('a', 64) },
    };

    private static RunIdentity Files() => Identity() with
    {
        Files = new(StringComparer.Ordinal) { ["model/config.json"] = new string('d', 64), ["rows.jsonl"] = new string('e', 64) },
    };

    private string[] Begin(RunIdentity now, int done, RunConfig? asked = null)
    {
        using var run = RunDirectory.Resume(Folder, asked);
        return [.. new Resumption(run, now, done).Begin()];
    }

    private SortedDictionary<string, string> Texts() => new(
        Directory.GetFiles(Folder).Where(f => Path.GetFileName(f) != ".lock").ToDictionary(f => Path.GetFileName(f), File.ReadAllText),
        StringComparer.Ordinal);

    private string In(string name) => Path.Combine(Folder, name);
}
