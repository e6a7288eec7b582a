using G2RL.Onnx.Problems.AnswerChecking;
using static G2RL.Onnx.Tests.AnswerChecking.FinderTable;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>The number that a text ends with, as it is written.</summary>
[TestClass]
public sealed class NumberFinderTests
{
    [TestMethod]
    public void Numbers_LastOne_IsFoundWhole() => Finds(t => NumberFinder.Last(t), """
        nothing => ~
        3 then 4 => 4
        it is -3. => -3
        it is +3. => +3
        it is - 3 => - 3
        it is −3 => −3
        x - 3 => 3
        5-3 => 3
        5 - 3 => 3
        (a) - 3 => 3
        [a]-3 => 3
        {a}-3 => 3
        50% -3 => 3
        a-3 => 3
        --3 => 3
        -  5 => 5
        - => ~
        ↵- 5 => 5
        ..5 => .5
        1/23 => 1/23
        it is 3 1/2. => 3 1/2
        3 /2 => 2
        1e999+5 => 5
        list:↵- 3 => 3
        list:↵-3 => -3
        - 3 => - 3
        for n - 3 => 3
        n - 3 => 3
        is n -3 => -3
        $5 => $5
        -$5 => -$5
        $-5 => $-5
        $ 5 => $ 5
        \$5 => \$5
        \$ 5 => \$ 5
        €5 => €5
        £5 => £5
        word5 => ~
        x_5 => ~
        1.2.3 => 1.2
        .5 => .5
        1.5e-3 x => 1.5e-3
        1,234 => 1,234
        1,00,000 => 1,00,000
        12,34 => 34
        1/2 => 1/2
        1/x => 1
        3 1/2 => 3 1/2
        3 1/x => 1
        3 12 => 12
        3.5 1/2 => 1/2
        \frac{10}{2} => \frac{10}{2}
        \frac12 => \frac12
        \dfrac 1 2 => \dfrac 1 2
        \tfrac{1}2 => \tfrac{1}2
        \cfrac1{2} => \cfrac1{2}
        \frac{1} x => 1
        \sfrac12 => ~
        3\frac12 => 3\frac12
        3 \frac12 => 3 \frac12
        -\frac12 => -\frac12
        50% => 50%
        50 % => 50 %
        50\% => 50\%
        50 percent of it => 50 percent
        50 pct => 50 pct
        50\text{ percent} => 50\text{ percent}
        $50$ % => $50$ %
        50    % => 50
        18 (step 2) => 18
        18 (2) => 2
        18 (x 2) => 2
        18 (step 2 => 2
        18 (step↵2) => 2
        18 (step (2)) => 2
        (step 2) => 2
        1e999 => 1e999
        1e999.5 => 1e999.5
        1e+999 x => 1e+999
        0 => 0
        """);

    [TestMethod]
    public void Numbers_DecimalComma_IsPartOfThem() => Finds(t => NumberFinder.Last(t, decimalComma: true), """
        2,74 => 2,74
        -2,74 => -2,74
        2,745 => 2,745
        €2,74 => €2,74
        $2,74 => $2,74
        2,74, so => 2,74
        2,74, 5 => 5
        (2,74) => 74
        [2,74] => 74
        2,74,5 => 5
        1,2,74 => 74
        2.5,74 => 74
        2, 74 => 74
        2,7 m => 2,7
        2 74 => 74
        .5,74 => 74
        1,22, both => 1,22
        2, => 2
        """);

    [TestMethod]
    public void Numbers_FarFromTheEnd_AreNotLookedFor()
    {
        Assert.AreEqual("5", NumberFinder.Last("5" + new string(' ', 8_000)));
        Assert.IsNull(NumberFinder.Last("5" + new string(' ', 9_000)));
        Assert.AreEqual("5", NumberFinder.Last("18 (" + new string('x', 250) + " 5)"));
        Assert.AreEqual("18", NumberFinder.Last(new string('x', 150) + " 18 (step 2)"));
        // Within 200 characters an aside closes.
        Assert.AreEqual("18", NumberFinder.Last("18 (" + new string('x', 196) + " 5)"));
        Assert.AreEqual("5", NumberFinder.Last("18 (" + new string('x', 197) + " 5)"));
    }

    [TestMethod]
    [DataRow("%", 1)]
    [DataRow(" \\%", 3)]
    [DataRow("$ %", 3)]
    [DataRow("   %", 4)]
    [DataRow("    %", 0)]
    [DataRow("per", 0)]
    [DataRow("", 0)]
    public void Percent_Behind_IsMeasured(string rest, int length) => Assert.AreEqual(length, NumberFinder.Percent(rest));
}
