using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class ProblemRandomTests
{
    // Expected values: the same definitions in Python's integers, whose mixer gives SplitMix64's published first output for seed 0.
    [TestMethod]
    public void ValueHashAndPermutation_EqualAnIndependentComputation()
    {
        Assert.AreEqual(0x49BD925983516D95UL, ProblemRandom.Value(1, 2, 3));
        Assert.AreEqual(0x5708B20DD142D167UL, ProblemRandom.Hash("17+5*(9-3)"));
        Assert.AreEqual(0x2EFA04C3C73D887DUL, ProblemRandom.Stream(1, 2));
        Assert.AreEqual(0xC72B2A7EFA404679UL, ProblemRandom.Stream(3, 5));
        CollectionAssert.AreEqual(new[] { 4, 7, 0, 5, 1, 9, 6, 8, 2, 3 }, new ProblemRandom(5, 6).Permutation(10));
    }

    [TestMethod]
    public void Next_IsTheValueAtTheCounter()
    {
        var random = new ProblemRandom(1, 2);
        for (var i = 0UL; i < 5; i++)
            Assert.AreEqual(ProblemRandom.Value(1, 2, i), random.Next());
    }

    // Two exchanges are drawn for three places: the last has no choice.
    [TestMethod]
    public void Permutation_TakesOneValueLessThanPlaces()
    {
        var random = new ProblemRandom(5, 6);
        _ = random.Permutation(3);
        Assert.AreEqual(ProblemRandom.Value(5, 6, 2), random.Next());
    }

    [TestMethod]
    public void Below_ManyDraws_IsUniform()
    {
        var random = new ProblemRandom(3, 0);
        var counts = new int[7];
        for (var i = 0; i < 70_000; i++)
            counts[random.Below(7)]++;
        // Binomial: mean 10,000, sd 93.
        Assert.IsTrue(counts.All(c => Math.Abs(c - 10_000) < 500), string.Join(' ', counts));
    }
}
