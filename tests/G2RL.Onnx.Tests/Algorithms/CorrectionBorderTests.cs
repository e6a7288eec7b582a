using G2RL.Onnx.Algorithms.Corrections;
using G2RL.Onnx.Algorithms.Losses;
using G2RL.Onnx.Algorithms.Novelty;

namespace G2RL.Onnx.Tests;

/// <summary>Corrections, masks and features at their bounds and where nothing counts.</summary>
[TestClass]
public sealed class CorrectionBorderTests
{
    // Mean ratios of rows: (e^0 + e^ln3) / 2 = 2; 1; of no token 0.
    [TestMethod]
    [DataRow(0.5, 2 / 3d)]
    [DataRow(1.0, 1 / 3d)]
    [DataRow(1.99, 1 / 3d)]
    [DataRow(2.01, 0.0)]
    [DataRow(-0.1, 1.0)]
    public void SequencesAbove_MeanRatios_AreCounted(double threshold, double share) => Assert.AreEqual(
        share,
        MismatchStatistics.SequencesAbove([0, Math.Log(3), 9, 9, 0, 9, 9, 9, 9], [1, 1, 0, 0, 1, 0, 0, 0, 0], 3, threshold));

    [TestMethod]
    public void Mismatch_NoTokens_IsNone()
    {
        var none = MismatchStatistics.Of([1, 2], [3, 4], [0, 0], rows: 1);
        Assert.AreEqual((0d, 0d, -1d), (none.Kl, none.K3, none.ChiSquareToken));
        double[] weights = [2, 4];
        RolloutCorrection.DivideByMean(weights, [0, 0], rows: 1, sequence: false);
        CollectionAssert.AreEqual((double[])[2, 4], weights);
        RolloutCorrection.DivideByMean(weights, [1, 1], rows: 1, sequence: false);
        CollectionAssert.AreEqual((double[])[2 / 3d, 4 / 3d], weights);
    }

    [TestMethod]
    [DataRow(0.5, 0.5)]
    [DataRow(2.0, 2.0)]
    [DataRow(0.49, 0.0)]
    [DataRow(2.01, 0.0)]
    public void Bounded_AtItsBounds_Keeps(double weight, double expected)
    {
        Assert.AreEqual(expected, RolloutCorrection.Bounded(weight, 0.5, 2, OutOfBounds.Zero));
        Assert.AreEqual(Math.Clamp(weight, 0.5, 2), RolloutCorrection.Bounded(weight, 0.5, 2, OutOfBounds.Truncate));
    }

    // Mean log-ratio sampler - trainer 0.5 each; only where an advantage is negative it matters.
    [TestMethod]
    [DataRow(0.0, 0.4, 1.0)]
    [DataRow(1.0, 0.4, 1.0)]
    [DataRow(-1.0, 0.4, 0.0)]
    [DataRow(-1.0, 0.5, 1.0)]
    public void OffPolicy_BeyondTheBound_LosesNegativeAdvantages(double advantage, double bound, double kept) =>
        Assert.AreEqual(kept, TokenMasks.OffPolicy([advantage], [-1, -1, -9], [-0.75, -0.25, 0], [1, 1, 0], bound)[0]);

    // What torch adds to a length, 1e-8, is seen before it becomes float32.
    [TestMethod]
    public void Aggregation_MeanOfASequence_AddsWhatTorchAdds() => Assert.AreEqual(
        1 / ((2 + 1e-8) * 3),
        Aggregations.All["seq-mean-token-mean"].Weight(new(2, 2), new(Rows: 4, Sequences: 3, Tokens: 9, Width: 5, Scale: 5, Groups: 2)));

    [TestMethod]
    public void Novelty_AtTheEpsilon_IsAddedToNormsAndIsTheLeastSpread()
    {
        const double eps = ExplorationScore.Epsilon;
        var cosines = new double[1];
        ExplorationScore.Cosines([[(float)eps]], cosines);
        Assert.AreEqual(0.25, cosines[0], 1e-6, "eps^2 / (2 eps)^2");
        var normalized = new double[2];
        ExplorationScore.Normalize([0, eps], normalized);
        Assert.AreEqual((0d, 1d), (normalized[0], normalized[1]));
        ExplorationScore.Normalize([0, 0.99 * eps], normalized);
        Assert.AreEqual((0d, 0d), (normalized[0], normalized[1]));
    }

    [TestMethod]
    public void Geometry_AtTheOrthogonalBound_IsNotOrthogonal()
    {
        double[] Of(double cosine) => [1, cosine, cosine, 1];
        Assert.AreEqual(0, FeatureGeometry.Of(Of(FeatureGeometry.OrthogonalBound), 2).OrthogonalShare);
        Assert.AreEqual(1, FeatureGeometry.Of(Of(0.0999), 2).OrthogonalShare);
        FeatureGeometry one = new(3, 0.5, 0.25, 0.75);
        Assert.AreEqual(one, FeatureGeometry.Over([default, one, default]), "groups without a pair count nothing");
    }

    // Logits of 1,000 and 990: their exponentials overflow unless the largest is taken off first.
    [TestMethod]
    public void Feature_LargeLogits_AreASoftmaxStill()
    {
        var (weights, feature) = (new double[] { 7, 7 }, new double[] { 7 });
        GradientFeature.Weights([10], [0], [100, 99], 1, [], weights);
        var rest = 1 - (1 / (1 + Math.Exp(-10)));
        Assert.AreEqual(rest, weights[0], 1e-9);
        Assert.AreEqual(-rest, weights[1], 1e-9);
        GradientFeature.FromWeights(weights, [100, 99], feature);
        Assert.AreEqual((100 * weights[0]) + (99 * weights[1]), feature[0], 1e-9);
        GradientFeature.PerToken([10], [0], [100, 99], 1, [], feature);
        Assert.AreEqual((100 * weights[0]) + (99 * weights[1]), feature[0], 1e-7);
    }

    [TestMethod]
    public void Feature_WrongSizes_AreNamed()
    {
        static void Refuses(string words, Action act) => StringAssert.Contains(Assert.ThrowsExactly<ArgumentException>(act).Message, words);
        Refuses("The head has 3 numbers, not 2 x 1.", () => GradientFeature.FromWeights([1, 2], new float[3], new double[1]));
        Refuses("The head has 3 numbers, not 2 x 1.", () => GradientFeature.Weights([10], [0], new float[3], 1, [], new double[2]));
        Refuses("2 numbers for 1 features of width 1.", () =>
            GradientFeature.PerToken([10], [0], new float[2], 1, [], new double[1], new double[2]));
        Refuses("The head has 2 numbers, not 0 x 1.", () => GradientFeature.PerToken([10], [0], new float[2], 1, [], []));
    }
}
