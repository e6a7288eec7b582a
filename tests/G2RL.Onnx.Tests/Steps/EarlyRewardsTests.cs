using G2RL.Onnx.Execution;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rewards;
using G2RL.Onnx.Rewards.Passes;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Tests.Steps;

/// <summary>Rewards that are asked for while others draw.</summary>
[TestClass]
public sealed class EarlyRewardsTests
{
    private static readonly Problem[] Problems = [.. Enumerable.Range(0, 4).Select(i => new Problem($"p{i}", $"{i}", ""))];
    private static readonly Rollout[][] Groups = [.. Problems.Select((_, i) => new[] { Rollout($"{i}a"), Rollout($"{i}b") })];

    private readonly List<string> seen = [];

    [TestMethod]
    public void Finish_GroupsThatEndInAnyOrder_AreAskedForInThatOfTheProblemsAndEarly()
    {
        using var rewards = Set(text => text[0] - '0');
        using var early = new EarlyRewards(rewards.Begin(8), Problems, CancellationToken.None);
        // The third has to wait for the two before it; they do not wait for the last.
        early.Ended(2, Groups[2]);
        early.Ended(1, Groups[1]);
        early.Ended(0, Groups[0]);
        SpinWait.SpinUntil(() => Count() == 6, TimeSpan.FromMinutes(3));
        Assert.AreEqual(6, Count(), "the first three groups, before the draw is done");
        var results = early.Finish(Groups, (_, _) => { });
        CollectionAssert.AreEqual(new[] { "0a", "0b", "1a", "1b", "2a", "2b", "3a", "3b" }, seen);
        CollectionAssert.AreEqual(new[] { 0d, 0, 1, 1, 2, 2, 3, 3 }, results.Select(r => r.Outcome.Score).ToArray());
        Assert.IsGreaterThan(0, early.HiddenSeconds);
    }

    [TestMethod]
    public void Finish_SourceThatTellsOfNoGroup_ScoresAll()
    {
        using var rewards = Set(_ => 1);
        using var early = new EarlyRewards(rewards.Begin(8), Problems, CancellationToken.None);
        Assert.HasCount(8, early.Finish(Groups, (_, _) => { }));
    }

    [TestMethod]
    public void Finish_MoreFailuresThanAllowedAcrossParts_TellsThem()
    {
        // Three of eight are more than 30 %; no part has three.
        using var rewards = Set(text => text.EndsWith('b') && text[0] != '3' ? double.NaN : 1, maxFailedShare: 0.3);
        using var early = new EarlyRewards(rewards.Begin(8), Problems, CancellationToken.None);
        for (var i = 0; i < 3; i++)
        {
            early.Ended(i, Groups[i]);
            var count = 2 * (i + 1);
            SpinWait.SpinUntil(() => Count() == count, TimeSpan.FromMinutes(3));
        }
        var failure = Assert.ThrowsExactly<InputException>(() => early.Finish(Groups, (_, _) => { }));
        StringAssert.Contains(failure.Message, "3 of a step's 8 completions failed");
    }

    [TestMethod]
    public void Dispose_DrawThatFailed_EndsTheWorkAndSaysNothing()
    {
        using var rewards = Set(_ => 1);
        var early = new EarlyRewards(rewards.Begin(8), Problems, CancellationToken.None);
        early.Ended(0, Groups[0]);
        early.Dispose();
        Assert.IsLessThanOrEqualTo(2, Count());
    }

    private int Count()
    {
        lock (seen)
            return seen.Count;
    }

    private RewardSet Set(Func<string, double> score, double? maxFailedShare = null)
    {
        var none = new FunctionProblemSet("none", Problems, [], (_, _) => Outcome.Judged(true));
        return new(
            [new FunctionConfig { Function = "own", MaxFailedShare = maxFailedShare }],
            none,
            8,
            new Dictionary<string, RewardFunction>(StringComparer.Ordinal)
            {
                ["own"] = completion =>
                {
                    lock (seen)
                        seen.Add(completion.Text);
                    var value = score(completion.Text);
                    return double.IsNaN(value) ? Outcome.Failed("no") : Outcome.Scored(value, wellFormed: true);
                },
            });
    }

    private static Rollout Rollout(string text) => new()
    {
        PromptTokens = [1],
        Tokens = [1],
        LogProbs = [0],
        Entropies = [0],
        Finish = FinishReason.StopToken,
        Version = new PolicyVersion(0, ""),
        Text = text,
    };
}
