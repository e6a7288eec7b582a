using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>What an answer's spaces, commas, backslashes and prose say, and what they do not.</summary>
[TestClass]
public sealed class LayoutTests
{
    private static readonly AnswerPolicy Exact = AnswerPolicy.All["math"];

    [TestMethod]
    public void Space_EachCharacter_SaysNothing()
    {
        foreach (var space in " \t\n~$\u200B\uFEFF\u2061€£¥₹₽\0\u00A0\u3000")
        {
            Assert.IsTrue(Exact.Equivalent($"{space}2/4", "1/2"), $"U+{(int)space:X4}");
            Assert.IsTrue(Exact.Equivalent($"x{space}+{space}2/4", "1/2 + x"), $"U+{(int)space:X4}");
        }
        Assert.IsTrue(Exact.Equivalent("x\\\ny", "yx"));
        Assert.IsTrue(Exact.Equivalent("x\\\ty", "yx"));
    }

    [TestMethod]
    public void Comma_ByWhereItStands_SetsThousandsOrItemsApart() => AnswerTable.Holds(Exact, """
        3,456 :=: 3456
        3,456 :: 3, 456
        3,456 !! 3, 457
        3, 456 !! 3456
        (3,456) :=: (3, 456)
        (3,456) !! 3456
        (1, 2), 3,456 :=: 3456, (1, 2)
        [1, 2], 3,456 :=: 3456, [1, 2]
        \{1, 2\}, 3,456 :=: 3456, \{2, 1\}
        1,234,567 :=: 1234567
        1234,567 :=: 567, 1234
        12,34 !! 1234
        1,00,000 :=: 100000
        12,34,567 :=: 1234567
        12,34,567 :: 12, 34, 567
        (1,00,000) !! 100000
        1\,234 :=: 1234
        1\ 234 :=: 1234
        1\;234 :=: 1234
        1{,}234 :=: 1234
        1 {, }234 :=: 1234
        1,\!234 :=: 1234
        1 234 567 :=: 1234567
        1 234,567 !! 1234567
        1 234\,567 !! 1234567
        1{,}234\,567 :=: 1234567
        1,\! 000 :=: 1000
        0,123,000 !! 123000
        1{,}23 !! 123
        1{;}234 !! 1234
        0,123 !! 123
        0,123 :=: 123, 0
        (10,000) :=: 10000
        """);

    [TestMethod]
    public void Numeral_EachForm_HasItsValue() => AnswerTable.Holds(Exact, """
        0.\overline{3} :=: 1/3
        .\overline{3} :=: 1/3
        0.1\overline{6} :=: 1/6
        0.\bar{3} :=: 1/3
        0.\overline 3 :=: 1/3
        0.\overline{12} :=: 4/33
        5 \overline{3} !! \frac{16}{3}
        12345678901234567890.5 :=: \frac{24691357802469135781}{2}
        1e000005 :=: 100000
        2e5x !! 200000x
        1e-500 !! 10^{-500}
        0.\overline{3 !! 1/3
        0.\overline{x} !! 1/3
        1.5e3 :=: 1500
        1.5E3 :=: 1500
        1.5e+3 :=: 1500
        1.5e-3 :=: 0.0015
        15e-1 :=: 1.5
        2e !! 2
        2e :=: e \cdot 2
        2ex :=: 2xe
        1e400 :=: 10^{400}
        1e401 !! 10^{401}
        1e-400 :=: 10^{-400}
        1e99999999 !! 0
        999999999999999999 :=: 10^{18} - 1
        1000000000000000000 :=: 10^{18}
        2½% :=: 2.5\%
        100000000000000000000 :=: 10^{20}
        0.000000000000000001 :=: 10^{-18}
        0.00000000000000000001 :=: 10^{-20}
        000000000000000000000001 :=: 1
        123,456,789,012,345,678,901 :=: 123456789012345678901
        007 :=: 7
        5. :=: 5
        .5 :=: 1/2
        """);

    [TestMethod]
    public void Signs_ThatStandTogether_AreOne() => AnswerTable.Holds(Exact, """
        **18** :=: 18
        **2/4** :=: 1/2
        2**3 :=: 8
        3! == 6 :=: 6
        3!==6 :=: 6
        x <= 2/4 :=: x \le 1/2
        x =< 2/4 :=: x \le 1/2
        x >= 2/4 :=: x \ge 1/2
        x != 2/4 :=: x \ne 1/2
        A => B :=: A → B
        2\*3 :=: 6
        1+\5 !! 6
        5^ !! 5
        5<= !! 5
        \quadxyz+1 :=: xyz+1
        \-3 :=: -3
        2/4\ :=: 1/2
        xyz-1 :=: zyx - 1
        xy-z :=: yx-z
        ж+1 !! 1
        xyz' !! xyz
        twenty-one :=: 21
        x\left :=: x
        x\right :=: x
        \left(2/4\right) :=: 1/2
        \left. 2/4 \right. :=: 1/2
        \left[1, 2/4\right) :=: [1, 1/2)
        2\mathbb !! 2
        2\mathbb{} !! 2
        2\mathbb{ Z } :=: 2\mathbb{Z}
        2\hspace {7} x :=: 2x
        """);

    [TestMethod]
    public void Conjunction_GluedToAValue_StillJoins() => AnswerTable.Holds(Exact, """
        X=0orX=9 :=: 9, 0
        X=9andX=0 :=: 0, 9
        X>3orX<1 :: (-\infty, 1) \cup (3, \infty)
        X>1andX<3 :: (1, 3)
        X=f(2)orX=3 :=: 3, f(2)
        orX !! X
        andX !! X
        50 Percent :: 0.5
        3 AND 2/4 :=: 1/2, 3
        3 OR 2/4 :=: 1/2, 3
        (1, INFINITY) :: x > 1
        (1, Inf) :: x > 1
        X=\frac{2}{4}orX=3 :=: 3, 1/2
        """);

    [TestMethod]
    public void Prose_ByItsWords_IsAListOrAText() => AnswerTable.Holds(Exact, """
        \text{A, C} :: C, A
        \text{A and C} :: C, A
        \text{A or C} :: C, A
        \text{A, B, and C} :: C, B, A
        \text{A C} :: C, A
        \text{red,A} !! A, red
        2\text/4 :=: 1/2
        \text{A, B, or C} :: B, C, A
        \text{B,E} :: E, B
        \text{(A), (C)} :: (C), (A)
        \text{C} :: C
        \text{A AND C} :: C, A
        \text{red or blue} :=: \text{blue or red}
        \text{red OR blue} :=: \text{blue}, \text{red}
        \text{red; or; blue} :=: \text{blue}, \text{red}
        \text{red, blue} !! \text{blue, red}
        \text{1~or~2} :=: 2, 1
        \text{A~or~B} :: B, A
        \text{Odd~numbers} :=: odd numbers
        \text{odd.} :=: odd
        \text {odd} :=: odd
        \text{ odd } :=: odd
        \text{2.} + x :=: x + 2
        \text{: 2} + x :=: x + 2
        \text{, 2,} + x :=: x + 2
        \text{\ 2} + x :=: x + 2
        \text{.5} :=: 1/2
        \text{. 5} + x :=: x + 5
        \mathrm{\frac24} :=: 1/2
        3\text{1/2} :=: 3.5
        3\mathrm{1/2} !! 3.5
        2/4\text{.} :=: 1/2
        1\text{ , }2/4 :=: 1, 1/2
        1\text{~,~}2/4 :=: 1, 1/2
        1\text{;}2/4 :=: 1, 1/2
        1\text{ : }2 :: 2:4
        2\mathsf{x} :=: x \cdot 2
        2\mathrm{x} :=: x \cdot 2
        2\operatorname{x} :=: x \cdot 2
        \text{point } B, \text{point } A :=: \text{point } A, \text{point } B
        \text{Dr}. A, \text{Mr}. B :=: \text{Mr}. B, \text{Dr}. A
        \text{October 30} !! 30
        \textbf{\text{C}} :: C
        \textbf{\text{odd}} :=: odd
        \text{\textbf{2/4}} :=: 1/2
        """);

    [TestMethod]
    public void Letters_ThreeInARow_AreAProductOrAWord() => AnswerTable.Holds(Exact, """
        xyz :=: zyx
        pqr :=: rqp
        abc :=: cab
        abn :=: n b a
        uvw :=: w v u
        abi :=: i b a
        mgh :=: hgm
        ab :=: ba
        me :=: em
        62 xyz :=: xyz \cdot 62
        dog !! god
        men !! nme
        62 men :=: 62
        62 dog :=: 62
        62 ant !! 62
        62men !! 62
        62men :=: n e m \cdot 62
        (2)men :=: 2nem
        \frac{1}{2}men :=: \frac{n e m}{2}
        men^2 :=: n^2 em
        men_1 :=: e m n_1
        nRT :=: TRn
        Men :=: nMe
        cde !! edc
        aex !! xea
        ibc !! b c i + 0
        iba !! abi + 1
        bai !! b a i + 0
        doi !! iod
        ski :=: iks
        seven !! nevse
        62 usd :=: 62
        """);

    [TestMethod]
    public void LetterUnits_BehindASpace_AreNoVariables() => AnswerTable.Holds(Exact, """
        5\,\mathrm{m} :: 5
        5\,\mathsf{m} :: 5
        5\mathrm{m} !! 5
        2 \cdot 3\mathrm{m} !! 6
        2 \cdot 3\,\mathrm{m} :: 6
        2e\,\mathrm{m} :: 2e
        2\pi\,\mathrm{m} :: 2\pi
        2x\,\mathrm{m} !! 2x
        5\,\mathrm{m}^2 :: 5
        5\,\mathrm{m}^{2} :: 5
        5\,\mathrm{m}^{-2} :: 5
        5\,\mathrm{m}^{2 !! 5
        5\,\mathrm{m}/\mathrm{s} :: 5
        5\,\mathrm{m}/2 !! 5
        5\,\mathrm{m}\cdot\mathrm{s} :: 5
        (5\,\mathrm{m}, 6\,\mathrm{m}) :: (5, 6)
        5\,\mathrm{m}, 6\,\mathrm{m} :: 6, 5
        5\,\mathrm{m}. :: 5
        5\,\mathrm{l} :: 5
        5\,\mathrm{L} :: 5
        1\,\mathrm{L} :=: 1000 mL
        5\,\mathrm{q} !! 5
        5\,\mathrm{V} :: 5
        pi\mathrm{m} !! pi
        """);
}
