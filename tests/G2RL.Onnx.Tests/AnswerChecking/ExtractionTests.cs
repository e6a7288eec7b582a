using System.Text.Json;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.AnswerChecking;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Tests.AnswerChecking;

[TestClass]
public sealed class ExtractionTests
{
    [TestMethod]
    [DataRow("math", "so \\boxed{x} no, \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}")]
    [DataRow("math", "\\boxed 7", "7")]
    [DataRow("math", "\\boxed{\\{1, 2\\}}", "\\{1, 2\\}")]
    [DataRow("math", "\\boxed{5", null)]
    [DataRow("math", "The final answer is $\\frac{3}{4}$. I hope it is correct.", "\\frac{3}{4}")]
    [DataRow("math", "I do not know", null)]
    [DataRow("math_verify", "\\boxed{1} and $\\boxed{2}$", "1, 2")]
    [DataRow("math_verify", "\\boxed{1} no no no no \\boxed{2}", "2")]
    [DataRow("math_verify", "\\boxed{200} ... Final Answer: The final answer is $455$. I hope", "455")]
    [DataRow("gsm8k", "9 * 2 = 18\n#### 18\nbye", "18")]
    [DataRow("gsm8k", "that makes 18 apples (step 2).", "18")]
    [DataRow("choice", "Let's think. It's not A, therefore I think it's B", "B")]
    [DataRow("choice", "The answer is (J).", "J")]
    [DataRow("choice", "The answer is for sure D, it can't be A or B", "D")]
    [DataRow("choice", "\\boxed{\\text{C}}", "C")]
    [DataRow("choice", "A cat sat", null)]
    public void Extract_Completions_FindsTheAnswer(string policy, string completion, string? expected) =>
        Assert.AreEqual(expected, AnswerPolicy.All[policy].Extract(completion));

    [TestMethod]
    [DataRow("The balance is -$5.", "-5")]
    [DataRow("The balance is \u22125.", "-5")]
    [DataRow("It is - 5.", "-5")]
    [DataRow("I get 3 then 5-3", "3")]
    [DataRow("x - 5", "5")]
    [DataRow("- 3 apples\n- 5 pears", "5")]
    [DataRow("Total: 1,00,000 rupees", "100000")]
    [DataRow("= 10{,}000", "10000")]
    [DataRow("= 10 000", "10000")]
    [DataRow("\\frac{10}{2}", "5")]
    [DataRow("3 1/2", "3.5")]
    [DataRow("so 1/2.", "0.5")]
    [DataRow("12th", "12")]
    [DataRow("**18**", "18")]
    public void LastNumber_AsPeopleWriteThem_IsTheNumberThatIsMeant(string text, string value)
    {
        var found = AnswerExtraction.Find(text, AnswerPlace.LastNumber, "");
        Assert.IsNotNull(found);
        Assert.IsTrue(ExactNumber.Equal(found, value), found);
    }

    [TestMethod]
    [DataRow("#### 5\n#### 18", "18")]
    [DataRow("#### 18\nThat is\nall", "18")]
    [DataRow("x #### 18 ", "18")]
    [DataRow("####\n18", "")]
    [DataRow("18", null)]
    public void Find_BehindAMarker_IsTheRestOfTheLastLineWithOne(string text, string? expected) =>
        Assert.AreEqual(expected, AnswerExtraction.Find(text, AnswerPlace.Marker, "####"));

    [TestMethod]
    public void Numbers_FaultCases_AreReadAsWritten()
    {
        foreach (var line in File.ReadLines(SharedFolder.Require("faults", "06-numbers", "cases.jsonl")))
        {
            using var json = JsonDocument.Parse(line);
            var row = json.RootElement;
            var place = Enum.Parse<AnswerPlace>(row.GetProperty("place").GetString()!, ignoreCase: true);
            var found = AnswerExtraction.Find(row.GetProperty("text").GetString()!, place, "####");
            Assert.AreEqual(
                row.GetProperty("right").GetBoolean(),
                found is not null && ExactNumber.Equal(found, row.GetProperty("reference").GetString()),
                line);
        }
    }
}
