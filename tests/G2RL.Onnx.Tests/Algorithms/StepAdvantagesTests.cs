using G2RL.Onnx.Algorithms;

namespace G2RL.Onnx.Tests;

/// <summary>Advantages of a whole step go to the members of the groups that are not masked, and to nobody else.</summary>
[TestClass]
public sealed class StepAdvantagesTests
{
    [TestMethod]
    public void Apply_RuleOfTheStep_IsThatOfItsShapedRewards()
    {
        var groups = Groups();
        StepAdvantages.Apply(groups, new() { Name = "grpo", Advantage = "group-mean" });
        CollectionAssert.AreEqual((double[])[2, -2], groups[0].Advantages);
        CollectionAssert.AreEqual((double[])[77, 77], groups[1].Advantages, "masked");
        CollectionAssert.AreEqual((double[])[-1, 1], groups[2].Advantages);
    }

    // One token each: the length-weighted mean is the mean.
    [TestMethod]
    public void Apply_RuleThatReadsLengths_HasThem()
    {
        var groups = Groups();
        StepAdvantages.Apply(groups, new() { Name = "grpo", Advantage = "opo" });
        CollectionAssert.AreEqual((double[])[2, -2], groups[0].Advantages);
    }

    [TestMethod]
    [DataRow("grpo", "group-normal")]
    [DataRow("grpo", "profile")]
    [DataRow("maxrl", "group-mean")]
    [DataRow("passk", "profile")]
    public void Apply_WhatTheGroupsHaveAlready_IsLeft(string name, string advantage)
    {
        var groups = Groups();
        StepAdvantages.Apply(groups, new() { Name = name, Advantage = advantage });
        foreach (var group in groups)
            CollectionAssert.AreEqual((double[])[77, 77], group.Advantages);
    }

    [TestMethod]
    public void Apply_NobodyLeft_DoesNothing()
    {
        var groups = Groups();
        foreach (var group in groups)
            group.Masked = true;
        StepAdvantages.Apply(groups, new() { Name = "grpo", Advantage = "group-mean" });
        StepAdvantages.Apply([], new() { Name = "grpo", Advantage = "group-mean" });
        CollectionAssert.AreEqual((double[])[77, 77], groups[0].Advantages);
    }

    // gdpo normalises each reward by itself: the second reward alone tells the rollouts of the first group apart.
    [TestMethod]
    public void Apply_SeveralRewards_AreSeenApart()
    {
        var whole = ArmTests.Group([0, 0]);
        RewardParts parts = new(["a", "b"], [1, 3], [[1, 2], [1, 4]]);
        ScoredGroup[] groups = [new(whole.Group, whole.Outcomes, parts: parts)];
        StepAdvantages.Apply(groups, new() { Name = "grpo", Advantage = "gdpo" });
        Assert.AreEqual(-Math.Sqrt(0.5), groups[0].Advantages[0], 1e-5);
        Assert.AreEqual(Math.Sqrt(0.5), groups[0].Advantages[1], 1e-5);
    }

    private static ScoredGroup[] Groups()
    {
        ScoredGroup[] groups = [ArmTests.Group([1, 0]), ArmTests.Group([1, 0]), ArmTests.Group([0, 1])];
        foreach (var group in groups)
            group.Advantages.AsSpan().Fill(77);
        (groups[0].Shaped[0], groups[0].Shaped[1]) = (5, 1);
        (groups[2].Shaped[0], groups[2].Shaped[1]) = (-1, 1);
        groups[1].Masked = true;
        return groups;
    }
}
