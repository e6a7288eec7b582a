using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Advantages;

namespace G2RL.Onnx.Tests;

/// <summary>Advantages where rewards are missing, alone or equal, by hand. What stood in the result before is gone.</summary>
[TestClass]
public sealed class AdvantageBorderTests
{
    private const double Exact = 1e-12;

    // Two tokens with 1 and one with 4: (2 + 4) / 3 = 2 is the baseline; without a scored token it is 0.
    [TestMethod]
    [DataRow(new[] { 1.0, 4 }, new[] { 0, 0 }, new[] { 2.0, 1 }, false, new[] { -1.0, 2 })]
    [DataRow(new[] { 1.0, 4, double.NaN }, new[] { 0, 0, 0 }, new[] { 2.0, 1, 9 }, false, new[] { -1.0, 2, 0 })]
    [DataRow(new[] { 3.0, 5 }, new[] { 0, 1 }, new[] { 2.0, 1 }, false, new[] { 0.0, 0 })]
    [DataRow(new[] { 3.0, 5 }, new[] { 0, 1 }, new[] { 2.0, 1 }, true, new[] { 3.0, 5 })]
    [DataRow(new[] { 1.0, 4 }, new[] { 0, 0 }, new[] { 2.0, 1 }, true, new[] { -1.0, 2 })]
    [DataRow(new[] { 3.0, 5 }, new[] { 0, 0 }, new[] { 0.0, 0 }, false, new[] { 3.0, 5 })]
    public void Opo_Baseline_WeighsByLength(double[] rewards, int[] groups, double[] lengths, bool lone, double[] expected) =>
        Near(expected, "opo", new(rewards, groups, lengths), new(1e-6, lone));

    // Deviations with n - 1: of 4, 1 it is sqrt(4.5), of 4, 2, 1 sqrt(7 / 3).
    [TestMethod]
    [DataRow(new[] { 1.0, 4 }, new[] { 0, 0 }, new[] { 0, 3 / 2.1213203435596424 })]
    [DataRow(new[] { 1.0, 4, 2 }, new[] { 0, 0, 0 }, new[] { 0, 2 / 1.5275252316519468, 0 })]
    [DataRow(new[] { 1.0, double.NaN, 4 }, new[] { 0, 0, 0 }, new[] { 0, 0, 3 / 2.1213203435596424 })]
    [DataRow(new[] { 4.0, double.NaN, 2 }, new[] { 0, 0, 1 }, new[] { 0.0, 0, 0 })] // none to compare with
    public void PassAtK_BestRollout_IsComparedWithTheSecond(double[] rewards, int[] groups, double[] expected) =>
        Near(expected, "pass-at-k", new(rewards, groups, [1, 1, 1]), new(0, false));

    [TestMethod]
    public void GlobalWhiten_Tokens_CountEachReward()
    {
        // Three tokens of 1 and one of 5: mean 2, variance (3 + 9) / 4 = 3.
        Near([-1 / Math.Sqrt(3), Math.Sqrt(3), 0], "global-whiten", new([1, 5, double.NaN], [0, 0, 1], [3, 1, 7]), default);
        Near([0, 0], "global-whiten", new([1, 5], [0, 0], [0, 0]), default);
        double[] values = [1, 5];
        GlobalWhitening.Apply(values, [0, 0]);
        CollectionAssert.AreEqual((double[])[0, 0], values);
    }

    // Each reward alone is -1 and 1 over sqrt(2), their sums, 1 to 2, are 3 times that; whitened over a token each they are -1 and 1 over
    // sqrt(2) again. What has no reward has 0, though the mean is not.
    [TestMethod]
    public void Gdpo_WhitenedOverTokens_LeavesOutWhatHasNoReward()
    {
        AdvantageBatch batch = new([3, 9, double.NaN], [0, 0, 0], [1, 1, 1])
        {
            Parts = [[1, 1], [3, 5], [double.NaN, double.NaN]],
            Weights = [1, 2],
        };
        var half = 1 / Math.Sqrt(2);
        Near([-half, half, 0], "gdpo", batch, new(0, false) { WhitensTokens = true }, 1e-7);
        // Three tokens of -a and one of a: mean -a / 2, variance (3 / 4 + 9 / 4) a^2 / 3 = a^2.
        batch = batch with { Lengths = [3, 1, 5] };
        Near([-0.5, 1.5, 0], "gdpo", batch, new(0, false) { WhitensTokens = true }, 1e-7);
    }

    [TestMethod]
    public void Statistics_OfEqualNumbers_HitThemExactly()
    {
        Assert.AreEqual((3, 0.1, 0d), Statistics.Of([0.1, 0.1, 0.1]));
        Assert.AreEqual((2, 2d, Math.Sqrt(2)), Statistics.Of([1, double.NaN, 3]));
        Assert.AreEqual((1, 7d, 0d), Statistics.Of([7]));
        Assert.AreEqual((0, double.NaN, 0d), Statistics.Of([double.NaN]));
    }

    [TestMethod]
    public void Choice_OfSettings_GoesBeforeTheProfiles()
    {
        var own = AlgorithmChoice.Of(new() { Name = "grpo", Advantage = "rloo", Kl = "abs", Loss = "cispo" });
        Assert.AreEqual(("rloo", "abs", "cispo"), (own.Advantage, own.Kl, own.Loss));
        var usual = AlgorithmChoice.Of(new() { Name = "grpo" });
        Assert.AreEqual(("group-normal", "k3", "clipped"), (usual.Advantage, usual.Kl, usual.Loss));
        Assert.AreEqual("", new AlgorithmConfig().Embedder);
        Assert.AreEqual(1, PolicyLossSettings.Of(new() { Name = "grpo", AdaptiveEntropy = new() { Target = 0.5 } }).EntropyCoefficient);
    }

    private static void Near(double[] expected, string rule, AdvantageBatch batch, AdvantageSettings settings, double tolerance = Exact)
    {
        var advantages = Enumerable.Repeat(77d, batch.Rewards.Length).ToArray();
        AdvantageTable.All[rule](batch, settings, advantages);
        for (var i = 0; i < expected.Length; i++)
            Assert.AreEqual(expected[i], advantages[i], tolerance, $"{rule} [{i}]");
    }
}
