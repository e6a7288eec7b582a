using G2RL.Onnx.Problems.AnswerChecking;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>Texts made to be slow, deep or large. The long run of a million is the benchmark "mutated-answers".</summary>
[TestClass]
public sealed class HostileAnswerTests
{
    public static IEnumerable<object[]> Texts() => new[]
    {
        string.Concat(Enumerable.Repeat("\\boxed{", 100_000)),
        string.Concat(Enumerable.Repeat("\\(", 200_000)),
        new string('(', 100_000),
        "\\boxed{" + string.Concat(Enumerable.Repeat("\\frac{1}{", 400)) + "1" + new string('}', 401),
        "\\boxed{" + new string('-', 4000) + "1}",
        "\\boxed{5" + new string('!', 3000) + "}",
        "\\boxed{x" + string.Concat(Enumerable.Repeat("^2", 1000)) + "}",
        "\\boxed{x" + string.Concat(Enumerable.Repeat("^{99999999}", 100)) + "}",
        "\\boxed{99999999" + string.Concat(Enumerable.Repeat("^{99999999}", 100)) + "}",
        "\\boxed{(a+b+c+d)^{400}}",
        "\\boxed{(x+1)^{400}(y+1)^{400}}",
        "\\boxed{999999999!}",
        "\\boxed{\\binom{999999}{500000}}",
        "\\boxed{10^{10^{10^{10}}}}",
        "\\boxed{\\frac{1}{" + string.Join('+', Enumerable.Range(2, 300).Select(i => $"\\sqrt{{{i}}}")) + "}}",
        "\\boxed{" + string.Join(',', Enumerable.Range(0, 1500)) + "}",
        "\\boxed{" + new string('9', 4000) + "/" + "7}",
        "1e99999999999999999999",
        "\uD800\u0000\uFFFF",
    }.Select(t => new object[] { t });

    [TestMethod]
    [DynamicData(nameof(Texts))]
    public void Check_HostileText_EndsWithinItsBudget(string text)
    {
        foreach (var policy in AnswerPolicy.All.Values)
        {
            foreach (var (completion, gold) in new[] { (text, "5"), ("\\boxed{5}", text), (text, text) })
            {
                var result = policy.Check(completion, gold);
                Assert.IsTrue(result.Steps <= policy.MaxSteps, $"{policy.Name}: {result.Steps}");
                Assert.AreEqual(result, policy.Check(completion, gold), "the same text gives the same result");
            }
        }
    }

    [TestMethod]
    public void Check_TooLargeToWorkOut_IsOverBudgetAndNotWrong()
    {
        var policy = AnswerPolicy.All["math"];
        Assert.AreEqual(Verdict.OverBudget, policy.Check("\\boxed{(a+b+c+d)^{60}}", "5").Verdict);
        Assert.AreEqual(Verdict.OverBudget, policy.Check("\\boxed{2000!}", "5").Verdict);
        Assert.AreEqual(Verdict.Right, policy.Check("\\boxed{2000!}", "2000!").Verdict, "what is spelled alike needs no work");
        Assert.AreEqual(Verdict.Unparseable, policy.Check("no answer", "5").Verdict);
        Assert.AreEqual(Verdict.Unparseable, policy.Check("\\boxed{)(}", "5").Verdict);
        Assert.AreEqual(Verdict.Wrong, policy.Check("\\boxed{6}", "5").Verdict);
        Assert.IsFalse(policy.Check("\\boxed{6}", "").GoldReadable);
    }

    [TestMethod]
    public void Check_MutatedCompletions_NeverThrowsAndIsTheSameOnEveryThread()
    {
        var random = new Random(20261127);
        var policies = AnswerPolicy.All.Values.OrderBy(p => p.Name).ToArray();
        var cases = Enumerable.Range(0, 4_000).Select(i =>
        {
            var gold = MutatedAnswers.Seeds[random.Next(MutatedAnswers.Seeds.Length)];
            var policy = policies[random.Next(policies.Length)];
            return (Policy: policy, Completion: MutatedAnswers.Mutate($"Thus $\\boxed{{{gold}}}$.", random), Gold: gold);
        }).ToArray();
        var alone = cases.Select(c => c.Policy.Check(c.Completion, c.Gold)).ToArray();
        var together = new CheckResult[cases.Length];
        Parallel.For(0, cases.Length, i => together[i] = cases[i].Policy.Check(cases[i].Completion, cases[i].Gold));
        CollectionAssert.AreEqual(alone, together);
        foreach (var verdict in new[] { Verdict.Right, Verdict.Wrong, Verdict.Unparseable })
            Assert.IsTrue(alone.Any(r => r.Verdict == verdict), $"some are {verdict}");
    }
}
