using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Arms;
using G2RL.Onnx.Algorithms.Novelty;
using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Tests;

/// <summary>Arms at their borders: a verdict of 0 is wrong, two right answers are enough, what was not measured is asked for.</summary>
[TestClass]
public sealed class ArmBorderTests
{
    private const double Exact = 1e-12;

    private static readonly float[][] Crossed = [[1, 0], [0, 1], [1, 0]];

    [TestMethod]
    [DataRow("g2rl")]
    [DataRow("embedding")]
    [DataRow("gar")]
    public void Advantages_WithoutFeatures_AskForThem(string name)
    {
        var group = ArmTests.Group([1, -1]);
        group.Expert = [1, 0];
        Assert.ThrowsExactly<ArgumentNullException>(() => AlgorithmTable.All[name].Advantages(group, null, new() { Name = name }, 0));
    }

    [TestMethod]
    public void Advantages_WithoutWhatWasToBeMeasured_SayWhat()
    {
        var group = ArmTests.Group([1, -1]);
        StringAssert.Contains(
            Assert.ThrowsExactly<InvalidOperationException>(() =>
                AlgorithmTable.All["gar"].Advantages(group, [[1], [1]], new(), 0)).Message,
            "expert's solution");
        StringAssert.Contains(
            Assert.ThrowsExactly<InvalidOperationException>(() => AlgorithmTable.All["otb"].Advantages(group, null, new(), 0)).Message,
            "distributions of the tokens");
    }

    [TestMethod]
    public void MaxRl_AVerdictOfZero_IsWrong()
    {
        var group = ArmTests.Group([1, 0]);
        AlgorithmTable.All["maxrl"].Advantages(group, null, new() { Name = "maxrl" }, 0);
        CollectionAssert.AreEqual((double[])[1, -1], group.Advantages);
        var advantages = new double[2];
        MaxRl.Of([1, 0], epsilon: 0.5, advantages);
        CollectionAssert.AreEqual((double[])[0.5, -0.5], advantages);
    }

    [TestMethod]
    public void PassAtK_AVerdictOfZero_IsWrong()
    {
        var group = ArmTests.Group([1, 0, 0, 0]);
        AlgorithmTable.All["passk"].Advantages(group, null, new() { Name = "passk", PassAtK = 2 }, 0);
        foreach (var (expected, actual) in new[] { 1, -1 / 3d, -1 / 3d, -1 / 3d }.Zip(group.Advantages))
            Assert.AreEqual(expected, actual, Exact);
    }

    [TestMethod]
    public void Gar_AVerdictOfZero_IsWrong()
    {
        var rewards = new double[3];
        Gar.Rewards([1, 0, 1], [0.2, 0.9, 0.6], beta: 0.5, rewards);
        foreach (var (expected, actual) in new[] { 1, 0, 1.1 }.Zip(rewards))
            Assert.AreEqual(expected, actual, Exact);
    }

    [TestMethod]
    public void EvolRl_AVerdictOfZero_IsOfTheWrongOnes()
    {
        // The first and the third look alike, and so do their verdicts; all else is crossed.
        var cosines = new double[9];
        ExplorationScore.Cosines(Crossed, cosines);
        var novelty = new double[3];
        EvolRl.Novelty(cosines, [0, 1, -1], novelty);
        foreach (var (expected, actual) in new[] { 0.0, 1, 0 }.Zip(novelty))
            Assert.AreEqual(expected, actual, 1e-6);
        var group = ArmTests.Group([0, 1, -1]);
        AlgorithmTable.All["embedding"].Advantages(group, Crossed, new() { Name = "embedding" }, 0);
        Assert.IsTrue(group.Shaped[0] < 0 && group.Shaped[1] > 0 && group.Shaped[2] < 0, string.Join(' ', group.Shaped));
    }

    // Of two right answers that cross each other and a wrong one; the verdict of 0 is wrong, too.
    [TestMethod]
    public void NoveltyOfTheRight_TwoOfThem_AreShapedAndAllHaveAdvantages()
    {
        AlgorithmConfig config = new() { Name = "g2rl", NoveltyWithin = NoveltyScope.Right, Lambda = 0.5 };
        var group = ArmTests.Group([1, 1, 0]);
        AlgorithmTable.All["g2rl"].Advantages(group, Crossed, config, 0);
        Assert.AreEqual((1d, 1d, 0d), (group.Novelty[0], group.Novelty[1], group.Novelty[2]), "each is all new to the other");
        var expected = new double[3];
        GroupAdvantage.Compute([1, 1, 0], config.AdvantageEpsilon, expected);
        for (var i = 0; i < 3; i++)
            Assert.AreEqual(expected[i], group.Advantages[i], Exact);
    }

    // Three right answers of different novelty: a shuffle gives each the shaped reward of one of them, in another order under some seed.
    [TestMethod]
    public void NoveltyOfTheRight_Shuffled_IsTheSameNoveltyInAnotherOrder()
    {
        AlgorithmConfig config = new() { Name = "g2rl", NoveltyWithin = NoveltyScope.Right, Lambda = 0.5 };
        double[] Shaped(ShapingKind kind, ulong seed)
        {
            var group = ArmTests.Group([1, 1, 1, -1]);
            AlgorithmTable.All["g2rl"].Advantages(group, [[1, 0], [1, 0.5f], [0, 1], [1, 1]], config with { Shaping = kind }, seed);
            return group.Shaped;
        }

        var plain = Shaped(config.Shaping, 0);
        Assert.HasCount(3, plain[..3].Distinct());
        Assert.AreEqual(-1, plain[3]);
        var shuffled = Enumerable.Range(0, 8).Select(s => Shaped(ShapingKind.Shuffled, (ulong)s)).ToArray();
        foreach (var one in shuffled)
            CollectionAssert.AreEqual(plain.Order().ToArray(), one.Order().ToArray());
        Assert.IsGreaterThan(2, shuffled.Select(s => string.Join(' ', s)).Distinct().Count());
    }

    // By hand for energies as small as the epsilon, 1e-8: the baseline is 1 x 1e-8 / (1e-8 + 1e-8 + 1e-8); the longer response is alone at
    // its second token.
    [TestMethod]
    public void OptimalTokenBaseline_TinyEnergies_AreDividedByTheirSumAndEpsilon()
    {
        var advantages = OptimalTokenBaseline.Of([1, 0], [[1e-8, 1e-8], [1e-8]]);
        Assert.AreEqual(2 / 3d, advantages[0][0], Exact);
        Assert.AreEqual(-1 / 3d, advantages[1][0], Exact);
        Assert.AreEqual(1 - (2 / 3d), advantages[0][1], Exact);
        Assert.AreEqual(1, OptimalTokenBaseline.Of([1], [[5]])[0][0], "a response alone has no baseline");
    }

    [TestMethod]
    [DataRow(HomogeneousKind.Mask, new[] { 1.0, 1 }, true)]
    [DataRow(HomogeneousKind.Mask, new[] { 1.0, -1 }, false)]
    [DataRow(HomogeneousKind.MaskFailed, new[] { 0.0, -1 }, true)]
    [DataRow(HomogeneousKind.MaskFailed, new[] { 1.0, -1 }, false)]
    [DataRow(HomogeneousKind.MaskFailed, new[] { 1.0, 1 }, false)]
    public void Masked_Groups_AreLeftOutByEachArm(HomogeneousKind kind, double[] rewards, bool masked)
    {
        foreach (var name in (string[])["grpo", "maxrl", "passk", "otb"])
        {
            var group = ArmTests.Group(rewards);
            group.Energies = [[1], [1]];
            AlgorithmTable.All[name].Advantages(group, null, new() { Name = name, HomogeneousGroups = kind }, 0);
            Assert.AreEqual(masked, group.Masked, name);
        }
    }

    [TestMethod]
    public void Masked_GroupWithoutMembers_IsNone()
    {
        ScoredGroup group = new(ArmTests.Group([1, 1]).Group, [Outcome.Failed("x"), Outcome.Failed("y")]);
        Assert.IsFalse(group.IsHomogeneous);
        Assert.IsFalse(group.IsLeftOutBy(new() { HomogeneousGroups = HomogeneousKind.MaskFailed }));
    }

    [TestMethod]
    [DataRow(80, 0.0)]
    [DataRow(90, -0.5)]
    [DataRow(100, -1.0)]
    [DataRow(101, -1.0)]
    [DataRow(3, 0.0)]
    public void OverlongPenalty_Bounded_FallsFromZeroToMinusOne(int length, double penalty) =>
        Assert.AreEqual(penalty, OverlongPenalty.Bounded(length, most: 100, buffer: 20));

    [TestMethod]
    public void Shape_AnyReward_IsTimesOnePlusLambdaRewardNovelty() =>
        Assert.AreEqual(2 * (1 + (0.25 * 2 * 0.5)), RewardShaping.Shape(default, 2, 0.5, lambda: 0.25, clip: 10), Exact);
}
