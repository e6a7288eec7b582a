using System.Text.Json.Nodes;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Files;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class TrainerTests
{
    [TestMethod]
    public void Run_SameSeedTwice_GivesTheSameMetricsAndWeights()
    {
        using var model = new TinyModel();
        var (first, second) = (Train(model.Config), Train(model.Config));
        CollectionAssert.AreEqual(first.Metrics, second.Metrics);
        Assert.AreEqual(first.Hash, second.Hash);
        Assert.AreNotEqual(first.Hash, Train(model.Config with { Seed = 1 }).Hash);
    }

    [TestMethod]
    public void Run_LambdaZero_EqualsGrpoBitForBit()
    {
        using var model = new TinyModel();
        var config = model.Config with { Steps = 20, Training = model.Config.Training with { CheckpointEvery = 100 } };
        foreach (var shaping in Enum.GetValues<ShapingKind>())
            Assert.AreEqual(
                Train(config with { Algorithm = new() { Name = "grpo" } }).Hash,
                Train(config with { Algorithm = new() { Name = "g2rl", Lambda = 0, Shaping = shaping } }).Hash, $"{shaping}");
        Assert.AreNotEqual(Train(config with { Algorithm = new() { Name = "grpo" } }).Hash, Train(config).Hash);
    }

    [TestMethod]
    public void Run_FeaturesFromSamplingOrScoring_GiveTheSameNovelty()
    {
        using var model = new TinyModel();
        double Novelty(FeatureSource source) => JsonNode.Parse(Train(
            model.Config with { Steps = 1, Algorithm = new() { Features = source } }).Metrics[0])!["g2rl/nu_mean"]!.GetValue<double>();
        Assert.AreEqual(Novelty(FeatureSource.Sampling), Novelty(FeatureSource.Scoring), 1e-6);
    }

    [TestMethod]
    public void Run_CancelledThenResumed_EqualsTheUninterruptedRun()
    {
        using var model = new TinyModel();
        var config = model.Config with { Steps = 5, Training = model.Config.Training with { CheckpointEvery = 2 } };
        var whole = Train(config);
        var folder = Path.Combine(model.Root, "cut");
        using (var cancel = new CancellationTokenSource())
        using (var trainer = new Trainer(config, TinyModel.Problems(), new() { Step = m => { if (m.Step == 3) cancel.Cancel(); } }))
        using (var run = RunDirectory.Create(config, TimeProvider.System, folder))
            Assert.IsFalse(trainer.Run(run, cancel.Token).Completed);
        using (var trainer = new Trainer(config, TinyModel.Problems()))
        using (var run = RunDirectory.Resume(folder, config))
        {
            Assert.IsTrue(trainer.Run(run).Completed);
            Assert.AreEqual(whole.Hash, trainer.Policy.Hash());
            CollectionAssert.AreEqual(whole.Metrics, Metrics(folder));
        }
    }

    [TestMethod]
    public void Run_LostBackToAnOlderCheckpoint_GoesOnBitForBit()
    {
        using var model = new TinyModel();
        var config = model.Config with { Steps = 5, Training = model.Config.Training with { CheckpointEvery = 2, KeepCheckpoints = 5 } };
        var folder = Path.Combine(model.Root, "old");
        var whole = Train(config, folder);
        // As after a kill: the newer checkpoints are gone or torn, the logs ran ahead.
        Directory.Delete(Path.Combine(folder, "checkpoints", "step-000005"), recursive: true);
        File.WriteAllBytes(Path.Combine(folder, "checkpoints", "step-000004", "model.safetensors"), new byte[100]);
        File.AppendAllText(Path.Combine(folder, "metrics.jsonl"), "{\"step\":9,\"torn");
        var warnings = new List<string>();
        using var trainer = new Trainer(config, TinyModel.Problems(), new() { Warning = warnings.Add });
        using var run = RunDirectory.Resume(folder, null);
        trainer.Run(run);
        Assert.AreEqual(whole.Hash, trainer.Policy.Hash());
        CollectionAssert.AreEqual(whole.Metrics, Metrics(folder));
        StringAssert.Contains(warnings.Single(), "step-000004");
    }

    [TestMethod]
    public void Run_SeveralMinibatches_ClipsAndClipHigherDiffers()
    {
        using var model = new TinyModel();
        var config = model.Config with
        {
            Steps = 4,
            Algorithm = new() { Name = "grpo", KlCoefficient = 0 },
            Training =
                model.Config.Training with { LearningRate = 2e-2, MinibatchesPerBatch = 4, EpochsPerBatch = 2, CheckpointEvery = 100 },
        };
        var plain = Train(config);
        Assert.IsGreaterThan(0, plain.Metrics.Max(m => JsonNode.Parse(m)!["policy/clip_share"]!.GetValue<double>()));
        Assert.AreEqual(8, JsonNode.Parse(plain.Metrics[0])!["policy/updates"]!.GetValue<double>());
        Assert.AreNotEqual(plain.Hash, Train(config with { Algorithm = config.Algorithm with { ClipHigh = 0.28 } }).Hash);
    }

    [TestMethod]
    public void Run_EveryProfileLossAndAdvantage_TrainsAndDiffersFromThePaper()
    {
        using var model = new TinyModel();
        // Two updates of a batch: in the first one the ratio is 1, and losses that differ by it alone are the same.
        var training = model.Config.Training with { LearningRate = 1e-2, EpochsPerBatch = 2 };
        var config = model.Config with { Steps = 1, Algorithm = new() { Name = "grpo" }, Training = training };
        var paper = Train(config).Hash;
        Assert.AreEqual(paper, Train(config with
        {
            Algorithm = config.Algorithm with
            {
                Loss = "clipped",
                Advantage = "group-normal",
                Aggregation = "token-mean",
                Kl = "k3",
                DualClip = 0,
            }
        }).Hash);
        foreach (var algorithm in new AlgorithmConfig[]
        {
            new() { Profile = "trl" },
            new() { Profile = "verl", Loss = "gspo" },
            new() { Loss = "gspo" },
            new() { Loss = "cispo" },
            new() { Advantage = "rloo" },
            new() { Advantage = "reinforce++" },
            new() { Aggregation = "seq-mean-token-mean" },
        })
            Assert.AreNotEqual(paper, Train(config with { Algorithm = algorithm with { Name = "grpo" } }).Hash, $"{algorithm}");
    }

    [TestMethod]
    [DataRow("profile", "nemo", "algorithm.profile is 'nemo'; there are: openrlhf, paper, trl, verl.")]
    [DataRow("loss", "best", "algorithm.loss is 'best'; there are: profile, cispo, clip-cov, clipped")]
    [DataRow("advantage", "gae", "algorithm.advantage is 'gae'; there are: profile, batch-std")]
    [DataRow("dualClip", "0.5", "algorithm.dualClip is 0.5; it must be above 1")]
    public void Faults_UnknownNames_ListWhatThereIs(string setting, string value, string message) =>
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => RunConfigFile.Load(null, [$"algorithm.{setting}={value}"])).Message,
            message);

    [TestMethod]
    public void Faults_DualClipWithGspo_IsRefusedByName()
    {
        var message =
            Assert.ThrowsExactly<InputException>(() => RunConfigFile.Load(null, ["algorithm.loss=gspo", "algorithm.dualClip=3"])).Message;
        StringAssert.Contains(message, "algorithm.dualClip is 3 with algorithm.loss gspo");
        Assert.IsNotNull(RunConfigFile.Load(null, ["algorithm.loss=gspo", "algorithm.profile=verl"]));
    }

    [TestMethod]
    public void Run_OneUpdate_HasFirstRatioOneAndSmallMismatch()
    {
        using var model = new TinyModel();
        foreach (var row in Train(model.Config).Metrics.Select(m => JsonNode.Parse(m)!))
        {
            var allowed = row["mismatch/allowed_nats"]!.GetValue<double>();
            Assert.IsLessThanOrEqualTo(allowed, row["mismatch/sampler_trainer_max_nats"]!.GetValue<double>());
            Assert.IsLessThanOrEqualTo(allowed, row["mismatch/first_ratio_max_nats"]!.GetValue<double>());
            Assert.AreEqual(1, row["policy/ratio_mean"]!.GetValue<double>(), 1e-5);
        }
    }

    [TestMethod]
    public void Run_Learnable_RaisesTheReward()
    {
        using var model = new TinyModel();
        var rewards = Train(model.Config with
        {
            Steps = 40,
            Training = model.Config.Training with { LearningRate = 1e-2, CheckpointEvery = 100 },
        }).Metrics.Select(m => JsonNode.Parse(m)!["reward/mean"]!.GetValue<double>()).ToArray();
        Assert.IsGreaterThan(rewards[..5].Average() + 0.3, rewards[^5..].Average());
    }

    [TestMethod]
    public void Gradients_AnyMicrobatchSize_AreTheSame()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        var sequences = Enumerable.Range(0, 16).Select(i => new Sequence(
            [.. Enumerable.Range(0, 2 + (i % 4)).Select(t => (i + t) % 16)],
            [.. Enumerable.Range(0, 3 + (5 * i % 11)).Select(t => (7 * i + 3 * t) % 16)])).ToArray();
        var whole = Accumulate(100_000);
        foreach (var size in new[] { 1, 40, 100 })
        {
            var parts = Accumulate(size);
            Assert.AreEqual(whole.Loss, parts.Loss, 1e-6 * Math.Abs(whole.Loss), $"loss at {size}");
            for (var p = 0; p < whole.Gradients.Length; p++)
                Golden.Near(
                    parts.Gradients[p],
                    whole.Gradients[p],
                    Tolerances.GradientRelative * whole.Gradients[p].Max(MathF.Abs),
                    $"{policy.Parameters[p].Name} at {size}");
        }

        (double Loss, float[][] Gradients) Accumulate(int tokens)
        {
            using var trainer =
                new GradientAccumulator(policy, PolicyLoss.Objective(new(KlCoefficient: 0.01, EntropyCoefficient: 0.003)), 1, 2);
            var (loss, total) = (0d, sequences.Sum(s => s.Response.Length));
            foreach (var indices in SequenceBatch.Plan(sequences, tokens))
            {
                var micro = new Microbatch(new SequenceBatch([.. indices.Select(i => sequences[i])]));
                Array.Fill(micro.Weights, 1f / total);
                var next = 0;
                foreach (var i in indices)
                    for (var t = 0; t < sequences[i].Response.Length; t++, next++)
                        (micro.Advantages[next], micro.OldLogProbs[next], micro.ReferenceLogProbs[next]) =
                            (((i % 5) - 2) / 1.5f, -2.5f - (0.1f * t), -2.7f);
                loss += trainer.Add(micro);
            }
            return (loss, [.. trainer.Gradients.Select(g => g.Buffer.Span.ToArray())]);
        }
    }

    [TestMethod]
    public void Run_RewardThatThrows_LeavesTheRolloutOutAndCountsIt()
    {
        using var model = new TinyModel();
        var problems = TinyModel.Problems();
        var judged = 0;
        var shaky = new FunctionProblemSet(
            "shaky",
            [.. problems.Batch(0, 16, 0)],
            [.. problems.HeldOut(8)],
            (p, text) => ++judged % 5 == 0 ? throw new InvalidOperationException("judge down") : Outcome.Judged(text.Contains('2')));
        var warnings = new List<string>();
        var row = JsonNode.Parse(Train(model.Config with { Steps = 1 }, problems: shaky, warnings: warnings).Metrics[0])!;
        Assert.IsGreaterThan(0, row["reward/error_count"]!.GetValue<double>());
        Assert.IsTrue(warnings.Any(w => w.Contains("judge down")), string.Join('\n', warnings));
    }

    [TestMethod]
    public void Create_ProblemRowsLeftOut_AreWarnedOf()
    {
        using var model = new TinyModel();
        var (train, heldOut) = (Path.Combine(model.Root, "train.jsonl"), Path.Combine(model.Root, "test.jsonl"));
        File.WriteAllText(
            train,
            "{\"prompt\":\"1+1=\",\"answer\":2}\n{\"prompt\":\"1+1=\",\"answer\":2}\n{\"prompt\":\"2+1=\",\"answer\":3}\n");
        File.WriteAllText(heldOut, "{\"prompt\":\"3+1=\",\"answer\":4}\n");
        var warnings = new List<string>();
        using var trainer = new Trainer(
            model.Config,
            new FileProblems(new() { Train = train, HeldOut = heldOut }),
            new() { Warning = warnings.Add });
        StringAssert.Contains(warnings.Single(), "1 rows repeat an earlier prompt");
    }

    [TestMethod]
    public void Run_NoCompletionJudged_StopsWithReason()
    {
        using var model = new TinyModel();
        var problems = TinyModel.Problems();
        var broken =
            new FunctionProblemSet("broken", [.. problems.Batch(0, 16, 0)], [.. problems.HeldOut(8)], (_, _) => Outcome.Failed("always"));
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => Train(model.Config, problems: broken)).Message, "could be judged");
    }

    [TestMethod]
    public void Run_NonFiniteGradient_StopsWithStepAndTensorAndKeepsTheWeights()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 24);
        var gradients = policy.Parameters.Select(p => new Parameter(p.Name, [.. p.Shape])).ToArray();
        using var optimizer = new AdamW(policy.Parameters, gradients, new(), 2);
        gradients[3].Buffer.Span[5] = float.NaN;
        var before = policy.Hash();
        StringAssert.Contains(Assert.ThrowsExactly<NonFiniteException>(() => optimizer.GradientNorm()).Message, policy.Parameters[3].Name);
        Assert.AreEqual(before, policy.Hash());
    }

    [TestMethod]
    public void Run_HomogeneousGroupsMasked_AreNotTrainedOn()
    {
        using var model = new TinyModel();
        var problems = TinyModel.Problems();
        var always =
            new FunctionProblemSet("always", [.. problems.Batch(0, 16, 0)], [.. problems.HeldOut(8)], (_, _) => Outcome.Judged(true));
        RunConfig With(HomogeneousKind groups) => model.Config with { Algorithm = new() { HomogeneousGroups = groups, KlCoefficient = 0 } };
        using var untouched = Policy.Load(model.Folder, 24);
        Assert.AreEqual(untouched.Hash(), Train(With(HomogeneousKind.Mask), problems: always).Hash);
        // Kept, novelty alone gives unit-variance advantages: METHOD names this consequence.
        var kept = Train(With(HomogeneousKind.Keep), problems: always);
        Assert.AreNotEqual(untouched.Hash(), kept.Hash);
        Assert.AreEqual(1, JsonNode.Parse(kept.Metrics[0])!["reward/homogeneous_share"]!.GetValue<double>());
    }

    [TestMethod]
    public void Export_AfterTraining_ReadsBackAsTheTrainedPolicy()
    {
        using var model = new TinyModel();
        using var trainer = new Trainer(model.Config, TinyModel.Problems());
        using (var run = RunDirectory.Create(model.Config, TimeProvider.System))
            trainer.Run(run);
        var folder = Path.Combine(model.Root, "out");
        trainer.Export(folder);
        using var back = Policy.Load(folder, trainer.Policy.Positions);
        Assert.AreEqual(trainer.Policy.Hash(), back.Hash());
        Assert.IsTrue(File.Exists(Path.Combine(folder, "tokenizer.json")));
    }

    [TestMethod]
    public void Create_ImpossibleConfiguration_SaysWhat()
    {
        using var model = new TinyModel();
        void Refuses(RunConfig config, string what) =>
            StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => new Trainer(config, TinyModel.Problems())).Message, what);
        Refuses(
            model.Config with { Sampling = model.Config.Sampling with { GroupSize = 1 } },
            "sampling.groupSize is 1; a group-relative advantage needs at least 2.");
        Refuses(model.Config with { Sampling = model.Config.Sampling with { MaxNewTokens = 60 } }, "has 64 positions");
        Refuses(model.Config with { Sampling = model.Config.Sampling with { StopTokens = ["<nope>"] } }, "<nope>");
        Refuses(model.Config with { Model = Path.Combine(model.Root, "missing") }, "is not a folder");
        Refuses(model.Config with { Training = model.Config.Training with { MinibatchesPerBatch = 5 } }, "groups are never split");
    }

    private static (string[] Metrics, string Hash) Train(
        RunConfig config,
        string? folder = null,
        IProblemSet? problems = null,
        List<string>? warnings = null)
    {
        using var trainer = new Trainer(config, problems ?? TinyModel.Problems(), new() { Warning = w => warnings?.Add(w) });
        using var run = RunDirectory.Create(config, TimeProvider.System, folder);
        Assert.IsTrue(trainer.Run(run).Completed);
        return (Metrics(run.Folder), trainer.Policy.Hash());
    }

    // Rows without what depends on the clock.
    private static string[] Metrics(string folder) => [.. File.ReadLines(Path.Combine(folder, "metrics.jsonl")).Select(line =>
    {
        var row = (JsonObject)JsonNode.Parse(line)!;
        foreach (var name in row.Select(p => p.Key).Where(StepMetrics.IsTiming).ToArray())
            row.Remove(name);
        return row.ToJsonString();
    })];
}
