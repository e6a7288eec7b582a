using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class VotesTests
{
    private static readonly AnswerPolicy Policy = AnswerPolicy.Named("math");

    [TestMethod]
    // 1/2, 0.5 and \frac{1}{2} are one candidate with three votes against two.
    [DataRow(new[] { "1/2", "3", "0.5", "3", "\\frac{1}{2}" }, "1/2", 1.0)]
    [DataRow(new[] { "1/2", "3", "0.5", "3", "\\frac{1}{2}" }, "3", 0.0)]
    // Two against two: the chance of either.
    [DataRow(new[] { "1/2", "3", "0.5", "3" }, "3", 0.5)]
    [DataRow(new[] { "1", "2", "3" }, "2", 1.0 / 3)]
    [DataRow(new string?[] { null, null, "7" }, "7", 1.0)]
    [DataRow(new string?[] { null, null }, "7", 0.0)]
    public void Majority_OfAll_IsByEqualAnswers(string?[] answers, string gold, double expected)
    {
        var orders = new[] { answers, [.. answers.Reverse()], [.. answers.Order(StringComparer.Ordinal)] };
        foreach (var order in orders)
            Assert.AreEqual(expected, Of(order, gold).Majority(order.Length), 1e-12);
    }

    [TestMethod]
    public void Majority_OfSome_IsTheMeanOverAllSubsets()
    {
        string?[] answers = ["5", "5", "5.0", "6", "12/2", "7", null, "7", "7", "8"];
        foreach (var gold in new[] { "5", "6", "7", "8", "9" })
            for (var k = 1; k <= answers.Length; k++)
                Assert.AreEqual(Enumerated(answers, gold, k), Of(answers, gold).Majority(k), 1e-12, $"{gold}, {k}");
    }

    [TestMethod]
    public void Majority_ManySamples_StaysAShare()
    {
        var answers = Enumerable.Range(0, 512).Select(i => (string?)$"{i % 40}").ToArray();
        Assert.IsTrue(Of(answers, "3").Majority(64) is > 0 and < 1);
        Assert.ThrowsExactly<ArgumentException>(() => Of(answers, "3").Majority(0));
        Assert.ThrowsExactly<ArgumentException>(() => Of(answers, "3").Majority(513));
    }

    private static double Enumerated(string?[] answers, string gold, int k)
    {
        var (sum, subsets) = (0d, 0);
        for (var mask = 0; mask < 1 << answers.Length; mask++)
        {
            if (System.Numerics.BitOperations.PopCount((uint)mask) != k)
                continue;
            subsets++;
            sum += Of([.. answers.Where((_, i) => (mask >> i & 1) == 1)], gold).Majority(k);
        }
        return sum / subsets;
    }

    private static Votes Of(IReadOnlyList<string?> answers, string gold) =>
        Votes.Of(
            [.. answers.Select(a => (a, Policy.Equivalent(a, gold)))],
            a => Policy.Canonical(a) ?? a,
            (a, b) => Policy.Equivalent(a, b));
}
