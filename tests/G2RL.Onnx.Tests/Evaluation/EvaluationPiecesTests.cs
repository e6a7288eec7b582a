using G2RL.Onnx.Algorithms.Novelty;
using G2RL.Onnx.Evaluation;

namespace G2RL.Onnx.Tests;

/// <summary>Small statistics of an evaluation, by hand.</summary>
[TestClass]
public sealed class EvaluationPiecesTests
{
    // The most frequent; of equally frequent ones the first given; what has no answer has no vote.
    [TestMethod]
    [DataRow(0, "b", "a", "a", "b")]
    [DataRow(1, "a", "b", "b")]
    [DataRow(1, null, "a", "b", null, null)]
    [DataRow(2, "a", "b", "c", "c", "b", "c")]
    [DataRow(-1, null, null)]
    public void Majority_OfAnswers_IsTheFirstOfTheMostFrequent(int expected, params string?[] answers) =>
        Assert.AreEqual(expected, PassAtK.Majority(answers));

    [TestMethod]
    public void OfMean_NoValue_IsRefused() => Assert.Contains(
        "An interval needs at least one value.", Assert.ThrowsExactly<ArgumentException>(() => Interval.OfMean([])).Message);

    // nu of the right one: its siblings' mean of weighted squares taken from 1; a reward of 0 is wrong.
    [TestMethod]
    public void NoveltySignal_GroupsOfThree_TellRightFromWrongAndNoReliability()
    {
        var signal = new NoveltySignal();
        Assert.IsNull(signal.Right);
        Assert.IsNull(signal.Wrong);
        Assert.IsNull(signal.Reliability);
        double[] cosines = [1, 0.6, 0, 0.6, 1, 0.8, 0, 0.8, 1], rewards = [1, 0, 0], nu = new double[3];
        ExplorationScore.Novelty(cosines, rewards, nu);
        signal.Add(cosines, rewards);
        Assert.AreEqual(nu[0], signal.Right);
        Assert.AreEqual((nu[1] + nu[2]) / 2, signal.Wrong!.Value, 1e-12);
        Assert.IsNull(signal.Reliability);
        // All right, or all wrong, say nothing of whom it favours.
        signal.Add(cosines, [1, 1, 1]);
        signal.Add(cosines, [0, 0, -1]);
        Assert.AreEqual(nu[0], signal.Right);
        Assert.AreEqual((nu[1] + nu[2]) / 2, signal.Wrong!.Value, 1e-12);
    }

    // Siblings in turn to the halves: of four responses with cosines a, b, c to the others nu is sqrt(1 - (a^2 + c^2) / 2) and
    // sqrt(1 - b^2).
    [TestMethod]
    public void NoveltySignal_GroupOfFour_CorrelatesHalves()
    {
        double[] s =
        [
            1, 0.1, 0.2, 0.3,
            0.1, 1, 0.5, 0.6,
            0.2, 0.5, 1, 0.9,
            0.3, 0.6, 0.9, 1,
        ];
        var signal = new NoveltySignal();
        signal.Add(s, [1, 1, 1, 1]);
        double Nu(params double[] cosines) => Math.Sqrt(1 - cosines.Average(c => c * c));
        double[] first = [Nu(0.1, 0.3), Nu(0.1, 0.6), Nu(0.2, 0.9), Nu(0.3, 0.9)], second = [Nu(0.2), Nu(0.5), Nu(0.5), Nu(0.6)];
        var (a, b) = (first.Average(), second.Average());
        var expected = first.Zip(second, (x, y) => (x - a) * (y - b)).Sum()
            / Math.Sqrt(first.Sum(x => (x - a) * (x - a)) * second.Sum(y => (y - b) * (y - b)));
        Assert.AreEqual(expected, signal.Reliability!.Value, 1e-12);
        // Where nothing varies there is nothing to correlate.
        var flat = new NoveltySignal();
        flat.Add([1, 0.5, 0.5, 0.5, 0.5, 1, 0.5, 0.5, 0.5, 0.5, 1, 0.5, 0.5, 0.5, 0.5, 1], [1, 1, 1, 1]);
        Assert.IsNull(flat.Reliability);
    }

    [TestMethod]
    public void Histogram_OfAGroup_CountsEachPairOnce()
    {
        var bins = new long[CosineHistogram.Bins];
        CosineHistogram.Add([9, -1, 0, -1, 9, 0.96, 0, 0.96, 9], 3, bins);
        Assert.AreEqual((1L, 1L, 1L, 3L), (bins[0], bins[20], bins[39], bins.Sum()));
    }
}
