using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Tests;

/// <summary>Largest logits, wrong lengths, seeds of uses and normal numbers.</summary>
[TestClass]
public sealed class TokenBorderTests
{
    [TestMethod]
    public void Draw_LargestLogit_IsTheLargestMagnitudeSinceItWasSet()
    {
        var sampler = new TokenSampler(3, new());
        sampler.Draw([1, -5, 2], 0.5, []);
        Assert.AreEqual(5, sampler.LargestLogit);
        sampler.Draw([1, -3, 2], 0.5, []);
        Assert.AreEqual(5, sampler.LargestLogit);
        sampler.LargestLogit = 0;
        sampler.Draw([1, -3, 2], 0.5, []);
        Assert.AreEqual(3, sampler.LargestLogit);
        sampler.Draw([1, -3, 7], 0.5, []);
        Assert.AreEqual(7, sampler.LargestLogit);
    }

    [TestMethod]
    public void Draw_WrongSizes_AreRefused()
    {
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => new TokenSampler(0, new()));
        Assert.ThrowsExactly<InputException>(() => new TokenSampler(3, new() { TopP = 2 }));
        var sampler = new TokenSampler(3, new());
        StringAssert.Contains(
            Assert.ThrowsExactly<ArgumentException>(() => sampler.Draw([1, 2, 3], 0.5, new float[2])).Message, "2 feature weights");
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => sampler.Draw([1, 2, 3], 1, []));
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => sampler.Draw([1, 2, 3], -0.1, []));
    }

    // A weight of exactly zero is never drawn, however the rounding of the sum falls.
    [TestMethod]
    public void Draw_TokensOfNoWeight_AreNeverTaken()
    {
        var logits = new float[3000];
        Array.Fill(logits, float.NegativeInfinity);
        (logits[1500], logits[2100]) = (0, 0);
        var sampler = new TokenSampler(3000, new());
        Assert.AreEqual(1500, sampler.Draw(logits, 0, []).Token);
        Assert.AreEqual(1500, sampler.Draw(logits, 0.4999, []).Token);
        Assert.AreEqual(2100, sampler.Draw(logits, 0.5, []).Token);
        Assert.AreEqual(2100, sampler.Draw(logits, Math.BitDecrement(1.0), []).Token);
    }

    [TestMethod]
    public void Normal_ManyNumbers_AreStandardAndTheSameAtAnyLength()
    {
        var numbers = new float[20_001];
        Seeds.Normal(5, 1, numbers);
        Assert.AreEqual(0, numbers.Average(), 0.03);
        Assert.AreEqual(1, numbers.Average(n => n * n), 0.04);
        // Sines and cosines alike: each half of the pairs, and no tie between them.
        var pairs = numbers.Chunk(2).Where(p => p.Length == 2).ToArray();
        Assert.AreEqual(1, pairs.Average(p => p[0] * p[0]), 0.05);
        Assert.AreEqual(1, pairs.Average(p => p[1] * p[1]), 0.05);
        Assert.AreEqual(0, pairs.Average(p => p[0] * p[1]), 0.04);
        Assert.AreEqual(0.25, pairs.Count(p => p[0] > 0 && p[1] < 0) / (double)pairs.Length, 0.02);
        var few = new float[7];
        Seeds.Normal(5, 1, few);
        CollectionAssert.AreEqual(numbers[..7], few);
        Assert.AreNotEqual(0, few[6]);
    }

    [TestMethod]
    public void Derive_EachUse_HasASeedOfAllBits()
    {
        var seeds = Enum.GetValues<Seeds.Purpose>()
            .SelectMany(p => Enumerable.Range(0, 200).Select(step => Seeds.Derive(7, p, step)))
            .ToArray();
        Assert.HasCount(seeds.Length, seeds.Distinct());
        for (var bit = 0; bit < 64; bit++)
            Assert.AreEqual(0.5, seeds.Count(s => (s >> bit & 1) == 1) / (double)seeds.Length, 0.12, $"bit {bit}");
    }
}
