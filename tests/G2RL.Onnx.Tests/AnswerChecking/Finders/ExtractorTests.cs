using G2RL.Onnx.Problems.AnswerChecking;
using static G2RL.Onnx.Tests.AnswerChecking.FinderTable;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>The candidates of each source, the likeliest first.</summary>
[TestClass]
public sealed class ExtractorTests
{
    private static readonly AnswerPolicy Math = AnswerPolicy.All["math"];

    [TestMethod]
    public void Extract_Math_TakesBoxThenPhrases() => Finds(t => Math.Extract(t), """
        \boxed{5}% => 5\%
        \boxed{28}$ % => 28\%
        \boxed{20} percent => 20\%
        \boxed{5} and 20 => 5
        The final answer is $10$ because it is so. => 10
        The final answer is 3, not 4. => 3
        The final answer is 3, 4. => 3, 4
        The final answer is 3 and nothing more. => 3 and nothing more
        The final answer is $5$. => 5
        The final answer is \(5\) apples => 5
        The final answer is x = 5. => x = 5
        The answer is \boxed{5}. => 5
        The answer is \boxed{5}\%. => 5\%
        \boxed{28}\%, that is 28 of 100 => 28\%
        \boxed{5} (\frac{1}{5}\% off) => 5
        answer: 5 => 5
        answer = 5 => 5
        answer**: 5 => 5
        answer:** 5 => 5
        The answer is: 5 => 5
        The final answer: 5 => 5
        The final answer 5. => 5
        The answer is 4. The final answer: 5. => 5
        It is 5 => ~
        """);

    // Words lead where a number stands first; then the clause, then the last formula or number in it.
    [TestMethod]
    public void Find_WhatFollowsAPhrase_IsTriedFromItsFront() => Finds(t => Found(AnswerSource.AnswerIs, t, Math), """
        the answer is 3 x and 4 y => 3 x and 4 y | 4
        the answer is 100 x => 100 x | 100
        the answer is 5 x \sin y => 5 x \sin y | 5
        the answer is 5 percent => 5 percent | 5 percent
        the answer is 5, not 6 => 5 | 5, not 6 | 6
        the answer is apples => apples
        the answer is 5, 6 dogs => 5, 6 dogs | 6
        the answer is, of course, 5 => , of course, 5 | 5
        the answer is 3 or 4 apples => 3 or 4 apples | 4
        """);
    [TestMethod]
    public void Find_EachSource_GivesItsCandidates()
    {
        var verify = AnswerPolicy.All["math_verify"];
        Finds(t => Found(AnswerSource.Stated, t, verify), """
            Final answer is 5 => 5 | 5
            \boxed{4} The final answer is $5$. => 5 | 4
            The final answer is $5$. \boxed{4} => 4
            The final answer is $5$. => 5
            Final answer is $5$. => 5
            none =>
            """);
        Finds(t => Found(AnswerSource.Stated, t, verify), """
            \boxed{1}. The final answer is 2. So \boxed{3} => 3
            The final answer is 1. \boxed{2} The final answer is 3 => 3 | 3 | 2
            """);
        Finds(t => Found(AnswerSource.Bare, t, verify), """
            5 => 5
            ↵5 => 5
            this is it =>
            """);
        Finds(t => Found(AnswerSource.FormulaOrNumber, t, verify), """
            $4$ then 5 => 5 | 4
            5 then $4$ => 4
            $4$ percent => 4\%
            $1$, $2$ then $3$ => 3 | 1, 2
            $x$ 5% => $ 5% | x
            """);
        Finds(t => Found(AnswerSource.Formula, t, verify), "$1$ a $2$ a $3$ a $4$ a $5$ => 5 | 4 | 3 | 2");
        Finds(t => Found(AnswerSource.Number, t, verify), "$4$ then 5 => 5\n1,5 => 1,5");
        Finds(t => Found(AnswerSource.Whole, t, verify), "a 5 => a 5");
        Finds(t => Found(AnswerSource.Whole, t, verify), "↵5 => 5");
        Finds(t => Found(AnswerSource.Tag, t, verify), "<answer>5</answer> => 5");
        Finds(t => Found(AnswerSource.Letter, t, verify), "C => C");
        Assert.AreEqual("", Found(AnswerSource.Bare, new string('5', 301), verify));
        Assert.AreEqual(300, Found(AnswerSource.Bare, new string('5', 300), verify).Length);
    }
}
