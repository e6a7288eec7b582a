using System.Text.Json.Nodes;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Corrections;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Curriculum;
using G2RL.Onnx.Rewards.Judge;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tests.Rewards;
using G2RL.Onnx.Tests.Updates;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Backends;

namespace G2RL.Onnx.Tests.Runs;

/// <summary>How a trainer puts its parts together, on a backend that computes nothing.</summary>
[TestClass]
public sealed class TrainerPartsTests : IDisposable
{
    private readonly TinyModel model = new();
    private readonly List<string> words = [];

    public void Dispose() => model.Dispose();

    private RunConfig Plain => model.Config with { Algorithm = new() { Name = "grpo", KlCoefficient = 0 } };

    // A reference that is the first policy's copy, where divergence is counted.
    [TestMethod]
    [DataRow(0.0)]
    [DataRow(0.1)]
    public void Train_Penalty_ScoresUnderTheReferenceToo(double coefficient)
    {
        var backend = new FakeBackend();
        var config = Plain with { Algorithm = new() { Name = "grpo", KlCoefficient = coefficient } };
        Train(config, backend, trainer =>
        {
            var others = backend.Scores.Calls.Where(c => c.Policy != trainer.Policy).ToArray();
            Assert.HasCount(coefficient > 0 ? 3 : 0, others);
            Assert.IsEmpty(backend.Scores.Calls.Except(others), "log-probs come from the gradient pass");
            // Weights in training draw themselves where nothing lags.
            Assert.AreSame(trainer.Policy, backend.Samplers.Single().Policy);
        });
        Assert.IsEmpty(Directory.GetFiles(model.Root, "curriculum.json", SearchOption.AllDirectories));
        Assert.DoesNotContain("curriculum/", File.ReadAllText(Path.Combine(model.Root, "run", "metrics.jsonl")));
        Assert.HasCount(3, backend.Recorder.Rates);
        CollectionAssert.AreEqual(new[] { 0L, 1, 2 }, backend.Draws.Select(d => d.Updates).ToArray());
        Assert.IsTrue(backend.Draws.All(d => d.Request is { Samples: 6, WithFeatures: false } && d.Request.Prompts.Count == 4));
        Assert.HasCount(1, backend.Samplers);
        Assert.IsTrue(words.Contains("check 16/24") || words.Any(w => w.StartsWith("check ", StringComparison.Ordinal)));
        Assert.IsTrue(words.Contains("score 0/4") && words.Contains("train 0/24"), string.Join('\n', words));
    }

    [TestMethod]
    public void Train_GreedyBaselines_HaveASamplerOfTheirOwn()
    {
        var backend = new FakeBackend();
        Train(Plain with { Algorithm = new() { Name = "remax", KlCoefficient = 0 } }, backend);
        Assert.HasCount(2, backend.Samplers);
        Assert.HasCount(1, backend.Samplers.Where(s => s.Settings.Sampling.Greedy).ToArray());
        CollectionAssert.AreEqual(
            new[] { "drawn 6", "greedy 1", "drawn 6", "greedy 1", "drawn 6", "greedy 1" },
            backend.Draws.Select(d => $"{d.Who} {d.Request.Samples}").ToArray());
    }

    // An optimizer of somebody's own is held against a scoring pass.
    [TestMethod]
    public void Train_OptimizerOfOnesOwn_IsTakenAndScoresFirst()
    {
        var (backend, own) = (new FakeBackend(), new RecordingOptimizer());
        using var trainer = new Trainer(Plain, TinyModel.Problems(), new(), (_, _, _) => own, backend);
        using var run = RunDirectory.Create(Plain, TimeProvider.System, Path.Combine(model.Root, "run"));
        Assert.IsTrue(trainer.Train(run).Completed);
        Assert.HasCount(3, own.Rates);
        Assert.IsEmpty(backend.Recorder.Rates);
        Assert.HasCount(3, backend.Scores.Calls);
    }

    // Steps 0 to 3 draw with the weights of steps 0, 0, 0 and 1; elsewhere a batch is begun as soon as its weights are there.
    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void Train_WithLag_DrawsWithTheWeightsOfBefore(bool elsewhere)
    {
        var began = new List<int>();
        FakeBackend backend = null!;
        backend = new()
        {
            DrawsElsewhere = elsewhere,
            Recorder = new() { OnStep = () => began.Add(backend.Draws.Max(d => d.Request.Step)) },
        };
        var config = Plain with { Steps = 4, Sampling = Plain.Sampling with { Lag = 2 } };
        Train(config, backend);
        // What is begun while a step is at work may end at any moment, and none is begun twice or beyond the last.
        CollectionAssert.AreEqual(
            new[] { "0 0", "1 0", "2 0", "3 1" },
            backend.Draws.OrderBy(d => d.Request.Step).Select(d => $"{d.Request.Step} {d.Updates}").ToArray());
        Assert.HasCount(elsewhere ? 3 : 1, backend.Samplers);
        if (!elsewhere)
            CollectionAssert.AreEqual(new[] { 0, 1, 2, 3 }, began);
        foreach (var (_, request, _) in backend.Draws)
            Assert.AreEqual(Seeds.Derive(config.Seed, Seeds.Purpose.Sampling), request.Seed);
    }

    // A curriculum decides what the next batch is when a step is done, so none is begun ahead.
    [TestMethod]
    public void Train_CurriculumWithLag_RemembersEveryStepAndBeginsNoneAhead()
    {
        var backend = new FakeBackend { DrawsElsewhere = true, Text = _ => "2" };
        var config = Plain with
        {
            Sampling = Plain.Sampling with { Lag = 1 },
            Problems = new() { PassRate = new PassRateConfig { Low = 0, High = 1, Window = 5 } },
        };
        var left = new List<double>();
        Train(config, backend, events: new() { Step = m => left.Add(m.Values["curriculum/left_out"]) });
        // All right each time: four problems more are left out after each step.
        CollectionAssert.AreEqual(new[] { 4d, 8, 12 }, left);
        CollectionAssert.AreEqual(new[] { 0, 1, 2 }, backend.Draws.Select(d => d.Request.Step).ToArray());
        Assert.AreEqual(12, backend.Draws.SelectMany(d => d.Request.Prompts.Select(p => string.Join(' ', p))).Distinct().Count());
    }

    // The batch of the second step is that of the set, but for what the first one had.
    [TestMethod]
    public void Train_Curriculum_TellsWhatItReplaced()
    {
        var config = Plain with
        {
            Steps = 2,
            Sampling = Plain.Sampling with { PromptsPerStep = 12 },
            Problems = new() { PassRate = new PassRateConfig { Low = 0, High = 1, Window = 5 } },
        };
        var replaced = new List<double>();
        Train(config, new FakeBackend { Text = _ => "2" }, events: new() { Step = m => replaced.Add(m.Values["curriculum/replaced"]) });
        // Twelve of sixteen problems, all right: eight at least come again in the next twelve.
        Assert.AreEqual(0, replaced[0]);
        Assert.IsGreaterThanOrEqualTo(8, replaced[1]);
    }

    [TestMethod]
    [DataRow(1, 1)]
    [DataRow(2, 2)]
    public void Train_NothingToLearnFrom_SaysSo(int epochs, int minibatches)
    {
        var backend = new FakeBackend { Text = _ => "2" };
        var config = Plain with
        {
            Steps = 1,
            Algorithm = Plain.Algorithm with { HomogeneousGroups = HomogeneousKind.Mask },
            Training = Plain.Training with { EpochsPerBatch = epochs, MinibatchesPerBatch = minibatches },
        };
        Train(config, backend);
        var all = epochs * minibatches;
        Assert.IsTrue(
            words.Contains($"step 1: {all} of {all} mini-batches hold no token to train on, every one is masked; their loss is 0 and they "
                + "update nothing."),
            string.Join('\n', words));
    }

    // Drawn with the weights of a step before: so are features of the sampler; those of the scorer are found with the weights of now.
    [TestMethod]
    [DataRow(FeatureSource.Sampling, "0 0 1")]
    [DataRow(FeatureSource.Scoring, "0 1 2")]
    public void Train_FeaturesWithLag_AreProjectedByTheWeightsThatGaveThem(FeatureSource source, string updates)
    {
        var backend = new FakeBackend();
        Train(Plain with
        {
            Algorithm = new() { Name = "g2rl", KlCoefficient = 0, Features = source },
            Sampling = Plain.Sampling with { Lag = 1 },
        }, backend);
        Assert.AreEqual(updates, string.Join(' ', backend.Projections));
    }

    // Where feature weights lay the next rollouts find room: of each rollout once, whether it had a reward or not.
    [TestMethod]
    public void Train_RolloutWithoutAReward_GivesItsFeatureWeightsBack()
    {
        var backend = new FakeBackend { Text = sample => sample == 3 ? "?" : sample % 2 == 0 ? "2" : "1" };
        Train(
            Plain with { Steps = 1, Algorithm = new() { Name = "g2rl", KlCoefficient = 0 } },
            backend,
            judge: text => text == "?" ? Outcome.Abstained("no answer") : TinyModel.IsEven(text));
        var (given, buffers) = (backend.FeatureWeights, backend.Draws.Single().Request.Buffers!);
        Assert.HasCount(24, given);
        var found = Enumerable.Range(0, 30).Select(_ => buffers.Take(1)).Count(b => given.Any(g => ReferenceEquals(g, b)));
        Assert.AreEqual(24, found);
    }

    // While a step is trained on, the next one is drawn already.
    [TestMethod]
    public void Train_LagWhereOthersDraw_BeginsTheNextDrawBeforeTheUpdate()
    {
        var begun = false;
        FakeBackend backend = null!;
        backend = new()
        {
            DrawsElsewhere = true,
            Recorder = new()
            {
                OnStep = () => begun |= backend.Recorder.Rates.Count == 0
                    && SpinWait.SpinUntil(() => backend.Draws.Any(d => d.Request.Step == 1), TimeSpan.FromMinutes(2)),
            },
        };
        Train(Plain with { Sampling = Plain.Sampling with { Lag = 1 } }, backend);
        Assert.IsTrue(begun);
    }

    [TestMethod]
    public void DrawsElsewhere_OfTheHost_IsFalse()
    {
        using IBackend backend = CpuBackend.Of(Plain);
        Assert.IsFalse(backend.DrawsElsewhere);
    }

    // What a token weighed is told where a correction makes them differ.
    [TestMethod]
    [DataRow(CorrectionKind.None, false)]
    [DataRow(CorrectionKind.Tis, true)]
    public void Train_Corrections_AreToldWithTheRollouts(CorrectionKind kind, bool told)
    {
        Train(Plain with { Steps = 1, Algorithm = Plain.Algorithm with { Correction = new() { Weights = kind } } }, new FakeBackend());
        var rows = File.ReadAllLines(Path.Combine(model.Root, "run", "rollouts", "step-000001.jsonl"));
        Assert.HasCount(24, rows);
        Assert.IsTrue(rows.All(row => JsonNode.Parse(row)!.AsObject().ContainsKey("weights") == told));
    }

    // Others may begin to judge a group as soon as it has ended.
    [TestMethod]
    public void Train_RewardsElsewhere_ListenToTheDraw()
    {
        using var server = new JudgeServer((_, said) => JudgeReply.Text(said.Contains("[2]") ? "Score: 9" : "Score: 1"));
        var backend = new FakeBackend();
        Train(Plain with
        {
            Steps = 1,
            Rewards =
            [
                new JudgeConfig
                {
                    Endpoint = server.Endpoint,
                    Model = "judge",
                    Cache = Path.Combine(model.Root, "cache"),
                    Template = "{prompt}[{completion}]",
                    TimeoutSeconds = 300,
                },
            ],
        }, backend);
        Assert.IsNotNull(backend.Draws.Single().Request.GroupEnded);
        Assert.Contains("time/reward_while_sampling_s", File.ReadAllText(Path.Combine(model.Root, "run", "metrics.jsonl")));
        // Four problems, two texts.
        Assert.AreEqual(8, server.Requests);
    }

    [TestMethod]
    public void Export_OfADevicesWeights_FetchesThemFirst()
    {
        var backend = new FakeBackend();
        using var trainer = new Trainer(Plain, TinyModel.Problems(), backend: backend);
        trainer.Export(Path.Combine(model.Root, "exported"));
        Assert.AreEqual(1, backend.Fetches);
        Assert.ThrowsExactly<InputException>(() => trainer.ExportAdapter(Path.Combine(model.Root, "adapter")));
        Assert.AreEqual(2, backend.Fetches);
        var other = Plain with { Algorithm = new() { KlCoefficient = 1 } };
        long Reference(MemoryPlan plan) => plan.Uses.Single(u => u.Purpose == "reference policy").Bytes;
        Assert.AreEqual(0, Reference(trainer.Memory()));
        Assert.AreEqual(trainer.Policy.ParameterCount * sizeof(float), Reference(trainer.Memory(other)));
    }

    // Solutions are looked for in all that may be drawn, where that is known.
    [TestMethod]
    public void Constructor_AlignmentWithoutASolution_IsRefusedBeforeTheFirstStep()
    {
        var all = TinyModel.Problems();
        Problem[] problems = [.. all.Training!];
        var lacking = new FunctionProblemSet(
            "even", [.. problems[..^1], problems[^1] with { Solution = null }], [.. all.HeldOut(8)], (_, text) => TinyModel.IsEven(text));
        var config = Plain with { Algorithm = new() { Name = "gar", KlCoefficient = 0 } };
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => new Trainer(config, lacking, backend: new FakeBackend()).Dispose()).Message,
            $"{problems[^1].Id} has none.");
        new Trainer(config, all, backend: new FakeBackend()).Dispose();
        // Of a set that nobody can list, the first batch.
        new Trainer(config, new Endless(all), backend: new FakeBackend()).Dispose();
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(
                () => new Trainer(config, new Endless(lacking, problems.Length), backend: new FakeBackend()).Dispose()).Message,
            $"{problems[^1].Id} has none.");
    }

    // Who called has no trainer to dispose of.
    [TestMethod]
    public void Constructor_ThatFailsLate_ClosesWhatItOpened()
    {
        var backend = new FakeBackend();
        Problem[] problems = [.. TinyModel.Problems().Training!];
        var lacking = new FunctionProblemSet(
            "even", [problems[0] with { Solution = null }, .. problems[1..]], [], (_, text) => TinyModel.IsEven(text));
        var config = Plain with { Algorithm = new() { Name = "gar", KlCoefficient = 0 } };
        Assert.ThrowsExactly<InputException>(() => new Trainer(config, lacking, backend: backend).Dispose());
        Assert.AreEqual((1, 1), (backend.Samplers.Count, backend.Closed));
        // At the very end, too.
        Assert.ThrowsExactly<TimeoutException>(
            () => new Trainer(Plain, TinyModel.Problems(), new(), (_, _, _) => throw new TimeoutException(), backend).Dispose());
        Assert.AreEqual((2, 2), (backend.Samplers.Count, backend.Closed));
    }

    [TestMethod]
    public void Train_FolderOfAnotherConfiguration_IsRefused()
    {
        using var trainer = new Trainer(Plain, TinyModel.Problems(), backend: new FakeBackend());
        using var run = RunDirectory.Create(Plain with { Seed = 9 }, TimeProvider.System, Path.Combine(model.Root, "run"));
        StringAssert.Contains(Assert.ThrowsExactly<ArgumentException>(() => trainer.Train(run)).Message, "seed: 9 -> 0");
    }

    // Before the first step, every second and after the last; nothing where nobody evaluates.
    [TestMethod]
    public void Train_WithEvaluations_AsksForThemWhenDue()
    {
        var config = Plain with { Steps = 5, Evaluation = Plain.Evaluation with { Every = 2 } };
        var asked = new List<int>();
        Train(config, new FakeBackend(), evaluate: (step, _) =>
        {
            asked.Add(step);
            return new JsonObject { ["step"] = step };
        });
        CollectionAssert.AreEqual(new[] { 0, 2, 4, 5 }, asked);
    }

    // Each phase tells its time; greedy responses and groups drawn anew are phases of their own.
    [TestMethod]
    public void Train_EachPhase_TellsItsTime()
    {
        var config = Plain with
        {
            Steps = 1,
            Algorithm = new() { Name = "remax", KlCoefficient = 0.1 },
            Sampling = Plain.Sampling with { ResampleRounds = 1 },
        };
        string[] told = [];
        Train(config, new FakeBackend(), events: new() { Step = m => told = [.. m.Values.Keys.Where(k => k.StartsWith("time/"))] });
        foreach (var phase in (string[])["sample", "reward", "resample", "greedy", "score", "features", "train"])
            CollectionAssert.Contains(told, $"time/{phase}_s");
    }

    // Problems that are made as they are asked for; in batches of so many.
    private sealed class Endless(IProblemSet set, int count = 0) : IProblemSet
    {
        public string Name => set.Name;

        public IReadOnlyList<Problem>? Training => null;

        public IReadOnlyList<Problem> Batch(int step, int asked, ulong seed) => set.Batch(step, Math.Max(asked, count), seed);

        public IReadOnlyList<Problem> HeldOut(int asked) => set.HeldOut(asked);

        public Outcome Judge(Problem problem, string completion, bool finished) => set.Judge(problem, completion, finished);

        public IProblemSet Without(IReadOnlySet<Problem> problems) => new Endless(set.Without(problems), count);
    }

    private void Train(
        RunConfig config,
        FakeBackend backend,
        Action<Trainer>? look = null,
        TrainingEvents? events = null,
        StepEvaluation? evaluate = null,
        Func<string, Outcome>? judge = null)
    {
        events ??= new() { Warning = words.Add, Progress = (phase, done, of) => Add($"{phase} {done}/{of}") };
        using var trainer = new Trainer(config, TinyModel.Problems(judge), events, backend);
        using var run = RunDirectory.Create(config, TimeProvider.System, Path.Combine(model.Root, "run"));
        Assert.IsTrue(trainer.Train(run, evaluate).Completed);
        look?.Invoke(trainer);

        void Add(string word)
        {
            lock (words)
                words.Add(word);
        }
    }
}
