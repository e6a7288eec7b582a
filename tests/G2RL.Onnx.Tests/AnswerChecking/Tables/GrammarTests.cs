using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>How signs, calls, arguments and lists of an answer are read, form by form.</summary>
[TestClass]
public sealed class GrammarTests
{
    private static readonly AnswerPolicy Exact = AnswerPolicy.All["math"];

    // What cannot tell 4 / 0.5 from 4 / 1 / 2, or two rows from one, is no spelling.
    [TestMethod]
    public void Spellings_OfOtherAnswers_Differ() => AnswerTable.Holds(Exact, """
        4/0.5 !! 4/1/2
        4/0.5 :=: 8
        3^0.5 !! 3^1/2
        0.5 :=: 1/2
        0.50 :=: .5
        a\\b !! ab
        \begin{pmatrix}1\\-2\end{pmatrix} !! \begin{pmatrix}1-2\end{pmatrix}
        \begin{pmatrix}1\\-2\\\end{pmatrix} :: \begin{pmatrix}1\\-2\end{pmatrix}
        |a_{n+1}| !! |a_n+1|
        a_{n+1} !! a_n+1
        x_{12} :=: x_{12}
        PRT :: P \cdot R \cdot T
        A \cdot B \cdot C !! X \cdot Y \cdot Z
        PRT !! PTR
        \text{<} !! \text{>}
        """);

    [TestMethod]
    public void Arguments_AsTexTakesThem_AreGroupsOrTokens() => AnswerTable.Holds(Exact, """
        \sqrt12 :=: 2\sqrt3
        2^10 :=: 1024
        \sqrt f(2) !! \sqrt{f(2)}
        \triangle ABC !! \triangle ACB
        \frac123 :=: \frac12 \cdot 3
        \frac x.5 :=: 2x
        \overline z w :=: w \overline z
        \vec a b :=: b \vec a
        \hat a b :=: b \hat a
        \sqrt[3]{8} + 1 :=: 3
        \sqrt[3{8} + 1 !! 1 + \sqrt[3{8}
        \frac1{ !! 1
        3\frac{x}{2} :=: \frac{3x}{2}
        3\frac{1}{2} :=: 3.5
        3\frac{0.5}{2} !! 3.25
        3\frac{1}{2}x :=: \frac{7x}{2}
        1 1/2 :=: 1.5
        1\,1/2 :=: 1.5
        1\quad1/2 :=: 1.5
        1\text{ }1/2 :=: 1.5
        \text{1 1/2} :=: 1.5
        \text{is 1 1/2} !! 2.5
        1 1/x !! 1.5
        1 1.5/2 !! 1.75
        """);

    [TestMethod]
    public void Calls_OfFAndGAndH_AreNoProducts() => AnswerTable.Holds(Exact, """
        f(2) !! 2f
        g(2) !! 2g
        h(2) !! 2h
        k(2) :=: 2k
        f_1(2) !! 2f_1
        f'(2) !! 2f'
        f^{-1}(2) !! \frac{2}{f}
        f^{-1}(2) + 1 :=: 1 + f^{-1}(2)
        f^{-2}(2) :=: \frac{2}{f^2}
        f^{-1}2 :=: \frac{2}{f}
        x^{f(2)} !! x^{2f}
        x^f(2) :=: x^{f(2)}
        f(1, 2) + 1 :=: 1 + f(1, 2)
        f((1, 2)) !! f(2, 1)
        f(2 + 1 !! 1 + f(2
        x_{12} + 1 :=: 1 + x_{12}
        x_{a_{1}} + 1 :=: 1 + x_{a_{1}}
        x_{a + 1 !! 1 + x_{a
        x_ + 1 !! 1 + x_
        x_1 !! x1
        203_{7} + 1 :=: 1 + 203_7
        203_+ 1 !! 1 + 203_
        """);

    [TestMethod]
    public void Functions_WithoutParentheses_TakeWhatBelongsToThem() => AnswerTable.Holds(Exact, """
        \sin 2\frac{\pi}{4} :=: 1
        \sin x\cos y :=: \cos(y)\sin(x)
        \sin x(2) :=: 2\sin x
        \sin -x :=: -\sin x
        \sin -2x :=: -\sin(2x)
        \sin \pm x !! \sin x
        \sin^2 x :=: (\sin x)^2
        \sin^{-1} x :=: \arcsin x
        \cos^{-1} x :=: \arccos x
        \tan^{-1} x :=: \arctan x
        \log_2^3 8 :=: 27
        \log^3_2 8 :=: 27
        x^2_1 :=: x_1^2
        x^2_{1} y :=: y x_1^2
        x^2_ + 1 !! 1 + x^2_
        {\sin x \over 2} :=: \frac{\sin x}{2}
        {\sin x \choose 2} :=: \binom{\sin x}{2}
        \sin x \pmod 5 :: \sin x
        \over 2 + 3 !! 3 + \over 2
        \choose 2 + 3 !! 3 + \choose 2
        \pmod 2 + 3 !! 3 + \pmod 2
        2^\pm 1 !! 2
        2^-1 :=: 0.5
        2^--1 :=: 2
        2^{3^2} :=: 512
        2^3^2 :=: 512
        2^{} !! 2
        60^o :: 60
        x^o !! x
        60^{o} :: 60
        60^{\circ} :: 60
        2 * -3 :=: -6
        2 / -4 :=: -1/2
        2 * \pm 3 !! 6
        2 * !! 2
        --2 :=: 2
        +2 :=: 2
        -+2 :=: -2
        \pm\pm 2 !! 2, -2
        """);

    [TestMethod]
    public void Bars_OneAfterTheOther_CloseEachTheirOwn() => AnswerTable.Holds(Exact, """
        |x||y| :=: |y||x|
        |x| + |y| :=: |y| + |x|
        2|x||y| :=: 2|y||x|
        |-2||-3| :=: 6
        |(|-2|)| :=: 2
        |\left(-2\right)| :=: 2
        ((1,2),3,456) !! ((1,2),3456)
        |2, 3| + 1 !! 1 + |2, 3|
        \left|-2\right|\left|-3\right| :=: 6
        \left|\,|-2| - 3\right| :=: 1
        \left|-2\right||-3| :=: 6
        \left|-2|-3|\right| :=: 6
        |(-2|-3|)| :=: 6
        \left|-2\left|-3\right|\right| :=: 6
        ⌊2.5⌉ !! 2
        ⌊2.5⌋⌈2.5⌉ :=: 6
        |2 + 1 !! 1 + |2
        """);

    [TestMethod]
    public void Lists_WithStopsAndSeparators_KeepTheirItems() => AnswerTable.Holds(Exact, """
        2/4. :=: 1/2
        2/4; :=: 1/2
        2/4.\\ :=: 1/2
        2/4, 1. :=: 1, 1/2
        2/4, 1, . :=: 1, 1/2
        2/4, 1, ... !! 1, 1/2
        = 2/4 :=: 1/2
        \approx 2/4 :=: 1/2
        \to 2/4 :=: 1/2
        , 2/4 :=: 1/2
        ; 2/4 :=: 1/2
        (1, 2/4,) :=: (1, 1/2)
        [1, 2/4,] :=: [1, 1/2]
        \{1, 2/4,\} :=: \{1, 1/2\}
        {1, 2/4,} :=: 1/2, 1
        (1, 2/4.) :=: (1, 1/2)
        p = 2/4, q = 2; p = 7, q = 2 :=: p = 7, q = 2; p = 1/2, q = 2
        p = 2/4, q = 2; p = 7, q = 2 !! p = 1/2, q = 7; p = 2, q = 2
        p = 2/4, q = 2; :=: p = 1/2, q = 2
        x = 2/4; y = 2 :=: y = 2, x = 1/2
        21, 2/4 or 11 :=: 1/2, 11, 21
        x < 2/4 or \\ x > 3 :: (-\infty, 1/2) \cup (3, \infty)
        x < 2/4; or x > 3 :: (-\infty, 1/2) \cup (3, \infty)
        x < = 2/4 :=: x ≤ 1/2
        x > = 2/4 :=: x \ge 1/2
        2/4) !! 1/2
        (2/4 !! 1/2
        () !! 0
        \{\} :=: \emptyset
        \{x | x > 2/4\} :: (1/2, \infty)
        \{x : x > 2/4\} :: (1/2, \infty)
        \{x : x > 2/4 !! (1/2, \infty)
        \{x \in \mathbb{R} : x > 2/4\} :: (1/2, \infty)
        \{x \in R \mid x > 2/4\} :: (1/2, \infty)
        \{x \in \mathbb{Z} : x > 2/4\} !! (1/2, \infty)
        \{x : x < 2/4 or x > 3\} :: (-\infty, 1/2) \cup (3, \infty)
        \{x : 2/4\} !! 1/2
        \{x : 2/4, x > 1\} !! \{x : 1/2, x > 1\}
        \{2n \mid n \in \mathbb{Z}\} !! \{3n \mid n \in \mathbb{Z}\}
        \{2/4 : 1, 3\} :: \{3, 1 : 2\}
        2/4 : 1 : 3 :: 1 : 2 : 6
        [1, 2/4) !! [1, 1/2]
        \{1, 2/4) !! \{1, 1/2\}
        {1, 2/4) !! 1, 1/2
        (2/4) :=: 1/2
        [2/4] :=: 1/2
        \{2/4\} :=: \{1/2\}
        """);

    [TestMethod]
    public void Matrix_RowsAndCells_StandWhereTheyAreWritten() => AnswerTable.Holds(Exact, """
        \begin{pmatrix} 2/4 \\ 3 \end{pmatrix} :=: \begin{pmatrix} 1/2 \\ 3 \\ \end{pmatrix}
        \begin{pmatrix} 2/4 & 3 \end{pmatrix} :=: \begin{pmatrix} \\ 1/2 & 3 \end{pmatrix}
        \begin{pmatrix} 2/4 & 3 \end{pmatrix} !! \begin{pmatrix} 1/2 \\ 3 \end{pmatrix}
        \begin{pmatrix} 2/4 & 3 \end{pmatrix} !! \begin{pmatrix} 1/2 & 3 & 1 \end{pmatrix}
        \begin{pmatrix} \end{pmatrix} + 1 !! 1 + \begin{pmatrix} \end{pmatrix}
        \begin{pmatrix} 2/4 & ) \end{pmatrix} !! \begin{pmatrix} 1/2 & ) \end{pmatrix}
        \begin{ array }{cc} 2/4 & 2 \end{ array } :=: \begin{pmatrix} 1/2 & 2 \end{pmatrix}
        \begin{vmatrix} 1 & 2 \\ 3 & 4 \end{vmatrix} :=: \det\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}
        \begin{ vmatrix } 1 & 2 \\ 3 & 4 \end{ vmatrix } :=: \begin{vmatrix} 1 & 2 \\ 3 & 4 \end{vmatrix}
        \begin{vmatrix} 1 & 2 \\ 3 & 4 \end{vmatrix} !! \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}
        \begin{pmatrix} 2/4 \\ 2 \end{pmatrix} & :=: \begin{pmatrix} 1/2 \\ 2 \end{pmatrix}
        \begin{pmatrix} 3,456 & 1 \end{pmatrix} :=: \begin{pmatrix} 3456 & 1 \end{pmatrix}
        \begin{pmatrix} 2/4 \\ 2 \end{pmatrix}, 3,456 :=: 3456, \begin{pmatrix} 1/2 \\ 2 \end{pmatrix}
        \begin{aligned} x &= 2/4 \end{aligned} :=: 1/2
        """);

    [TestMethod]
    public void Nesting_UpToItsBound_IsRead()
    {
        Assert.IsTrue(Exact.Equivalent(In(58, "2/4"), "1/2"));
        Assert.IsFalse(Exact.Equivalent(In(59, "2/4"), "1/2"));
        // Side by side nothing is nested, however much there is of it.
        foreach (var one in (string[])["(1)", "\\frac11", "x^{0}", "|1|", "\\sqrt[2]{1}", "f(x)^0", "\\cos^2(0)", "3\\frac{x}{3x}"])
            Assert.IsTrue(Exact.Equivalent(string.Join('+', Enumerable.Repeat(one, 200)), one[0] == '3' ? "200+200-200" : "200"), one);
        Assert.IsTrue(Exact.Equivalent(Often(", ", "(1, 2/4)"), Often("; ", "(1, 1/2)")));

        static string Often(string separator, string what) => string.Join(separator, Enumerable.Repeat(what, 60));

        static string In(int depth, string what) => new string('(', depth) + what + new string(')', depth);
    }
}
