using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>Every command that is known, with what it means written in another way.</summary>
[TestClass]
public sealed class CommandTests
{
    private static readonly AnswerPolicy Exact = AnswerPolicy.All["math"];

    [TestMethod]
    public void Function_EachName_IsTheFunction() => AnswerTable.Holds(Exact, """
        \sin 30^\circ :: 1/2
        \cos 60^\circ :: 1/2
        \tan 45^\circ :: 1
        \cot 30^\circ :: \sqrt3
        \sec 60^\circ :: 2
        \csc 30^\circ :: 2
        \tg 60^\circ :: \sqrt3
        \ctg 30^\circ :: \sqrt3
        \cosec 30^\circ :: 2
        2 \arcsin x :: \sin^{-1} x \cdot 2
        2 \asin x :: \arcsin x \cdot 2
        2 \arccos x :: \cos^{-1} x \cdot 2
        2 \acos x :: \arccos x \cdot 2
        2 \arctan x :: \tan^{-1} x \cdot 2
        2 \atan x :: \arctan x \cdot 2
        2 \arctg x :: \arctan x \cdot 2
        2 \sinh x :: sinh(x) \cdot 2
        2 \cosh x :: cosh(x) \cdot 2
        2 \tanh x :: tanh(x) \cdot 2
        \ln e^3 :: 3
        \log e^3 :: 3
        \lg 1000 :: 3
        \exp 0 :: 1
        2 \det A :: det(A) \cdot 2
        2 \gcd(a, b) :: gcd(a, b) \cdot 2
        2 \lcm(a, b) :: lcm(a, b) \cdot 2
        2 \max(a, b) :: max(a, b) \cdot 2
        2 \min(a, b) :: min(a, b) \cdot 2
        2 \cis x :: cis(x) \cdot 2
        abs(-3) :: 3
        floor(2.5) :: 2
        ceil(2.5) :: 3
        2 \arg z :: arg(z) \cdot 2
        2 \Re z :: Re(z) \cdot 2
        2 \Im z :: Im(z) \cdot 2
        sin(30°) :: 1/2
        cos(60°) :: 1/2
        tg(45°) :: 1
        sqrt(4) :: 2
        binom(4, 2) !! 42
        """);

    [TestMethod]
    public void Structure_EachCommand_TakesItsArguments() => AnswerTable.Holds(Exact, """
        \frac12 :: 0.5
        \dfrac12 :: 0.5
        \tfrac12 :: 0.5
        \cfrac12 :: 0.5
        \sfrac12 :: 0.5
        \nicefrac12 :: 0.5
        \sqrt4 :: 2
        \surd4 :: 2
        \binom42 :: 6
        \dbinom42 :: 6
        \tbinom42 :: 6
        2\overline{z} :: \overline z \cdot 2
        2\bar{z} :: \overline{z} \cdot 2
        2\vec{v} :: \vec v \cdot 2
        2\overrightarrow{v} :: \vec{v} \cdot 2
        2\hat{v} :: \hat v \cdot 2
        2\widehat{v} :: \hat{v} \cdot 2
        2\tilde{v} :: \hat{v} \cdot 2
        2\dot{v} :: \hat{v} \cdot 2
        2\overarc{v} :: \hat{v} \cdot 2
        2\vec{v} !! 2\hat{v}
        2\vec{v} !! 2\overline{v}
        3 \pmod 5 :: 3
        3 \pod 5 :: 3
        {4 \choose 2} :: 6
        {1 \over 2} :: 0.5
        """);

    [TestMethod]
    public void Transparent_EachCommand_SaysNothing() => AnswerTable.HoldsForEach(Exact, @"\@{5} + x :: x + 5", """
        boxed fbox mathbf boldsymbol bm mathit mathcal mathfrak mathscr mathtt underline displaystyle textstyle scriptstyle limits nolimits
        big Big bigl bigr Bigl Bigr bigg Bigg biggl biggr Biggl Biggr middle quad qquad enspace thinspace hfill rm bf it sf tt ensuremath
        mathstrut nonumber notag hline allowbreak smash mathbin mathrel mathord negthinspace medspace thickspace par newline linebreak
        therefore small large Large
        """);

    [TestMethod]
    public void Transparent_SidesOfABracket_SayNothing() => AnswerTable.Holds(Exact, """
        \left( 1, 2 \right) :: (1, 2)
        \left. x^2 \right. :: x^2
        \left| -3 \right| :: 3
        \left| -3 \right| + \left| -4 \right| :: 7
        1 \, 2 :: 1 2
        x\,y :: y x
        x\;y :: y x
        x\:y :: y x
        x\!y :: y x
        x\ y :: y x
        \(5\) :: 5
        \[5\] :: 5
        \(x + 5\) :: 5 + x
        x \/ :: x
        """);

    [TestMethod]
    public void Dropped_EachCommand_GoesWithItsArgument() => AnswerTable.HoldsForEach(
        Exact, @"\@{7} 5 + x :: x + 5", "hspace vspace phantom hphantom vphantom label tag color kern rule cline");

    [TestMethod]
    public void Prose_EachCommand_HoldsWords() => AnswerTable.HoldsForEach(Exact, @"\@{Odd numbers} :: odd numbers", """
        text textbf textit textnormal textrm textsf texttt textup textsc mbox hbox mathrm mathsf operatorname emph mathop
        """);

    [TestMethod]
    public void Prose_BehindANumber_IsItsUnit() => AnswerTable.HoldsForEach(Exact, @"5 \@{ apples} :: 5", """
        text textbf textit textnormal textrm textsf texttt textup textsc mbox hbox mathrm mathsf operatorname emph mathop
        """);

    [TestMethod]
    public void Matrix_EachEnvironment_HoldsRows() => AnswerTable.HoldsForEach(
        Exact,
        @"\begin{@} 1 & 2 \\ 3 & 4 \end{@} :: \begin{pmatrix} 1 & 4/2 \\ 3 & 4 \end{pmatrix}",
        "pmatrix bmatrix Bmatrix matrix smallmatrix");

    [TestMethod]
    public void Symbols_FollowedByALetter_EndBeforeIt() => AnswerTable.HoldsForEach(Exact, @"2\@Q :: Q \cdot \@ \cdot 2", """
        alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega Gamma Delta
        Theta Lambda Xi Pi Sigma Phi Psi Omega ell hbar square perp parallel sum prod int lim partial nabla forall exists star bullet
        dagger
        """);

    [TestMethod]
    public void Symbols_BehindADoubledBackslash_AreThemselves() => AnswerTable.HoldsForEach(Exact, @"\@ 1 :: \\@ 1", """
        alpha beta Gamma angle triangle square perp parallel ldots sum partial star bullet dagger emptyset
        """);

    [TestMethod]
    public void Commands_FollowedByALetter_EndBeforeIt() => AnswerTable.Holds(Exact, """
        5\quadx :: 5x
        2\cdotx :: 2x
        2\sinx :: \sin x \cdot 2
        x\textstyley :: yx
        \hspacex :: x
        2\varphix :: \phi x \cdot 2
        2\surdx :: \sqrt x \cdot 2
        1, 2, \\ldots :: 1, 2, \ldots
        \\mathbb{R} :: \mathbb{R}
        2odQ !! 2\bmod Q
        \begin{Vmatrix} a & b \end{Vmatrix} !! ab
        """);

    [TestMethod]
    public void Function_EachName_IsKeptInItsSpelling()
    {
        foreach (var name in "arcsin arccos arctan sinh cosh tanh det gcd lcm max min cis arg Re Im".Split(' '))
            StringAssert.Contains(Exact.Canonical($"\\{name} x"), $"*{name}(1*$x)", name);
    }
}
