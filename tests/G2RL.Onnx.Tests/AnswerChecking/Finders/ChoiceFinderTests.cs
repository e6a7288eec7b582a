using G2RL.Onnx.Problems.AnswerChecking;
using static G2RL.Onnx.Tests.AnswerChecking.FinderTable;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>The letter that a text chooses.</summary>
[TestClass]
public sealed class ChoiceFinderTests
{
    [TestMethod]
    public void Choices_TheLetter_IsFound() => Finds(t => ChoiceFinder.Letter(t, 10), """
        \boxed{C} => C
        \boxed{\text{C}} => C
        \boxed{(C)} => C
        \boxed{C. red} => C
        \boxed{\textbf{(C)}} => C
        \boxed{A, B} => ~
        \boxed{A and B} => ~
        \boxed{A \text{ or } B} => ~
        \boxed{red} so C. => C
        The final answer is (C). => C
        The final answer is (C) or (D). => ~
        The correct option is C => C
        The answer is C. The final answer is D. => D
        The final answer is D. The answer is C. => D
        Answer: C => C
        The answer would be definitely C => C
        The option is **C** => C
        The answer is A or B => ~
        The answer is Z => ~
        Z => ~
        C => C
        (C) => C
        C. red => C
        so↵C) red => C
        it says (C) => C
        it is B => B
        The answer is not B. => ~
        It is not (B). => ~
        not B but D => D
        I choose A, not B. => A
        a knot B => B
        A cat => ~
        I think => ~
        it is A. => A
        red => ~
        \text{B} => B
        ↵\text{B} => B
        The final answer A or B => ~
        B) since (A) is false => B
        so it is (B), much as C. => B
        so \boxed{B => B
        \boxed{ \text{B} } => B
        \boxed{ \text{B. five}} => B
        The answer is C. The answer is Z. => C
        """);

    [TestMethod]
    public void Choices_BeyondTheirNumber_AreNone()
    {
        Assert.AreEqual("D", ChoiceFinder.Letter("D", 4));
        Assert.IsNull(ChoiceFinder.Letter("E", 4));
        Assert.AreEqual("Z", ChoiceFinder.Letter("Z", 26));
        Assert.AreEqual("C", ChoiceFinder.Letter(new string('x', 5_000) + " The answer is C", 4));
        Assert.IsNull(ChoiceFinder.Letter("The answer is C" + new string('x', 5_000), 4));
        Assert.IsNull(ChoiceFinder.Letter("Answer: B" + new string(' ', 5_000), 4));
    }
}
