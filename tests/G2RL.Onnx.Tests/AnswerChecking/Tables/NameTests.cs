using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>What names a value in an equation, and what is a value of its own.</summary>
[TestClass]
public sealed class NameTests
{
    private static readonly AnswerPolicy Exact = AnswerPolicy.All["math"];

    // Constants, numerals of a base and functions that begin with f name nothing: the end of a calculation is the answer.
    [TestMethod]
    public void Equality_WithAConstant_NamesNothing() => AnswerTable.Holds(Exact, """
        3=i !! 3
        3=e !! 3
        3=\pi !! 3
        3=\infty !! 3
        3=\emptyset !! 3
        91_5=3 !! 3
        01_5=3 !! 3
        5=\lfloor 2.5\rfloor !! 5
        |x|+|y|=7 !! 7
        """);

    [TestMethod]
    public void Equality_WithANameOnEitherSide_IsTheValue() => AnswerTable.Holds(Exact, """
        (1,2)=(x,y) :: (1,2)
        (x,y)=(1,2) :: (1,2)
        \{x,y\}=(1,2) !! (1,2)
        3=x :: 3
        3=f :: 3
        3=f'(x) :: 3
        """);
}
