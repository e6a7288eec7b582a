using G2RL.Onnx.Problems.AnswerChecking;
using static G2RL.Onnx.Tests.AnswerChecking.FinderTable;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>Normal spellings of answers.</summary>
[TestClass]
public sealed class SpellingTests
{
    private static readonly AnswerPolicy Math = AnswerPolicy.All["math"];

    [TestMethod]
    public void Normalize_MathSpelling_IsThatOfTheScript() => Finds(MathSpelling.Normalize, """
        \dfrac12 => \frac{1}{2}
        \tfrac 1 2 => \frac{1}{2}
        \frac1{72} => \frac{1}{72}
        \frac{3}4 => \frac{3}4
        \frac{\frac12}{3} => \frac{\frac{1}{2}}{3}
        \frac{1}{\frac12} => \frac{1}{\frac{1}{2}}
        \frac{\sqrt3}{\sqrt2} => \frac{\sqrt{3}}{\sqrt{2}}
        \sqrt[3]2 => \sqrt[3]2
        \sqrt3 => \sqrt{3}
        \sqrt {3} => \sqrt{3}
        \sqrt 3x => \sqrt{3}x
        \left(1, 2\right) => (1,2)
        90^\circ => 90
        90^{\circ} => 90
        \$5 => 5
        $5$ => 5
        5\text{ apples} => 5
        5\text{apples} => 5\text{apples}
        50\% => 50
        50% => 50
        .5 => \frac{1}{2}
        {.5} => {0.5}
        1 .5 => 10.5
        0.5 => \frac{1}{2}
        x = 5 => 5
        xy=5 => 5
        xy = 5 => xy=5
        =5 => 5
        x==5 => x==5
        xyz = 5 => xyz=5
        a=b=c => a=b=c
        1/2 => \frac{1}{2}
        -1/2 => \frac{-1}{2}
        1/-2 => \frac{1}{-2}
        x/2 => x/2
        1/2/3 => 1/2/3
        /2 => /2
        1\!000 => 1000
        \\frac12 => \frac{1}{2}
        1↵2 => 12
        \frac => \frac
        \frac1 => \frac{1}
        \sqrt => \sqrt
        """);

    [TestMethod]
    public void Canonical_FractionsOfTinker_AreAsTheyAreWritten() => Finds(t => AnswerPolicy.All["tinker"].Canonical(t), """
        1/2 => 1/2
        0.5 => 1/2
        -1/2 => -1/2
        -\frac12 => -1/2
        -0.5 => -1/2
        \frac24 => 2/4
        """);

    [TestMethod]
    public void Undouble_BackslashesBeforeCommands_AreSingle() => Finds(Escapes.Undouble, """
        \\frac12 => \frac12
        \frac12 => \frac12
        a\\frac12+\\sqrt2 => a\frac12+\sqrt2
        \\{1\\} => \{1\}
        5\\% => 5\%
        \\$5 => \$5
        1\\,000\\!0 => 1\,000\!0
        1\\2 => 1\\2
        1\\ => 1\\
        1\\nowhere => 1\\nowhere
        1\\\frac12 => 1\\\frac12
        \begin{matrix}1\\\pi\end{matrix} => \begin{matrix}1\\\pi\end{matrix}
        \begin{matrix}1\\pi\end{matrix} => \begin{matrix}1\\pi\end{matrix}
        2+\begin{matrix}1\\pi\end{matrix} => 2+\begin{matrix}1\\pi\end{matrix}
        \\begin{matrix}1\\pi\\end{matrix} => \begin{matrix}1\pi\end{matrix}
        \begin{matrix}1\\pi\\\begin{matrix}2\end{matrix}\end{matrix} => \begin{matrix}1\\pi\\\begin{matrix}2\end{matrix}\end{matrix}
        \\displaystyleabcdefghijklmnop => \displaystyleabcdefghijklmnop
        \\x => \\x
        plain => plain
        """);

    // Of answers that follow no grammar: the open bracket keeps them from having a value.
    [TestMethod]
    public void Spelling_OfTokens_LeavesLayoutOut() => Finds(t => Spelling.Of(Lexer.Tokens(t, new(1_000), thousands: true)!), """
        (1 + . => (1+
        (1 + , => (1+
        (1 + ; => (1+
        (1 \\ => (1
        (1 + : => (1+:
        (1, 2 => (1,2
        (1. 2 => (1.2
        x^{2}( => x^2(
        x^{10}( => x^{10}(
        {x}{y}( => xy(
        x}y}( => x}y}(
        (\sqrt x => (\sqrt x
        (\alpha+ => (\alpha +
        (0.50 => ((1/2)
        1 2( => 1 2(
        """);

    [TestMethod]
    public void Word_OfTokens_IsTheirLetters() => Finds(t => Spelling.Word(Lexer.Tokens(t, new(1_000), thousands: true)!), """
        (dog), {cat}. a' \\ b => dogcatab
        (C) => C
        dog + cat => ~
        2 dog => ~
        (,) => ~
        """);

    [TestMethod]
    public void End_OfBraces_IsTheOneThatCloses()
    {
        Assert.AreEqual(3, Braced.End("{\\{}", 0));
        Assert.AreEqual(5, Braced.End("{{}\\}}", 0));
        Assert.AreEqual(-1, Braced.End("{\\}", 0));
        Assert.AreEqual(-1, Braced.End("x{}", 0));
    }
    [TestMethod]
    public void Canonical_EachKindOfValue_HasOneSpelling() => Finds(t => Math.Canonical(t), """
        2/4 => 1/2
        0.5 => 1/2
        50\% => 50%
        x = 5 => 5
        \text{Red Dog} => 'reddog'
        3, 1, 2 => {1, 2, 3}
        \{3, 1\} => {1, 3}
        (3, 1) => (3, 1)
        [3, 4) => [3, 4)
        1:2 => 1:2
        1 < x \le 3 => 1*$x in (1, 3]
        x \in (1, 3] => (1, 3]
        5 cm => 1/20 length^1
        50 mm => 1/20 length^1
        5 apples => 5
        5\% \text{ of apples} => 5%
        2:30 \text{ pm} => 2:30 pm
        2:30 \text{ p.m.} => 2:30 pm
        2:30 \text{ am} => 2:30 am
        x = 1, x = 2 => {1, 2}
        y = 1, x = 2 => {1*$x = 2, 1*$y = 1}
        ABC => name abc
        CAB => name cab
        AB => 1*$A*$B
        [1, 2) \cup (3, 4) => [1, 2) u (3, 4)
        \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} => matrix 1, 2; 3, 4
        x + y = 1 => 0 = 1*$x+1*$y+-1
        x^2 < y => 1*$x^2+-1*$y < 0
        y > x^2 => 1*$x^2+-1*$y < 0
        (1 + => spelled (1+
        """);
}
