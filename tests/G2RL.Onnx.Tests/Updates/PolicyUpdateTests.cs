using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Steps;
using G2RL.Onnx.Training.Updates;

namespace G2RL.Onnx.Tests.Updates;

/// <summary>Which tokens an update trains on, in which parts, and what stops it, without a graph at work.</summary>
[TestClass]
public sealed class PolicyUpdateTests : IDisposable
{
    private readonly TinyModel model = new();
    private readonly RunInputs inputs;
    private readonly Dictionary<int, ScoredGroup> groupsOf = [];

    public PolicyUpdateTests() => inputs = new(model.Config, TinyModel.Problems());

    public void Dispose()
    {
        inputs.Dispose();
        model.Dispose();
    }

    [TestMethod]
    public void Run_FirstRatioBeyondTenTimesItsRounding_StopsBeforeTheWeightsChange()
    {
        // Old log-probs are -1 and 1e-3 is allowed: ten times that is no more than -0.99 needs, and less than -0.98 does.
        var (within, beyond) = (new RecordingOptimizer { LogProb = -0.9901f }, new RecordingOptimizer { LogProb = -0.98f });
        var metrics = Run(within, Samples(2));
        Assert.AreEqual(0.0099, metrics.Values["mismatch/first_ratio_max_nats"], 1e-6);
        Assert.HasCount(1, within.Rates);
        var failure = Assert.ThrowsExactly<InvalidOperationException>(() => Run(beyond, Samples(2)));
        StringAssert.Contains(failure.Message, "Step 3: log-probs of score and train graph differ by 2.00E-002 nats");
        Assert.IsEmpty(beyond.Rates, "the weights changed");
    }

    [TestMethod]
    public void Run_LaterUpdates_MayBeFarFromTheOldPolicy()
    {
        // The first of two epochs agrees; the second has learned.
        var optimizer = new RecordingOptimizer { LogProb = -1 };
        Run(optimizer, Samples(2), c => c with { Training = c.Training with { EpochsPerBatch = 2 } });
        Assert.HasCount(2, optimizer.Rates);
        CollectionAssert.AreEqual(Prompts(optimizer, 0), Prompts(optimizer, 1), "one mini-batch a batch holds all of it");
        // What a loss is told of that: 0 for each token of the first update, 1 afterwards.
        for (var update = 0; update < 2; update++)
            foreach (var moved in optimizer.Updates[update].SelectMany(m => m.Moved))
                Assert.AreEqual(update, moved);
    }

    [TestMethod]
    public void Run_MaskedGroup_IsNeitherTrainedOnNorCountedInTheMean()
    {
        var samples = Samples(4);
        var optimizer = new RecordingOptimizer();
        foreach (var sample in samples.Where(s => s.Group == 1))
            Scored(sample).Masked = true;
        var metrics = Run(optimizer, samples);
        // 3 of 4 groups of 2 are left, of 3 tokens each.
        Assert.AreEqual(0.75, metrics.Values["policy/trained_share"]);
        CollectionAssert.AreEqual(new[] { 0, 2, 3 }, Prompts(optimizer, 0));
        foreach (var weight in Weights(optimizer, 0))
            Assert.AreEqual(1f / 18, weight);
    }

    [TestMethod]
    [DataRow(KeepOrMask.Keep, 8)]
    [DataRow(KeepOrMask.Mask, 7)]
    public void Run_RolloutThatWasCutOff_IsTrainedOnAsConfigured(KeepOrMask truncated, int trained)
    {
        var optimizer = new RecordingOptimizer();
        var metrics = Run(optimizer, Samples(4, cutOff: 1), c => c with { Algorithm = c.Algorithm with { Truncated = truncated } });
        Assert.AreEqual(trained / 8.0, metrics.Values["policy/trained_share"]);
        Assert.HasCount(3 * trained, Weights(optimizer, 0));
    }

    [TestMethod]
    public void Run_TwoEpochsOfMinibatches_HoldEachGroupOnceAndDifferInTheirParts()
    {
        var optimizer = new RecordingOptimizer();
        var metrics = Run(optimizer, Samples(8), c => c with
        {
            Training = c.Training with { EpochsPerBatch = 2, MinibatchesPerBatch = 2 },
        });
        Assert.AreEqual(4, metrics.Values["policy/updates"]);
        var parts = Enumerable.Range(0, 4).Select(u => Prompts(optimizer, u)).ToArray();
        foreach (var epoch in new[] { 0, 2 })
            CollectionAssert.AreEquivalent(Enumerable.Range(0, 8).ToArray(), parts[epoch].Concat(parts[epoch + 1]).ToArray());
        Assert.AreNotEqual(string.Join(' ', parts[0]), string.Join(' ', parts[2]), "both epochs have the same mini-batches");
        // Whole groups, divided evenly.
        Assert.IsTrue(parts.All(p => p.Length == 4));
        Assert.IsTrue(optimizer.Updates.All(u => u.Sum(m => m.Batch.Targets.Length) == 4 * 2 * 3));
    }

    [TestMethod]
    public void Run_StepsOfARun_DrawOtherMinibatches()
    {
        static RunConfig Two(RunConfig c) => c with { Training = c.Training with { MinibatchesPerBatch = 2 } };
        var (third, fourth, again) = (new RecordingOptimizer(), new RecordingOptimizer(), new RecordingOptimizer());
        Run(third, Samples(8), Two);
        Run(fourth, Samples(8), Two, step: 4);
        Run(again, Samples(8), Two);
        CollectionAssert.AreNotEqual(Prompts(third, 0), Prompts(fourth, 0));
        CollectionAssert.AreEqual(Prompts(third, 0), Prompts(again, 0));
    }

    [TestMethod]
    public void Run_LearningRate_GoesOnFromUpdateToUpdate()
    {
        var optimizer = new RecordingOptimizer();
        Run(optimizer, Samples(4), c => c with
        {
            Steps = 10,
            Training = c.Training with
            {
                LearningRate = 1,
                EpochsPerBatch = 2,
                MinibatchesPerBatch = 2,
                Schedule = new() { Kind = ScheduleKind.Linear, FinalFraction = 0 },
            },
        });
        // Updates 12 to 15 of 40, from 1 in the first to 0 in the last.
        for (var i = 0; i < 4; i++)
            Assert.AreEqual(1 - ((12 + i) / 39.0), optimizer.Rates[i], 1e-12);
    }

    [TestMethod]
    public void Run_NothingToTrainOn_UpdatesNothingAndSaysSo()
    {
        var samples = Samples(2);
        foreach (var sample in samples)
            sample.Kept = [false, false, false];
        var optimizer = new RecordingOptimizer();
        var metrics = Run(optimizer, samples);
        Assert.AreEqual(1, metrics.Values["policy/empty_minibatches"]);
        Assert.AreEqual(0, metrics.Values["policy/updates"]);
        Assert.AreEqual(0, metrics.Values["policy/loss"]);
        Assert.IsFalse(metrics.Values.ContainsKey("policy/gradient_norm"));
        Assert.IsEmpty(optimizer.Updates);
    }

    [TestMethod]
    public void Run_TokensLeftOut_WeighNothingAndAreNotCounted()
    {
        var samples = Samples(1);
        samples[0].Kept = [true, false, true];
        var optimizer = new RecordingOptimizer();
        Run(optimizer, samples);
        // 5 of 6 tokens are left.
        CollectionAssert.AreEqual(new[] { 0.2f, 0, 0.2f, 0.2f, 0.2f, 0.2f }, Weights(optimizer, 0));
    }

    [TestMethod]
    public void Run_LossOrGradientIsNotFinite_LeavesTheWeightsAndSaysWhatToDo()
    {
        foreach (var (optimizer, word) in new[]
        {
            (new RecordingOptimizer { Loss = double.NaN }, "the loss is NaN. "),
            (new RecordingOptimizer { GradientIsFinite = false }, "The gradient of 'w' is NaN. "),
        })
        {
            using var update = new PolicyUpdate(inputs.Policy, model.Config, optimizer);
            var before = inputs.Policy.Version;
            var failure = Assert.ThrowsExactly<NonFiniteException>(() => update.Run(0, Samples(2), 2, Metrics(0)));
            StringAssert.StartsWith(failure.Message, word);
            StringAssert.Contains(failure.Message, "lower training.learningRate");
            Assert.IsTrue(update.IsWhole);
            Assert.IsEmpty(optimizer.Rates);
            Assert.AreEqual(before, inputs.Policy.Version);
        }
    }

    [TestMethod]
    public void Run_OldLogProbsNotKnown_TakesThoseThatTheGradientPassFinds()
    {
        var samples = Samples(2);
        foreach (var sample in samples)
            sample.OldLogProbs = [];
        var (optimizer, told) = (new RecordingOptimizer { LogProb = -0.5f }, 0);
        var metrics = Run(optimizer, samples, found: given =>
        {
            told += given.Count;
            Assert.IsTrue(given.All(s => s.OldLogProbs.SequenceEqual([-0.5f, -0.5f, -0.5f])));
            Assert.IsEmpty(optimizer.Rates);
        });
        Assert.AreEqual(4, told);
        Assert.AreEqual(0, metrics.Values["mismatch/first_ratio_max_nats"]);
        Assert.AreEqual(1, metrics.Values["policy/ratio_mean"], 1e-12);
    }

    [TestMethod]
    public void Run_Update_RaisesThePolicysVersionOnce()
    {
        var before = inputs.Policy.Version.Counter;
        Run(new RecordingOptimizer(), Samples(2));
        Assert.AreEqual(before + 1, inputs.Policy.Version.Counter);
    }

    private StepMetrics Run(
        RecordingOptimizer optimizer,
        Sample[] samples,
        Func<RunConfig, RunConfig>? change = null,
        int step = 3,
        Action<IReadOnlyList<Sample>>? found = null)
    {
        var metrics = Metrics(step);
        using var update = new PolicyUpdate(inputs.Policy, change?.Invoke(model.Config) ?? model.Config, optimizer);
        update.Run(step, samples, samples.Max(s => s.Group) + 1, metrics, found);
        Assert.IsTrue(update.IsWhole);
        return metrics;
    }

    private static StepMetrics Metrics(int step)
    {
        var metrics = new StepMetrics(step);
        metrics.Set("mismatch/allowed_nats", 1e-3);
        return metrics;
    }

    // Groups of two rollouts of three tokens; the prompt's token is the group's number.
    private Sample[] Samples(int groups, int cutOff = 0) =>
    [
        .. Enumerable.Range(0, groups).SelectMany(g =>
        {
            Rollout[] rollouts = [.. Enumerable.Range(0, 2).Select(i => new Rollout
            {
                PromptTokens = [g],
                Tokens = [1, 2, 3],
                LogProbs = [-1, -1, -1],
                Entropies = [1, 1, 1],
                Finish = (2 * g) + i < cutOff ? FinishReason.Length : FinishReason.StopToken,
                Version = inputs.Policy.Version,
                Text = "x",
            })];
            var scored = new ScoredGroup(new(new Problem($"p{g}", "", ""), rollouts), [Outcome.Judged(true), Outcome.Judged(false)]);
            groupsOf[g] = scored;
            return rollouts.Select((r, i) => new Sample(g, i, scored, r) { OldLogProbs = [-1, -1, -1] });
        }),
    ];

    private ScoredGroup Scored(Sample sample) => groupsOf[sample.Group];

    // The prompts of an update, each once, in order.
    private static int[] Prompts(RecordingOptimizer optimizer, int update) =>
        [.. optimizer.Updates[update]
            .SelectMany(m => Enumerable.Range(0, m.Batch.Rows).Select(row => (int)m.Batch.InputIds[row * m.Batch.Width]))
            .Distinct()
            .Order()];

    private static float[] Weights(RecordingOptimizer optimizer, int update) =>
        [.. optimizer.Updates[update].SelectMany(m => m.Weights)];
}
