using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>Every word outside of formulas that is known, with what it means written in another way.</summary>
[TestClass]
public sealed class WordTests
{
    private static readonly AnswerPolicy Exact = AnswerPolicy.All["math"];

    [TestMethod]
    public void Word_EachOfThem_HasItsMeaning() => AnswerTable.Holds(Exact, """
        3 and 4 :: 4, 3
        3 or 4 :: 4, 3
        x > 1 and x < 3 :: (1, 3)
        x < 1 or x > 3 :: (-\infty, 1) \cup (3, \infty)
        50 percent :: 0.5
        50 pct :: 0.5
        50 percentage :: 0.5
        \sin(30 degrees) :: 1/2
        \sin(30 degree) :: 1/2
        \sin(30 deg) :: 1/2
        2pi :: \pi \cdot 2
        2rs !! 2
        r^2+rs+s^2 !! r^2+s^2
        \frac{PQ}{RS} :: \frac{QP}{SR}
        rs :: sr
        Rs 500 :: 500
        Rs. 500 :: 500
        500 rs :: 500
        500Rs :: 500
        500 USD :: 500
        5 min :: 5
        30 sec :: 30
        Rs.500 :: 500
        2 sec(0) :: 2
        (1, infty) :: x > 1
        (1, infinity) :: x > 1
        (1, inf) :: x > 1
        (1, oo) :: x > 1
        2theta :: \theta \cdot 2
        2alpha :: \alpha \cdot 2
        2beta :: \beta \cdot 2
        \varnothing :: \emptyset
        \empty :: \emptyset
        2\varphi :: \phi \cdot 2
        2\vartheta :: \theta \cdot 2
        2\varepsilon :: \epsilon \cdot 2
        1, 2, \dots :: 1, 2, \ldots
        1, 2, \cdots :: 1, 2, \ldots
        1, 2, \dotsc :: 1, 2, \ldots
        1, 2, \dotsb :: 1, 2, \ldots
        2\imath :: i \cdot 2
        \R :: (-\infty, \infty)
        (1, \infinity) :: x > 1
        \mathbb{R} :: (-\infty, \infty)
        """);

    [TestMethod]
    public void Filler_EachWord_SaysNothing() => AnswerTable.HoldsForEach(
        Exact, @"@ 5 + x :: x + 5", "approximately about approx exactly roughly usd rs inr eur gbp Approximately USD");

    [TestMethod]
    public void Multiplier_EachWord_MultipliesItsNumber() => AnswerTable.Holds(Exact, """
        2 dozen :: 24
        2 hundred :: 200
        2 thousand :: 2000
        2 million :: 2000000
        2 billion :: 2000000000
        2 trillion :: 2000000000000
        1.5 Million dollars :: 1500000
        2 hundred thousand :: 200000
        """);

    [TestMethod]
    public void Letters_OfAWordAndOfProse_KeepTheirOrderAndSpaces() => AnswerTable.Holds(Exact, """
        the !! eth
        \mathrm{3 1/2} :: 7/2
        \mathrm{31/2} !! 7/2
        \text{a,big} !! \text{big,a}
        \text{A B} :: \text{B, A}
        """);

    // A currency in its usual case may be glued to its number; else letters that are glued are variables.
    [TestMethod]
    public void Money_GluedOrApart_IsReadByItsCase() => AnswerTable.Holds(Exact, """
        500INR :: 500
        500Rs :: 500
        500 inr :: 500
        500inr !! 500
        500Inr !! 500
        500RS !! 500
        x inr :=: x \cdot i \cdot n \cdot r
        """);

    [TestMethod]
    public void NoUnit_EachWord_MakesItNoValue() => AnswerTable.HoldsForEach(Exact, "5 @ apples !! 5", """
        not no never is isn't are aren't was were be cannot can't wrong incorrect false if unless except than to between but neither nor
        maybe perhaps through until plus minus times below when where halves thirds fifths sixths eighths tenths hundredths thousandths NOT Wrong
        """);

    [TestMethod]
    public void NoUnit_EachWordAsProse_MakesItNoValue() => AnswerTable.HoldsForEach(Exact, @"5 \text{ @ apples} !! 5", """
        not no never is isn't are aren't was were be cannot can't wrong incorrect false if unless except than to between but neither nor
        maybe perhaps through until plus minus times below when where halves thirds fifths sixths eighths tenths hundredths thousandths
        """);

    [TestMethod]
    public void NoFirst_EachWord_MakesItNoValue() =>
        AnswerTable.HoldsForEach(Exact, "5 @ :: 5 @\n5 @ !! 5", "squared cubed factorial choose mod modulo");

    [TestMethod]
    public void Unit_AnyOtherWord_SaysNothing() =>
        AnswerTable.HoldsForEach(Exact, "5 @ :: 5", "apples people ways squares chosen modules notes users");
}
