using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Tests;

/// <summary>Where top-k and top-p cut, and of how many tokens that is found out.</summary>
[TestClass]
public sealed class TokenFilterTests
{
    // Their sum is 2.125.
    private static readonly float[] Weights = [0.25f, 1, 0.5f, 0.125f, 0.25f];

    [TestMethod]
    [DataRow(2, 1.0, 2.125, 0.5f, 1)]
    [DataRow(3, 1.0, 2.125, 0.25f, 1)]
    [DataRow(4, 1.0, 2.125, 0.25f, 2)]
    [DataRow(9, 1.0, 2.125, 0.125f, 1)] // more than there are
    [DataRow(0, 1.0, 2.125, 0.125f, 1)]
    [DataRow(0, 0.8, 2.125, 0.25f, 1)] // 1.7 of 1.75
    [DataRow(0, 0.9, 2.125, 0.25f, 2)] // 1.9125 of 2
    [DataRow(3, 0.75, 2.125, 0.5f, 1)] // top-k leaves 1.75, of which 1.3125
    [DataRow(1, 0.1, 2.125, 1f, 1)]
    [DataRow(0, 1e-300, 2.125, 1f, 1)]
    [DataRow(0, 0.9, 3.0, 0.125f, 1)] // a sum beyond what is there, as rounding may leave it
    public void Threshold_Cuts_AreThoseOfASortedList(int topK, double topP, double sum, float threshold, int ties) =>
        Assert.AreEqual((threshold, ties), new TokenFilter(5).Threshold(Weights, sum, topK, topP));

    // 1 + 1e-35 is 1: without top-p nothing is cut by mass.
    [TestMethod]
    public void Threshold_TopKAlone_KeepsWhatAddsNothing() =>
        Assert.AreEqual((1e-35f, 2), new TokenFilter(4).Threshold([1, 1e-35f, 1e-35f, 0], 1, 3, 1));

    [TestMethod]
    [DataRow(1, double.PositiveInfinity, 1)]
    [DataRow(2, double.PositiveInfinity, 2)]
    [DataRow(3, double.PositiveInfinity, 4)] // equal ones come together
    [DataRow(5, double.PositiveInfinity, 5)]
    [DataRow(5, 1.0, 1)]
    [DataRow(5, 1.01, 2)]
    [DataRow(5, 1.5, 2)]
    [DataRow(5, 1.6, 4)]
    [DataRow(5, 2.125, 5)]
    [DataRow(5, 3.0, 5)]
    public void Gather_PeakedWeights_LooksAtNoMoreThanItMust(int number, double mass, int count)
    {
        var filter = new TokenFilter(5);
        Assert.AreEqual(count, filter.Gather(Weights, number, mass));
        Assert.AreEqual(count, filter.Gather(Weights, number, mass), "once more");
    }

    // A bucket is 2^-7 of a weight wide: 0.5 and 0.5039 share none.
    [TestMethod]
    public void Gather_WeightsOfOneBucket_ComeTogether()
    {
        var filter = new TokenFilter(4);
        Assert.AreEqual(3, filter.Gather([0.503f, 1, 0.5f, 0], 2, double.PositiveInfinity));
        Assert.AreEqual(2, filter.Gather([0.504f, 1, 0.5f, 0], 2, double.PositiveInfinity));
        Assert.AreEqual(4, filter.Gather([0.503f, 1, 0.5f, 0], 4, double.PositiveInfinity));
    }
}
