using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

[TestClass]
public sealed class NumberWordsTests
{
    private static readonly string[] Ones =
    [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen",
        "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    ];

    private static readonly string[] Tens =
        ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

    [TestMethod]
    public void Read_NumbersSpokenByRule_AreTheNumbers()
    {
        var numbers = Enumerable.Range(0, 1_300).Concat([7_019, 9_999, 10_000, 21_000, 100_001, 999_999, 1_000_000, 30_002_015]);
        foreach (var number in numbers)
        {
            Assert.AreEqual(number, Value(Spoken(number)), Spoken(number));
            Assert.AreEqual(number, Value(Spoken(number).Replace(" and ", " ").ToUpperInvariant()), Spoken(number));
            Assert.AreEqual(-number, Value("minus " + Spoken(number)), Spoken(number));
        }
    }

    [TestMethod]
    public void Read_Parts_DivideTheirNumber()
    {
        string[] parts = ["", "", "half", "third", "quarter", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];
        for (var below = 2; below <= 10; below++)
        {
            var plural = below == 2 ? "halves" : parts[below] + "s";
            Assert.AreEqual(new(1, below), Value("one " + parts[below]), plural);
            Assert.AreEqual(new(3, below), Value("three " + plural), plural);
            Assert.AreEqual(new(-3, below), Value("negative three-" + plural), plural);
            Assert.IsNull(Value("one " + plural), plural);
            Assert.IsNull(Value("three " + parts[below]), plural);
        }
        Assert.AreEqual(new(3, 4), Value("three fourths"));
        Assert.AreEqual(new(1, 2), Value("a half"));
    }

    [TestMethod]
    [DataRow("twelve hundred and thirty-four", 1234L)]
    [DataRow("a hundred and five", 105L)]
    [DataRow("a hundred twenty", 120L)]
    [DataRow("a hundred", 100L)]
    [DataRow("a thousand", 1000L)]
    [DataRow("two dozen", 24L)]
    [DataRow("a dozen", 12L)]
    [DataRow("three trillion", 3_000_000_000_000L)]
    [DataRow("nine hundred ninety nine trillion nine hundred ninety nine billion nine hundred ninety nine million " +
        "nine hundred ninety nine thousand nine hundred ninety nine", 999_999_999_999_999L)]
    [DataRow("four billion two million and one", 4_002_000_001L)]
    [DataRow("fifteen centimeters", 15L)]
    public void Read_WaysToSayIt_AreTheNumber(string words, long value) =>
        Assert.AreEqual((Rational)new System.Numerics.BigInteger(value), Value(words), words);

    [TestMethod]
    [DataRow("")]
    [DataRow("apples")]
    [DataRow("minus")]
    [DataRow("seven more than x")]
    [DataRow("one of them")]
    [DataRow("five six")]
    [DataRow("twenty thirty")]
    [DataRow("and five")]
    [DataRow("five and")]
    [DataRow("hundred")]
    [DataRow("two thousand three million")]
    [DataRow("two million three million")]
    [DataRow("one thousand two dozen")]
    [DataRow("zero hundred")]
    [DataRow("one hundred zero")]
    [DataRow("one hundred and zero")]
    [DataRow("zero thirds")]
    [DataRow("a five")]
    [DataRow("twenty zero")]
    [DataRow("nine thousand trillion")]
    [DataRow("one one one one one one one one one one one one one one one one one one one one one one one one one")]
    public void Read_AnythingElse_IsNoNumber(string words) => Assert.IsNull(Value(words), words);

    [TestMethod]
    public void Read_UnitBehindIt_IsKept() =>
        Assert.AreEqual("centimeters", NumberWords.Read("fifteen centimeters")?.Unit);

    private static Rational? Value(string words) => NumberWords.Read(words)?.Scalar.AsRational;

    private static string Spoken(int number) => number switch
    {
        < 20 => Ones[number],
        < 100 => Tens[number / 10] + (number % 10 == 0 ? "" : "-" + Ones[number % 10]),
        < 1_000 => Joined(Ones[number / 100] + " hundred", number % 100),
        < 1_000_000 => Joined(Spoken(number / 1_000) + " thousand", number % 1_000),
        _ => Joined(Spoken(number / 1_000_000) + " million", number % 1_000_000),
    };

    private static string Joined(string large, int rest) =>
        rest == 0 ? large : rest < 100 ? $"{large} and {Spoken(rest)}" : $"{large} {Spoken(rest)}";
}
