using System.Text.Json.Nodes;
using G2RL.Onnx.Algorithms.Corrections;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tests.Steps;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Lagging;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Tests;

/// <summary>Batches that are drawn with the weights of k steps before.</summary>
[TestClass]
public sealed class LagTests
{
    [TestMethod]
    [DataRow(1, "0 0 1 2 3 4")]
    [DataRow(3, "0 0 0 0 1 2")]
    public void Run_WithLag_DrawsWithTheWeightsOfSoManyStepsBefore(int lag, string versions)
    {
        using var model = new TinyModel();
        var config = Config(model, lag) with { Steps = 6 };
        using var trainer = new Trainer(config, TinyModel.Problems());
        using var run = RunDirectory.Create(config, TimeProvider.System, Path.Combine(model.Root, "run"));
        trainer.Run(run);
        var drawn = Enumerable.Range(0, 6).Select(step => Directory.EnumerateFiles(Path.Combine(run.Folder, "rollouts"))
            .Order(StringComparer.Ordinal).ElementAt(step))
            .Select(f => (string)JsonNode.Parse(File.ReadLines(f).First())!["policy"]!).ToArray();
        CollectionAssert.AreEqual(
            versions.Split(' ').Select(v => $"{trainer.Policy.Version.Origin}@{v}").ToArray(),
            drawn,
            string.Join(' ', drawn));
    }

    [TestMethod]
    public void Run_WithLag_IsNotTheRunWithout()
    {
        using var model = new TinyModel();
        var hashes = new[] { 0, 1, 2 }.Select(lag => Train(Config(model, lag)).Hash).ToArray();
        Assert.AreEqual(3, hashes.Distinct().Count());
        Assert.AreEqual(hashes[2], Train(Config(model, 2)).Hash);
    }

    // With the learning rate all but 0 old weights are those of now, and the run must be the one without lag but for the version's name.
    [TestMethod]
    [DataRow("grpo")]
    [DataRow("g2rl")]
    [DataRow("remax")]
    public void Run_OfWeightsThatDoNotChange_DrawsWhatOneWithoutLagDraws(string algorithm)
    {
        using var model = new TinyModel();
        var still = Config(model, 0) with
        {
            Algorithm = new() { Name = algorithm, Correction = new() { Weights = CorrectionKind.Tis } },
            Training = model.Config.Training with { LearningRate = 1e-30 },
        };
        var lagged = still with { Sampling = still.Sampling with { Lag = 2 } };
        CollectionAssert.AreEqual(Train(still).Metrics, Train(lagged).Metrics);
    }

    [TestMethod]
    [DataRow(1)]
    [DataRow(3)]
    public void Run_CancelledThenResumed_EqualsTheUninterruptedRun(int lag)
    {
        using var model = new TinyModel();
        var config = Config(model, lag) with { Steps = 7 };
        var whole = Train(config);
        var folder = Path.Combine(model.Root, "cut");
        foreach (var end in new[] { 2, 5, 7 })
        {
            using var cancel = new CancellationTokenSource();
            var steps = 0;
            using var trainer = new Trainer(config, TinyModel.Problems(), new()
            {
                Started = done => steps = done,
                Step = _ =>
                {
                    if (++steps == end)
                        cancel.Cancel();
                },
            });
            using var run = steps == 0 && end == 2
                ? RunDirectory.Create(config, TimeProvider.System, folder)
                : RunDirectory.Resume(folder, config);
            trainer.Run(run, cancel.Token);
            if (end == 7)
                Assert.AreEqual(whole.Hash, trainer.Policy.Hash());
        }
        CollectionAssert.AreEqual(whole.Metrics, Metrics(folder));
    }

    [TestMethod]
    public void Begin_AheadOfItsStep_GivesWhatADrawInTimeGives()
    {
        using var model = new TinyModel();
        using var loaded = new RunModel(model.Config);
        var policy = loaded.Policy;
        using var ahead = new LaggedPolicy(policy, new() { Lag = 1 }, isElsewhere: true);
        using var inTime = new LaggedPolicy(policy, new() { Lag = 1 }, isElsewhere: false);
        IRolloutSource Open(Policy p) => new Sampler(p, loaded.Tokenizer, loaded.TrainingSampler());
        using var early = ahead.Rollouts(Open);
        using var late = inTime.Rollouts(Open);
        static string Text(DrawnRollouts drawn) =>
            string.Join('|', drawn.SelectMany(g => g).Select(r => $"{r.Version} {string.Join(',', r.LogProbs)}"));
        for (var step = 0; step < 4; step++)
        {
            ahead.History.Keep(step);
            inTime.History.Keep(step);
            if (!early.HasBegun(step))
                early.Begin(Request(step), CancellationToken.None);
            early.Begin(Request(step + 1), CancellationToken.None);
            // An update while the next batch is at work.
            foreach (ref var w in policy.Trainable[0].Buffer.Span)
                w += 0.01f;
            policy.Updates++;
            Assert.AreEqual(Text(late.Draw(Request(step))), Text(early.Draw(Request(step))), $"step {step}");
        }
    }

    // 1 + 2^-8 lies halfway between two numbers of bfloat16 and goes to the even one, 1 + 3 x 2^-8 up to 1 + 2^-6.
    [TestMethod]
    [DataRow(0)]
    [DataRow(1)]
    public void Drawer_OfRoundedWeights_HoldsTheNearestNumbersOfBFloat16FromTheFirstStepOn(int lag)
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        float[] values = [1 + (1f / 256), 1 + (3f / 256), -1 - (1.01f / 256), 1e-30f, 0, -0f];
        values.CopyTo(policy.Trainable[0].Buffer.Span);
        using var lagged = new LaggedPolicy(policy, new() { Lag = lag, Weights = DrawnWeights.BFloat16 }, isElsewhere: false);
        lagged.History.Keep(0);
        var drawn = lagged.Drawer(0).Trainable[0].Buffer.Span[..values.Length].ToArray();
        CollectionAssert.AreEqual(new[] { 1, 1 + (1f / 64), -1 - (1f / 128) }, drawn[..3]);
        foreach (var parameter in lagged.Drawer(0).Trainable)
            foreach (var w in parameter.Buffer.Span)
                Assert.AreEqual(0, BitConverter.SingleToInt32Bits(w) & 0xFFFF);
        Assert.AreEqual(values[0], policy.Trainable[0].Buffer.Span[0], "the policy in training keeps its bits");
        Assert.IsTrue(RunConfigRules.Warnings(new() { Sampling = new() { Weights = DrawnWeights.BFloat16 } })
            .Any(w => w.Contains("sampling.weights is bfloat16", StringComparison.Ordinal)));
    }

    [TestMethod]
    public void Warnings_LagWithoutCorrection_SaySo()
    {
        using var model = new TinyModel();
        var config = Config(model, 1) with { Algorithm = new() };
        Assert.IsTrue(RunConfigRules.Warnings(config).Any(w => w.Contains("sampling.lag is 1", StringComparison.Ordinal)));
        Assert.IsFalse(RunConfigRules.Warnings(Config(model, 1)).Any(w => w.Contains("sampling.lag", StringComparison.Ordinal)));
        Train(config);
    }

    // How many updates are behind the weights is their name in the rows of rollouts.
    [TestMethod]
    public void Load_WeightsOfBefore_KnowTheirUpdates()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 24);
        using var history = new PolicyHistory(policy, 1);
        policy.Updates = 5;
        history.Keep(0);
        history.Save(model.Root, 1);
        policy.Updates = 9;
        using var again = new PolicyHistory(policy, 1);
        again.Load(model.Root, 1);
        Assert.AreEqual(5, again.Of(1).Updates);
        var path = Path.Combine(model.Root, "lag-000000.safetensors");
        SafeTensorsWriter.Write(
            path,
            [.. policy.Trainable.Select(p => TensorToWrite.Floats(p.Name, SafeTensorsDtype.F32, [.. p.Shape], _ => p.Buffer.Span))]);
        Assert.AreEqual(
            $"{path} does not say how many updates are behind its weights.",
            Assert.ThrowsExactly<InputException>(() => again.Load(model.Root, 1)).Message);
    }

    // Rewards that others compute may begin with groups that ended before their step did.
    [TestMethod]
    public void Draw_OfABatchDrawnAhead_TellsOfGroupsThatEndedBefore()
    {
        using var model = new TinyModel();
        using var loaded = new RunModel(model.Config);
        using var lagged = new LaggedPolicy(loaded.Policy, new() { Lag = 1 }, isElsewhere: true);
        using var draws = lagged.Rollouts(p => new Sampler(p, loaded.Tokenizer, loaded.TrainingSampler()));
        lagged.History.Keep(0);
        draws.Begin(Request(1), CancellationToken.None);
        var told = new System.Collections.Concurrent.ConcurrentQueue<(int Prompt, Rollout[] Rollouts)>();
        var drawn = draws.Draw(Request(1) with { GroupEnded = (prompt, rollouts) => told.Enqueue((prompt, rollouts)) });
        CollectionAssert.AreEqual(new[] { 0, 1 }, told.Select(t => t.Prompt).Order().ToArray());
        foreach (var (prompt, rollouts) in told)
            CollectionAssert.AreEqual(drawn[prompt].Select(r => r.Text).ToArray(), rollouts.Select(r => r.Text).ToArray());
    }

    // All that ended before anybody listened is told at once, to who then does.
    [TestMethod]
    public void Draw_OfABatchThatHasEnded_TellsOfAllItsGroups()
    {
        using var model = new TinyModel();
        using var loaded = new RunModel(model.Config);
        using var lagged = new LaggedPolicy(loaded.Policy, new() { Lag = 1 }, isElsewhere: true);
        using var ended = new SemaphoreSlim(0);
        using var draws = lagged.Rollouts(_ => new Telling(new FakeSource((_, _, _) => "1"), ended));
        lagged.History.Keep(0);
        draws.Begin(Request(1), CancellationToken.None);
        Assert.IsTrue(ended.Wait(TimeSpan.FromMinutes(5)));
        var told = new List<int>();
        draws.Draw(Request(1) with { GroupEnded = (prompt, _) => told.Add(prompt) });
        CollectionAssert.AreEqual(new[] { 0, 1 }, told);
    }

    // A program of one's own may go on with a trainer whose run was cancelled: a draw that ended with it is begun anew, one that was whole
    // by then is kept.
    [TestMethod]
    public void HasBegun_DrawsOfACancelledRun_KeepsThoseThatAreWhole()
    {
        using var model = new TinyModel();
        using var loaded = new RunModel(model.Config);
        using var lagged = new LaggedPolicy(loaded.Policy, new() { Lag = 1 }, isElsewhere: true);
        using var asked = new SemaphoreSlim(0);
        using var cancel = new CancellationTokenSource();
        var source = new FakeSource((_, _, _) => "1");
        using var draws = lagged.Rollouts(_ => new Held(source, asked));
        lagged.History.Keep(0);
        asked.Release();
        draws.Begin(Request(0), cancel.Token);
        Assert.IsTrue(SpinWait.SpinUntil(() => source.Requests.Count == 1, TimeSpan.FromMinutes(5)));
        draws.Begin(Request(1), cancel.Token);
        Assert.IsTrue(draws.HasBegun(0) && draws.HasBegun(1));
        cancel.Cancel();
        Assert.IsTrue(draws.HasBegun(0));
        Assert.IsFalse(draws.HasBegun(1));
        Assert.HasCount(2, draws.Draw(Request(0)).Rollouts);
        asked.Release();
        draws.Begin(Request(1), CancellationToken.None);
        Assert.HasCount(2, draws.Draw(Request(1)).Rollouts);
    }

    // One that is on its last token when the run is cancelled is whole a moment later.
    [TestMethod]
    public void HasBegun_DrawThatIsEnding_IsWaitedFor()
    {
        using var model = new TinyModel();
        using var loaded = new RunModel(model.Config);
        using var lagged = new LaggedPolicy(loaded.Policy, new() { Lag = 1 }, isElsewhere: true);
        using var asked = new SemaphoreSlim(0);
        using var cancel = new CancellationTokenSource();
        var source = new FakeSource((_, _, _) => "1");
        using var draws = lagged.Rollouts(_ => new Held(source, asked, heeds: false));
        lagged.History.Keep(0);
        draws.Begin(Request(0), cancel.Token);
        cancel.Cancel();
        // Were it not waited for, the question would be answered by then.
        var letGo = Task.Delay(50).ContinueWith(_ => asked.Release(), TaskScheduler.Default);
        Assert.IsTrue(draws.HasBegun(0));
        letGo.Wait();
        Assert.HasCount(2, draws.Draw(Request(0)).Rollouts);
        Assert.HasCount(1, source.Requests);
    }

    // Draws one batch each time it is let.
    private sealed class Held(IRolloutSource source, SemaphoreSlim asked, bool heeds = true) : IRolloutSource
    {
        public SamplerPlan Plan => source.Plan;

        public DrawnRollouts Draw(DrawRequest request, Action<int>? progress = null, CancellationToken cancel = default)
        {
            asked.Wait(heeds ? cancel : CancellationToken.None);
            return source.Draw(request, progress, CancellationToken.None);
        }

        public void Dispose() => source.Dispose();
    }

    // Ends all groups at once, and says when it has.
    private sealed class Telling(IRolloutSource source, SemaphoreSlim ended) : IRolloutSource
    {
        public SamplerPlan Plan => source.Plan;

        public DrawnRollouts Draw(DrawRequest request, Action<int>? progress = null, CancellationToken cancel = default)
        {
            var drawn = source.Draw(request, progress, cancel);
            for (var i = 0; i < drawn.Rollouts.Length; i++)
                request.GroupEnded?.Invoke(i, drawn.Rollouts[i]);
            ended.Release();
            return drawn;
        }

        public void Dispose() => source.Dispose();
    }

    private static DrawRequest Request(int step) => new([[1, 2, 3], [4, 5]], Samples: 3, Seed: 5, step);

    private static RunConfig Config(TinyModel model, int lag) => model.Config with
    {
        Steps = 5,
        Sampling = model.Config.Sampling with { Lag = lag },
        Algorithm = new() { Correction = new() { Weights = CorrectionKind.Tis } },
        Training = model.Config.Training with { CheckpointEvery = 2, LearningRate = 1e-2 },
        Logging = new() { RolloutsEvery = 1 },
    };

    private static (string[] Metrics, string Hash) Train(RunConfig config)
    {
        using var trainer = new Trainer(config, TinyModel.Problems());
        using var run = RunDirectory.Create(config, TimeProvider.System, null);
        Assert.IsTrue(trainer.Run(run).Completed);
        return (Metrics(run.Folder), trainer.Policy.Hash());
    }

    private static string[] Metrics(string folder) => [.. File.ReadLines(Path.Combine(folder, "metrics.jsonl")).Select(line =>
    {
        var row = (JsonObject)JsonNode.Parse(line)!;
        foreach (var name in row.Select(p => p.Key).Where(StepMetrics.IsTiming).ToArray())
            row.Remove(name);
        return row.ToJsonString();
    })];
}
