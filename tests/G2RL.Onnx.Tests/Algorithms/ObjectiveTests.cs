using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Conformance;

namespace G2RL.Onnx.Tests;

/// <summary>Options of the objective by numbers worked out by hand: l of single tokens, and its gradient by the log-prob.</summary>
[TestClass]
public sealed class ObjectiveTests
{
    // max(-A min(rho, 4), -A clip(rho, 0.8, 1.2)) with A = -1 and rho = 20: max(4, 1.2).
    [TestMethod]
    public void Clipped_RatioLimit_BoundsTheRatioOfWrongAnswers() =>
        Assert.AreEqual(4, Run(new() { RatioLimit = 4 }, advantage: -1, Math.Log(20)).PerToken[0], 1e-5);

    // d = 3 is clamped to 1: max(e, 1.2).
    [TestMethod]
    public void Clipped_LogRatioClamp_BoundsTheLogRatioOnBothSides()
    {
        var result = Run(new() { LogRatioClamp = 1 }, advantage: -1, 3, -3);
        Assert.AreEqual(Math.E, result.PerToken[0], 1e-5);
        // And -3 to -1: max(1 / e, 0.8).
        Assert.AreEqual(0.8, result.PerToken[1], 1e-6);
        Assert.AreEqual(1 / Math.E, Run(new() { LogRatioClamp = 1, ClipLow = 1 }, advantage: -1, -3).PerToken[0], 1e-6);
    }

    // lp - ref = 2, times rho of a log-ratio that is clamped to 1 on both sides.
    [TestMethod]
    public void Kl_OverTheRatio_TakesTheClampedOne()
    {
        var settings = new PolicyLossSettings(KlCoefficient: 1) { Kl = "k1", KlOverRatio = true, LogRatioClamp = 1 };
        var result = Run(settings, advantage: 0, 3, -3, 0.5);
        Assert.AreEqual(2 * Math.E, result.PerToken[0], 1e-5);
        Assert.AreEqual(2 / Math.E, result.PerToken[1], 1e-5);
        Assert.AreEqual(2 * Math.Exp(0.5), result.PerToken[2], 1e-5);
        Assert.AreEqual(2 * Math.Exp(3), Run(settings with { LogRatioClamp = 0 }, advantage: 0, 3).PerToken[0], 1e-4);
        Assert.AreEqual(2, Run(settings with { KlOverRatio = false }, advantage: 0, 3).PerToken[0], 1e-6);
    }

    // One update a batch: rho = 1 whatever the sampler said, so that no old log-probs are asked for, and the gradient is -A w.
    [TestMethod]
    public void OldIsCurrent_AsksForNoOldLogProbs()
    {
        var result = ObjectiveRunner.Run(new(new() { OldIsCurrent = true }, [-1, -2], [1, 1], 1, [-1, 3], [0.25f, 0.75f]));
        CollectionAssert.AreEqual(new[] { 1.0, -3 }, result.PerToken);
        CollectionAssert.AreEqual(new[] { 0.25, -2.25 }, result.Gradient);
    }

    // Tokens whose log-probs lie so far above those of the sampler, and 2 above the reference's.
    private static ObjectiveResult Run(PolicyLossSettings settings, float advantage, params double[] differences) =>
        ObjectiveRunner.Run(new(
            settings,
            [.. differences.Select(_ => -1f)],
            [.. differences.Select(_ => 1f)],
            1,
            [.. differences.Select(_ => advantage)],
            [.. differences.Select(_ => 1f)])
        {
            Old = [.. differences.Select(d => (float)(-1 - d))],
            Reference = [.. differences.Select(_ => -3f)],
        });
}
