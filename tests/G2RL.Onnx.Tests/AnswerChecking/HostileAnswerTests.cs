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
    // What has no value, and what ends at an edge of the text, is neither a value nor an exception.
    [TestMethod]
    [DataRow("5!=", "5", Verdict.Unparseable)]
    [DataRow("0.\\overline{}", "5", Verdict.Unparseable)]
    [DataRow("\\mathbb{R}^2", "5", Verdict.Unparseable)]
    [DataRow("\\frac{1}{1\\pm1}", "1, 2", Verdict.Unparseable)]
    [DataRow("\\begin{Vmatrix}3\\\\4\\end{Vmatrix}=5", "5", Verdict.Unparseable)]
    [DataRow("x\\ne i", "x\\ne2", Verdict.Wrong)]
    public void Check_WhatHasNoValue_IsNotRight(string answer, string gold, Verdict verdict)
    {
        var policy = AnswerPolicy.All["math"];
        Assert.AreEqual(verdict, policy.Check($"\\boxed{{{answer}}}", gold).Verdict);
        Assert.IsNotNull(policy.Canonical(answer));
    }

    [TestMethod]
    public void Check_AtTheBounds_LengthAndDepthAreRefusedBehindThem()
    {
        var policy = AnswerPolicy.All["math"];
        Assert.AreEqual(Verdict.OverBudget, policy.Check($"\\boxed{{{new string('9', 5_000)}}}", "5").Verdict);
        Assert.IsTrue(policy.Equivalent("5" + new string(' ', Budget.MaxLength - 1), "5"));
        Assert.IsFalse(policy.Equivalent("5.0" + new string(' ', Budget.MaxLength - 2), "5"));
        Assert.IsTrue(policy.Equivalent("**18** ", "18"));
        Assert.IsTrue(policy.Equivalent("1 ", "1"));
        // Percent signs nest without brackets.
        Assert.AreEqual(Verdict.Wrong, policy.Check($"\\boxed{{x{new string('%', 59)}}}", "5").Verdict);
        Assert.AreEqual(Verdict.Unparseable, policy.Check($"\\boxed{{x{new string('%', 60)}}}", "5").Verdict);
        Assert.AreEqual(Verdict.Unparseable, policy.Check($"\\boxed{{x{new string('%', 70)}}}", "5").Verdict);
        Assert.AreEqual(Verdict.Right, policy.Check($"\\boxed{{{In(58)}}}", "5").Verdict);
        Assert.AreEqual(Verdict.Unparseable, policy.Check($"\\boxed{{{In(59)}}}", "5").Verdict);
        // Larger than a double holds, and negative.
        Assert.AreEqual(Verdict.Wrong, AnswerPolicy.All["math_verify"].Check("\\boxed{-1.5}", "-10^{305}\\sqrt2").Verdict);

        static string In(int depth) => new string('(', depth) + "5" + new string(')', depth);
    }

    [TestMethod]
    public void Check_BudgetThatEndsAnywhere_NeverThrows()
    {
        var metres = string.Join(", ", Enumerable.Range(1, 8).Select(i => $"{i}\\text{{ m}}"));
        var centimetres = string.Join(", ", Enumerable.Range(1, 8).Reverse().Select(i => $"{i}00\\text{{ cm}}"));
        var shares = string.Join(", ", Enumerable.Range(1, 8).Select(i => $"0.0{i}"));
        var percents = string.Join(", ", Enumerable.Range(1, 8).Reverse().Select(i => $"{i}\\%"));
        for (var steps = 3; steps <= 1_500; steps++)
        {
            var policy = AnswerPolicy.All["math"] with { MaxSteps = steps };
            var enough = policy.Check($"\\boxed{{{centimetres}}}", metres).Verdict;
            Assert.IsTrue(enough is Verdict.Right or Verdict.OverBudget, $"{steps}: {enough}");
            enough = policy.Check($"\\boxed{{{percents}}}", shares).Verdict;
            Assert.IsTrue(enough is Verdict.Right or Verdict.OverBudget, $"{steps}: {enough}");
        }

        Assert.AreEqual(Verdict.OverBudget, (AnswerPolicy.All["math"] with { MaxSteps = 6 }).Check("\\boxed{1+2}", "1-2").Verdict);
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
