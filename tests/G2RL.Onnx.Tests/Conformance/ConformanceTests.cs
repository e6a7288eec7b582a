using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Losses;
using G2RL.Onnx.Conformance;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Tests;

/// <summary>Golden cases through the train graph's objective.</summary>
[TestClass]
public sealed class ConformanceTests
{
    // The committed sample of what lies in ../shared/golden.
    [TestMethod]
    public void Run_FixturesOfGoldenFiles_EveryCaseAgrees()
    {
        var report = ConformanceRun.Run([SharedFolder.InRepository("tests", "fixtures", "golden")]);
        Assert.AreEqual("", string.Join(
            "; ",
            report.Files.SelectMany(f => f.Cases).Where(c => c.Supported && !c.Passed).Select(c => $"{c.Id}: {c.Fault}")));
        Assert.HasCount(6, report.Files);
        Assert.IsTrue(report.Files.All(f => f.Passed > 0));
        Assert.IsGreaterThanOrEqualTo(90, report.Files.Sum(f => f.Passed));
    }

    [TestMethod]
    public void Run_GoldenFiles_AllSupportedCasesAgree()
    {
        var report = ConformanceRun.Run([SharedFolder.Require("golden")]);
        Assert.AreEqual("", string.Join(
            "; ",
            report.Files.SelectMany(f => f.Cases).Where(c => c.Supported && !c.Passed).Select(c => $"{c.Id}: {c.Fault}")));
        Assert.IsGreaterThanOrEqualTo(413, report.Files.Sum(f => f.Passed));
        Assert.IsTrue(report.IsGreen(strict: false));
        Assert.IsFalse(report.IsGreen(strict: true));
        CollectionAssert.AreEqual(new[] { "README.md", "SPEC.md", "_fixtures.json" }, report.NotCases.Select(Path.GetFileName).ToArray());
    }

    [TestMethod]
    public void Run_GoldenModel_EveryCaseAgrees()
    {
        var report = ConformanceRun.Run([SharedFolder.Require("models", "golden-qwen2-a")]);
        Assert.AreEqual(
            "",
            string.Join("; ", report.Files.SelectMany(f => f.Cases).Where(c => !c.Passed).Select(c => $"{c.Id}: {c.Fault}")));
        Assert.HasCount(8, report.Files.Single().Cases);
    }

    [TestMethod]
    public void Run_WrongExpectationUnknownKindAndBrokenFile_AreToldApart()
    {
        var folder = Directory.CreateTempSubdirectory("g2rl-test-").FullName;
        try
        {
            var path = Path.Combine(folder, "cases.json");
            File.WriteAllText(path, """
                {"cases": [
                  {"id": "right", "inputs": {"n": 4, "c": 1, "k": 2}, "expected": {"unbiased": 0.5}},
                  {"id": "wrong", "inputs": {"n": 4, "c": 1, "k": 2}, "expected": {"unbiased": 0.6}},
                  {"id": "nothing", "inputs": {"n": 4, "c": 1, "k": 2}, "expected": {}},
                  {"id": "strange/1", "inputs": {}, "expected": 1}
                ]}
                """);
            var file = ConformanceRun.Run([folder]).Files.Single();
            Assert.AreEqual((1, 2, 1), (file.Passed, file.Failed, file.Unsupported));
            StringAssert.Contains(file.Cases[1].Fault, "unbiased is 0.5, expected 0.6");
            StringAssert.Contains(file.Cases[2].Fault, "nothing was compared");
            StringAssert.Contains(file.Cases[3].Kind, "strange");
            File.WriteAllText(path, "{\"cases\": [");
            StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => ConformanceRun.Run([folder])).Message, "cases.json");
            Assert.ThrowsExactly<InputException>(() => ConformanceRun.Run([Path.Combine(folder, "absent")]));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [TestMethod]
    // Columns of [[1, 2], [3, NaN]]; everything. The sample deviation of 1 and 3 is sqrt(2), of one number none; of 1, 2, 3 it is 1.
    [DataRow("nanstd", "{'x': [[1, 2], [3, null]]}", "{'dim': 0}", "[1.4142135623730951, 'NaN']")]
    [DataRow("nanstd", "{'tensor': [1, 2, null, 3]}", "{}", "1")]
    [DataRow("trl/nanmax", "{'x': [1, 2, null]}", "{}", "2")]
    // verl's mean adds 1e-8 to the count, which float32 keeps only where nothing is there; OpenRLHF adds nothing.
    [DataRow("masked_mean/axis", "{'x': [[1, 2, 3], [4, 5, 6]], 'mask': [[1, 0, 1], [0, 0, 0]]}", "{'axis': 1}", "[2, 0]")]
    [DataRow("masked_mean/axis", "{'x': [[1, 2, 3], [4, 5, 6]], 'mask': [[1, 0, 1], [1, 0, 0]]}", "{'axis': -2}", "[2.5, 0, 3]")]
    [DataRow("openrlhf/masked_mean", "{'x': [[1, 2], [4, 6]], 'mask': [[1, 1], [0, 0]]}", "{'dim': -1}", "[1.5, 'NaN']")]
    [DataRow("masked_mean/all", "{'x': [[1, 2], [4, 'NaN']], 'mask': [[1, 1], [1, 0]]}", "{'axis': [0, 1]}", "2.3333333333333335")]
    // (1 + 1) / 2, or over N - 1.
    [DataRow("masked_var/biased", "{'x': [1, 3, 9], 'mask': [1, 1, 0]}", "{'unbiased': false}", "1")]
    [DataRow("masked_var", "{'x': [1, 3, 9], 'mask': [1, 1, 0]}", "{}", "2")]
    [DataRow("masked_sum", "{'x': [[1, 3], [9, 1]], 'mask': [[1, 1], [0, 1]]}", "{'axis': 0}", "[1, 4]")]
    public void Statistics_OfEverythingOrAlongAnAxis_Agree(string id, string inputs, string parameters, string expected)
    {
        using var document = System.Text.Json.JsonDocument.Parse(
            $"{{'id': '{id}', 'inputs': {inputs}, 'params': {parameters}, 'expected': {expected}}}".Replace('\'', '"'));
        var result = ConformanceRun.Case(new GoldenCase(document.RootElement, "test", ""), 1e-7, 1e-7);
        Assert.AreEqual((true, ""), (result.Supported, result.Fault), result.Kind);
    }

    [TestMethod]
    public void Objective_Default_IsWrittenAsItAlwaysWas()
    {
        var graph = new Graph("objective");
        var op = new OpBuilder(graph);
        var (logProbs, entropy) = (graph.Input("log_probs", ElementType.Float32, "R"), graph.Input("entropy", ElementType.Float32, "R"));
        PolicyLoss.Objective(new(0.2, 0.28, KlCoefficient: 0.01, EntropyCoefficient: 0.003))(op, logProbs, entropy);
        Assert.AreEqual(
            "Sub Exp Neg Mul Clip Mul Max Sub Exp Sub Sub Mul Add Mul Sub Mul ReduceSum",
            string.Join(' ', graph.Nodes.Select(n => n.Op)));
        CollectionAssert.AreEqual(
            new[] { "log_probs", "entropy", "old_log_probs", "advantages", "weights", "reference_log_probs" },
            graph.Inputs.Select(i => i.Name).ToArray());
    }

    [TestMethod]
    public void Objective_EveryLossInMicrobatches_AddsUpToTheWhole()
    {
        foreach (var (name, loss) in LossTable.All.Where(l => !l.Value.WholeBatch))
            foreach (var (mode, aggregation) in Aggregations.All.Where(a => loss.Aggregation is null || a.Key == loss.Aggregation))
            {
                var whole = Run(name, aggregation, 0, Rows);
                var parts = new[] { Run(name, aggregation, 0, 2), Run(name, aggregation, 2, 3), Run(name, aggregation, 3, Rows) };
                Assert.AreEqual(whole.Loss, parts.Sum(p => p.Loss), 1e-6 * Math.Max(1, Math.Abs(whole.Loss)), $"{name}, {mode}");
                var largest = whole.Gradient.Max(Math.Abs);
                foreach (var (one, other) in whole.Gradient.Zip(parts.SelectMany(p => p.Gradient)))
                    Assert.AreEqual(one, other, 2e-5 * largest, $"{name}, {mode}");
            }
    }

    [TestMethod]
    public void Objective_NumbersInMaskedPositions_NeverReachAResultOfThePaperProfile()
    {
        foreach (var (name, loss) in LossTable.All)
            foreach (var (mode, aggregation) in Aggregations.All.Where(a =>
                !a.Value.EveryPosition && (loss.Aggregation is null || a.Key == loss.Aggregation)))
            {
                var clean = Run(name, aggregation, 0, Rows);
                foreach (var bad in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1e30f })
                {
                    var soiled = Run(name, aggregation, 0, Rows, bad);
                    Assert.AreEqual(clean.Loss, soiled.Loss, $"{name}, {mode}, {bad}");
                    CollectionAssert.AreEqual(clean.Gradient, soiled.Gradient, $"{name}, {mode}, {bad}");
                }
            }
    }

    [TestMethod]
    public void Objective_NothingUnmasked_IsZeroInThePaperProfile()
    {
        float[] none = new float[Rows * Width];
        foreach (var (name, _) in LossTable.All)
            foreach (var (_, aggregation) in Aggregations.All)
            {
                var weights = Aggregations.Weights(aggregation, none, Rows, Aggregations.Count(none, Rows), emptyIsZero: true);
                var result = ObjectiveRunner.Run(new(
                    Settings(name),
                    Noise(1),
                    none,
                    Rows,
                    Noise(2),
                    weights)
                { Old = Noise(3), Reference = Noise(4), Entropies = Noise(5) });
                Assert.AreEqual(0, result.Loss, name);
                Assert.IsTrue(result.Gradient.All(g => g == 0), name);
            }
    }

    private const int Rows = 5;
    private const int Width = 6;

    private static readonly float[] Mask = [1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0];

    private static PolicyLossSettings Settings(string loss) => new(
        0.2,
        0.28,
        KlCoefficient: 0.05,
        EntropyCoefficient: 0.01)
    { Loss = loss, SkipMasked = true };

    private static ObjectiveResult Run(string loss, Aggregation aggregation, int start, int end, float masked = 0)
    {
        var part = (start * Width)..(end * Width);
        var batch = Aggregations.Count(Mask, Rows);
        float[] Values(int seed) => [.. Noise(seed).Select((v, i) => Mask[i] == 0 ? masked : v).Take(part)];
        float[] advantages = [.. Enumerable.Range(0, Rows * Width)
            .Select(i => Mask[i] == 0 ? masked : ((i / Width) % 2 == 0 ? 1 : -1) * (1 + (i / Width)))
            .Take(part)];
        var weights = Aggregations.Weights(aggregation, Mask.AsSpan(part), end - start, batch, emptyIsZero: true);
        return ObjectiveRunner.Run(new(
            Settings(loss),
            Values(1),
            Mask[part],
            end - start,
            advantages,
            weights)
        { Old = Values(3), Reference = Values(4), Entropies = Values(5) });
    }

    private static float[] Noise(int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, Rows * Width).Select(_ => (float)(-0.1 - random.NextDouble()))];
    }
}
