using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>The reference answers of MATH, MMLU-Pro, GSM8K and AIME: all are read, equal themselves however they are spelled,
/// and differ from others.</summary>
[TestClass]
public sealed class MathAnswersTests
{
    // Answers of MATH500 that are equal though spelled differently, every other pair differs.
    private static readonly string[] SamePairs =
    [
        "90^\\circ = 90", "5 = x=5", "1,-2 = -2,1", "120^\\circ = 120", "36 = 36^\\circ", "36 = \\$36", "\\frac{1}{4} = \\frac14",
        "30^\\circ = 30",
        "10,\\!080 = 10080", "15 = 15\\mbox{ cm}^2", "2 \\sqrt{5} = 2\\sqrt{5}",
    ];

    [TestMethod]
    public void Read_EveryAnswer_HasAValue()
    {
        AnswersHaveValues("math500.jsonl");
        AnswersHaveValues("math_train.jsonl");
    }

    private static void AnswersHaveValues(string file)
    {
        foreach (var answer in Answers(file))
        {
            var budget = new Budget(100_000);
            Assert.IsNotNull(Answer.Read(answer, budget)?.Value, answer);
            Assert.IsTrue(budget.Spent < 10_000, $"{answer} takes {budget.Spent} steps");
        }
    }

    [TestMethod]
    public void Equivalent_TwentyRewritesOfMath500_StayEqual()
    {
        var policy = AnswerPolicy.All["math"];
        foreach (var answer in Answers("math500.jsonl").Distinct())
        {
            var rewrites = Rewrites.Of(answer).ToArray();
            Assert.IsTrue(rewrites.Length >= 20);
            foreach (var rewrite in rewrites)
                Assert.IsTrue(policy.Equivalent(answer, rewrite), $"{answer} became {rewrite}");
        }
    }

    [TestMethod]
    public void Equivalent_AnswersOfDifferentProblems_Differ()
    {
        var policy = AnswerPolicy.All["math"];
        var answers = Answers("math500.jsonl").Distinct().ToArray();
        var same = new List<string>();
        for (var i = 0; i < answers.Length; i++)
            for (var j = i + 1; j < answers.Length; j++)
                if (policy.Equivalent(answers[i], answers[j]))
                    same.Add($"{answers[i]} = {answers[j]}");
        CollectionAssert.AreEquivalent(SamePairs, same);
    }

    [TestMethod]
    public void Check_ReferenceAsItsBenchmarkAsksForIt_IsRight()
    {
        ReferencesAreRight("mmlu_pro_test.jsonl", "choice", "The answer is ({0}).");
        ReferencesAreRight("gsm8k_test.jsonl", "gsm8k", "so\n#### {0}");
        ReferencesAreRight("aime24.jsonl", "aime", "\\boxed{{{0}}}");
        ReferencesAreRight("aime25.jsonl", "aime", "\\boxed{{{0}}}");
        ReferencesAreRight("amc83.jsonl", "aime", "\\boxed{{{0}}}");
    }

    private static void ReferencesAreRight(string file, string policy, string completion)
    {
        foreach (var answer in Answers(file))
            Assert.IsTrue(AnswerPolicy.All[policy].Check(string.Format(completion, answer), answer).IsRight, answer);
    }

    // Four rows of MATH's training set have no answer.
    private static string[] Answers(string file) => ReferenceAnswers.Texts(file);
}
