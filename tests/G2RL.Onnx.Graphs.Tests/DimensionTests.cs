namespace G2RL.Onnx.Graphs.Tests;

[TestClass]
public sealed class DimensionTests
{
    private static readonly Dimension B = "B";
    private static readonly Dimension T = "T";

    [TestMethod]
    public void Product_OfNumbersAndSymbols_IsCanonical()
    {
        Assert.AreEqual("8*B*T", ((Dimension)2 * T * 4 * B).ToString());
        Assert.AreEqual(B * T, T * B);
        Assert.AreEqual((Dimension)12, (Dimension)3 * 4);
        Assert.AreEqual((Dimension)0, B * 0);
        Assert.AreEqual(B, B * 1);
        Assert.IsTrue((B * 0).IsKnown);
        Assert.IsFalse(B.IsOne);
        Assert.IsTrue(((Dimension)1).IsOne);
        Assert.AreEqual(0, default(Dimension).Size);
    }

    [TestMethod]
    public void Sum_IsExactForMultiplesOfTheSameSymbols_ElseOneSymbol()
    {
        Assert.AreEqual((Dimension)7, (Dimension)3 + 4);
        Assert.AreEqual((Dimension)5 * B, (B * 2) + (B * 3));
        Assert.AreEqual(B, B + 0);
        Assert.AreEqual(B, (Dimension)0 + B);
        Assert.AreEqual("(B+T)", (B + T).ToString());
        Assert.AreEqual("2*(B+2*T)", ((B + (T * 2)) * 2).ToString());
        Assert.AreEqual(B, Dimension.Divide((B + (T * 2)) * B, B + (T * 2)));
    }

    [TestMethod]
    public void Divide_WhatDoesNotGoIn_GivesNull()
    {
        Assert.AreEqual(T * 2, Dimension.Divide(B * T * 6, B * 3));
        Assert.AreEqual((Dimension)1, Dimension.Divide(B * B, B * B));
        Assert.IsNull(Dimension.Divide(B, T));
        Assert.IsNull(Dimension.Divide(B * 3, 2));
        Assert.IsNull(Dimension.Divide(B, B * B));
        Assert.IsNull(Dimension.Divide(B, 0));
        Assert.AreEqual((Dimension)0, Dimension.Divide(0, 5));
    }

    [TestMethod]
    [DataRow("12")]
    [DataRow("T")]
    [DataRow("8*B*T")]
    [DataRow("2*(B+2*T)")]
    [DataRow("past_length + 1")]
    public void Parse_OfWhatToStringWrites_GivesTheSame(string text) => Assert.AreEqual(text, Dimension.Parse(text).ToString());

    [TestMethod]
    public void Parse_OfAForeignSum_IsOneSymbol()
    {
        var sum = Dimension.Parse("past + 2*B");
        Assert.AreEqual("(past + 2*B)", sum.ToString());
        Assert.IsNull(Dimension.Divide(sum, B));
        Assert.AreEqual(B * T, Dimension.Parse("T*B"));
    }

    [TestMethod]
    [DataRow("")]
    [DataRow("*")]
    [DataRow("B*")]
    [DataRow("B**T")]
    [DataRow("(B")]
    [DataRow("B)*(T")]
    [DataRow("99999999999999999999")]
    public void Parse_OfNoLength_IsRefused(string text) => Assert.ThrowsExactly<ArgumentException>(() => Dimension.Parse(text));

    [TestMethod]
    public void Length_BeyondWhatCanBeReckonedWith_Overflows()
    {
        Assert.ThrowsExactly<OverflowException>(() => (Dimension)long.MaxValue * 2);
        Assert.ThrowsExactly<OverflowException>(() => (Dimension)long.MaxValue + 1);
        Assert.ThrowsExactly<OverflowException>(() => Dimension.Parse($"{long.MaxValue}*2*B"));
        // Doubles in length at each step: 40 steps would be a terabyte.
        var (a, b) = (B, T);
        Assert.ThrowsExactly<OverflowException>(() =>
        {
            for (var i = 0; i < 40; i++)
                (a, b) = (a + b, b + (a * 2));
        });
    }

    [TestMethod]
    public void Size_OfASymbol_IsNotToBeHad()
    {
        StringAssert.Contains(Assert.ThrowsExactly<InvalidOperationException>(() => B.Size).Message, "'B'");
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => (Dimension)(-1));
        Assert.ThrowsExactly<ArgumentException>(() => Dimension.FromSymbol("a*b"));
        Assert.ThrowsExactly<ArgumentException>(() => Dimension.FromSymbol("12"));
    }

    [TestMethod]
    public void Broadcast_OfSymbols_MeetsOnlyItselfAndOne()
    {
        Assert.AreEqual("[B, T, 5]", Shapes.Text(Shapes.Broadcast([B, 1, 5], [T, 1])!));
        Assert.AreEqual("[0]", Shapes.Text(Shapes.Broadcast([0], [1])!));
        Assert.IsNull(Shapes.Broadcast([B], [T]));
        Assert.IsNull(Shapes.Broadcast([B], [3]));
        Assert.IsNull(Shapes.Broadcast([2, 3], [2]));
    }
}
