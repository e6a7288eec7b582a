using System.Text.Json.Nodes;
using G2RL.Onnx.Evaluation;

namespace G2RL.Onnx.Tests;

/// <summary>The row of evaluations.jsonl, to the letter: reports, tables and other programs read it.</summary>
[TestClass]
public sealed class EvaluationResultTests
{
    private static readonly EvaluationResult Full = new(7, 30, 4, new(0.5, 0.4, 0.6), 0.75, 0.25, 0.875, 0.625, 12.5, 0.125, 3, 1.5)
    {
        PassAtK = [0.5, 0.75],
        MajorityAtK = new SortedDictionary<int, double> { [1] = 0.5, [4] = 0.25 },
        PassAtNInterval = new(0.75, 0.7, 0.8),
        MajorityInterval = new(0.25, 0.2, 0.3),
        Repeats = 2,
        RepeatDeviation = 0.0625,
        Benchmarks = [("amc", new(7, 2, 1, new(1, 1, 1), 1, 1, 1, 1, double.NaN, 0, 0, 0))],
    };

    [TestMethod]
    public void ToJson_Full_HoldsEveryNumberUnderItsName() => Assert.AreEqual(
        """{"step":7,"problems":30,"samples":4,"pass@1":0.5,"pass@1_low":0.4,"pass@1_high":0.6,"pass@4":0.75,"maj@4":0.25,"""
            + """ "pass@4_low":0.7,"pass@4_high":0.8,"maj@4_low":0.2,"maj@4_high":0.3,"well_formed":0.875,"pass@1_well_formed":0.625,"""
            .TrimStart()
            + """ "unparseable":0.125,"response_length":12.5,"truncated":0.125,"failures":3,"seconds":1.5,"repeats":2,""".TrimStart()
            + """ "pass@1_repeat_sd":0.0625,"pass@k":[0.5,0.75],"maj@k":{"1":0.5,"4":0.25},"benchmarks":{"amc":{"step":7,""".TrimStart()
            + """ "problems":2,"samples":1,"pass@1":1,"pass@1_low":1,"pass@1_high":1,"maj@1":1,"well_formed":1,""".TrimStart()
            + """ "pass@1_well_formed":1,"unparseable":0,"truncated":0,"failures":0,"seconds":0}}}""".TrimStart(),
        Full.ToJson().ToJsonString());

    [TestMethod]
    public void ToJson_OneSampleOnce_LeavesOutWhatItCannotSay()
    {
        var row =
            (Full with { Samples = 1, Repeats = 1, PassAtK = [], MajorityAtK = new Dictionary<int, double>(), Benchmarks = [] }).ToJson();
        foreach (var name in new[] { "pass@1_repeat_sd", "repeats", "maj@1_low", "maj@1_high", "pass@k", "maj@k", "benchmarks" })
            Assert.IsFalse(row.ContainsKey(name), name);
        // The interval of pass@1 is that of the mean, not of "pass@n".
        Assert.AreEqual(0.4, (double)row["pass@1_low"]!);
    }

    [TestMethod]
    public void FromJson_ReadsWhatWasWritten()
    {
        foreach (var row in new[] { Full.ToJson(), JsonNode.Parse(Full.ToJson().ToJsonString())!.AsObject() })
        {
            var read = EvaluationResult.FromJson(row);
            Assert.AreEqual(
                (7, 30, 4, new Interval(0.5, 0.4, 0.6), 0.75, 0.25),
                (read.Step, read.Problems, read.Samples, read.PassAt1, read.PassAtN, read.MajorityAtN));
            Assert.AreEqual(
                (0.875, 0.625, 12.5, 0.125, 3, 1.5),
                (read.WellFormed, read.PassAt1WellFormed, read.ResponseLength, read.Truncated, read.Failures, read.Seconds));
        }
        var unknown = Full.ToJson();
        unknown.Remove("response_length");
        Assert.IsTrue(double.IsNaN(EvaluationResult.FromJson(unknown).ResponseLength));
    }

    [TestMethod]
    [DataRow("step")]
    [DataRow("problems")]
    [DataRow("samples")]
    [DataRow("pass@1")]
    [DataRow("pass@1_low")]
    [DataRow("pass@1_high")]
    [DataRow("pass@4")]
    [DataRow("maj@4")]
    [DataRow("well_formed")]
    [DataRow("pass@1_well_formed")]
    [DataRow("truncated")]
    [DataRow("failures")]
    [DataRow("seconds")]
    public void FromJson_NumberMissingOrText_IsNamed(string name)
    {
        var row = Full.ToJson();
        foreach (var change in new Action[] { () => row[name] = "x", () => row.Remove(name) })
        {
            change();
            StringAssert.Contains(
                Assert.ThrowsExactly<InputException>(() => EvaluationResult.FromJson(row)).Message,
                $"An evaluation lacks the number '{name}': ");
        }
    }

    [TestMethod]
    public void GeometryToJson_HoldsEveryNumberUnderItsName() => Assert.AreEqual(
        """{"step":3,"problems":5,"samples":2,"sampling_temperature":1,"feature_temperature":0.5,"pairs":5,"cosine_mean":0.25,"""
            + """ "cosine_negative_share":0.125,"cosine_small_share":0.375,"semantic_cosine_mean":0.75,"identical_share":0.2,""".TrimStart()
            + """ "novelty_reliability":0.1,"novelty_right":0.3,"novelty_wrong":0.4,"histogram":[1,4]}""".TrimStart(),
        new GeometryResult(3, 5, 2, 1, 0.5, new(5, 0.25, 0.125, 0.375), [1, 4], 0.75, 0.2)
        {
            NoveltyReliability = 0.1,
            NoveltyRight = 0.3,
            NoveltyWrong = 0.4,
        }.ToJson().ToJsonString());

    [TestMethod]
    public void HistogramAdd_OtherSizes_AreRefused()
    {
        Assert.ThrowsExactly<ArgumentException>(() => CosineHistogram.Add([1, 0, 0], 2, new long[CosineHistogram.Bins]));
        Assert.ThrowsExactly<ArgumentException>(() => CosineHistogram.Add([1, 0, 0, 1], 2, new long[CosineHistogram.Bins - 1]));
        // Every row its own: of (i, j) = (0, 1), (0, 2), (1, 2) the last is the only 0.5.
        var histogram = new long[CosineHistogram.Bins];
        CosineHistogram.Add([1, 0, 0, 9, 1, 0.5, 9, 9, 1], 3, histogram);
        Assert.AreEqual((2, 1, 3), (histogram[20], histogram[30], histogram.Sum()));
    }
}
