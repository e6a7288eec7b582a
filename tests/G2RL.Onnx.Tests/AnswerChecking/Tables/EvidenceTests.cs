using System.Numerics;
using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>Values at points, and what they may decide.</summary>
[TestClass]
public sealed class EvidenceTests
{
    private static readonly AnswerPolicy Exact = AnswerPolicy.All["math"];

    private static Scalar Read(string text) => ((ScalarValue)Answer.Read(text, new(100_000))!.Value!).Scalar;

    // Hidden zeros below the line: no value, whatever it is compared with.
    [TestMethod]
    public void Same_DividedByAHiddenZero_IsNothing() => AnswerTable.Holds(Exact, """
        42 !! \frac{\sin^2 x+\cos^2 x-1}{\sin^2 x+\cos^2 x-1}
        1 !! \frac{\sin^2 x+\cos^2 x-1}{\sin^2 x+\cos^2 x-1}
        0 !! \frac{x}{\sin^2 x+\cos^2 x-1}
        \frac{x}{\sin^2 x+\cos^2 x+1} :: \frac x2
        \frac{x^2-1}{x-1} :: x+1
        \frac{|x|^2-x^2}{|x|^2-x^2} !! 42
        (\arctan\frac{1}{\sin^2 c+\cos^2 c-1})^2 !! \frac{\pi^2}{4}
        |x|^2-x^2 :: 3|x|^2-3x^2
        """);

    // What has run out of the range of doubles says nothing.
    [TestMethod]
    public void Same_BeyondDoubles_IsNotTold() => AnswerTable.Holds(Exact, """
        10^{-400}\sin 1 !! 10^{-400}\sin 2
        17 \cdot 10^{307}(\sin^2 x+\cos^2 x)-9 \cdot 10^{307} !! 0
        """);

    [TestMethod]
    public void IsZero_OfAProduct_IsTheLeastThatIsKnownOfItsFactors()
    {
        bool? IsZero(string text) => Numeric.IsZero(Read(text).Numerator, evidence: true, new(10_000));
        Assert.IsFalse(IsZero("2\\sin x"));
        Assert.IsTrue(IsZero("2\\ln(\\sin^2 x+\\cos^2 x)"));
        Assert.IsNull(IsZero("2\\ln(1+10^{20}(\\sin^2 x+\\cos^2 x-1))"), "noise above the line");
    }

    // Near 0 a size differs from its content at some points alone: each of them counts.
    [TestMethod]
    public void Same_AtOnePointOfEight_IsNotEnough()
    {
        foreach (var name in "abcdghjkxyz")
        {
            var sizes = Enumerable.Range(0, 8).Select(p => Math.Abs(Numeric.Value(Read($"{name}"), p, new(100))!.Value.Real)).ToArray();
            if (sizes[0] < 1.1 * sizes.Min())
                continue;
            var between = $"\\frac{{{(int)(500 * ((sizes[0] * sizes[0]) + (sizes.Min() * sizes.Min())))}}}{{1000}}";
            Assert.IsFalse(Exact.Equivalent($"|{name}^2-{between}|", $"{name}^2-{between}"), $"{name}, {between}");
            Assert.IsFalse(Exact.Equivalent($"|{name}^2-{between}|-{name}^2+{between}", "0"), $"{name}, {between}");
            // A hidden zero times 10^20 is noise, which is the same number at one point by chance.
            var zero = $"10^{{20}}(\\sin^2 {name}+\\cos^2 {name}-1)";
            var noise = Numeric.Value(Read(zero), 0, new(1_000))!.Value.Real;
            Assert.IsFalse(noise != 0 && Exact.Equivalent($"{(long)noise}", zero), $"{noise} is no value of {zero}");
        }
    }

    [TestMethod]
    public void Coordinates_OfNamesAtPoints_AreSpread()
    {
        var values = new List<double>();
        for (var letter = 'a'; letter <= 'z'; letter++)
        {
            if (letter is 'e' or 'i')
                continue;
            for (var point = 0; point < 8; point++)
            {
                var value = Numeric.Value(Read($"{letter}"), point, new(100))!.Value;
                Assert.AreEqual(0, value.Imaginary);
                Assert.IsTrue(Math.Abs(value.Real) is >= 0.3 and <= 2.3, $"{letter} at {point}: {value.Real}");
                Assert.IsTrue(point % 4 != 0 || value.Real > 0, $"{letter} at {point}: {value.Real}");
                Assert.AreEqual(value, Numeric.Value(Read($"{letter}+1-1"), point, new(100)));
                values.Add(value.Real);
            }
        }
        Assert.HasCount(values.Count, values.Select(Math.Abs).Distinct());
        Assert.AreEqual(1.3, values.Average(Math.Abs), 0.1);
        Assert.IsTrue(values.Count(v => v < 0) is > 48 and < 96, $"{values.Count(v => v < 0)} of {values.Count} are negative");
        Assert.AreEqual(0.58, Math.Sqrt(values.Average(v => Math.Pow(Math.Abs(v) - 1.3, 2))), 0.1); // 2 / sqrt 12
    }

    // Of 10 and of 1,000 in size, at three points each: positive, negative, either.
    [TestMethod]
    public void Coordinates_FarOut_AreOfBothSigns()
    {
        for (var point = 8; point < 14; point++)
        {
            var values = "abcdfghjklmnopqrstuvwxyz".Select(n => Numeric.Value(Read($"{n}"), point, new(100))!.Value.Real).ToArray();
            var scale = point < 11 ? 10 : 1_000;
            Assert.IsTrue(values.All(v => Math.Abs(v) >= 0.3 * scale && Math.Abs(v) <= 2.3 * scale), string.Join(' ', values));
            var positive = values.Count(v => v > 0);
            var (least, most) = ((point - 8) % 3) switch { 0 => (24, 24), 1 => (0, 0), _ => (5, 19) };
            Assert.IsTrue(positive >= least && positive <= most, $"{positive} of 24 are positive at {point}");
        }
    }

    [TestMethod]
    public void HiddenZeros_EqualNothingElse() => AnswerTable.Holds(Exact, """
        10^{20}(\sin^2 1+\cos^2 1-1) !! 42
        7+10^{20}(\sqrt{3+2\sqrt2}-1-\sqrt2) !! 42
        \sin^2 1+\cos^2 1-1 !! 10^{-12}
        y=10^{20}(\sin^2 x+\cos^2 x-1) !! y=42
        \sin^2 x+\cos^2 x-1 :: 0
        \ln(\sin^2 x+\cos^2 x) :: 0
        3\sqrt{\sin^2 x+\cos^2 x-1} :: 0
        |\sin^2 x+\cos^2 x-1| :: 0
        \ln(\sin^2 x+1) !! 0
        10^{20}(\sin^2 1+\cos^2 1-1) :: 0
        \frac{\sin^2 x+\cos^2 x-1}{\sin^2 x+\cos^2 x-1} !! 42
        x \cdot \frac{\sin^2 x+\cos^2 x-1}{\sin^2 x+\cos^2 x-1} !! 42x
        (\sin^2 x+\cos^2 x-1)(\sin^2 x+\cos^2 x-1)^{-1} !! 42
        """);

    [TestMethod]
    public void FarPoints_TellWhatIsAlikeNearZero() => AnswerTable.Holds(Exact, """
        |x+3| !! x+3
        |x-3| !! 3-x
        |x-100| !! 100-x
        |x+100| !! x+100
        \sqrt{(x+3)^2} !! x+3
        \arcsin(\sin\frac x2) !! \frac x2
        |x+y+20| !! x+y+20
        |x+3|^2 :: (x+3)^2
        |\sqrt{x^2+1}-\sqrt{x^2}| :: |\sqrt{x^2}-\sqrt{x^2+1}|
        """);

    // Where a radicand may be negative, roots are not split, and the root of a square is no more than its size.
    [TestMethod]
    public void Roots_OfWhatMayBeNegative_StayAsTheyAre() => AnswerTable.Holds(Exact, """
        \sqrt{x}\sqrt{y} !! \sqrt{xy}
        \sqrt{x}\sqrt{i} !! \sqrt{xi}
        \sqrt{x} !! \sqrt{\frac{x}{x+1}}
        \sqrt{x^y} !! x^{\frac{y}{2}}
        \sin x !! \sqrt{\sin^2 x}
        \sqrt[3]{x-3} !! \sqrt{(\sqrt[3]{x-3})^2}
        \frac{1}{\sqrt{\pi-4}} !! \sqrt{\frac{1}{\pi-4}}
        -\frac{1}{\sqrt{\pi-4}} :: \sqrt{\frac{1}{\pi-4}}
        -\ln(\pi-4) !! \ln\frac{1}{\pi-4}
        """);

    // But 1/sqrt(b) and sqrt(1/b) are real for the same b, and so are their logarithms.
    [TestMethod]
    public void Quotients_OfAPositiveNumber_AreSplit() => AnswerTable.Holds(Exact, """
        \sqrt{\frac{1}{1+\pi}} :=: \frac{1}{\sqrt{1+\pi}}
        \sqrt{\frac{1}{4-\pi}} :=: \frac{1}{\sqrt{4-\pi}}
        \sqrt{\frac{x}{1+\pi}} :=: \frac{\sqrt x}{\sqrt{1+\pi}}
        \sqrt{\frac{1}{x-3}} :=: \frac{1}{\sqrt{x-3}}
        \sqrt{\frac{2}{1-x^2}} :=: \frac{\sqrt2}{\sqrt{1-x^2}}
        \sqrt{\frac{1}{1-x}} !! -\frac{1}{\sqrt{1-x}}
        \ln\frac{1}{1-x} :=: -\ln(1-x)
        \ln\frac{2}{x-3} :=: \ln2-\ln(x-3)
        \ln\frac{x}{1+\pi} :=: \ln x-\ln(1+\pi)
        \ln\frac{x}{x+1} !! \ln x
        \ln\frac{2^x}{y+1} !! x\ln2
        \sqrt{\frac{x}{x-3}} :: \frac{\sqrt x}{\sqrt{x-3}}
        """);

    [TestMethod]
    public void Floor_WhereTermsCancel_IsNotDecided() => AnswerTable.Holds(Exact, """
        \lfloor 10^{13}\sqrt{11}-33166247903553 \rfloor !! 1
        \lceil 33166247903553-10^{13}\sqrt{11} \rceil !! -1
        \lfloor 10^6\sqrt2 \rfloor :: 1414213
        \lfloor \frac{100}{\pi-3} \rfloor :: 706
        \lfloor \ln(2\pi) \rfloor :: 1
        """);

    // Their distances to an integer are 2.3e-5 and 6.4e-5, the roundings of their terms 1.0e-4 and 3.1e-4.
    [TestMethod]
    [DataRow("350007948\\sqrt2", null)]
    [DataRow("-350007948\\sqrt2", null)]
    [DataRow("\\frac{7001960\\sqrt2}{\\pi-3}", null)]
    [DataRow("-\\frac{7001960\\sqrt2}{\\pi-3}", null)]
    [DataRow("350007949\\sqrt2", 494985988)]
    [DataRow("-350007949\\sqrt2", -494985989)]
    public void Floor_NearAnInteger_IsNotTold(string text, int? floor) =>
        Assert.AreEqual((BigInteger?)floor, Numeric.Floor(Read(text), new(1_000)));

    [TestMethod]
    public void Value_OfAnExpression_IsThatOfMathematics()
    {
        for (var point = 0; point < 8; point++)
        {
            var x = At("x").Real;
            Near(Math.Cbrt(x), "x^{1/3}");
            Near(Math.Cbrt(x * x), "x^{2/3}");
            Near(1 / (x * x), "x^{-2}");
            Near(Math.Pow(x, 5), "x^5");
            Near(Math.Sin(x), "\\sin x");
            Near(Math.Cos(x), "\\cos x");
            Near(Complex.Log(x), "\\ln x");
            Near(Math.Abs(x), "|x|");
            Near(Complex.Asin(x), "\\arcsin x");
            Near((Math.PI / 2) - Complex.Asin(x), "\\arccos x");
            Near(Math.Atan(x), "\\arctan x");
            Near(Complex.Exp(x * Complex.Log(2)), "2^x");
            Near(Complex.Sqrt(x + 1), "\\sqrt{x+1}");
            Near(Math.E * Math.PI + Complex.ImaginaryOne, "e\\pi+i");

            Complex At(string text) => Numeric.Value(Read(text), point, new(1000))!.Value;

            void Near(Complex expected, string text) =>
                Assert.IsLessThan(1e-13 * (1 + expected.Magnitude), Complex.Abs(expected - At(text)), $"{text} at {x}");
        }
        Assert.IsNull(Numeric.Value(Read("\\infty"), 0, new(100)));
        Assert.IsNull(Numeric.Value(Read("10^{400}x"), 0, new(1000)));
        Assert.IsNull(Numeric.Value(Read("\\sin x"), 0, new(1)));
        Assert.AreEqual(Math.PI, Numeric.Real(Read("\\pi"), new(100)));
        Assert.IsNull(Numeric.Real(Read("x"), new(100)));
        Assert.IsNull(Numeric.Real(Read("1+i"), new(100)));
        Assert.IsNull(Numeric.Real(Read("1-i"), new(100)));
        Assert.AreEqual(100, Numeric.Real(Read("100-10^{-9}i"), new(100)));
    }

    [TestMethod]
    [DataRow("\\sqrt2-1", 1)]
    [DataRow("1-\\sqrt2", -1)]
    [DataRow("-3", -1)]
    [DataRow("0", 0)]
    [DataRow("x", null)]
    [DataRow("\\sqrt2+i", null)]
    [DataRow("\\sqrt2-i", null)]
    [DataRow("1000\\sqrt2-1414.2135624", null)] // differs by 3e-8, too little to tell
    [DataRow("1000\\sqrt2-1414.2", 1)]
    [DataRow("1000\\sqrt2+10^{-8}i", 1)]
    public void Sign_OfAConstant_IsToldWhereItIsClear(string text, int? sign) =>
        Assert.AreEqual(sign, Numeric.Sign(Read(text).Numerator, new(1000)));

    [TestMethod]
    public void Equal_ByNumbersAlone_IsNeitherTooWideNorTooNarrow() => AnswerTable.Holds(Exact, """
        10^{-6}\sin 1 !! 10^{-6}\sin 1.0001
        10^{400}\sin 1 !! 10^{400}\sin 2
        10^{400}\pi !! 10^{400}e
        \sin 2x\cos 2x :: \frac{\sin 4x}{2}
        \cos 3x :: 4\cos^3 x-3\cos x
        \cos 3x !! 4\cos^3 x-3.000001\cos x
        \arcsin x+\arccos x :: \frac\pi2
        \sqrt{3+2\sqrt2}\,x+y=1 :: (1+\sqrt2)x+y=1
        \sqrt{3+2\sqrt2} :: 1+\sqrt2
        \sqrt{3+2\sqrt2} !! 2.41421356
        \sqrt{3+2\sqrt2} !! 2.414213562373095
        1.4142135623730951\begin{pmatrix}1\end{pmatrix} !! \begin{pmatrix}\sqrt2\end{pmatrix}
        \gcd(a,b) !! \gcd(a,c)
        \max(1,x) !! \max(1,y)
        f(x,y) !! f(x,z)
        f(x,y)+\sin^2 y+\cos^2 y :: f(x,y)+1
        f(x)+\sin^2 y+\cos^2 y :: f(x)+1
        f(x)+\sin^2 y+\cos^2 y !! f(y)+1
        \ln(xy) !! \ln x+\ln y
        \ln(2\pi) :=: \ln2+\ln\pi
        \ln(2\pi)+\sin^2 1+\cos^2 1 :: \ln2+\ln\pi+1
        \ln(\pi^2/2) :=: 2\ln\pi-\ln2
        \ln(3 \cdot 2^x) :=: x\ln2+\ln3
        \sqrt[3]{x^2}+1 :: x^{2/3}+1
        \pi !! \frac{314159265358979}{100000000000000}
        \cos(\frac12)^{4097} :: \cos(\frac12)^{4097}(\sin^2\frac12+\cos^2\frac12)
        1+i :: \sqrt[4]{-4}
        2^{\frac{1}{x+1}} :: 4^{\frac{1}{2x+2}}
        0 !! \sin(\pi+1)
        """);
}
