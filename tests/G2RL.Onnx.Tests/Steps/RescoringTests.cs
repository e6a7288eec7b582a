using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Corrections;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Training.Backends;
using G2RL.Onnx.Training.Steps;

namespace G2RL.Onnx.Tests.Steps;

/// <summary>Phases 3 and 4 on rollouts made by hand; the sampler's log-probs are all -1.</summary>
[TestClass]
public sealed class RescoringTests : IDisposable
{
    private readonly TinyModel model = new();
    private readonly Policy policy;
    private readonly Policy reference;

    public RescoringTests()
    {
        policy = Policy.Load(model.Folder, 24);
        reference = policy.Freeze();
    }

    public void Dispose()
    {
        reference.Dispose();
        policy.Dispose();
        model.Dispose();
    }

    [TestMethod]
    public void Run_ScoresFirst_FillsBothLogProbsAndHoldsThemAgainstTheSampler()
    {
        var scorer = new FakeScorer(p => p == policy ? -1.00001f : -2);
        var step = new Step(2);
        var batch = Phase(scorer, scoresFirst: true, reference).Run(step, [Group(1, -1), Group(-1, 1)], 10, policy.Version);
        Assert.HasCount(4, batch.Samples);
        CollectionAssert.AreEqual(new[] { 0, 0, 1, 1 }, batch.Samples.Select(s => s.Group).ToArray());
        Assert.IsTrue(batch.Samples.All(s => s.OldLogProbs.All(l => l == -1.00001f) && s.ReferenceLogProbs!.All(l => l == -2)));
        Assert.AreEqual(1e-5, step.Metrics.Values["mismatch/sampler_trainer_max_nats"], 1e-7);
        // 1e-5 + 4e-6 x 10 / temperature 2.
        Assert.AreEqual(3e-5, step.Metrics.Values["mismatch/allowed_nats"], 1e-12);
        Assert.IsNull(batch.Pending);
        CollectionAssert.AreEqual(new[] { (policy, 4, 2d), (reference, 4, 2d) }, scorer.Calls);
    }

    [TestMethod]
    public void Run_UpdateFindsThem_LeavesTheComparisonToIt()
    {
        var scorer = new FakeScorer(_ => 0);
        var step = new Step(2);
        var batch = Phase(scorer, scoresFirst: false, null).Run(step, [Group(1, -1)], 10, policy.Version);
        Assert.IsEmpty(scorer.Calls);
        Assert.IsEmpty(batch.Scores);
        Assert.IsTrue(batch.Samples.All(s => s.OldLogProbs.Length == 0 && s.ReferenceLogProbs is null));
        Assert.IsFalse(step.Metrics.Values.ContainsKey("mismatch/allowed_nats"));
        // As the update would once it has them: here one that the sampler did not see so.
        foreach (var sample in batch.Samples)
            sample.OldLogProbs = [.. sample.Rollout.LogProbs.Select(l => l - 0.1f)];
        StringAssert.Contains(
            Assert.ThrowsExactly<InvalidOperationException>(() => batch.Pending!(batch.Samples)).Message,
            "Step 3: log-probs of sampler and trainer differ by 1.00E-001 nats; rounding explains 3.00E-005.");
    }

    [TestMethod]
    public void Run_SamplerAndTrainerDisagree_EndsTheRunUnlessItCorrects()
    {
        var scorer = new FakeScorer(_ => -1.5f);
        var config = Config with { Algorithm = Config.Algorithm with { Correction = new() { Weights = CorrectionKind.Tis } } };
        Assert.ThrowsExactly<InvalidOperationException>(
            () => Phase(scorer, scoresFirst: true, null).Run(new Step(0), [Group(1, -1)], 10, policy.Version));
        var step = new Step(0);
        _ = Phase(scorer, scoresFirst: true, null, config).Run(step, [Group(1, -1)], 10, policy.Version);
        Assert.AreEqual(0.5, step.Metrics.Values["mismatch/sampler_trainer_max_nats"], 1e-6);
    }

    [TestMethod]
    public void Run_NothingJudgedOrOtherWeights_IsRefused()
    {
        var phase = Phase(new FakeScorer(_ => -1), scoresFirst: true, null);
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(
                () => phase.Run(new Step(3), [Group(null, null), Group([null])], 10, policy.Version)).Message,
            "Step 4: none of 3 completions could be judged.");
        var stale = Group(1, -1);
        policy.Updates++;
        StringAssert.Contains(
            Assert.ThrowsExactly<InvalidOperationException>(() => phase.Run(new Step(3), [stale], 10, policy.Version)).Message,
            $"A rollout was drawn by {stale.Group.Rollouts[0].Version}; this step's are {policy.Version}'s.");
    }

    // Rewards 1, -1: mean 0, population standard deviation 1.
    [TestMethod]
    public void Shape_Groups_HaveTheirAdvantagesAndLoneMembersAreLeftOut()
    {
        using var backend = new CpuBackend(1);
        using var features = new RolloutFeatures(Config.Algorithm, policy.Spec, backend, 1);
        ScoredGroup[] groups = [Group(1, -1), Group(1, null)];
        var step = new Step(0);
        var batch = Phase(new FakeScorer(_ => -1), scoresFirst: false, null).Run(step, groups, 10, policy.Version);
        new Shaping(features, Config).Run(step, batch, policy);
        Assert.AreEqual(1, groups[0].Advantages[0], 1e-5);
        Assert.AreEqual(-1, groups[0].Advantages[1], 1e-5);
        Assert.IsFalse(groups[0].Masked);
        Assert.IsTrue(groups[1].Masked);
        Assert.AreEqual((-1d, 1d), (
            Math.Round(step.Metrics.Values["policy/advantage_min"], 5),
            Math.Round(step.Metrics.Values["policy/advantage_max"], 5)));
    }

    [TestMethod]
    public void Shape_Cancelled_ChangesNothing()
    {
        using var cancel = new CancellationTokenSource();
        using var backend = new CpuBackend(1);
        using var features = new RolloutFeatures(Config.Algorithm, policy.Spec, backend, 1);
        var step = new Step(0, cancel.Token);
        var batch = Phase(new FakeScorer(_ => -1), scoresFirst: false, null).Run(step, [Group(1, -1)], 10, policy.Version);
        cancel.Cancel();
        Assert.ThrowsExactly<OperationCanceledException>(() => new Shaping(features, Config).Run(step, batch, policy));
        CollectionAssert.AreEqual(new double[2], batch.Groups[0].Advantages);
    }

    private static RunConfig Config => new() { Algorithm = new() { Name = "grpo" }, Sampling = new() { Temperature = 2 } };

    private Rescoring Phase(FakeScorer scorer, bool scoresFirst, Policy? against, RunConfig? config = null) =>
        new(policy, against, scorer, new(Config.Algorithm, policy.Spec, new CpuBackend(1), 1), config ?? Config, 1, scoresFirst);

    // A reward a rollout; null is one that could not be judged.
    private ScoredGroup Group(params double?[] rewards)
    {
        var source = new FakeSource((_, _, _) => "abc", policy.Version);
        var problem = new Problem("p", "", "");
        return new(
            new(problem, source.Draw(new([[1, 2]], rewards.Length, 0, 0))[0]),
            [.. rewards.Select(r => r is { } reward ? Outcome.Scored(reward) : Outcome.Failed("no"))]);
    }
}
