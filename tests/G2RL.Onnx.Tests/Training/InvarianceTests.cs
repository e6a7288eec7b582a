using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Losses;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests;

/// <summary>
/// What must not change a result: how a batch is divided, padded and ordered, what stands in masked positions, and who has no reward.
/// </summary>
[TestClass]
public sealed class InvarianceTests
{
    private static readonly Sequence[] Sequences = [.. Enumerable.Range(0, 12).Select(i => new Sequence(
        [.. Enumerable.Range(0, 2 + (i % 4)).Select(t => (i + t) % 16)],
        [.. Enumerable.Range(0, 3 + (5 * i % 11)).Select(t => ((7 * i) + (3 * t)) % 16)]))];

    public static IEnumerable<object[]> Losses => LossTable.All.Keys.Select(name => new object[] { name });

    [TestMethod]
    [DynamicData(nameof(Losses))]
    public void Update_DividedAccumulatedReorderedOrLeftPadded_GivesTheSameLossAndGradients(string loss)
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        using var trainer = Trainer(policy, loss);
        var everything = Enumerable.Range(0, Sequences.Length).ToArray();
        var whole = Run(trainer, [everything]);
        var ways = new List<(string Way, Outcome Outcome)>
        {
            ("in another order", Run(trainer, [[.. everything.Reverse()]])),
            ("padded on the left", Run(trainer, [everything], left: true)),
        };
        if (!LossTable.All[loss].WholeBatch)
        {
            ways.Add(("in micro-batches", Run(trainer, [.. SequenceBatch.Plan(Sequences, 40)])));
            ways.Add(("row by row, shuffled", Run(trainer, [.. Seeds.Permutation(3, Sequences.Length).Select(i => new[] { i })])));
            ways.Add(("accumulated side by side", Run(trainer, [.. SequenceBatch.Plan(Sequences, 40)], together: true)));
            ways.Add(("accumulated and padded on the left", Run(trainer, [[.. everything[..5]], [.. everything[5..]]], left: true)));
        }
        foreach (var (way, outcome) in ways)
        {
            Assert.AreEqual(whole.Loss, outcome.Loss, 1e-6 * Math.Abs(whole.Loss), $"{loss} {way}: the loss");
            for (var p = 0; p < whole.Gradients.Length; p++)
                Golden.Near(
                    outcome.Gradients[p],
                    whole.Gradients[p],
                    Tolerances.GradientRelative * whole.Gradients[p].Max(MathF.Abs),
                    $"{loss} {way}: {policy.Parameters[p].Name}");
        }
    }

    [TestMethod]
    [DynamicData(nameof(Losses))]
    public void Update_NaNInMaskedTokens_ReachesNoGradient(string loss)
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        using var trainer = Trainer(policy, loss);
        var everything = Enumerable.Range(0, Sequences.Length).ToArray();
        var clean = Run(trainer, [everything], masked: 0);
        Assert.IsTrue(clean.Gradients.Any(g => g.Any(x => x != 0)));
        foreach (var bad in new[] { float.NaN, float.PositiveInfinity, 1e30f })
        {
            var soiled = Run(trainer, [everything], masked: bad);
            Assert.AreEqual(clean.Loss, soiled.Loss, $"{loss}, {bad}");
            for (var p = 0; p < clean.Gradients.Length; p++)
                CollectionAssert.AreEqual(clean.Gradients[p], soiled.Gradients[p], $"{loss}, {bad}: {policy.Parameters[p].Name}");
        }
    }

    [TestMethod]
    public void Run_EveryTokenMasked_HasLossZeroWarnsAndChangesNothing()
    {
        using var model = new TinyModel();
        // The sampler is the trainer, so no ratio lies in [1.5, 2].
        var config = model.Config with
        {
            Steps = 1,
            Algorithm = new() { Correction = new() { Rejection = "token_k1", RejectionLow = 1.5, RejectionHigh = 2 } },
        };
        var warnings = new List<string>();
        var (metrics, hash) = ArmRunTests.Train(config, warnings: warnings);
        var row = ArmRunTests.Row(metrics[0]);
        Assert.AreEqual((0.0, 0.0, 1.0), (row["policy/loss"]!.GetValue<double>(), row["policy/updates"]!.GetValue<double>(),
            row["policy/empty_minibatches"]!.GetValue<double>()));
        StringAssert.Contains(warnings.Single(), "step 1: 1 of 1 mini-batches hold no token to train on");
        using var untouched = Policy.Load(model.Folder, 24);
        Assert.AreEqual(untouched.Hash(), hash);
    }

    [TestMethod]
    public void Run_GroupsWithMissingRewards_Abstain()
    {
        using var model = new TinyModel();
        var noisy = TinyModel.Problems();
        var judged = new Dictionary<string, int>(StringComparer.Ordinal);
        // Of every group one completion has a reward: nothing to compare it with.
        var missing = new FunctionProblemSet("missing", [.. noisy.Batch(0, 16, 0)], [.. noisy.HeldOut(8)],
            (p, text) => (judged[p.Id] = judged.GetValueOrDefault(p.Id) + 1) % 6 == 1
                ? noisy.Judge(p, text, true)
                : Problems.Outcome.Abstained("out of scope"));
        var config = model.Config with { Steps = 1, Evaluation = model.Config.Evaluation with { Samples = 6 } };
        var warnings = new List<string>();
        var (metrics, hash) = ArmRunTests.Train(config, missing, warnings);
        var row = ArmRunTests.Row(metrics[0]);
        Assert.AreEqual((20.0, 0.0, 0.0), (row["reward/abstain_count"]!.GetValue<double>(), row["policy/updates"]!.GetValue<double>(),
            row["policy/loss"]!.GetValue<double>()));
        using var untouched = Policy.Load(model.Folder, 24);
        Assert.AreEqual(untouched.Hash(), hash);
        Assert.IsTrue(
            warnings.Any(w => w.Contains("out of scope")) && warnings.Any(w => w.Contains("no token to train on")),
            string.Join('\n', warnings));
    }

    [TestMethod]
    public void Group_OneMissingReward_IsNoMemberAndChangesNoStatistic()
    {
        Rollout[] rollouts = [.. Enumerable.Range(0, 3).Select(_ => new Rollout
        {
            PromptTokens = [1],
            Tokens = [1],
            LogProbs = [0],
            Entropies = [0],
            Finish = FinishReason.StopToken,
            Version = new(0, ""),
            Text = "",
        })];
        var group = new ScoredGroup(
            new(new Problem("p", "", ""), rollouts),
            [Problems.Outcome.Judged(true), Problems.Outcome.Abstained("no"), Problems.Outcome.Judged(false)]);
        AlgorithmTable.All["grpo"].Advantages(group, null, new() { Name = "grpo" }, 0);
        CollectionAssert.AreEqual(new[] { 0, 2 }, group.Members);
        // mean 0, variance 1.
        CollectionAssert.AreEqual(new[] { 1.0, -1 }, group.Advantages.Select(a => Math.Round(a, 6)).ToArray());
    }

    private static GradientAccumulator Trainer(Policy policy, string loss) =>
        new(
            policy,
            PolicyLoss.Objective(new(KlCoefficient: 0.01, EntropyCoefficient: 0.003) { Loss = loss, SkipMasked = true, Corrected = true }),
            1,
            2);

    private static Outcome Run(GradientAccumulator trainer, int[][] parts, bool left = false, bool together = false, float? masked = null)
    {
        trainer.Clear();
        var total = Sequences.Sum(s => s.Response.Length);
        Microbatch[] micros = [.. parts.Select(indices => Micro(indices, left, total, masked))];
        var loss = together ? trainer.Add(micros) : micros.Sum(trainer.Add);
        return new(loss, [.. trainer.Gradients.Select(g => g.Buffer.Span.ToArray())]);
    }

    private static Microbatch Micro(int[] indices, bool left, int total, float? masked)
    {
        var batch = new SequenceBatch([.. indices.Select(i => Sequences[i])]);
        if (left)
            PadLeft(batch);
        var micro = new Microbatch(batch);
        var next = 0;
        foreach (var i in indices)
            for (var t = 0; t < Sequences[i].Response.Length; t++, next++)
            {
                // Of both signs, but not so that the loss is a small difference of large sums.
                (micro.Weights[next], micro.Advantages[next]) = (1f / total, ((i % 5) - 0.7f) / 1.5f);
                (micro.OldLogProbs[next], micro.ReferenceLogProbs[next], micro.Corrections[next]) =
                    (-2.5f - (0.1f * t), -2.7f, 1 + (0.01f * i));
                if (masked is { } value && (i + t) % 3 == 0)
                    (micro.Weights[next], micro.Advantages[next], micro.OldLogProbs[next], micro.ReferenceLogProbs[next],
                        micro.Corrections[next]) = (0, value, value, value, value);
            }
        return micro;
    }

    // Moves every row's tokens to its end.
    private static void PadLeft(SequenceBatch batch)
    {
        for (var row = 0; row < batch.Rows; row++)
        {
            var start = row * batch.Width;
            var filled = (int)batch.Mask.AsSpan(start, batch.Width).ToArray().Sum();
            foreach (var values in new[] { batch.InputIds, batch.Mask, batch.Positions })
            {
                values.AsSpan(start, filled).CopyTo(values.AsSpan(start + batch.Width - filled));
                values.AsSpan(start, batch.Width - filled).Clear();
            }
            foreach (ref var place in batch.Scored.AsSpan())
                if (place / batch.Width == row)
                    place += batch.Width - filled;
        }
    }

    private sealed record Outcome(double Loss, float[][] Gradients);
}
