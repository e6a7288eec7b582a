using System.Text.Json;
using G2RL.Onnx.Problems.AnswerChecking;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>
/// Answers as models write them, with verdicts that were decided before any was run: tests/fixtures/model-answers.jsonl, our own texts.
/// </summary>
[TestClass]
public sealed class ModelOutputTests
{
    [TestMethod]
    public void Check_OwnModelOutputs_GivesTheVerdictDecidedBefore()
    {
        var (count, faults) = (0, new List<string>());
        foreach (var line in File.ReadLines(SharedFolder.InRepository("tests", "fixtures", "model-answers.jsonl")))
        {
            using var json = JsonDocument.Parse(line);
            var row = json.RootElement;
            string Text(string field) => row.GetProperty(field).GetString()!;
            var result = AnswerPolicy.All[Text("policy")].Check(Text("completion"), Text("gold"));
            count++;
            if (result.IsRight != row.GetProperty("right").GetBoolean())
                faults.Add($"{(result.IsRight ? "false right" : "missed")} {line} gives {result}");
        }
        Assert.IsGreaterThan(700, count);
        Assert.HasCount(0, faults, string.Join('\n', faults.Prepend("")));
    }
}
