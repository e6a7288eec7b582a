using G2RL.Onnx.Reports;

namespace G2RL.Onnx.Tests.Reports;

[TestClass]
public sealed class FormatTests
{
    [TestMethod]
    [DataRow(0.354, "35.4\u00a0%")]
    [DataRow(1.0, "100.0\u00a0%")]
    public void Percent_Share_HasOneDecimal(double share, string text) => Assert.AreEqual(text, Format.Percent(share));

    [TestMethod]
    [DataRow(0.078, "+7.8\u00a0points")]
    [DataRow(-0.078, "\u22127.8\u00a0points")]
    [DataRow(0.0, "0.0\u00a0points")]
    [DataRow(-0.0004, "0.0\u00a0points")]
    public void Points_Difference_HasItsSignUnlessItRoundsToNothing(double share, string text) =>
        Assert.AreEqual(text, Format.Points(share));

    [TestMethod]
    [DataRow(0.0, "0")]
    [DataRow(0.000999, "9.99e-4")]
    [DataRow(0.001, "0.001")]
    [DataRow(0.99996, "1")]
    [DataRow(1.0, "1")]
    [DataRow(1.2345, "1.23")]
    [DataRow(99.994, "99.99")]
    [DataRow(100.0, "100")]
    [DataRow(1234.56, "1,234.6")]
    [DataRow(999999.0, "999,999")]
    [DataRow(1e6, "1e6")]
    [DataRow(-2.5, "\u22122.5")]
    public void Number_OfAnySize_HasAsManyDigitsAsItNeeds(double value, string text) => Assert.AreEqual(text, Format.Number(value));

    [TestMethod]
    [DataRow(9999.0, "9,999")]
    [DataRow(10_000.0, "10k")]
    [DataRow(-12_345.0, "\u221212.35k")]
    public void Short_BesideAnAxis_CountsThousands(double value, string text) => Assert.AreEqual(text, Format.Short(value));

    [TestMethod]
    public void Steps_One_IsSingular()
    {
        Assert.AreEqual("1 step", Format.Steps(1));
        Assert.AreEqual("0 steps", Format.Steps(0));
        Assert.AreEqual("1,400 steps", Format.Steps(1400));
    }

    [TestMethod]
    [DataRow(8.34, "8.3\u00a0s")]
    [DataRow(59.9, "59.9\u00a0s")]
    [DataRow(60.0, "1\u00a0min 0\u00a0s")]
    [DataRow(252.0, "4\u00a0min 12\u00a0s")]
    [DataRow(3599.0, "59\u00a0min 59\u00a0s")]
    [DataRow(3600.0, "1\u00a0h 0\u00a0min")]
    [DataRow(7384.0, "2\u00a0h 3\u00a0min")]
    public void Seconds_OfAnyLength_AreSplit(double seconds, string text) => Assert.AreEqual(text, Format.Seconds(seconds));
}
