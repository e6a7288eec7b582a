using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>Values whose equality school mathematics gives, by what they are made of.</summary>
[TestClass]
public sealed class AlgebraTests
{
    private static readonly AnswerPolicy Exact = AnswerPolicy.All["math"];

    [TestMethod]
    public void Powers_OfNumbers_AreWorkedOut() => AnswerTable.Holds(Exact, """
        2^{10} :=: 1024
        2^{-2} :=: 1/4
        0^3 :=: 0
        0^0 !! 1
        0^0 !! 0
        0^{-1} !! 0
        0^{1/2} :=: 0
        0^{-1/2} !! 0
        0^x !! 0
        7^1 :=: 7
        1^x :=: 1
        (-2)^3 :=: -8
        (-2)^4 :=: 16
        -2^4 :=: -16
        (-1)^{101} :=: -1
        (-1)^{100} :=: 1
        \left(\frac{2}{3}\right)^{-2} :=: 9/4
        \left(-\frac{2}{3}\right)^{-3} :=: -27/8
        4^{1/2} :=: 2
        4^{-1/2} :=: 1/2
        8^{2/3} :=: 4
        (-8)^{1/3} :=: -2
        (-8)^{2/3} :=: 4
        (-4)^{1/2} :=: 2i
        (-4)^{3/2} :=: -8i
        (-4)^{-1/2} :=: -i/2
        (-4)^{1/4} !! \sqrt2
        2^{3^2} :=: 512
        {2^3}^2 :=: 64
        3 \cdot 2^{100001} :=: 12 \cdot 2^{99999}
        2^{-100001} / 2 :=: 4^{-50001}
        2^{100001} / 6 :=: 2^{100000} / 3
        2^{100001} :=: 2 \cdot 4^{50000}
        6^{20000} :=: 2^{20000} \cdot 3^{20000}
        6^{20000} !! 2^{20000} \cdot 3^{20001}
        (-6)^{20001} :=: -6^{20001}
        (-6)^{20000} :=: 6^{20000}
        (2/3)^{20000} :=: 2^{20000} / 3^{20000}
        6^{-20000} :=: \frac{1}{6^{20000}}
        i^2 :=: -1
        i^3 :=: -i
        i^4 :=: 1
        i^5 :=: i
        i^{-1} :=: -i
        i^{-2} :=: -1
        i^{-3} :=: i
        (1+i)^2 :=: 2i
        (1+i)^4 :=: -4
        """);

    [TestMethod]
    public void Roots_OfNumbers_AreTakenOut() => AnswerTable.Holds(Exact, """
        \sqrt{50} :=: 5\sqrt2
        \sqrt{50} !! 7.07
        \sqrt[3]{54} :=: 3\sqrt[3]2
        \sqrt[4]4 :=: \sqrt2
        \sqrt[6]8 :=: \sqrt2
        \sqrt{\frac{8}{9}} :=: \frac{2\sqrt2}{3}
        \sqrt2\sqrt3 :=: \sqrt6
        \sqrt2\sqrt8 :=: 4
        \sqrt[3]4\sqrt[3]2 :=: 2
        \frac{6}{\sqrt3} :=: 2\sqrt3
        \frac{1}{\sqrt2+\sqrt3} :=: \sqrt3-\sqrt2
        \frac{1}{\sqrt2-\sqrt3} :=: -\sqrt3-\sqrt2
        \frac{1}{2+3i} :=: \frac{2-3i}{13}
        \frac{1+i}{1-i} :=: i
        \frac{1}{\sqrt2+i} :=: \frac{\sqrt2-i}{3}
        \sqrt{5+2\sqrt6} :: \sqrt2+\sqrt3
        \sqrt{5-2\sqrt6} :: \sqrt3-\sqrt2
        \sqrt{5-2\sqrt6} !! \sqrt2-\sqrt3
        \sqrt[3]{2+\sqrt5}+\sqrt[3]{2-\sqrt5} :: 1
        \sqrt{1000006000009} :=: 1000003
        \sqrt[3]{1000009000027000027} :=: 1000003
        \sqrt[5]{1000003^5} :=: 1000003
        \sqrt[5]{1030301} !! 15
        \sqrt{10007 \cdot 10009} :: \sqrt{10007}\sqrt{10009}
        \sqrt[0]{4} !! 2
        \sqrt[-2]{4} :=: 1/2
        \sqrt{4+5} :=: 3
        \sqrt{4 \cdot 10^6} :=: 2000
        """);

    [TestMethod]
    public void Powers_OfVariables_FollowTheirLaws() => AnswerTable.Holds(Exact, """
        x^0 :=: 1
        x^1 :=: x
        x^2 x^3 :=: x^5
        x^2 / x^3 :=: x^{-1}
        (2x)^3 :=: 8x^3
        (2x)^{-3} :=: \frac{1}{8x^3}
        (-x)^3 :=: -x^3
        (-x)^2 :=: x^2
        (x+1)^{-2} :=: \frac{1}{x^2+2x+1}
        (x+y)^3 :=: x^3+3x^2y+3xy^2+y^3
        \left(\frac{x+1}{x-1}\right)^2 :=: \frac{x^2+2x+1}{x^2-2x+1}
        \left(\frac{x+1}{x-1}\right)^{-1} :=: \frac{x-1}{x+1}
        \sqrt{4x} :=: 2\sqrt x
        \sqrt{x}\sqrt{x} :=: x
        \sqrt{x^2} !! x
        \sqrt{x^4} !! x^3
        (\sqrt{x+1})^2 :=: x+1
        (\sqrt{x+1})^3 :=: (x+1)\sqrt{x+1}
        (x+1)^{3/2} :=: (x+1)\sqrt{x+1}
        \sqrt{8x+8} :=: 2\sqrt{2x+2}
        \sqrt{\frac{x+1}{4}} :=: \frac{\sqrt{x+1}}{2}
        \sqrt{\pi x} :=: \sqrt\pi\sqrt x
        \sqrt{\pi^2} :=: \pi
        2^{x+1} :=: 2 \cdot 2^x
        2^{x-1} :=: 2^x / 2
        4^x :=: 2^{2x}
        6^x :=: 2^x 3^x
        (1/2)^x :=: 2^{-x}
        (2/3)^x :=: 2^x / 3^x
        2^{x+y} :=: 2^x 2^y
        2^{xy} :: (2^x)^y
        e^{2x} :=: (e^x)^2
        e^{x+1} :=: e \cdot e^x
        e^{-x} :=: 1/e^x
        x^{2y} :=: (x^y)^2
        x^{y+1} :=: x \cdot x^y
        x^{y/2} !! x^y
        2^{1/x} :=: 2^{x^{-1}}
        2^{1/x} !! 2^x
        e^{i\pi/3} :=: \frac12+\frac{\sqrt3}{2}i
        e^{-i\pi/2} :=: -i
        e^{2i\pi} :=: 1
        e^{ix} !! 1
        e^{\pi} !! -1
        """);

    [TestMethod]
    public void Quotients_OfPolynomials_AreReduced() => AnswerTable.Holds(Exact, """
        \frac1x+\frac1y :=: \frac{x+y}{xy}
        \frac{1}{x+1}-\frac{1}{x+2} :=: \frac{1}{(x+1)(x+2)}
        \frac{1}{1-x} :=: -\frac{1}{x-1}
        \frac{2}{2x+4} :=: \frac{1}{x+2}
        \frac{x}{x+1}+\frac{1}{x+1} :: 1
        \frac{x^3-8}{x-2} :: x^2+2x+4
        \frac{x+1}{x+2} !! \frac{x+2}{x+1}
        \frac{1}{x-x} !! 0
        \frac{0}{x} :=: 0
        \frac{x}{2}+\frac{x}{3} :=: \frac{5x}{6}
        0.5x+0.25x :=: \frac34x
        (a+b)(a-b) :=: a^2-b^2
        a b c :=: c b a
        2a - a - a :=: 0
        x(x+1)(x+2) :=: x^3+3x^2+2x
        f(x)+f(x) :=: 2f(x)
        f(x) !! f(y)
        f(x+x) :=: f(2x)
        f(x, y) !! f(y, x)
        f'(x) !! f(x)
        f^{-1}(x) !! f(x)
        g_1(x) !! g_2(x)
        x_1+x_2 :=: x_2+x_1
        x_1 !! x_2
        x_{12} !! x_{21}
        x_{n+1} !! x_n
        203_7 :=: 203_{7}
        203_7 !! 203
        \angle ABC :=: \angle A B C
        \angle ABC !! \angle ACB
        \triangle ABC !! \angle ABC
        """);

    [TestMethod]
    public void Trigonometry_AtFifteenDegrees_HasItsValues()
    {
        // sin 0, 15, ... 90 degrees.
        string[] sines = ["0", "(\\sqrt6-\\sqrt2)/4", "1/2", "\\sqrt2/2", "\\sqrt3/2", "(\\sqrt6+\\sqrt2)/4", "1"];
        for (var step = -30; step <= 54; step++)
        {
            var place = ((step % 24) + 24) % 24;
            var size = sines[place % 12 <= 6 ? place % 12 : 12 - place % 12];
            var value = place > 12 ? $"-({size})" : size;
            AnswerTable.Holds(Exact, $"\\sin({15 * step}^\\circ) :: {value}\n\\cos({90 - (15 * step)}^\\circ) :: {value}");
            AnswerTable.Holds(Exact, $"\\sin\\left(\\frac{{{step}\\pi}}{{12}}\\right) :: {value}");
        }
    }

    [TestMethod]
    public void Trigonometry_Identities_Hold() => AnswerTable.Holds(Exact, """
        \tan 135^\circ :=: -1
        \cot 60^\circ :=: \frac{\sqrt3}{3}
        \sec 45^\circ :=: \sqrt2
        \csc 45^\circ :=: \sqrt2
        \tan 90^\circ !! 0
        \sin(-x) :=: -\sin x
        \cos(-x) :=: \cos x
        \tan(-x) :=: -\tan x
        \sin x !! \cos x
        \tan x :=: \frac{\sin x}{\cos x}
        \cot x :=: \frac{\cos x}{\sin x}
        \sec x :=: \frac{1}{\cos x}
        \csc x :=: \frac{1}{\sin x}
        \sin^2 x+\cos^2 x :: 1
        \sin 2x :: 2\sin x\cos x
        \sin 2x !! 2\sin x
        \sin x \cos y :=: \cos y \sin x
        \sin(x)y :=: y\sin x
        \sin\frac{\pi}{7} !! \frac12
        \sin 1 !! \sin 1^\circ
        \sin^{-1} x :=: \arcsin x
        \sin^{-2} x :=: \frac{1}{\sin^2 x}
        \arcsin\frac12 :: \frac\pi6
        \arccos 0 :: \frac\pi2
        \arctan\sqrt3 :: \frac\pi3
        \arctan 1 !! 45
        \sin(\arcsin x) :: x
        """);

    [TestMethod]
    public void Functions_OfNumbers_AreWorkedOut() => AnswerTable.Holds(Exact, """
        |-x| :=: |x|
        |x| !! x
        |3-4i| :=: 5
        |1-\sqrt2| :=: \sqrt2-1
        |\sqrt2-1| :=: \sqrt2-1
        |1+\sqrt2 i| :=: \sqrt3
        |-\frac12| :=: 0.5
        |-2| + |-3| :=: 5
        2|x|y :=: |x|2y
        \lfloor\pi\rfloor :=: 3
        \lfloor-2.5\rfloor :=: -3
        \lfloor-3\rfloor :=: -3
        \lceil-2.5\rceil :=: -2
        \lceil\sqrt2\rceil :=: 2
        \lfloor\frac72\rfloor :=: 3
        \lfloor x\rfloor+\lfloor x\rfloor :=: 2\lfloor x\rfloor
        -\lfloor-x\rfloor :=: \lceil x\rceil
        0! :=: 1
        1! :=: 1
        6! :=: 720
        n!+n! :=: 2n!
        n! !! n
        3!! !! 6
        (-1)! !! -1
        (-3)! !! 1
        (5/2)! !! 120
        \frac{7!}{5!} :=: 42
        \binom50 :=: 1
        \binom55 :=: 1
        \binom52 :=: 10
        binom{5}{2} :=: 10
        binom(5,2) :=: 10
        2 binom(n, 2) :=: n(n-1)
        binom(5) !! 5
        binom(5,2,1) !! 10
        binom(5,2] !! 10
        \binom35 :=: 0
        \binom{1000}{1} :=: 1000
        \binom n2 :=: \frac{n(n-1)}{2}
        \binom n0 :=: 1
        \binom n3 :=: \frac{n(n-1)(n-2)}{6}
        \binom n7 !! \binom n6
        \binom nk !! \binom kn
        \ln 1 :=: 0
        \ln 6 :=: \ln2+\ln3
        \ln\frac23 :=: \ln2-\ln3
        \ln 0 !! 0
        0 \cdot \ln 0 !! 0
        \ln e :=: 1
        \ln\sqrt e :=: 1/2
        \ln 2^x :=: x\ln2
        \ln \pi^2 :=: 2\ln\pi
        \ln x !! x
        \ln(x+1) !! \ln x+1
        \log_4 8 :=: 3/2
        \log_2 \frac18 :=: -3
        \log_9 3 :=: 0.5
        \log_x x :=: 1
        \lg 2+\lg 5 :: 1
        \exp(\ln 3) :: 3
        \exp 1 :=: e
        e^{\ln 2} :: 2
        \gcd(a, b) !! \gcd(b, c)
        \max(a, b) !! \min(a, b)
        """);
}
