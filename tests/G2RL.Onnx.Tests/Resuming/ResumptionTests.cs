using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests.Resuming;

/// <summary>A run of two steps that was made to have three: what it began with is changed in between.</summary>
[TestClass]
public sealed class ResumptionTests : IDisposable
{
    private readonly TinyModel model = new();
    private readonly List<string> words = [];

    public void Dispose() => model.Dispose();

    [TestMethod]
    public void Resume_NothingChanged_SaysNothing()
    {
        Begin();
        Resume();
        Assert.IsEmpty(words);
        Assert.IsFalse(File.Exists(In("changes.jsonl")));
    }

    [TestMethod]
    public void Resume_ProblemsReorderedEditedOrFewer_IsRefusedBeforeAnythingIsWritten()
    {
        Begin();
        var (metrics, inputs) = (File.ReadAllText(In("metrics.jsonl")), File.ReadAllText(In("inputs.json")));
        var problems = TinyModel.Problems();
        Problem[] all = [.. problems.Training, .. problems.HeldOut(int.MaxValue)];
        var (train, held) = (all[..16], all[16..]);
        Refuses(Set([.. train.Reverse()], held), "the training problems or the tokens of their prompts are others.");
        Refuses(Set([train[0] with { Answer = "5" }, .. train[1..]], held), "the training problems or");
        Refuses(Set(train[1..], held), "the training problems or the tokens of their prompts are others, 23 in all and not 24");
        Refuses(Set(train, [.. held.Reverse()]), "the held-out problems or");
        Refuses(Set([.. train.Reverse()], held[1..]), "the problems or");
        Assert.AreEqual((metrics, inputs), (File.ReadAllText(In("metrics.jsonl")), File.ReadAllText(In("inputs.json"))));
        Resume();
    }

    [TestMethod]
    public void Resume_ConfigOfTheModelChanged_NamesTheKey()
    {
        Begin();
        Edit("config.json", c => c["rope_theta"] = 20000.0);
        Refuses(
            null,
            "the model's rope.theta was 10000 and is 20000",
            "Files with other bytes: model/config.json (",
            "Put the first model and problems back and resume, or start a new run.");
        Edit("config.json", c => (c["rope_theta"], c["eos_token_id"]) = (10000.0, 1));
        Refuses(null, "eosTokens", "ended a rollout, and now [1] do");
    }

    [TestMethod]
    public void Resume_ConfigWithOtherBytesButTheSameMeaning_GoesOnAndRecordsIt()
    {
        Begin();
        Edit("config.json", c => c["transformers_version"] = "4.99.0");
        Resume();
        StringAssert.Contains(words.Single(), "files have changed since the run began, without a consequence for it: model/config.json (");
        StringAssert.Contains(File.ReadAllText(In("changes.jsonl")), """{"step":2,"inputs":["model/config.json (""");
        words.Clear();
        Resume();
        Assert.IsEmpty(words, "It was told once.");
    }

    // Two digits of the vocabulary change places: every prompt and every answer would be spelled otherwise.
    [TestMethod]
    public void Resume_TokenizerChanged_IsRefused()
    {
        Begin();
        Edit("tokenizer.json", t =>
        {
            var vocabulary = t["model"]!["vocab"]!;
            var (one, two) = ((int)vocabulary["1"]!, (int)vocabulary["2"]!);
            (vocabulary["1"], vocabulary["2"]) = (two, one);
        });
        Refuses(
            null,
            "the tokenizer's tokens have other texts",
            "the problems or the tokens of their prompts are others",
            "model/tokenizer.json (");
    }

    [TestMethod]
    public void Resume_ModelChangedBeforeTheFirstCheckpoint_BeginsWithThoseOfNow()
    {
        using (var cancel = new CancellationTokenSource())
            Assert.IsFalse(Train(
                model.Config,
                RunDirectory.Create(model.Config, TimeProvider.System, In("")),
                null,
                new() { Evaluation = _ => cancel.Cancel() },
                cancel.Token));
        Edit("config.json", c => c["rope_theta"] = 20000.0);
        Resume();
        StringAssert.Contains(words[0], "began with other inputs; no step is saved, so it begins with those of now");
        StringAssert.Contains(words[1], "is made again");
    }

    [TestMethod]
    public void Resume_AnotherMachine_SaysSoAndRecordsItOnce()
    {
        Begin();
        var machine = JsonNode.Parse(File.ReadAllText(In("environment.json")))!.AsObject();
        (machine["vector_bits"], machine["onnxruntime"], machine["cores"], machine["os"]) = (64, "1.0.0", 999, "elsewhere");
        machine.Remove("instruction_sets");
        File.WriteAllText(In("environment.json"), machine.ToJsonString());
        Resume();
        StringAssert.Contains(words.Single(), "vector_bits: 64 -> ");
        StringAssert.Contains(words.Single(), "onnxruntime: \"1.0.0\" -> ");
        StringAssert.Contains(words.Single(), "Sums may be rounded differently, so it goes on, but no longer ends in the same bytes");
        foreach (var other in new[] { "cores", "os:", "instruction_sets" })
            Assert.DoesNotContain(other, words.Single(), "That rounds nothing, or was not told before.");
        var row = JsonNode.Parse(File.ReadAllText(In("changes.jsonl")))!;
        Assert.AreEqual(64, (int)row["environment"]!["vector_bits"]![0]!);
        words.Clear();
        Resume();
        Assert.IsEmpty(words, "The last life was on this machine.");
    }

    [TestMethod]
    public void Resume_RowsMissing_AreToldWithTheirSteps()
    {
        Begin(steps: 8, every: 2);
        Cut("metrics.jsonl", "1", "2", "5");
        Cut("evaluations.jsonl", "0", "4");
        Resume(steps: 8);
        StringAssert.Contains(words[0], "metrics.jsonl lacks the rows of steps 1-2, 5 of 8 that are done.");
        StringAssert.Contains(words[1], "evaluations.jsonl lacks the evaluations after steps 0, 4.");
        Assert.HasCount(2, words);
    }

    [TestMethod]
    public void Resume_RunThatCountedFromZero_GoesOnCountingFromOne()
    {
        Begin(steps: 2);
        File.WriteAllText(In("metrics.jsonl"), Older(File.ReadAllText(In("metrics.jsonl"))));
        File.WriteAllText(In("rollouts/step-000000.jsonl"), Older(File.ReadAllText(In("rollouts/step-000001.jsonl"))));
        File.Delete(In("rollouts/step-000001.jsonl"));
        Resume(steps: 4);
        CollectionAssert.AreEqual(
            new[] { 1, 2, 3, 4 },
            File.ReadLines(In("metrics.jsonl")).Select(l => (int)JsonNode.Parse(l)!["step"]!).ToArray());
        Assert.AreEqual(In("rollouts/step-000001.jsonl"), Directory.GetFiles(In("rollouts")).Single());
        Assert.IsFalse(words.Any(w => w.Contains("lacks", StringComparison.Ordinal)), string.Join("; ", words));

        static string Older(string log) => log.Replace("{\"step\":1,", "{\"step\":0,").Replace("{\"step\":2,", "{\"step\":1,");
    }

    // Evaluations that a setting asks for only from now on are not missing before.
    [TestMethod]
    public void Resume_EvaluatingMoreOften_MissesNoneOfBefore()
    {
        Begin(steps: 4, every: 0);
        Resume(steps: 6, every: 1);
        words.Clear();
        Resume(steps: 6, every: 1);
        Assert.IsEmpty(words);
    }

    [TestMethod]
    public void Resume_RunWithoutRecordedInputs_SaysSoAndRecordsThem()
    {
        Begin();
        File.Delete(In("inputs.json"));
        Resume();
        StringAssert.Contains(
            words.Single(),
            "has no inputs.json: whether model, tokenizer and problems are those that it began with cannot be told");
        Assert.IsTrue(File.Exists(In("inputs.json")));
        File.WriteAllText(In("inputs.json"), "{\"weights\": 3}");
        Refuses(null, "inputs.json is not what a run wrote");
    }

    // A checkpoint that somebody made by hand may hold anything.
    [TestMethod]
    [DataRow("""{"step": 2, "files": {}}""", "has no hash of")]
    [DataRow("""{"step": 2}""", "does not belong to it")]
    [DataRow("{}", "does not belong to it")]
    [DataRow("", "JSON")]
    public void Resume_CheckpointWithoutHashes_IsPassedOver(string state, string why)
    {
        Begin();
        File.WriteAllText(In("checkpoints/step-000002/state.json"), state);
        Resume();
        StringAssert.Contains(words[0], "step-000002 is passed over: ");
        StringAssert.Contains(words[0], why);
        Assert.IsTrue(File.Exists(In("checkpoints/step-000002/state.json")));
    }

    private static FunctionProblemSet Set(Problem[] train, Problem[] held) => new("even", train, held, (_, _) => Outcome.Judged(true));

    private string In(string name) => Path.Combine(model.Root, "run", name);

    private RunConfig Config(int steps, int every) =>
        model.Config with
        {
            Steps = steps,
            Evaluation = model.Config.Evaluation with { Every = every },
            Training = model.Config.Training with { KeepCheckpoints = 3 },
        };

    private void Begin(int steps = 2, int every = 0)
    {
        var config = Config(steps, every);
        Assert.IsTrue(Train(config, RunDirectory.Create(config, TimeProvider.System, In("")), null, new(), default));
    }

    private void Resume(int steps = 2, int every = -1, IProblemSet? problems = null)
    {
        var run = RunDirectory.Resume(In(""), null);
        if (every >= 0 || run.Config.Steps != steps)
        {
            run.Dispose();
            run = RunDirectory.Resume(In(""), Config(steps, Math.Max(0, every)));
        }
        Assert.IsTrue(Train(run.Config, run, problems, new() { Warning = words.Add }, default));
    }

    private void Refuses(IProblemSet? problems, params string[] parts)
    {
        var message = Assert.ThrowsExactly<InputException>(() => Resume(problems: problems)).Message;
        foreach (var part in parts)
            StringAssert.Contains(message, part);
    }

    private static bool Train(RunConfig config, RunDirectory run, IProblemSet? problems, TrainingEvents events, CancellationToken cancel)
    {
        using (run)
        using (var trainer = new Trainer(config, problems ?? TinyModel.Problems(), events))
            return trainer.Run(run, cancel).Completed;
    }

    private void Edit(string file, Action<JsonNode> edit)
    {
        var path = Path.Combine(model.Folder, file);
        var node = JsonNode.Parse(File.ReadAllText(path))!;
        edit(node);
        File.WriteAllText(path, node.ToJsonString());
    }

    private void Cut(string log, params string[] steps) =>
        File.WriteAllLines(In(log), File.ReadAllLines(In(log)).Where(l => !steps.Contains(JsonNode.Parse(l)!["step"]!.ToString())));
}
