using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Corrections;

namespace G2RL.Onnx.Tests;

/// <summary>Settings that contradict each other: each is told with its value and a way out, and what is beside it is allowed.</summary>
[TestClass]
public sealed class AlgorithmFaultsTests
{
    private static readonly AlgorithmConfig Usual = new() { Name = "grpo" };

    [TestMethod]
    public void Faults_OfUsualSettings_AreNone()
    {
        foreach (var name in AlgorithmTable.All.Keys)
            foreach (var profile in Profile.All.Keys)
                Assert.IsEmpty(AlgorithmChoice.Faults(new() { Name = name, Profile = profile }, "graph"), $"{name}, {profile}");
    }

    [TestMethod]
    public void Faults_UnknownNames_ListWhatThereIs()
    {
        Starts(Usual with { Name = "x" }, "algorithm.name is 'x'; there are: clip-higher, ");
        Starts(Usual with { Profile = "x" }, "algorithm.profile is 'x'; there are: openrlhf, ");
        Starts(Usual with { Advantage = "x" }, "algorithm.advantage is 'x'; there are: profile, batch-std, ");
        Starts(Usual with { Loss = "x" }, "algorithm.loss is 'x'; there are: profile, cispo, ");
        Starts(Usual with { Aggregation = "x" }, "algorithm.aggregation is 'x'; there are: profile, length-weighted, ");
        Starts(Usual with { Kl = "x" }, "algorithm.kl is 'x'; there are: profile, abs, ");
    }

    [TestMethod]
    public void Faults_BoundsOfTheRatio_AreAboveOneAndOneOfThem()
    {
        const string above = "it must be above 1, or 0 for none.";
        Starts(Usual with { DualClip = 1 }, "algorithm.dualClip is 1; " + above);
        Starts(Usual with { DualClip = double.PositiveInfinity }, "algorithm.dualClip is Infinity; " + above);
        Starts(Usual with { RatioLimit = 1 }, "algorithm.ratioLimit is 1; " + above);
        None(Usual with { DualClip = 1.1 });
        None(Usual with { DualClip = 0 });
        None(Usual with { RatioLimit = 1.1 });
        None(Usual with { RatioLimit = 2, DualClip = 0 });
        Starts(
            Usual with { DualClip = 3, Loss = "cispo" },
            "algorithm.dualClip is 3 with algorithm.loss cispo, which has no dual clip; leave dualClip out, or take the loss clipped.");
        None(Usual with { DualClip = 0, Loss = "cispo" });
        Starts(
            Usual with { RatioLimit = 2, Loss = "cispo" },
            "algorithm.ratioLimit is 2 with algorithm.loss cispo, which has none; leave it out, or take the loss clipped.");
        Starts(Usual with { RatioLimit = 2, DualClip = 3 }, "algorithm.ratioLimit is 2 with algorithm.dualClip 3; both bound");
        Starts(
            Usual with { ClipHigh = 0.3, Loss = "reinforce" },
            "algorithm.clipHigh is 0.3 with algorithm.loss reinforce, which clips no ratio; leave it out, or take the loss clipped.");
        Starts(Usual with { Name = "clip-higher", Loss = "reinforce" }, "algorithm.clipHigh is 0.28 with algorithm.loss reinforce");
        None(Usual with { ClipHigh = 0.3 });
        None(Usual with { Loss = "reinforce" });
    }

    [TestMethod]
    public void Faults_AggregationThatATrainerAlwaysHas_IsNamed()
    {
        Starts(
            Usual with { Profile = "verl", Loss = "sapo", Aggregation = "token-mean" },
            "algorithm.aggregation is token-mean with algorithm.loss sapo, which the trainer of algorithm.profile verl always averages by "
                + "seq-mean-token-mean; leave the aggregation out, or take another profile.");
        None(Usual with { Profile = "verl", Loss = "sapo", Aggregation = "seq-mean-token-mean" });
        None(Usual with { Profile = "verl", Loss = "sapo" });
        Starts(
            Usual with { Loss = "gmpo", Aggregation = "token-mean" },
            "algorithm.aggregation is token-mean with algorithm.loss gmpo, which is always averaged by row-mean-token-mean; leave");
        None(Usual with { Loss = "gmpo", Aggregation = "row-mean-token-mean" });
    }

    [TestMethod]
    [DataRow("tauPositive", "sapo", "sapo")]
    [DataRow("tauNegative", "sapo", "sapo")]
    [DataRow("penalty", "dro", "dro and kl-cov")]
    [DataRow("penalty", "kl-cov", "dro and kl-cov")]
    [DataRow("covarianceShare", "kl-cov", "clip-cov and kl-cov")]
    [DataRow("covarianceShare", "clip-cov", "clip-cov and kl-cov")]
    [DataRow("covarianceLow", "clip-cov", "clip-cov")]
    [DataRow("covarianceHigh", "clip-cov", "clip-cov")]
    public void Faults_ConstantOfOtherLosses_IsNamed(string name, string loss, string losses)
    {
        var config = name switch
        {
            "tauPositive" => Usual with { TauPositive = 0.5 },
            "tauNegative" => Usual with { TauNegative = 0.5 },
            "penalty" => Usual with { Penalty = 0.5 },
            "covarianceShare" => Usual with { CovarianceShare = 0.5 },
            "covarianceLow" => Usual with { CovarianceLow = 0.5 },
            _ => Usual with { CovarianceHigh = 0.5 },
        };
        Starts(config, $"algorithm.{name} is 0.5 with algorithm.loss clipped; only {losses} have it, leave it out.");
        None(config with { Loss = loss });
    }

    [TestMethod]
    public void Faults_WhatNeedsSomethingElse_IsNamed()
    {
        Starts(Usual with { KlOverRatio = true, KlCoefficient = 0 }, "algorithm.klOverRatio is true with algorithm.klCoefficient 0: ");
        None(Usual with { KlOverRatio = true, KlCoefficient = 0.1 });
        None(Usual with { KlOverRatio = false, KlCoefficient = 0 });
        Starts(
            Usual with { Correction = new() { Normalize = true } },
            "algorithm.correction.normalize is true with algorithm.correction.weights none: there are no weights; take tis or icePop, or "
                + "leave it out.");
        None(Usual with { Correction = new() { Normalize = true, Weights = CorrectionKind.Tis } });
        foreach (var (name, shaping, other) in new[]
        {
            ("g2rl-prose", ShapingKind.Shuffled, ShapingKind.Prose), ("g2rl-shuffled", ShapingKind.Prose, ShapingKind.Shuffled),
        })
        {
            Starts(
                Usual with { Name = name, Shaping = shaping },
                $"algorithm.shaping is {shaping} with algorithm.name {name}, which has its own; leave the shaping out, or take g2rl.");
            None(Usual with { Name = name, Shaping = other });
        }
        Starts(Usual with { StopAfter = 3 }, "algorithm.stopAfter is 3 with algorithm.name grpo, which shapes no rewards; ");
        None(Usual with { StopAfter = 3, Name = "g2rl" });
        Starts(Usual with { AlignmentWeight = 0.7 }, "algorithm.alignmentWeight is 0.7 with algorithm.name grpo; only gar has it");
        None(Usual with { AlignmentWeight = 0.7, Name = "gar" });
        Starts(
            Usual with { Profile = "trl", AdvantageEpsilon = 0.5 },
            "algorithm.advantageEpsilon is 0.5 with algorithm.profile trl, which has its own; leave one of them out.");
        None(Usual with { AdvantageEpsilon = 0.5 });
        Starts(
            Usual with { Name = "entropy", EntropyCoefficient = 0 },
            "algorithm.entropyCoefficient is 0 with algorithm.name entropy, which is 0.003 by default; leave it out, or take grpo.");
        None(Usual with { EntropyCoefficient = 0 });
        None(Usual with { Name = "entropy", EntropyCoefficient = 0.1 });
        Starts(
            Usual with { AdaptiveEntropy = new() { Target = 1 }, EntropyCoefficient = 0.1 },
            "algorithm.adaptiveEntropy.target is 1 with an entropyCoefficient of 0.1: ");
        None(Usual with { AdaptiveEntropy = new() { Target = 1 } });
        None(Usual with { EntropyCoefficient = 0.1 });
    }

    [TestMethod]
    public void Faults_AlgorithmsWithAdvantagesOfTheirOwn_TakeNoOthers()
    {
        Starts(
            Usual with { Name = "maxrl", Advantage = "rloo" },
            "algorithm.advantage is rloo with algorithm.name maxrl, whose advantages are its own; leave the advantage out.");
        None(Usual with { Advantage = "rloo" });
        Starts(
            Usual with { Name = "maxrl", Overlong = new() { Kind = OverlongKind.Bounded } },
            "algorithm.overlong.kind is Bounded with algorithm.name maxrl, whose advantages know nothing of it; leave it out, or take the "
                + "reward overlong where the algorithm reads rewards.");
        None(Usual with { Overlong = new() { Kind = OverlongKind.Bounded } });
        Starts(
            Usual with { Name = "g2rl", Advantage = "gdpo" },
            "algorithm.advantage is gdpo with algorithm.name g2rl; it normalises each of the rewards by itself and sees nothing of what "
                + "is made of their sum. Take grpo, or another advantage.");
        Starts(Usual with { Name = "embedding", Advantage = "gdpo" }, "algorithm.advantage is gdpo with algorithm.name embedding; ");
        var overlong =
            AlgorithmChoice.Faults(Usual with { Advantage = "gdpo", Overlong = new() { Kind = OverlongKind.Bounded } }, "graph").Single();
        StringAssert.StartsWith(overlong, "algorithm.advantage is gdpo with algorithm.overlong.kind Bounded; ");
        StringAssert.EndsWith(overlong, "Take the reward overlong instead.");
        None(Usual with { Advantage = "gdpo" });
    }

    [TestMethod]
    [DataRow("gspo", "losses of whole sequences need execution.gradients=graph.")]
    [DataRow("kl-cov", "losses over a whole mini-batch need execution.gradients=graph.")]
    public void Faults_LossThatTheStockPathLacks_IsNamed(string loss, string way)
    {
        var fault = AlgorithmChoice.Faults(Usual with { Loss = loss }, "ortTraining").Single();
        Assert.AreEqual($"algorithm.loss is {loss} with execution.gradients ortTraining; {way}", fault);
        None(Usual with { Loss = loss });
        Assert.IsEmpty(AlgorithmChoice.Faults(Usual, "ortTraining"));
    }

    [TestMethod]
    public void Of_RatioLimit_SwitchesTheProfilesDualClipOff()
    {
        var verl = Usual with { Profile = "verl" };
        Assert.AreEqual(3, AlgorithmChoice.Of(verl).DualClip);
        Assert.AreEqual(0, AlgorithmChoice.Of(verl with { RatioLimit = 2 }).DualClip);
        Assert.AreEqual(5, AlgorithmChoice.Of(verl with { DualClip = 5 }).DualClip);
        Assert.AreEqual(0, AlgorithmChoice.Of(verl with { Loss = "cispo" }).DualClip);
        Assert.AreEqual(0, AlgorithmChoice.Of(Usual).DualClip);
    }

    [TestMethod]
    public void Settings_OfTheAdvantage_TakeTheConfiguredEpsilonInTheDefaultProfileAlone()
    {
        var config = Usual with { AdvantageEpsilon = 0.5 };
        Assert.AreEqual(0.5, AlgorithmChoice.Of(config).Settings(config).Epsilon);
        Assert.AreEqual(1e-4, AlgorithmChoice.Of(config with { Profile = "trl" }).Settings(config with { Profile = "trl" }).Epsilon);
    }

    private static void None(AlgorithmConfig config) => Assert.IsEmpty(AlgorithmChoice.Faults(config, "graph"));

    private static void Starts(AlgorithmConfig config, string start)
    {
        var fault = AlgorithmChoice.Faults(config, "graph").Single();
        StringAssert.StartsWith(fault, start);
        StringAssert.EndsWith(fault, ".", "it says the way out");
    }
}
