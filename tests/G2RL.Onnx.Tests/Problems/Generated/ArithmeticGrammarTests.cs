using G2RL.Onnx.Problems.Generated;

namespace G2RL.Onnx.Tests;

/// <summary>What is an expression, and which settings have one.</summary>
[TestClass]
public sealed class ArithmeticGrammarTests
{
    [TestMethod]
    [DataRow("1+", false)]
    [DataRow("2*", false)]
    [DataRow("2+3-", false)]
    [DataRow("2*3*", false)]
    [DataRow("(2+3", false)]
    [DataRow("", false)]
    [DataRow("123456789", true)]
    [DataRow("1234567890", false)]
    [DataRow("-123456789", true)]
    [DataRow("2+3-4*5", true)]
    public void TryParse_ATextOfTheGrammar_IsAnExpression(string text, bool isOne) =>
        Assert.AreEqual(isOne, ArithmeticExpression.TryParse(text, out _));

    [TestMethod]
    public void TryParse_DeepParentheses_AreRefused()
    {
        Assert.IsTrue(ArithmeticExpression.TryParse(new string('(', 60) + "1" + new string(')', 60), out _));
        Assert.IsFalse(ArithmeticExpression.TryParse(new string('(', 70) + "1" + new string(')', 70), out _));
    }

    [TestMethod]
    public void Settings_AtTheEndsOfTheirRanges_AreGood()
    {
        foreach (var settings in new ArithmeticSettings[]
        {
            new() { Bound = 1, MaxOperand = 1 },
            new() { Bound = 999_999, MaxOperand = 999_999 },
            new() { MaxOperand = 999 },
            new() { ErrorRate = 1 },
            new() { ErrorRate = 0 },
            new() { HeldOutCount = 1 },
            new() { MaxOperands = 8 },
            new() { Operators = new('+', 32) },
        })
            Assert.AreSame(settings, settings.Validated());
    }

    [TestMethod]
    public void Settings_BeyondTheirRanges_AreRefusedByName()
    {
        foreach (var (settings, words) in new (ArithmeticSettings, string)[]
        {
            (new() { Bound = 1_000_000 }, "bound is 1000000; it must be 1 to 999999."),
            (new() { Bound = 0, MaxOperand = 0 }, "bound is 0; it must be 1 to 999999."),
            (new() { ErrorRate = 2 }, "errorRate is 2; it must be 0 to 1."),
            (new() { ErrorRate = -0.5 }, "errorRate is -0.5; it must be 0 to 1."),
            (new() { Operators = "" }, "operators is ''; it must be 1 to 32 of the characters + - *."),
            (new() { Operators = new('+', 33) }, "it must be 1 to 32 of the characters + - *."),
        })
            StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => settings.Validated()).Message, words);
    }
}
