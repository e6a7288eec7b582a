using System.Numerics;
using System.Text;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Generated;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class RationalExpressionTests
{
    [TestMethod]
    [DataRow("7", 7, 1)]
    [DataRow("0", 0, 1)]
    [DataRow("(9-3)*7", 42, 1)]
    [DataRow("9-3*7", -12, 1)]
    [DataRow("9-3-2", 4, 1)]
    [DataRow("8/4/2", 1, 1)]
    [DataRow("8/(4/2)", 4, 1)]
    [DataRow("1/3+1/6", 1, 2)]
    [DataRow("8/(3-8/3)", 24, 1)]
    [DataRow("2*(3-5)/4", -1, 1)]
    [DataRow(" ( ( 1 ) + 2 ) ", 3, 1)]
    [DataRow("0/5", 0, 1)]
    public void TryEvaluate_HandWorkedExpressions_IsExact(string text, int numerator, int denominator)
    {
        Assert.IsTrue(RationalExpression.TryParse(text)!.TryEvaluate(out var n, out var d), text);
        Assert.AreEqual(n * denominator, numerator * d, text);
    }

    [TestMethod]
    [DataRow("1/0")]
    [DataRow("1/(2-2)")]
    [DataRow("0/0")]
    [DataRow("5*(1/(3-2-1))")]
    [DataRow("0*(7/0)")]
    public void TryEvaluate_DivisionByZero_HasNoValue(string text)
    {
        var expression = RationalExpression.TryParse(text)!;
        Assert.IsFalse(expression.TryEvaluate(out _, out _), text);
        Assert.IsFalse(expression.IsWhole(0), text);
    }

    [TestMethod]
    [DataRow("")]
    [DataRow(" ")]
    [DataRow("-1")]
    [DataRow("+1")]
    [DataRow("1--1")]
    [DataRow("1+")]
    [DataRow("*1")]
    [DataRow("()")]
    [DataRow("(1")]
    [DataRow("1)")]
    [DataRow(")1(")]
    [DataRow("(1)(2)")]
    [DataRow("2(3)")]
    [DataRow("(3)2")]
    [DataRow("1 2")]
    [DataRow("01")]
    [DataRow("1+00")]
    [DataRow("1.0")]
    [DataRow("1e3")]
    [DataRow("1_000")]
    [DataRow("0x10")]
    [DataRow("2**3")]
    [DataRow("7//2")]
    [DataRow("7%2")]
    [DataRow("2^3")]
    [DataRow("3!")]
    [DataRow("1=1")]
    [DataRow("1\t+2")]
    [DataRow("1+2\n")]
    [DataRow("1\0")]
    [DataRow("٤+٢")]
    [DataRow("\uFF14+\uFF12")]
    [DataRow("4\u22122")]
    [DataRow("4\u00D72")]
    [DataRow("4\u00F72")]
    [DataRow("4\u22152")]
    [DataRow("\uFF084+2\uFF09")]
    [DataRow("4\u00A0+2")]
    [DataRow("\uD835\uDFCF+1")]
    [DataRow("1+\uD800")]
    [DataRow("\uFEFF1+2")]
    public void TryParse_OutsideTheGrammar_IsNull(string text) => Assert.IsNull(RationalExpression.TryParse(text));

    [TestMethod]
    public void TryParse_HostileLengths_AreReadOrRefusedAndNeverThrow()
    {
        const int most = RationalExpression.MaxLength;
        foreach (var length in new[] { most, most + 1, 1_000_000 })
        {
            var fits = length <= most;
            Assert.AreEqual(fits, RationalExpression.TryParse(new string('9', length)) is not null, "one number of many digits");
            Assert.AreEqual(fits, RationalExpression.TryParse(new string('(', (length - 1) / 2)
                + "1"
                + new string(')', (length - 1) / 2)
                + (length % 2 == 0 ? " " : "")) is not null, "depth");
            Assert.AreEqual(fits, RationalExpression.TryParse(string.Concat(Enumerable.Repeat("9*", (length - 1) / 2))
                + (length % 2 == 0 ? "99" : "9")) is not null, "a long product");
            foreach (var c in "()+-*/ ")
                Assert.IsNull(RationalExpression.TryParse(new string(c, length)), $"{length} times {c}");
        }

        // 1/9/9/...: the denominator is 9^255; nothing overflows or is rounded.
        Assert.IsTrue(RationalExpression.TryParse("1" + string.Concat(Enumerable.Repeat("/9", 255)))!.TryEvaluate(out var n, out var d));
        Assert.AreEqual(BigInteger.Pow(9, 255) * n, d);
        Assert.IsTrue(RationalExpression.TryParse($"{new string('9', 254)}*{new string('9', 254)}")!.TryEvaluate(out n, out d));
        Assert.AreEqual(BigInteger.Pow(BigInteger.Pow(10, 254) - 1, 2), n / d);
        Assert.IsTrue(RationalExpression.TryParse("9223372036854775807+1-9223372036854775808")!.IsWhole(0), "beyond 64 bits");
        Assert.IsFalse(RationalExpression.TryParse("2147483648*2147483648*4")!.IsWhole(0), "0 modulo 2^64");
    }

    [TestMethod]
    public void TryEvaluate_HundredThousandRandomAndMutatedTexts_AgreesWithAnotherEvaluation()
    {
        const string Alphabet = "0123456789+-*/()  =,.a\0\n\u0663\uFF11\u2212\u00D7\uD800";
        var random = new ProblemRandom(2025, 7);
        var counts = new int[3];
        for (var i = 0; i < 100_000; i++)
        {
            var text = new StringBuilder();
            if (i % 4 == 3)
                for (var length = random.Below(24); length > 0; length--)
                    text.Append("0123456789+-*/()"[random.Below(16)]);
            else
                Write(ref random, text, random.Between(1, 9));
            for (var edits = i % 2 == 0 ? 0 : random.Below(4); edits > 0; edits--)
            {
                var at = random.Below(text.Length + 1);
                switch (random.Below(5))
                {
                    case 0: text.Insert(at, Alphabet[random.Below(Alphabet.Length)]); break;
                    case 1 when at < text.Length: text.Remove(at, 1); break;
                    case 2: text.Insert(at, new string("(-9/0 )"[random.Below(7)], random.Below(20))); break;
                    case 3 when at < text.Length: text[at] = Alphabet[random.Below(Alphabet.Length)]; break;
                    default: text.Insert(at, text.ToString(0, at)); break;
                }
            }

            var written = text.ToString();
            var (kind, numerator, denominator) = written.Length > RationalExpression.MaxLength ? default : RationalOracle.Work(written);
            counts[(int)kind]++;
            var expression = RationalExpression.TryParse(written);
            Assert.AreEqual(kind != RationalOracle.Kind.Malformed, expression is not null, written);
            if (expression is null)
                continue;
            Assert.AreEqual(kind == RationalOracle.Kind.Value, expression.TryEvaluate(out var n, out var d), written);
            if (kind != RationalOracle.Kind.Value)
                continue;
            Assert.AreEqual(numerator * d, n * denominator, written);
            Assert.IsFalse(d.IsZero, written);
            Assert.AreEqual(denominator.IsOne, expression.IsWhole(numerator), written);
            Assert.IsFalse(expression.IsWhole(numerator + 1) && denominator.IsOne, written);
        }

        Assert.IsTrue(
            counts.All(c => c > 2000),
            $"{counts[0]} malformed, {counts[1]} by zero, {counts[2]} values: the texts must reach all three");
    }

    // A random expression with as many numbers, some of them large, with needless parentheses and spaces.
    private static void Write(ref ProblemRandom random, StringBuilder text, int numbers)
    {
        var enclosed = random.Below(4) == 0;
        text.Append(enclosed ? "(" : "");
        if (numbers == 1)
        {
            text.Append(random.Below(20) == 0 ? $"{random.Next()}{random.Next()}" : $"{random.Below(random.Below(2) == 0 ? 4 : 100)}");
        }
        else
        {
            var left = random.Between(1, numbers - 1);
            Write(ref random, text, left);
            text.Append(random.Below(10) == 0 ? " " : "").Append("+-*/"[random.Below(4)]).Append(random.Below(10) == 0 ? "  " : "");
            Write(ref random, text, numbers - left);
        }

        text.Append(enclosed ? ")" : "");
    }
}
