using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Advantages;
using G2RL.Onnx.Algorithms.Corrections;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Tests;

/// <summary>What a profile and a loss come to, and advantages and rejections worked out by hand.</summary>
[TestClass]
public sealed class AlgorithmChoiceTests
{
    private static readonly AdvantageSettings Settings = new(1e-6, LoneKeepsReward: false);

    // What a profile makes of a loss: the loss, its aggregation and those of divergence and entropy, advantage, estimator; then clamps of
    // the ratio and of the divergence, dual clip, whether masked tokens are taken out, the bound of the ratio.
    [TestMethod]
    [DataRow("paper", "profile", "clipped token-mean token-mean token-mean group-normal k3 0 0 0 0 True 0")]
    [DataRow("paper", "gspo", "gspo token-mean token-mean token-mean group-normal k3 0 0 0 0 True 0")]
    [DataRow("paper", "cispo", "cispo token-mean token-mean token-mean group-normal k3 0 0 0 0 True 0")]
    [DataRow("paper", "gmpo", "gmpo row-mean-token-mean row-mean-token-mean row-mean-token-mean group-normal k3 0 0 0 0 True 0")]
    [DataRow("verl", "profile", "clipped token-mean token-mean token-mean group-std k3 20 20 10 3 False 0")]
    [DataRow("verl", "gspo", "gspo-token seq-mean-token-mean token-mean token-mean group-std k3 20 20 10 0 False 0")]
    [DataRow("verl", "sapo", "sapo seq-mean-token-mean token-mean token-mean group-std k3 20 20 10 0 False 0")]
    [DataRow("trl", "profile", "clipped row-mean-token-mean row-mean-token-mean token-mean group-std k3 0 0 0 0 False 0")]
    [DataRow("trl", "cispo", "cispo token-mean token-mean token-mean group-std k3 0 0 0 0 False 0.3")]
    [DataRow("trl", "sapo", "sapo row-mean-token-mean row-mean-token-mean token-mean group-std k3 0 0 0 0 False 0")]
    [DataRow("trl", "vespo", "vespo token-mean token-mean token-mean group-std k3 0 0 0 0 False 0")]
    [DataRow("trl", "gspo", "gspo row-mean-token-mean row-mean-token-mean token-mean group-std k3 0 0 0 0 False 0")]
    [DataRow("openrlhf", "profile", "clipped token-mean token-mean token-mean group-std k1 20 0 10 0 False 0")]
    [DataRow("openrlhf", "gspo", "gspo seq-mean-token-mean token-mean token-mean group-std k1 20 0 10 0 False 0")]
    public void Choice_OfAProfileAndALoss_IsThisLine(string profile, string loss, string line)
    {
        var config = new AlgorithmConfig
        {
            Name = "grpo",
            Profile = profile,
            Loss = loss,
            ClipHigh = 0.3,
            KlCoefficient = 0.1,
            Correction = new() { OffPolicyBound = 1 },
        };
        var (choice, settings) = (AlgorithmChoice.Of(config), PolicyLossSettings.Of(config));
        Assert.AreEqual(
            line,
            FormattableString.Invariant(
                $"{choice.Loss} {choice.Aggregation} {choice.KlAggregation} {choice.EntropyAggregation} {choice.Advantage} {choice.Kl} ")
            + FormattableString.Invariant(
                $"{settings.LogRatioClamp} {settings.KlInputClamp} {settings.KlOutputClamp} {settings.DualClip} {settings.SkipMasked} ")
            + FormattableString.Invariant($"{settings.RatioBound}"));
        Assert.AreEqual((choice.Loss, choice.Kl), (settings.Loss, settings.Kl));
        Assert.AreEqual(choice.KlAggregation != choice.Aggregation, settings.KlApart);
        Assert.IsFalse(settings.EntropyApart);
        // Only where something masks.
        Assert.IsFalse(PolicyLossSettings.Of(config with { Correction = new() }).SkipMasked);
    }

    // verl clamps its third estimator alone.
    [TestMethod]
    [DataRow("verl", "k1", 0, 0)]
    [DataRow("verl", "k3+", 20, 10)]
    [DataRow("openrlhf", "k2", 0, 10)]
    public void KlClamps_OfAnEstimator_AreItsTrainers(string profile, string kl, double input, double output)
    {
        var settings = PolicyLossSettings.Of(new() { Name = "grpo", Profile = profile, Kl = kl, KlCoefficient = 0.1 });
        Assert.AreEqual((input, output), (settings.KlInputClamp, settings.KlOutputClamp));
    }

    // +-1 / sqrt(1 + epsilon) within a group of two; a lone one and a missing one have none.
    [TestMethod]
    public void GroupNormal_OfGroups_LeavesLoneOnesOut() =>
        Same(
            Of("group-normal", [1, 3, 5, double.NaN], [0, 0, 1, 1], [1, 1, 1, 1]),
            [-1 / Math.Sqrt(1 + 1e-6), 1 / Math.Sqrt(1 + 1e-6), 0, 0],
            1e-12);

    // 1 and three tokens of 2: mean 1.75, variance (0.5625 + 3 x 0.0625) / 4.
    [TestMethod]
    public void GlobalWhitening_OfTokens_WeighsByLength()
    {
        var sd = Math.Sqrt(0.1875);
        Same(Of("global-whiten", [1, 2, double.NaN], [0, 0, 0], [1, 3, 5]), [-0.75 / sd, 0.25 / sd, 0], 1e-12);
        Same(Of("global-whiten", [5, double.NaN], [0, 0], [0, 2]), [0, 0], 0);
    }

    // The same mean with N - 1: 0.75 / 3 = 0.25. With a baseline -0.5, 0.5, -1.5, 1.5: variance 5 / 3.
    [TestMethod]
    public void ReinforcePlusPlus_OfTokens_WhitensThem()
    {
        Same(Of("reinforce++", [1, 2, double.NaN], [0, 0, 0], [1, 3, 5]), [-1.5, 0.5, 0], 1e-6);
        var sd = Math.Sqrt(5 / 3d);
        Same(
            Of("reinforce++-baseline", [1, 2, 10, 13], [0, 0, 1, 1], [1, 1, 1, 1]), [-0.5 / sd, 0.5 / sd, -1.5 / sd, 1.5 / sd], 1e-6);
        Assert.Contains(
            "1 tokens to whiten; a variance needs at least 2.",
            Assert.ThrowsExactly<ArgumentException>(() => Of("reinforce++", [1], [0], [1])).Message);
    }

    // Each reward by itself, the second twice; a row that lacks one takes part in the other, a row without any in nothing.
    [TestMethod]
    public void Gdpo_WhitenedOverTokens_TakesRowsThatHaveAReward()
    {
        var advantages = new double[4];
        AdvantageTable.All["gdpo"](
            new([0, 0, 0, double.NaN], [0, 0, 0, 0], [1, 1, 1, 9])
            {
                Parts = [[1, 0], [3, 1], [double.NaN, 1], [double.NaN, double.NaN]],
                Weights = [1, 2],
            },
            new AdvantageSettings(1e-9, LoneKeepsReward: true) { WhitensTokens = true },
            advantages);
        // Means 2 and 2/3, deviations sqrt 2 and sqrt(1/3); the sums have mean 0.
        double[] sums =
        [
            (-1 / Math.Sqrt(2)) - (2 * (2 / 3d) / Math.Sqrt(1 / 3d)),
            (1 / Math.Sqrt(2)) + (2 * (1 / 3d) / Math.Sqrt(1 / 3d)),
            2 * (1 / 3d) / Math.Sqrt(1 / 3d),
        ];
        var sd = Math.Sqrt(sums.Sum(s => s * s) / 2);
        Same(advantages, [.. sums.Select(s => s / sd), 0], 1e-6);
    }

    // A lone one keeps its reward where a trainer says so; normalised over the batch: mean 3, deviation 2.
    [TestMethod]
    public void Rloo_OfGroups_TakesTheOthersAsBaseline()
    {
        Same(Of("rloo", [1, 4, 7, 5], [0, 0, 0, 1], [1, 1, 1, 1]), [-4.5, 0, 4.5, 0], 1e-12);
        var lone = new double[1];
        AdvantageTable.All["rloo"](new([5], [0], [1]), Settings with { LoneKeepsReward = true }, lone);
        Assert.AreEqual(5, lone[0]);
        double[] values = [1, 3, 9, 5];
        Rloo.Normalize([1, 1, double.NaN, 1], 0, values);
        Same(values, [-1, 0, 0, 1], 1e-12);
    }

    // Rewards 1 and -1, paths 1 and 2, then 2 alone: baselines (1 - 2) / 3 and 2 / 2.
    [TestMethod]
    public void OptimalTokenBaseline_OfAGroup_TellsTheMeanOfItsTokens()
    {
        Rollout Drawn(params int[] tokens) => new()
        {
            PromptTokens = [1],
            Tokens = tokens,
            LogProbs = new float[tokens.Length],
            Entropies = new float[tokens.Length],
            Finish = FinishReason.Length,
            Text = "",
            Version = new(0, ""),
        };
        var group = new ScoredGroup(
            new(new("p", "1=", ""), [Drawn(1, 2), Drawn(3)]), [Outcome.Judged(true), Outcome.Judged(false)])
        {
            Energies = [[1, 1], [2]],
        };
        AlgorithmTable.All["otb"].Advantages(group, null, new() { Name = "otb" }, 0);
        Same(group.TokenAdvantages![0], [4 / 3d, 0], 1e-5);
        Same(group.TokenAdvantages[1], [-2 / 3d], 1e-5);
        Same(group.Advantages, [2 / 3d, -2 / 3d], 1e-5);
    }

    // Bounds belong to what is kept: ratios of 2 and 1/2, divergences of 1/2, 1/2 and 2.
    [TestMethod]
    [DataRow("token_k1", 0.5, 2, "11111")]
    [DataRow("token_k1", 0.6, 1.9, "11100")]
    [DataRow("token_k2", 0, 0.5, "11011")]
    [DataRow("seq_sum_k1", 0.5, 1, "00000")]
    [DataRow("seq_sum_k1", 0.25, 1, "11111")]
    [DataRow("seq_mean_k2", 0, 0.7, "11111")]
    [DataRow("seq_mean_k2", 0, 0.69, "00000")]
    [DataRow("seq_max_k2", 0, 2, "11111")]
    [DataRow("seq_max_k2", 0, 1.99, "00000")]
    public void Rejection_AtItsBounds_Keeps(string option, double low, double high, string kept)
    {
        // d: 1, -1, 2 (outside of the first bounds' business), ln 2, -ln 2.
        double[] ratios = option.EndsWith("k1", StringComparison.Ordinal)
            ? [0, 0, 0, Math.Log(2), -Math.Log(2)]
            : [1, -1, 2, Math.Log(2), -Math.Log(2)];
        if (option == "seq_sum_k1")
            ratios = [0, 0, 0, Math.Log(2), Math.Log(2)];
        Assert.AreEqual(kept, string.Concat(Rejection.Mask(ratios, [1, 1, 1, 1, 1], 1, option, low, high)));
        Assert.Contains(
            "There is no rejection 'seq_k9'. There are: token_k1, ",
            Assert.ThrowsExactly<ArgumentException>(() => Rejection.Mask([0], [1], 1, "seq_k9", 0, 1)).Message);
    }

    private static double[] Of(string name, double[] rewards, int[] groups, double[] lengths)
    {
        var advantages = new double[rewards.Length];
        Array.Fill(advantages, 7);
        AdvantageTable.All[name](new(rewards, groups, lengths), Settings, advantages);
        return advantages;
    }

    private static void Same(double[] actual, double[] expected, double tolerance)
    {
        Assert.HasCount(expected.Length, actual);
        for (var i = 0; i < expected.Length; i++)
            Assert.AreEqual(expected[i], actual[i], tolerance, $"{i}");
    }
}
