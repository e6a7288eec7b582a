using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class RolloutMetricsTests
{
    private static Rollout Rollout(int tokens, float entropy, FinishReason finish = FinishReason.StopToken) => new()
    {
        PromptTokens = [1],
        Tokens = new int[tokens],
        LogProbs = new float[tokens],
        Entropies = [.. Enumerable.Repeat(entropy, tokens)],
        Finish = finish,
        Version = new(3, "here"),
        Text = $"text of {tokens}",
    };

    private static ScoredGroup Group(params (Rollout Rollout, Outcome Outcome)[] all) => new(
        new(new Problem("p:1", "asked", "right"), [.. all.Select(a => a.Rollout)]), [.. all.Select(a => a.Outcome)]);

    private static readonly ScoredGroup Mixed = Group(
        (Rollout(1, 1), Outcome.Judged(true)),
        (Rollout(2, 2), Outcome.Scored(0)),
        (Rollout(3, 0, FinishReason.Length), Outcome.Judged(false, wellFormed: false)),
        (Rollout(4, 0), Outcome.Abstained("why")),
        (Rollout(10, 0), Outcome.Failed("why")),
        (Rollout(10, 0), Outcome.Failed("why")),
        (Rollout(10, 0), Outcome.TimedOut("why")));

    private static IReadOnlyDictionary<string, double> Report(Action<StepMetrics> report)
    {
        var metrics = new StepMetrics(1);
        report(metrics);
        return metrics.Values;
    }

    [TestMethod]
    public void Report_Rollouts_HasTheirMeansAndCounts()
    {
        var values = Report(m => RolloutMetrics.Report(m, [Mixed], seconds: 8));
        var expected = new Dictionary<string, double>
        {
            ["reward/mean"] = 0, // (1 + 0 - 1) / 3
            ["reward/right_share"] = 1 / 3.0,
            ["reward/well_formed_share"] = 2 / 3.0,
            ["reward/abstain_count"] = 1,
            ["reward/error_count"] = 2,
            ["reward/timeout_count"] = 1,
            ["response/length_mean"] = 40 / 7.0,
            ["response/length_p95"] = 10,
            ["response/truncated_share"] = 1 / 7.0,
            ["response/tokens"] = 40,
            ["policy/sampling_entropy_nats"] = 5 / 40.0, // 1 x 1 + 2 x 2
            ["speed/sample_tokens_per_s"] = 5,
        };
        CollectionAssert.AreEquivalent(expected.Keys, values.Keys.ToArray());
        foreach (var (name, value) in expected)
            Assert.AreEqual(value, values[name], 1e-12, name);
    }

    [TestMethod]
    public void Report_NothingScored_HasNoReward()
    {
        var values = Report(m => RolloutMetrics.Report(m, [Group((Rollout(1, 0), Outcome.Abstained("why")))], 1));
        Assert.IsFalse(values.Keys.Any(k => k is "reward/mean" or "reward/right_share" or "reward/well_formed_share"));
        Assert.AreEqual(1, values["reward/abstain_count"]);
    }

    [TestMethod]
    public void Report_Advantages_HasThoseOfGroupsThatAreUsed()
    {
        var group = Group(
            (Rollout(1, 0), Outcome.Judged(true)), (Rollout(1, 0), Outcome.Judged(false)), (Rollout(1, 0), Outcome.Judged(true)));
        (group.Shaped[0], group.Shaped[1], group.Shaped[2]) = (3, 1, 2);
        (group.Advantages[0], group.Advantages[1], group.Advantages[2]) = (2, -4, 0);
        (group.Novelty[0], group.Novelty[1], group.Novelty[2]) = (0.1, 0.2, 0.6);
        // Pairs 0-1, 0-2, 1-2: 0.5, -0.05, -0.3; the diagonal and the other half do not count.
        group.Cosines = [1, 0.5, -0.05, 9, 1, -0.3, 9, 9, 1];
        var alike = Group((Rollout(1, 0), Outcome.Judged(true)), (Rollout(1, 0), Outcome.Judged(true)));
        (alike.Advantages[0], alike.Advantages[1], alike.Masked) = (-9, 9, true);
        var single = Group((Rollout(1, 0), Outcome.Judged(true)));
        var values = Report(m => AdvantageMetrics.Report(m, [group, alike, single]));
        var expected = new Dictionary<string, double>
        {
            ["reward/homogeneous_share"] = 0.5,
            ["reward/shaped_mean"] = (3 + 1 + 2 + 1 + 1) / 5.0,
            ["policy/advantage_min"] = -4,
            ["policy/advantage_max"] = 2,
            ["policy/advantage_abs_mean"] = 2,
            ["g2rl/nu_mean"] = 0.3,
            ["g2rl/nu_min"] = 0.1,
            ["g2rl/nu_max"] = 0.6,
            ["g2rl/cosine_mean"] = 0.05,
            ["g2rl/cosine_negative_share"] = 2 / 3.0,
            ["g2rl/cosine_small_share"] = 1 / 3.0,
        };
        CollectionAssert.AreEquivalent(expected.Keys, values.Keys.ToArray());
        foreach (var (name, value) in expected)
            Assert.AreEqual(value, values[name], 1e-12, name);
    }

    // Features at right angles are not opposed; one of three groups is all right.
    [TestMethod]
    public void Report_RightAnglesAndAGroupAlike_AreCountedAsThat()
    {
        ScoredGroup Of(bool second) => Group((Rollout(1, 0), Outcome.Judged(true)), (Rollout(1, 0), Outcome.Judged(second)));
        var apart = Of(false);
        apart.Cosines = [1, 0, 0, 1];
        var values = Report(m => AdvantageMetrics.Report(m, [apart, Of(true), Of(false)]));
        Assert.AreEqual((1 / 3.0, 0, 1), (
            values["reward/homogeneous_share"], values["g2rl/cosine_negative_share"], values["g2rl/cosine_small_share"]));
    }

    [TestMethod]
    public void Report_NoGroupOfTwo_HasNoAdvantages()
    {
        var values = Report(m => AdvantageMetrics.Report(m, [Group((Rollout(1, 0), Outcome.Judged(true)))]));
        CollectionAssert.AreEqual(new[] { "reward/homogeneous_share" }, values.Keys.ToArray());
        Assert.AreEqual(0, values["reward/homogeneous_share"]);
    }

    [TestMethod]
    public void Report_AllMasked_HasAdvantagesOfNothing()
    {
        var group = Group((Rollout(1, 0), Outcome.Judged(true)), (Rollout(1, 0), Outcome.Judged(false)));
        group.Masked = true;
        var values = Report(m => AdvantageMetrics.Report(m, [group]));
        Assert.AreEqual(0, values["policy/advantage_abs_mean"]);
        Assert.IsFalse(values.ContainsKey("g2rl/nu_mean"));
    }

    [TestMethod]
    public void Rows_OfAGroup_SayWhatBecameOfEachRollout()
    {
        (Mixed.Shaped[1], Mixed.Advantages[1], Mixed.Novelty[1]) = (0.5, -0.25, 0.125);
        var rows = RolloutLog.Rows(7, 4, Mixed).Select(r => r.ToJsonString()).ToArray();
        Assert.HasCount(7, rows);
        Assert.AreEqual(
            """
            {"step":7,"problem":"p:1","prompt_index":4,"sample":1,"prompt":"asked","text":"text of 2","answer":"right","outcome":"Score",
            "reward":0,"finish":"StopToken","tokens":2,"policy":"POLICY","shaped":0.5,"nu":null,"advantage":-0.25}
            """.ReplaceLineEndings("").Replace("POLICY", new Execution.PolicyVersion(3, "here").ToString()),
            rows[1]);
        Assert.AreEqual(
            """
            {"step":7,"problem":"p:1","prompt_index":4,"sample":3,"prompt":"asked","text":"text of 4","answer":"right","outcome":"Abstain",
            "reward":null,"finish":"StopToken","tokens":4,"policy":"POLICY","message":"why"}
            """.ReplaceLineEndings("").Replace("POLICY", new Execution.PolicyVersion(3, "here").ToString()),
            rows[3]);
    }

    [TestMethod]
    public void Rows_PartsNoveltyAndMask_AreTold()
    {
        var group = new ScoredGroup(
            new(new Problem("p", "", ""), [Rollout(1, 0), Rollout(1, 0)]),
            [Outcome.Judged(true), Outcome.Judged(false)],
            parts: new(["a", "b"], [1, 1], [[0.5, double.NaN], [1, 2]]))
        { Masked = true };
        group.Advantages[0] = 9;
        group.Cosines = [1, 0.5, 0.5, 1];
        group.Novelty[1] = 0.75;
        var rows = RolloutLog.Rows(1, 0, group).ToArray();
        Assert.AreEqual("{\"a\":0.5,\"b\":null}", rows[0]["rewards"]!.ToJsonString());
        Assert.AreEqual("{\"a\":1,\"b\":2}", rows[1]["rewards"]!.ToJsonString());
        Assert.AreEqual(0, rows[0]["advantage"]!.GetValue<double>());
        Assert.AreEqual(0.75, rows[1]["nu"]!.GetValue<double>());
        Assert.IsFalse(rows[0].ContainsKey("pieces"));
    }
}
