using G2RL.Onnx.Problems.Sources;

namespace G2RL.Onnx.Tests;

/// <summary>How faults of rows are told: each kind once, the first twenty places, and how many more there are.</summary>
[TestClass]
public sealed class RowFaultsTests
{
    [TestMethod]
    [DataRow(1, 0, "f:1 a")]
    [DataRow(2, 0, "f:1 a The same in 2.")]
    [DataRow(3, 1, "f:1 a The same in 2, 3.|f:101 b")]
    [DataRow(20, 0, "f:1 a The same in 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20.")]
    [DataRow(20, 1, "f:1 a The same in 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20.|... and 1 more rows.")]
    [DataRow(10, 20, "f:1 a The same in 2, 3, 4, 5, 6, 7, 8, 9, 10.|f:101 b The same in 102, 103, 104, 105, 106, 107, 108, 109, 110."
        + "|... and 10 more rows.")]
    public void ThrowIfAny_OfTwoKinds_TellsTwentyPlaces(int first, int second, string expected)
    {
        var faults = new RowFaults();
        faults.ThrowIfAny();
        for (var i = 1; i <= first; i++)
            faults.Add("f", i, " a");
        for (var i = 1; i <= second; i++)
            faults.Add("f", 100 + i, " b");
        Assert.AreEqual(first + second, faults.Count);
        Assert.AreEqual(
            expected.Replace("|", Environment.NewLine), Assert.ThrowsExactly<InputException>(faults.ThrowIfAny).Message);
    }
}
