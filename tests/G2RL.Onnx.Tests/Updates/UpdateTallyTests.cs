using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Optimizers;
using G2RL.Onnx.Training.Updates;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class UpdateTallyTests
{
    // Ratios 2, 1/2, 2, 1/2 and one masked; of the advantages two are up, two down.
    private static Microbatch Micro()
    {
        var micro = new Microbatch(new SequenceBatch([new([1], [2, 3, 4, 5, 6])]));
        var log2 = (float)Math.Log(2);
        float[] logProbs = [-1, -2, -1, -2, -5], old = [-1 - log2, -2 + log2, -1 - log2, -2 + log2, -1];
        for (var t = 0; t < 5; t++)
        {
            (micro.LogProbs[t], micro.OldLogProbs[t]) = (logProbs[t], old[t]);
            (micro.Weights[t], micro.Advantages[t]) = (t < 4 ? 0.25f : 0, t < 2 ? 1 : -1);
            (micro.Entropies[t], micro.ReferenceLogProbs[t]) = (t + 1, logProbs[t] + (t == 0 ? log2 : 0));
        }
        return micro;
    }

    private static IReadOnlyDictionary<string, double> Report(AlgorithmConfig config, Action<UpdateTally> act)
    {
        var (tally, metrics) = (new UpdateTally(config), new StepMetrics(1));
        act(tally);
        tally.Report(metrics);
        return metrics.Values;
    }

    [TestMethod]
    public void Report_TwoUpdates_HasTheirMeans()
    {
        var config = new AlgorithmConfig { ClipLow = 0.2, ClipHigh = 0.3, KlCoefficient = 0.1 };
        var values = Report(config, tally =>
        {
            tally.Add(Micro(), 4);
            tally.AddUpdate(0.5, 3, 0.1);
            tally.Add(Micro(), 4);
            tally.AddUpdate(1.5, 5, 0.01);
        });
        Assert.AreEqual(2, values["policy/updates"]);
        Assert.AreEqual(1, values["policy/loss"]);
        Assert.AreEqual(4, values["policy/gradient_norm"]);
        Assert.AreEqual(0.01, values["policy/learning_rate"]);
        // (2 + 1/2 + 2 + 1/2) / 4
        Assert.AreEqual(1.25, values["policy/ratio_mean"], 1e-6);
        Assert.AreEqual(2, values["policy/ratio_max"], 1e-6);
        // Up and too likely, down and too unlikely: the first and the last.
        Assert.AreEqual(0.5, values["policy/clip_share"]);
        // (1 + 2 + 3 + 4) / 4
        Assert.AreEqual(2.5, values["policy/entropy_nats"]);
        // e^d - d - 1 with d = ln 2 for one token of four
        Assert.AreEqual((2 - Math.Log(2) - 1) / 4, values["policy/kl_nats"], 1e-6);
    }

    [TestMethod]
    public void Report_ClipShare_BeginsBeyondTheBounds()
    {
        double Share(double low, double high) => Report(new() { ClipLow = low, ClipHigh = high }, tally =>
        {
            tally.Add(Micro(), 4);
            tally.AddUpdate(0, 1, 1);
        })["policy/clip_share"];

        Assert.AreEqual(0, Share(0.6, 1.1));
        Assert.AreEqual(0.25, Share(0.4, 1.1));
        Assert.AreEqual(0.25, Share(0.6, 0.9));
        Assert.AreEqual(0.5, Share(0.4, 0.9));
    }

    [TestMethod]
    public void Report_ExactBoundOrNoAdvantage_IsNotClipped()
    {
        var values = Report(new() { ClipLow = 0.5, ClipHigh = 0.2 }, tally =>
        {
            var micro = Micro();
            // Half as likely exactly, and advantages of nothing where the ratio is far off.
            (micro.LogProbs[3], micro.OldLogProbs[3]) = (0, (float)Math.Log(2));
            (micro.LogProbs[0], micro.OldLogProbs[0], micro.Advantages[0]) = (0, -2, 0);
            (micro.LogProbs[1], micro.OldLogProbs[1], micro.Advantages[1]) = (-2, 0, 0);
            tally.Add(micro, 4);
            tally.AddUpdate(0, 1, 1);
        });
        Assert.AreEqual(0, values["policy/clip_share"], 0.25 * (Math.Exp(-(float)Math.Log(2)) < 0.5 ? 1 : 0));
    }

    // What a first update has: a ratio of exactly 1, at bounds that lie there.
    [TestMethod]
    [DataRow("clipped", "paper", 0.0, 1.0)]
    [DataRow("clipped", "paper", 0.0, -1.0)]
    [DataRow("cispo", "trl", 1.0, 1.0)]
    public void Report_RatioOfOne_IsNeverClipped(string loss, string profile, double high, double advantage)
    {
        var config = new AlgorithmConfig { Name = "grpo", Loss = loss, Profile = profile, ClipLow = 0, ClipHigh = high };
        Assert.AreEqual(loss == "cispo" ? 1 : 0, PolicyLossSettings.Of(config).RatioBound);
        var values = Report(config, tally =>
        {
            var micro = Micro();
            micro.LogProbs.CopyTo(micro.OldLogProbs, 0);
            Array.Fill(micro.Advantages, (float)advantage);
            tally.Add(micro, 4);
            tally.AddUpdate(0, 1, 1);
        });
        Assert.AreEqual(0, values["policy/clip_share"]);
    }

    [TestMethod]
    public void Report_CispoOfTrl_ClipsWhatIsAboveItsBound()
    {
        var config = new AlgorithmConfig { Name = "grpo", Loss = "cispo", Profile = "trl" };
        var bound = PolicyLossSettings.Of(config).RatioBound;
        var values = Report(config, tally =>
        {
            var micro = Micro();
            for (var t = 0; t < 4; t++)
                (micro.LogProbs[t], micro.OldLogProbs[t]) = (t < 3 ? (float)Math.Log(bound * 1.1) : (float)Math.Log(bound * 0.9), 0);
            tally.Add(micro, 4);
            tally.AddUpdate(0, 1, 1);
        });
        Assert.AreEqual(0.75, values["policy/clip_share"]);
    }

    [TestMethod]
    public void Report_NoPenaltyOrNorm_LeavesThemOut()
    {
        var values = Report(new() { KlCoefficient = 0 }, tally =>
        {
            tally.Add(Micro(), 4);
            tally.AddUpdate(1, 1, 1);
            tally.AddUpdate(1, null, 1);
        });
        Assert.IsFalse(values.ContainsKey("policy/kl_nats"));
        Assert.IsFalse(values.ContainsKey("policy/gradient_norm"));
        Assert.IsFalse(Report(new(), tally => tally.AddUpdate(1, null, 1)).ContainsKey("policy/gradient_norm"));
    }

    [TestMethod]
    public void Report_NoUpdate_HasNoLoss()
    {
        var values = Report(new(), _ => { });
        CollectionAssert.AreEquivalent(new[] { "policy/updates", "policy/loss" }, values.Keys.ToArray());
        Assert.AreEqual(0, values["policy/loss"]);
    }
}
