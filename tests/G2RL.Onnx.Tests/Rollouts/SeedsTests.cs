using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class SeedsTests
{
    // Random123's tests/kat_vectors, rows "philox4x32 10": counter, key, expected.
    [TestMethod]
    [DataRow(0x00000000u, 0x00000000u, 0x00000000u, 0x00000000u, 0x0000000000000000ul, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [DataRow(0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu, 0xfffffffffffffffful, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [DataRow(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0x299f31d0a4093822ul, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Block_KnownAnswer_MatchesRandom123(uint c0, uint c1, uint c2, uint c3, ulong key, uint a, uint b, uint c, uint d) =>
        Assert.AreEqual((a, b, c, d), Philox.Block(key, c0, c1, c2, c3));

    [TestMethod]
    public void Uniform_ZeroKey_IsTheLeading53BitsOfTheFirstBlock()
    {
        // 0x6627e8d5e169c58d >> 11, over 2^53.
        Assert.AreEqual((0x6627e8d5e169c58dul >> 11) / 9007199254740992.0, Seeds.Uniform(0, 0, 0, 0, 0));
    }

    [TestMethod]
    public void Uniform_OneCoordinateChanged_GivesAnotherNumber()
    {
        var numbers = new[]
        {
            Seeds.Uniform(1, 2, 3, 4, 5),
            Seeds.Uniform(2, 2, 3, 4, 5),
            Seeds.Uniform(1, 3, 3, 4, 5),
            Seeds.Uniform(1, 2, 4, 4, 5),
            Seeds.Uniform(1, 2, 3, 5, 5),
            Seeds.Uniform(1, 2, 3, 4, 6),
            Seeds.Uniform(1, 2, 3, 5, 4),
        };
        Assert.HasCount(numbers.Length, numbers.Distinct().ToArray());
    }

    [TestMethod]
    public void Uniform_HundredThousandTokens_AreSpreadEvenly()
    {
        const int Cells = 64;
        const int Count = 100_000;
        var cells = new int[Cells];
        for (var t = 0; t < Count; t++)
            cells[(int)(Seeds.Uniform(7, 0, t % 16, t / 16 % 16, t / 256) * Cells)]++;
        var expected = Count / (double)Cells;
        Assert.IsLessThan(ChiSquare.Limit(Cells - 1), cells.Sum(c => (c - expected) * (c - expected) / expected));
    }

    [TestMethod]
    public void Derive_PurposesAndSteps_AreAllDifferent()
    {
        var seeds = Enum.GetValues<Seeds.Purpose>()
            .SelectMany(p => Enumerable.Range(0, 100).Select(step => Seeds.Derive(42, p, step)))
            .ToArray();
        Assert.HasCount(seeds.Length, seeds.Distinct().ToArray());
    }

    [TestMethod]
    [DataRow(0)]
    [DataRow(1)]
    [DataRow(7)]
    [DataRow(1000)]
    public void Permutation_AnyLength_HoldsEveryIndexOnce(int n)
    {
        var order = Seeds.Permutation(3, n);
        CollectionAssert.AreEqual(order, Seeds.Permutation(3, n));
        CollectionAssert.AreEqual(Enumerable.Range(0, n).ToArray(), order.Order().ToArray());
    }

    [TestMethod]
    public void Permutation_OfThree_GivesEveryOrderEquallyOften()
    {
        var counts = new Dictionary<int, int>();
        Span<int> order = stackalloc int[3];
        for (var seed = 0UL; seed < 6000; seed++)
        {
            Seeds.Permutation(seed, order);
            var key = (order[0] * 9) + (order[1] * 3) + order[2];
            counts[key] = counts.GetValueOrDefault(key) + 1;
        }
        Assert.HasCount(6, counts);
        Assert.IsLessThan(ChiSquare.Limit(5), counts.Values.Sum(c => (c - 1000d) * (c - 1000) / 1000));
    }

    [TestMethod]
    public void Normal_ManyNumbers_HaveTheMomentsOfTheStandardNormal()
    {
        var x = new float[200_001];
        Seeds.Normal(5, 1, x);
        // Standard errors of mean, variance and fourth moment: 1, sqrt 2 and sqrt 96, over sqrt n = 447; five of each.
        Assert.AreEqual(0, x.Average(v => (double)v), 5 / 447.0);
        Assert.AreEqual(1, x.Average(v => (double)v * v), 5 * Math.Sqrt(2) / 447);
        Assert.AreEqual(3, x.Average(v => Math.Pow(v, 4)), 5 * Math.Sqrt(96) / 447);
    }
}

/// <summary>The value that a chi-square statistic exceeds once in a million runs.</summary>
internal static class ChiSquare
{
    public static double Limit(int degrees) => MathNet.Numerics.Distributions.ChiSquared.InvCDF(degrees, 1 - 1e-6);
}
