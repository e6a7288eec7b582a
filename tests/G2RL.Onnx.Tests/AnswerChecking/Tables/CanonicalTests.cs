using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>What has one form, and what has no value.</summary>
[TestClass]
public sealed class CanonicalTests
{
    private static readonly AnswerPolicy Exact = AnswerPolicy.All["math"];

    [TestMethod]
    public void Infinity_InsideOfAnything_IsNoValue() => AnswerTable.Holds(Exact, """
        \sin\infty+1 !! 1+\sin\infty
        \cos\infty+1 !! 1+\cos\infty
        \sinh\infty+1 !! 1+\sinh\infty
        \infty!+1 !! 1+\infty!
        \sqrt\infty+1 !! 1+\sqrt\infty
        \ln\infty+1 !! 1+\ln\infty
        2^\infty+1 !! 1+2^\infty
        \infty^2+1 !! 1+\infty^2
        \lfloor\infty\rfloor+1 !! 1+\lfloor\infty\rfloor
        \max(1,\infty)+1 !! 1+\max(1,\infty)
        |\infty| :: \infty
        \text{<} !! \text{>}
        4/0.5 !! 4/1/2
        3^0.5 !! 3^1/2
        0.5 2 !! (1/2)2
        \begin{pmatrix}1\\-2\end{pmatrix} !! \begin{pmatrix}1-2\end{pmatrix}
        \begin{pmatrix}1\\2\\\end{pmatrix} :: \begin{pmatrix}1\\2\end{pmatrix}
        \infty !! -\infty
        \infty :: +\infty
        \sqrt{1/0} !! 0
        2^{1/0} !! 1
        (1/0)^2 !! 1
        \ln(1/0) !! 0
        \overline{1/0} !! \overline{2/0}
        -(1/0) !! 0
        (1/0, 1) !! (2/0, 1)
        """);

    [TestMethod]
    public void Subscripts_AreNoSums() => AnswerTable.Holds(Exact, """
        a_{n+1} !! a_n+1
        |a_{n+1}| !! |a_n+1|
        \ln(x_{n+1}) !! \ln(x_n+1)
        f(x_{n+1}) !! f(x_n+1)
        x_{1^2} !! x_1^2
        2a_{n+1} :=: a_{n+1} + a_{n+1}
        a_{n+1} !! a_{n+2}
        x_{12}+1 :=: 1+x_{12}
        """);

    [TestMethod]
    public void ExplicitProducts_AreNoNames() => AnswerTable.Holds(Exact, """
        A \cdot B \cdot C !! X \cdot Y \cdot Z
        A \cdot B \cdot C :=: C \cdot B \cdot A
        PRT :: P \cdot R \cdot T
        ABC !! BAC
        ABC :: 1 \cdot ABC
        XYZ !! ZYX
        \text{?} !! \text{!}
        """);

    [TestMethod]
    public void Remainders_KeepTheirOrder() => AnswerTable.Holds(Exact, """
        3 \bmod 7 !! 7 \bmod 3
        1 \bmod 6 !! 2 \bmod 3
        0 \bmod 5 !! 0 \bmod 7
        3 (\mod 7) !! 7 (\mod 3)
        1 \mod 6 !! 2 \mod 3
        3 \pmod 5 !! 3 \pmod 7
        3 \pmod{5} :=: 3 \pmod 5
        3 \pmod 12 !! 3 \pmod 13
        3 \pmod 12 :: 3
        x \equiv 3 \pmod 5 !! x \equiv 3 \pmod 7
        3 \bmod 7 :=: 3 (\bmod 7)
        2\bmodQ :=: 2 \bmod Q
        2\modQ :=: 2 \mod Q
        x \bmod 2+1 :=: 1+x \bmod 2
        1+2 \pmod 5 :=: 3 \pmod 5
        1+2 \pmod 5 !! 3 \pmod 7
        1+2 \pmod 5 :: 3
        2(1 \pmod 5) :=: 2 \pmod 5
        (1 \pmod 5)2 :=: 2 \pmod 5
        1 \pmod 5+2 \pmod 7 !! 3
        -2 \pmod 5 !! -2 \pmod 7
        """);

    [TestMethod]
    public void Canonical_OfEqualForms_IsOne() => AnswerTable.Holds(Exact, """
        \frac{1}{\sqrt2+\sqrt3} :=: \sqrt3-\sqrt2
        \frac{1}{1+i} :=: \frac{1-i}{2}
        \frac{x}{1+\sqrt2} :=: x\sqrt2-x
        \frac{1}{1+\sqrt2+\sqrt3} :=: \frac{2+\sqrt2-\sqrt6}{4}
        \frac{1}{x+\sqrt2} :=: \frac{x-\sqrt2}{x^2-2}
        \frac{1}{(1+i)\sqrt2} :=: \frac{\sqrt2-\sqrt2 i}{4}
        |x-1| :=: |1-x|
        |2x| !! |x|
        \sin(1-x) :=: -\sin(x-1)
        \cos(1-x) :=: \cos(x-1)
        \frac{1}{1-x} :=: \frac{-1}{x-1}
        \frac{-2}{2-4x} :=: \frac{1}{2x-1}
        \frac{2x}{4x+6} :=: \frac{x}{2x+3}
        \binom00 :=: 1
        \binom50 :=: 1
        \binom x0 :=: 1
        \binom{-1}{2}+1 :=: 1+\binom{-1}{2}
        \binom{-1}{2} !! \binom{-1}{3}
        |3+4i| :=: 5
        |1-i| :=: \sqrt2
        |\frac{1}{\pi+i}| :: \frac{1}{\sqrt{\pi^2+1}}
        |\sin 1+i| :: \sqrt{\sin^2 1+1}
        (-8)^{2/3} :=: 4
        (-4)^{3/2} :=: -8i
        (-2)^{1/4} !! 2^{1/4}
        (4x)^{1/2} :=: 2x^{1/2}
        (x y)^{1/2}+1 :=: 1+\sqrt{yx}
        (\frac{\pi}{x})^{1/2}+1 :=: 1+\sqrt{\pi/x}
        (-x)^{1/2} !! x^{1/2}
        e^{i\pi/2} :=: i
        e^{2i} !! e^{2i\pi}
        e^{i\pi x} !! -1
        e^{\pi} !! -1
        2^{x y}3^{x y} :=: 6^{xy}
        (2/3)^{xy} :=: 2^{xy}3^{-xy}
        \pi^{2x} :=: (\pi^x)^2
        x^{10^{10}} :=: (-x)^{10^{10}}
        (x+1)(y+1) :=: (\sqrt{x+1}\sqrt{y+1})^2
        \frac{1+\sqrt2+\sqrt3+\sqrt5+\sqrt7}{1+\sqrt2} :=: (1+\sqrt2+\sqrt3+\sqrt5+\sqrt7)(\sqrt2-1)
        \frac{1}{(1+\sqrt2)(1+\sqrt3)(1+\sqrt5)(1+\sqrt7)} :=: \frac{(\sqrt2-1)(\sqrt3-1)(\sqrt5-1)(\sqrt7-1)}{48}
        \sqrt{\sqrt2x} :=: \sqrt[4]2\sqrt x
        \ln\sqrt2 :=: \frac{\ln2}{2}
        f(12) !! f(1,2)
        2 !! 2^{\frac{1}{x+1}}
        2 !! \frac{1}{x+1} \cdot 2
        2 !! 2 \cdot \frac{1}{x+1}
        x^{2y} :=: (x^y)^2
        x^{1/y} !! x^y
        2^{1/y}+1 :=: 1+2^{1/y}
        """);

    [TestMethod]
    public void Canonical_OfAFunction_BearsItsName()
    {
        foreach (var (text, name) in new[]
        {
            ("\\binom nk", "binomial"), ("n!", "factorial"), ("\\lfloor\\sin^2 1+\\cos^2 1\\rfloor", "floor"), ("\\ln(x+1)", "ln"),
            ("|x|", "abs"), ("x^{1/y}", "pow"), ("\\overline z", "overline"), ("\\vec v", "vec"), ("\\hat v", "hat"), ("\\arg z", "arg"),
        })
            StringAssert.Contains(Exact.Canonical(text), $"*{name}(", text);
    }

    [TestMethod]
    [DataRow("\\binom91", 12)]
    [DataRow("3!", 12)]
    public void Canonical_OfManyFactorials_IsOverBudget(string one, int most)
    {
        Assert.IsNotNull(Exact.Canonical(string.Join('+', Enumerable.Repeat(one, most))));
        Assert.IsNull(Exact.Canonical(string.Join('+', Enumerable.Repeat(one, most + 1))));
        Assert.IsNotNull(Exact.Canonical("1000!"));
        Assert.IsNull(Exact.Canonical("1001!"));
        Assert.IsNull(Exact.Canonical("\\binom{1001}{2}"));
    }
}
