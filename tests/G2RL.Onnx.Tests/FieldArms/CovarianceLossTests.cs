using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Conformance;

namespace G2RL.Onnx.Tests.FieldArms;

/// <summary>Losses that choose tokens by covariance, and penalties that are averaged apart, by numbers worked out by hand.</summary>
[TestClass]
public sealed class CovarianceLossTests
{
    // Mean A is 0, mean lp is -2: covariances 3 (1), -1 (-1) = 1, -1 (1) = -1, -1 (-1) = 1. The fifth token is masked.
    private static readonly float[] LogProbs = [-1, -3, -1, -3, -9];
    private static readonly float[] Advantages = [3, -1, -1, -1, 50];
    private static readonly float[] Mask = [1, 1, 1, 1, 0];

    [TestMethod]
    // Of the four only the first lies between 1 and 5: its loss of -3 is gone, and with it its gradient.
    [DataRow(0.0002, 1, new[] { 0.0, 1, 1, 1 })]
    // Above 0.5 lie the first, second and fourth; half of four tokens are drawn, those with the largest lots among the three.
    [DataRow(0.5, 0.5, new[] { -3.0, 0, 1, 0 })]
    // All four are to be drawn, three can be.
    [DataRow(1.0, 0.5, new[] { 0.0, 0, 1, 0 })]
    public void ClipCov_ByHand_DrawsAmongTokensOfHighCovariance(double share, double low, double[] expected)
    {
        var settings = new PolicyLossSettings { Loss = "clip-cov", CovarianceShare = share, CovarianceLow = low };
        // The least lot is 0, as those of a training are.
        var result = Run(settings, LogProbs, lots: [0, 7, 9, 3, 11]);
        // The ratio is 1, so the loss is -A, and so is its gradient by the log-prob; each token weighs a quarter.
        for (var t = 0; t < 4; t++)
        {
            Assert.AreEqual(expected[t], result.PerToken[t], 1e-6, $"[{t}]");
            Assert.AreEqual(expected[t] / 4, result.Gradient[t], 1e-6, $"gradient [{t}]");
        }
    }

    [TestMethod]
    public void ClipCov_CovarianceAboveTheUpperBound_IsNotDrawn()
    {
        // The first token's covariance of 3 lies above 2, the others' not above 1.
        var settings = new PolicyLossSettings { Loss = "clip-cov", CovarianceLow = 1, CovarianceHigh = 2 };
        var result = Run(settings, LogProbs, lots: [1, 7, 9, 3, 11]);
        CollectionAssert.AreEqual(new[] { -3f, 1, 1, 1 }, result.PerToken[..4].Select(l => (float)l).ToArray());
    }

    [TestMethod]
    public void ClipCov_TokenThatTheClipHasStopped_IsNotDrawn()
    {
        // The first token's ratio is 1.5: -A clip(1.5) = -3.6 lies above -4.5, so the clip acts and nothing is left to draw.
        float[] old = [-1 - MathF.Log(1.5f), -3, -1, -3, -9];
        var result = Run(new PolicyLossSettings { Loss = "clip-cov" }, old, lots: [1, 7, 9, 3, 11]);
        Assert.AreEqual(-3.6, result.PerToken[0], 1e-5);
        Assert.AreEqual(0, result.Gradient[0], 1e-6);
        Assert.AreEqual(1, result.PerToken[1], 1e-6);
    }

    [TestMethod]
    // One token, and half of four: covariance 3, then the two of 1, which are alike and both at the border.
    [DataRow(0.0002, new[] { true, false, false, false })]
    [DataRow(0.5, new[] { true, true, false, true })]
    public void KlCov_ByHand_PenalisesTheShareOfHighestCovariance(double share, bool[] penalised)
    {
        float[] old = [-1.5f, -3.5f, -1.5f, -3.5f, -9];
        var result = Run(new PolicyLossSettings { Loss = "kl-cov", CovarianceShare = share, Penalty = 2 }, old, lots: null);
        // |d| = 0.5, ratio e^0.5.
        for (var t = 0; t < 4; t++)
            Assert.AreEqual((-Advantages[t] * Math.Exp(0.5)) + (penalised[t] ? 1 : 0), result.PerToken[t], 1e-5, $"[{t}]");
    }

    [TestMethod]
    public void KlCov_BeforeAnythingMoved_PenalisesNothing()
    {
        // What two graphs find of one token differs by rounding alone.
        float[] old = [.. LogProbs.Select(l => l - 0.5f)];
        var settings = new PolicyLossSettings { Loss = "kl-cov", CovarianceShare = 1, Penalty = 2 };
        var result = ObjectiveRunner.Run(new(settings, LogProbs, Mask, 1, Advantages, [.. Mask.Select(m => m / 4)])
        {
            Old = old,
            Moved = new float[LogProbs.Length],
        });
        for (var t = 0; t < 4; t++)
            Assert.AreEqual(-Advantages[t] * Math.Exp(0.5), result.PerToken[t], 1e-5, $"[{t}]");
    }

    [TestMethod]
    public void Objective_PenaltiesApart_HaveWeightsOfTheirOwn()
    {
        // k1 is lp - ref = 2, 1: loss sum w (-A) = 0.5 (-1) + 0.5 (-3) = -2; 0.1 (0.25 2 + 0.75 1) = 0.125; -0.01 (1 4 + 0 5) = -0.04.
        var settings = new PolicyLossSettings(0.2, 0.2, KlCoefficient: 0.1, EntropyCoefficient: 0.01)
        {
            Loss = "reinforce",
            Kl = "k1",
            KlApart = true,
            EntropyApart = true,
        };
        var result = ObjectiveRunner.Run(new(settings, [-1, -1], [1, 1], 1, [-1, -3], [0.5f, 0.5f])
        {
            Old = [-1, -1],
            Reference = [-3, -2],
            Entropies = [4, 5],
            KlWeights = [0.25f, 0.75f],
            EntropyWeights = [1, 0],
        });
        Assert.AreEqual(-2 + 0.125 - 0.04, result.Loss, 1e-6);
    }

    [TestMethod]
    // verl averages both as configured though gspo has its own average, OpenRLHF by tokens, TRL the entropy by tokens.
    [DataRow("verl", "gspo", "profile", "seq-mean-token-mean", "token-mean", "token-mean")]
    [DataRow("verl", "gspo", "seq-mean-token-mean", "seq-mean-token-mean", "seq-mean-token-mean", "seq-mean-token-mean")]
    [DataRow("verl", "clipped", "profile", "token-mean", "token-mean", "token-mean")]
    [DataRow("openrlhf", "gspo", "profile", "seq-mean-token-mean", "token-mean", "token-mean")]
    [DataRow("trl", "clipped", "profile", "row-mean-token-mean", "row-mean-token-mean", "token-mean")]
    [DataRow("paper", "gspo", "seq-mean-token-mean", "seq-mean-token-mean", "seq-mean-token-mean", "seq-mean-token-mean")]
    public void Choice_Penalties_AreAveragedAsTheTrainerDoes(
        string profile, string loss, string configured, string ofLoss, string ofKl, string ofEntropy)
    {
        AlgorithmConfig config =
            new() { Name = "grpo", Profile = profile, Loss = loss, Aggregation = configured, EntropyCoefficient = 0.1 };
        var choice = AlgorithmChoice.Of(config);
        Assert.AreEqual((ofLoss, ofKl, ofEntropy), (choice.Aggregation, choice.KlAggregation, choice.EntropyAggregation));
        var settings = PolicyLossSettings.Of(config);
        Assert.AreEqual((ofKl != ofLoss, ofEntropy != ofLoss), (settings.KlApart, settings.EntropyApart));
    }

    [TestMethod]
    public void Cispo_ProfileTrl_HasTheUpperBoundAlone()
    {
        var settings = PolicyLossSettings.Of(new() { Name = "grpo", Profile = "trl", Loss = "cispo", ClipHigh = 2 });
        // Ratios e and e^-2: min(e, 2) = 2 and e^-2, which a lower bound of 0.8 would have lifted. l = -bound A lp.
        var result = ObjectiveRunner.Run(
            new(settings with { KlCoefficient = 0 }, [-1, -3], [1, 1], 1, [1, 1], [0.5f, 0.5f]) { Old = [-2, -1] });
        Assert.AreEqual(2, result.PerToken[0], 1e-6);
        Assert.AreEqual(3 * Math.Exp(-2), result.PerToken[1], 1e-6);
    }

    private static ObjectiveResult Run(PolicyLossSettings settings, float[] old, float[]? lots) =>
        ObjectiveRunner.Run(new(settings, LogProbs, Mask, 1, Advantages, [.. Mask.Select(m => m / 4)]) { Old = old, Lots = lots });
}
