using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Tests;

/// <summary>The tokens of logged rollouts.</summary>
[TestClass]
public sealed class RolloutTokensTests
{
    // Three rollouts, of which the second has no score: members are the first and the third.
    [TestMethod]
    public void Rows_WithTokens_TellPiecesNumbersAndTheMembersRowOfCosines()
    {
        using var scratch = new Scratch();
        CharacterTokenizer.Write(scratch.Path, "12+=");
        var tokenizer = Tokenizer.Load(scratch.Path);
        Rollout Of(string text, float logProb) => new()
        {
            PromptTokens = [1],
            Tokens = tokenizer.Encode(text),
            LogProbs = [.. text.Select((_, t) => logProb - t)],
            Entropies = [.. text.Select((_, t) => t == 0 ? 0.123456f : float.NaN)],
            Finish = FinishReason.StopToken,
            Version = new(3, "here"),
            Text = text,
        };
        var group = new ScoredGroup(
            new(new Problem("p", "1+1=", "2"), [Of("1+", -0.33333f), Of("2", -2), Of("=1", -1)]),
            [Outcome.Judged(true), Outcome.Failed("no"), Outcome.Judged(false)])
        {
            Cosines = [1, 0.123456, 0.654321, 0.98766],
            TokenWeights = [[0.5, 0.25], [2, double.NaN]],
        };
        var rows = RolloutLog.Rows(7, 4, group, tokenizer).ToArray();
        string[] Told(int row, params string[] names) => [.. names.Select(n => rows[row][n]?.ToJsonString() ?? "none")];
        string[] names = ["pieces", "log_probs", "entropies", "weights", "cosines"];
        CollectionAssert.AreEqual(
            new[] { """["1","\u002B"]""", "[-0.3333,-1.3333]", "[0.1235,null]", "[0.5,0.25]", "[1,0.1235]" }, Told(0, names));
        CollectionAssert.AreEqual(new[] { """["2"]""", "[-2]", "[0.1235]", "none", "none" }, Told(1, names));
        CollectionAssert.AreEqual(
            new[] { """["=","1"]""", "[-1,-2]", "[0.1235,null]", "[2,null]", "[0.6543,0.9877]" }, Told(2, names));
        Assert.IsFalse(RolloutLog.Rows(7, 4, group).Any(r => r.ContainsKey("pieces")));
        Assert.AreEqual("no", (string?)rows[1]["message"]);
    }
}
