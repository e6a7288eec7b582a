using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Graphs.Tests.Models;

/// <summary>
/// YaRN's ramp by hand. Width 16 and theta 16, so that the plain frequencies are 16^(-i/8) = 2^(-i/2), i = 0 to 7; and 6434 positions, 2 pi
/// times 1024.003: the dimension that turns r times over them is 8 log16(1024 / r).
/// </summary>
[TestClass]
public sealed class YarnTests
{
    private const int Width = 16;
    private const double Near = 2e-5;

    // r of a dimension.
    private static double Turns(double dimension) => 1024 / Math.Pow(16, dimension / 8);

    [TestMethod]
    public void Frequencies_BordersBetweenDimensions_AreRoundedOutwards()
    {
        // 2.3 and 5.6 become 2 and 6: kept up to 2, divided by 4 from 6 on, between them (i - 2) / 4 of the way.
        Ramps(Spec(2.3, 5.6), [0, 0, 0, 0.25, 0.5, 0.75, 1, 1]);
    }

    [TestMethod]
    public void Frequencies_WithoutTruncation_TakeTheBordersAsTheyAre() =>
        Ramps(Spec(2.5, 5.5) with { Truncate = false }, [0, 0, 0, 0.5 / 3, 0.5, 2.5 / 3, 1, 1]);

    [TestMethod]
    public void Frequencies_BordersOutsideTheHead_EndAtItsFirstAndLastDimension() =>
        // -4 becomes 0 and 20 becomes 15, the last of 16.
        Ramps(Spec(-4, 20), [.. Enumerable.Range(0, 8).Select(i => i / 15.0)]);

    [TestMethod]
    public void Frequencies_BothBordersBelowTheHead_DivideAllButTheFirst() =>
        // 0 and 0: a ramp without width, whose slope must not be 0 / 0.
        Ramps(Spec(-4, -0.5), [0, 1, 1, 1, 1, 1, 1, 1]);

    [TestMethod]
    public void AttentionScaling_OfEachSetting_IsByHand()
    {
        static double Of(RopeSpec spec) => new RotaryEmbedding(spec, Width).AttentionScaling;
        var spec = Spec(2, 6);
        // 0.1 ln 4 + 1
        Assert.AreEqual(1.1386294361119891, Of(spec), 1e-12);
        Assert.AreEqual(1.5, Of(spec with { AttentionFactor = 1.5 }));
        // One of the two alone does not count.
        Assert.AreEqual(1.1386294361119891, Of(spec with { MScale = 2 }), 1e-12);
        Assert.AreEqual(1.1386294361119891, Of(spec with { MScaleAllDimensions = 2 }), 1e-12);
        Assert.AreEqual(1, Of(spec with { Factor = 1 }));
        Assert.AreEqual(1, Of(new RopeSpec { Kind = RopeKind.Linear, Factor = 4 }));
    }

    private static RopeSpec Spec(double low, double high) => new()
    {
        Kind = RopeKind.Yarn,
        Theta = 16,
        Factor = 4,
        OriginalMaxPositions = 6434,
        BetaFast = Turns(low),
        BetaSlow = Turns(high),
    };

    private static void Ramps(RopeSpec spec, double[] ramp)
    {
        var actual = new RotaryEmbedding(spec, Width).InverseFrequencies();
        for (var i = 0; i < ramp.Length; i++)
            Assert.AreEqual(Math.Pow(2, -i / 2.0) * ((1 - ramp[i]) + (ramp[i] / 4)), actual[i], Near, $"frequency {i}");
    }
}
