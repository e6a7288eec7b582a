using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>Every word that is known, with what it means written in another way.</summary>
[TestClass]
public sealed class VocabularyTests
{
    private static readonly AnswerPolicy Exact = AnswerPolicy.All["math"];

    [TestMethod]
    public void Mark_EachCommand_MeansItsSign() => AnswerTable.Holds(Exact, """
        2 \cdot 3 :: 6
        2 \times 3 :: 6
        2 \ast 3 :: 6
        3 \div 2 :: 1.5
        1 \pm 3 :: 4, -2
        1 \mp 3 :: 4, -2
        x \le 3 :: (-\infty, 3]
        x \leq 3 :: (-\infty, 3]
        x \leqslant 3 :: (-\infty, 3]
        x \leqq 3 :: (-\infty, 3]
        x \ge 3 :: [3, \infty)
        x \geq 3 :: [3, \infty)
        x \geqslant 3 :: [3, \infty)
        x \geqq 3 :: [3, \infty)
        x \lt 3 :: (-\infty, 3)
        x \gt 3 :: (3, \infty)
        x \ne 3 :: (-\infty, 3) \cup (3, \infty)
        x \neq 3 :: (-\infty, 3) \cup (3, \infty)
        \sqrt2 \approx 1.41 :: \sqrt2
        \sqrt2 \thickapprox 1.41 :: \sqrt2
        \sqrt2 \simeq 1.41 :: \sqrt2
        \sqrt2 \sim 1.41 :: \sqrt2
        \sqrt2 \doteq 1.41 :: \sqrt2
        \sqrt2 \cong 1.41 :: \sqrt2
        n \equiv 2 :: n ≡ 2
        x \in [1, 2] :: [1, 2]
        x \notin A :: x ∉ A
        A \subset B :: A ⊂ B
        A \subseteq B :: A ⊆ B
        [1, 2] \cup [2, 3] :: [1, 3]
        [1, 2] \bigcup [2, 3] :: [1, 3]
        [1, 3] \cap [2, 4] :: [2, 3]
        [1, 3] \bigcap [2, 4] :: [2, 3]
        [1, 3] \setminus [2, 3] :: [1, 2)
        [1, 3] \backslash [2, 3] :: [1, 2)
        \lbrace 1, 2 \rbrace :: \{ 2, 1 \}
        \{ 1, 2 \} !! (2, 1)
        \lfloor 2.5 \rfloor :: 2
        \lceil 2.5 \rceil :: 3
        \langle 1, 2 \rangle :: (1, 2)
        \lparen 1, 2 \rparen :: (1, 2)
        \lbrack 1, 2 \rbrack :: [1, 2]
        \lvert -3 \rvert :: 3
        \vert -3 \vert :: 3
        \lVert v \rVert :: \| v \|
        \Vert v \Vert :: ∥ v ∥
        \{ x \mid x > 2 \} :: (2, \infty)
        3 \colon 4 :: 6 : 8
        90^\circ :: 90 degrees
        90 \degree :: 90°
        f\prime(2) :: f'(2)
        50 \% :: 0.5
        \$ 5 :: 5 dollars
        x > 1 \land x < 3 :: (1, 3)
        x > 1 \wedge x < 3 :: (1, 3)
        x < 1 \lor x > 3 :: (-\infty, 1) \cup (3, \infty)
        x < 1 \vee x > 3 :: (-\infty, 1) \cup (3, \infty)
        A \to B :: A → B
        A \rightarrow B :: A → B
        A \Rightarrow B :: A ⇒ B
        A \implies B :: A => B
        x\_1 :: x_1
        """);

    [TestMethod]
    public void Unicode_EachCharacter_MeansItsSign() => AnswerTable.Holds(Exact, """
        −2 :: -2
        –2 :: -2
        —2 :: -2
        ‐2 :: -2
        ‑2 :: -2
        ﹣2 :: -2
        －2 :: -2
        2×3 :: 6
        2·3 :: 6
        2⋅3 :: 6
        2∙3 :: 6
        2∗3 :: 6
        3÷2 :: 1.5
        3⁄2 :: 1.5
        3∕2 :: 1.5
        1±3 :: 4, -2
        1∓3 :: 4, -2
        x ≤ 3 :: (-\infty, 3]
        x ⩽ 3 :: (-\infty, 3]
        x ≦ 3 :: (-\infty, 3]
        x ≥ 3 :: [3, \infty)
        x ⩾ 3 :: [3, \infty)
        x ≧ 3 :: [3, \infty)
        x ≠ 3 :: x \ne 3
        √2 ≈ 1.41 :: \sqrt2
        √2 ≃ 1.41 :: \sqrt2
        √2 ≅ 1.41 :: \sqrt2
        n ≡ 2 :: n \equiv 2
        x ∈ [1, 2] :: [1, 2]
        x ∉ A :: x \notin A
        A ⊂ B :: A \subset B
        A ⊆ B :: A \subseteq B
        [1, 2] ∪ [2, 3] :: [1, 3]
        [1, 3] ∩ [2, 4] :: [2, 3]
        [1, 3] ∖ [2, 3] :: [1, 2)
        90° :: 90^\circ
        90º :: 90^\circ
        90˚ :: 90^\circ
        f′(2) :: f'(2)
        f’(2) :: f'(2)
        ⌊2.5⌋ :: 2
        ⌈2.5⌉ :: 3
        ⟨1, 2⟩ :: (1, 2)
        〈1, 2〉 :: (1, 2)
        （1，2） :: (1, 2)
        ［1, 2］ :: [1, 2]
        ｛1、2｝ :: \{2, 1\}
        1；2 :: 1; 2
        3：4 :: 3:4
        50％ :: 0.5
        x＝5 :: 5
        2＋3 :: 5
        x＜3 :: x<3
        x＞3 :: x>3
        A→B :: A \to B
        \{x ∣ x>2\} :: (2, \infty)
        x>1 ∧ x<3 :: (1, 3)
        x<1 ∨ x>3 :: (-\infty, 1) \cup (3, \infty)
        １２．５ :: 12.5
        2² :: 4
        x³ :: x^3
        x⁰ :: 1
        2¹+2⁴ :: 18
        2⁵+2⁶ :: 96
        2⁷+2⁸ :: 384
        2⁹ :: 512
        """);

    [TestMethod]
    public void Letters_EachCharacter_IsItsSymbol() => AnswerTable.Holds(Exact, """
        2π :: \pi \cdot 2
        (1, ∞) :: x > 1
        ∅ :: \emptyset
        ℝ :: (-\infty, \infty)
        2ℤ :: \mathbb{Z} \cdot 2
        2ℕ :: \mathbb{N} \cdot 2
        2ℚ :: \mathbb{Q} \cdot 2
        2ℂ :: \mathbb{C} \cdot 2
        2α :: \alpha \cdot 2
        2β :: \beta \cdot 2
        2γ :: \gamma \cdot 2
        2δ :: \delta \cdot 2
        2θ :: \theta \cdot 2
        2λ :: \lambda \cdot 2
        2μ :: \mu \cdot 2
        2φ :: \phi \cdot 2
        2ϕ :: \phi \cdot 2
        2ω :: \omega \cdot 2
        2σ :: \sigma \cdot 2
        1, 2, … :: 1, 2, \ldots
        ½ + ⅓ + ⅙ :: 1
        ⅔ :: 2/3
        ¼ :: 0.25
        ¾ :: 0.75
        ⅕ + ⅖ :: 0.6
        ⅗ :: 0.6
        ⅘ :: 0.8
        ⅚ :: 5/6
        ⅛ :: 0.125
        ⅜ :: 0.375
        ⅝ :: 0.625
        ⅞ :: 0.875
        2½ :: 2.5
        x½ :: x/2
        x^½ :: \sqrt x
        """);

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
    public void Matrix_EachEnvironment_HoldsRows() => AnswerTable.HoldsForEach(
        Exact,
        @"\begin{@} 1 & 2 \\ 3 & 4 \end{@} :: \begin{pmatrix} 1 & 4/2 \\ 3 & 4 \end{pmatrix}",
        "pmatrix bmatrix Bmatrix matrix smallmatrix");

    [TestMethod]
    public void Symbols_FollowedByALetter_EndBeforeIt() => AnswerTable.HoldsForEach(Exact, @"2\@Q :: Q \cdot \@ \cdot 2", """
        alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega Gamma Delta
        Theta Lambda Xi Pi Sigma Phi Psi Omega ell hbar square perp parallel sum prod int lim partial nabla forall exists bmod mod star bullet
        dagger
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
        """);

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
    public void Function_EachName_IsKeptInItsSpelling()
    {
        foreach (var name in "arcsin arccos arctan sinh cosh tanh det gcd lcm max min cis arg Re Im".Split(' '))
            StringAssert.Contains(Exact.Canonical($"\\{name} x"), $"*{name}(1*$x)", name);
    }

    [TestMethod]
    public void NoFirst_EachWord_MakesItNoValue() =>
        AnswerTable.HoldsForEach(Exact, "5 @ :: 5 @\n5 @ !! 5", "squared cubed factorial choose mod modulo");

    [TestMethod]
    public void Unit_AnyOtherWord_SaysNothing() =>
        AnswerTable.HoldsForEach(Exact, "5 @ :: 5", "apples people ways squares chosen modules notes users");
}
