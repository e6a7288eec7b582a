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

    [TestMethod]
    public void Majority_SpellingsThatOnlyEqualityJoins_AreOneCandidate()
    {
        // "a", "b" and "c" are spelled apart and equal, in whatever order they are met; "z" has two votes against their three.
        foreach (var order in new[] { "abczz", "zczba", "cbazz", "bzcza" })
            Assert.AreEqual(1, Joined(order).Majority(5), order);
        // Joined by a chain alone: a = b, b = c, but nobody says a = c.
        foreach (var order in new[] { "abczz", "zczba", "acbzz" })
            Assert.AreEqual(1, Votes.Of(Cast(order), a => a, (a, b) => Math.Abs(a[0] - b[0]) == 1).Majority(5), order);
        // Wrong where most of its votes are: one of three is judged right.
        Assert.AreEqual(0, Votes.Of([("a", true), ("b", false), ("c", false)], a => a, (_, _) => true).Majority(3));
        Assert.AreEqual(0, Votes.Of([("a", true), ("b", false)], a => a, (_, _) => true).Majority(2), "half is no majority of right ones");

        static Votes Joined(string order) => Votes.Of(Cast(order), a => a, (a, b) => "abc".Contains(a) == "abc".Contains(b));
        static (string?, bool)[] Cast(string order) => [.. order.Select(c => ((string?)$"{c}", c != 'z'))];
    }

    [TestMethod]
    public void Majority_ManyWithoutAnAnswer_AreDrawnButDoNotVote()
    {
        // Five of seven say nothing. One sample: 1/7. Of the 21 pairs 10 hold no vote, 5 each one of the two, 1 both (the chance of
        // either).
        (string?, bool)[] answers = [("r", true), ("w", false), .. Enumerable.Repeat(((string?)null, false), 5)];
        var votes = Votes.Of(answers, a => a, (a, b) => a == b);
        Assert.AreEqual(1 / 7.0, votes.Majority(1), 1e-12);
        Assert.AreEqual(5.5 / 21, votes.Majority(2), 1e-12);
        Assert.AreEqual(0.5, votes.Majority(7));
    }

    [TestMethod]
    public void Majority_SeveralRightCandidates_ShareATieByTheirNumber()
    {
        // Two different answers that are judged right, and a wrong one, one vote each: of a pair 1 of 3 is right twice, 2 of 3 once.
        (string?, bool)[] answers = [("p", true), ("q", true), ("w", false)];
        var votes = Votes.Of(answers, a => a, (a, b) => a == b);
        Assert.AreEqual((1 + 0.5 + 0.5) / 3, votes.Majority(2), 1e-12);
        Assert.AreEqual(2 / 3.0, votes.Majority(3), 1e-12);
        Assert.AreEqual(2 / 3.0, votes.Majority(1), 1e-12);
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
