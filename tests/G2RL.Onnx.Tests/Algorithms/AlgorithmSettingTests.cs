using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Corrections;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Steps;

namespace G2RL.Onnx.Tests;

/// <summary>Corrections, overlong shaping, dynamic sampling and bounds of the loss as settings of a run.</summary>
[TestClass]
public sealed class AlgorithmSettingTests
{
    private const double Exact = 1e-6;

    [TestMethod]
    public void Corrections_ByHand_WeighTokensOrResponses()
    {
        // Trainer / sampler per token: 4 and 1/2, and 1 alone in the second response.
        Sample[] Samples() => [Made([4, 0.5]), Made([1])];
        var metrics = new StepMetrics(0);
        float[][] Weights(CorrectionConfig config)
        {
            var samples = Samples();
            RolloutCorrections.Apply(samples, Entropies(samples), config, metrics);
            return [.. samples.Select(s => s.Corrections!)];
        }
        Near([2, 0.5f, 1], Weights(new() { Weights = CorrectionKind.Tis }));
        Assert.AreEqual(3.5 / 3, metrics.Values["correction/weight_mean"], Exact);
        Near([0, 0.5f, 1], Weights(new() { Weights = CorrectionKind.IcePop, Low = 0.5 - 1e-6 }));
        // The response's ratio is 2.
        Near([2, 2, 1], Weights(new() { Weights = CorrectionKind.Tis, Level = CorrectionLevel.Sequence, High = 5 }));
        Near([1.5f, 1.5f, 1], Weights(new() { Weights = CorrectionKind.Tis, Level = CorrectionLevel.Sequence, High = 1.5 }));
        // Mean 3.5 / 3.
        Near([2 / (3.5f / 3), 0.5f / (3.5f / 3), 1 / (3.5f / 3)], Weights(new() { Weights = CorrectionKind.Tis, Normalize = true }));
    }

    [TestMethod]
    public void Corrections_ByHand_LeaveTokensOut()
    {
        var metrics = new StepMetrics(0);
        bool[][] Kept(CorrectionConfig config, Sample[] samples, float[][]? entropies = null)
        {
            RolloutCorrections.Apply(samples, entropies ?? Entropies(samples), config, metrics);
            return [.. samples.Select(s => s.Kept!)];
        }
        string Text(bool[][] kept) => string.Join(' ', kept.Select(row => string.Concat(row.Select(k => k ? '1' : '0'))));
        // Sampler / trainer is 1/4, 2, 1: within [.4, 2.5] are the last two.
        Assert.AreEqual(
            "01 1",
            Text(Kept(new() { Rejection = "token_k1", RejectionLow = 0.4, RejectionHigh = 2.5 }, [Made([4, 0.5]), Made([1])])));
        Assert.AreEqual(1 / 3.0, metrics.Values["correction/masked_share"], Exact);
        // Over the response: ln(1/2) in sum, outside [ln .6, ln 2].
        Assert.AreEqual(
            "00 1",
            Text(Kept(new() { Rejection = "seq_sum_k1", RejectionLow = 0.6, RejectionHigh = 2 }, [Made([4, 0.5]), Made([1])])));
        // Entropies 1 to 4: the .5 quantile is 2.5.
        Assert.AreEqual("00 11", Text(Kept(new() { EntropyQuantile = 0.5 }, [Made([1, 1]), Made([1, 1])], [[1, 2], [3, 4]])));
        // sampler - trainer is ln 2 a token, above .5; only where the advantage is negative.
        Assert.AreEqual(
            "11 00",
            Text(Kept(new() { OffPolicyBound = 0.5 }, [Made([0.5, 0.5], advantage: 1), Made([0.5, 0.5], advantage: -1)])));
        Assert.AreEqual(
            "11 11",
            Text(Kept(new() { OffPolicyBound = 0.8 }, [Made([0.5, 0.5], advantage: 1), Made([0.5, 0.5], advantage: -1)])));
        // Ratios of 1/2 are within the band; no bound of the other kind, though the advantage is negative.
        var masked = Made([0.5, 0.5], advantage: -1);
        metrics = new(0);
        Assert.AreEqual("11", Text(Kept(new() { Rejection = "token_k1", RejectionLow = 0.4, RejectionHigh = 2.5 }, [masked])));
        // Rejection without weights.
        Assert.IsNull(masked.Corrections);
        Assert.IsFalse(metrics.Values.ContainsKey("correction/weight_mean"));
        var untouched = Made([4]);
        RolloutCorrections.Apply([untouched], Entropies([untouched]), new(), metrics);
        Assert.IsNull(untouched.Kept);
        Assert.IsNull(untouched.Corrections);
    }

    [TestMethod]
    public void Overlong_ByHand_LowersShapedRewardsBeforeTheNormalisation()
    {
        // Limit 10, buffer 4: 6 tokens lose nothing, 8 half, 10 all.
        foreach (var (config, expected) in new (OverlongConfig, double[])[]
        {
            (new() { Kind = OverlongKind.Linear, Buffer = 4, Factor = 2 }, [1, 0, -1]),
            (new() { Kind = OverlongKind.Bounded, Buffer = 4 }, [1, 0.5, 0]),
            // A factor is for linear alone.
            (new() { Kind = OverlongKind.Bounded, Buffer = 4, Factor = 2 }, [1, 0.5, 0]),
            (new(), [1, 1, 1]),
        })
        {
            var group = Group([6, 8, 10], [1, 1, 1]);
            OverlongShaping.Apply([group], config, 10);
            AlgorithmTable.All["grpo"].Advantages(group, null, new() { Name = "grpo" }, 0);
            for (var i = 0; i < 3; i++)
                Assert.AreEqual(expected[i], group.Shaped[i], Exact);
            CollectionAssert.AreEqual(new double[] { 1, 1, 1 }, group.Rewards);
            Assert.AreEqual(Math.Sign(expected[0] - expected.Average()), Math.Sign(group.Advantages[0]));
        }
    }

    [TestMethod]
    public void DynamicSampling_GroupsWithoutSignal_AreDrawnAnewInTheirPlaces()
    {
        var config = new RunConfig { Sampling = new() { ResampleRounds = 5 } };
        var metrics = new StepMetrics(3);
        ScoredGroup[] groups = [Group([1, 1], [1, 1]), Group([1, 1], [1, -1]), Group([1, 1], [-1, -1])];
        var mixed = groups[1];
        var asked = new List<int>();
        // Two groups are drawn in the first round, of which one has a signal; one in the second, which has none; the third round helps.
        var answers =
            new Queue<ScoredGroup[]>([[Group([1, 1], [1, -1]), Group([1, 1], [1, 1])], [Group([1, 1], [1, 1])], [Group([1, 1], [-1, 1])]]);
        var seeds = new List<ulong>();
        DynamicSampling.Run(
            groups,
            3,
            config,
            TinyModel.Problems(),
            (problems, seed) => { asked.Add(problems.Count); seeds.Add(seed); return answers.Dequeue(); },
            metrics);
        CollectionAssert.AreEqual(new[] { 2, 1, 1 }, asked);
        Assert.AreEqual(3, seeds.Distinct().Count());
        Assert.AreSame(mixed, groups[1]);
        Assert.IsTrue(groups.All(g => !g.IsHomogeneous));
        Assert.AreEqual((3, 4, 0), (metrics.Values["sampling/resample_rounds"], metrics.Values["sampling/resampled_groups"],
            metrics.Values["sampling/groups_without_signal"]));
    }

    [TestMethod]
    public void DynamicSampling_ProblemsThatAreAlwaysRight_EndsAfterItsRounds()
    {
        using var model = new TinyModel();
        var noisy = TinyModel.Problems();
        var always = new FunctionProblemSet("always", [.. noisy.Batch(0, 16, 0)], [.. noisy.HeldOut(8)], (_, _) => Outcome.Judged(true));
        var config = model.Config with
        {
            Steps = 1,
            Algorithm = new() { Name = "grpo" },
            Sampling = model.Config.Sampling with { ResampleRounds = 3 },
        };
        var row = ArmRunTests.Row(ArmRunTests.Train(config, always).Metrics[0]);
        Assert.AreEqual((3.0, 12.0, 4.0), (row["sampling/resample_rounds"]!.GetValue<double>(),
            row["sampling/resampled_groups"]!.GetValue<double>(), row["sampling/groups_without_signal"]!.GetValue<double>()));
        // Where every group has a signal nothing changes.
        var off = ArmRunTests.Train(model.Config with { Steps = 1, Sampling = model.Config.Sampling with { GroupSize = 16 } });
        var on = ArmRunTests.Train(
            model.Config with { Steps = 1, Sampling = model.Config.Sampling with { GroupSize = 16, ResampleRounds = 3 } });
        Assert.AreEqual(0, ArmRunTests.Row(off.Metrics[0])["reward/homogeneous_share"]!.GetValue<double>());
        Assert.AreEqual(off.Hash, on.Hash);
    }

    [TestMethod]
    public void Run_EachSetting_TrainsAndDiffersFromGrpo()
    {
        using var model = new TinyModel();
        var config = model.Config with
        {
            Steps = 2,
            Training =
            model.Config.Training with { LearningRate = 2e-2, MinibatchesPerBatch = 4, EpochsPerBatch = 2, CheckpointEvery = 100 }
        };
        string Hash(AlgorithmConfig algorithm) => ArmRunTests.Train(config with { Algorithm = algorithm with { Name = "grpo" } }).Hash;
        var plain = Hash(new());
        // The sampler is the trainer but for rounding: a correction is 1, and a loose rejection leaves all in.
        Assert.AreEqual(plain, Hash(new() { Correction = new() { Rejection = "seq_max_k2", RejectionHigh = 100 } }));
        foreach (var algorithm in new AlgorithmConfig[]
        {
            new() { Correction = new() { EntropyQuantile = 0.5 } },
            new() { Correction = new() { Rejection = "token_k1", RejectionLow = 1, RejectionHigh = 2 } },
            new() { Correction = new() { Weights = CorrectionKind.Tis, High = 0.5 } },
            new()
            {
                Correction = new() { Weights = CorrectionKind.IcePop, Level = CorrectionLevel.Sequence, Low = 0.999, High = 1.00000001 },
            },
            new() { Overlong = new() { Kind = OverlongKind.Linear, Buffer = 12 } },
            new() { Truncated = KeepOrMask.Mask },
            new() { DualClip = 1.0001 },
            new() { RatioLimit = 1.0001 },
            new() { KlOverRatio = true, KlCoefficient = 0.1 },
            new() { Loss = "kl-cov", Penalty = 1 },
            new() { Loss = "clip-cov", CovarianceLow = 0, CovarianceShare = 0.2 },
            new() { AdaptiveEntropy = new() { Target = 50, Delta = 0.1 } },
            new() { Loss = "sapo", TauPositive = 2 },
            new() { Kl = "k1+", KlCoefficient = 0.1 },
            new() { EntropyCoefficient = 0.01 },
        })
            Assert.AreNotEqual(plain, Hash(algorithm), $"{algorithm}");
    }

    [TestMethod]
    [DataRow("ratioLimit=0.5", "algorithm.ratioLimit is 0.5; it must be above 1")]
    [DataRow("ratioLimit=2 loss=gspo", "algorithm.ratioLimit is 2 with algorithm.loss gspo")]
    [DataRow("ratioLimit=2 dualClip=3", "algorithm.ratioLimit is 2 with algorithm.dualClip 3")]
    [DataRow("clipHigh=0.28 loss=reinforce", "algorithm.clipHigh is 0.28 with algorithm.loss reinforce")]
    [DataRow("name=clip-higher loss=sapo", "algorithm.clipHigh is 0.28 with algorithm.loss sapo")]
    [DataRow("tauPositive=2", "algorithm.tauPositive is 2 with algorithm.loss clipped; only sapo")]
    [DataRow("penalty=2 loss=cispo", "algorithm.penalty is 2 with algorithm.loss cispo; only dro and kl-cov")]
    [DataRow("klOverRatio=true klCoefficient=0", "algorithm.klOverRatio is true with algorithm.klCoefficient 0")]
    [DataRow("correction.normalize=true", "algorithm.correction.normalize is true with algorithm.correction.weights none")]
    [DataRow("correction.rejection=token_k4", "there are: none, token_k1, token_k2")]
    [DataRow("correction.weights=clip", "it must be one of: none, tis, icePop.")]
    [DataRow("correction.low=3", "algorithm.correction.high is 2; it must be finite and above algorithm.correction.low (3).")]
    [DataRow("overlong.kind=linear overlong.buffer=100", "algorithm.overlong.buffer is 100; it must be 1 to sampling.maxNewTokens (80).")]
    [DataRow("overlong.kind=linear name=passk", "algorithm.overlong.kind is Linear with algorithm.name passk")]
    public void Faults_ContradictoryOptions_AreRefusedByName(string settings, string message) =>
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => RunConfigFile.Load(null, settings.Split(' ').Select(s => $"algorithm.{s}"))).Message,
            message);

    internal static Sample Made(double[] ratios, double advantage = 0)
    {
        var group = Group([ratios.Length], [1]);
        group.Advantages[0] = advantage;
        return new(0, 0, group, group.Group.Rollouts[0]) { OldLogProbs = [.. ratios.Select(r => (float)(Math.Log(r) - 1))] };
    }

    private static float[][] Entropies(Sample[] samples) => [.. samples.Select(s => new float[s.Rollout.Tokens.Length])];

    // The sampler's log-probs are -1 each.
    private static ScoredGroup Group(int[] lengths, double[] rewards) => new(
        new(new Problem("p", "", ""), [.. lengths.Select(n => new Rollout
        {
            PromptTokens = [1],
            Tokens = new int[n],
            LogProbs = [.. Enumerable.Repeat(-1f, n)],
            Entropies = new float[n],
            Finish = FinishReason.StopToken,
            Version = new(0, ""),
            Text = "",
        })]),
        [.. rewards.Select(r => Outcome.Scored(r))]);

    private static void Near(float[] expected, float[][] actual)
    {
        var all = actual.SelectMany(a => a).ToArray();
        Assert.HasCount(expected.Length, all);
        for (var i = 0; i < all.Length; i++)
            Assert.AreEqual(expected[i], all[i], Exact, $"[{i}]");
    }
}
