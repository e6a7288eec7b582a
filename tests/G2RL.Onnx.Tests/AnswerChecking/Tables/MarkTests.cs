using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>Every sign, as a command and as a character, with what it means written in another way.</summary>
[TestClass]
public sealed class MarkTests
{
    private static readonly AnswerPolicy Exact = AnswerPolicy.All["math"];

    [TestMethod]
    public void Mark_EachCommand_MeansItsSign() => AnswerTable.Holds(Exact, """
        2 \cdot 3 :: 6
        2 \times 3 :: 6
        2¹⁰ :: 1024
        2¹⁰ !! 2
        x¹² :: x^{12}
        10⁻³ :: 0.001
        -2½ :: -2.5
        5-2½ :: 2.5
        3·2½ :: 7.5
        ½ :: 0.5
        x+１０９ :: x+109
        1．5 :: 1.5
        1／2 :: 1/2
        x \& y !! xy
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
        x \simeq 5 :: 5
        (x+1)² :: (x+1)^2
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
        2¹⁰ :=: 1024
        2¹⁰ !! 2
        x¹² :=: x^{12}
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
        -2½ :=: -2.5
        5-2½ :=: 2.5
        3·2½ :=: 7.5
        2½ :=: 2\frac12
        x½ :: x/2
        x^½ :: \sqrt x
        """);
}
