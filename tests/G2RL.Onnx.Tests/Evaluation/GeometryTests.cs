using G2RL.Onnx.Algorithms.Novelty;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class GeometryTests
{
    [TestMethod]
    public void Over_TwoGroupsByHand_CountsPairsWithinGroupsOnly()
    {
        // Group 1: (1,0), (0,2), (3,3): cosines 0, 1/sqrt 2, 1/sqrt 2. Group 2: (1,0), (-2,0), (0,1): -1, 0, 0. Six pairs, not fifteen.
        var (geometry, histogram) = GeometryMeasurement.Over([[1, 0], [0, 2], [3, 3], [1, 0], [-2, 0], [0, 1]], 3);
        Assert.AreEqual(6, geometry.Pairs);
        Assert.AreEqual((Math.Sqrt(2) - 1) / 6, geometry.MeanCosine, 1e-7);
        Assert.AreEqual(1.0 / 6, geometry.NegativeShare, 1e-12);
        Assert.AreEqual(3.0 / 6, geometry.OrthogonalShare, 1e-12);
        // -1 in the first bin; three zeros in [0, .05), number 20; two of .7071 in [.70, .75), number 34.
        Assert.AreEqual(6, histogram.Sum());
        Assert.AreEqual((1, 3, 2), (histogram[0], histogram[20], histogram[34]));
    }

    [TestMethod]
    public void Over_NoWholeGroups_IsRefused()
    {
        Assert.ThrowsExactly<ArgumentException>(() => GeometryMeasurement.Over([[1], [1], [1]], 2));
        Assert.ThrowsExactly<ArgumentException>(() => GeometryMeasurement.Over([], 2));
        Assert.ThrowsExactly<ArgumentException>(() => GeometryMeasurement.Over([[1]], 1));
    }

    [TestMethod]
    [DataRow(-1.0000001, 0)]
    [DataRow(-1.0, 0)]
    [DataRow(-0.001, 19)]
    [DataRow(0.0, 20)]
    [DataRow(0.96, 39)]
    [DataRow(1.0000001, 39)]
    public void Bin_Cosines_FallIntoTheirInterval(double cosine, int bin)
    {
        Assert.AreEqual(bin, CosineHistogram.Bin(cosine));
        Assert.AreEqual(bin, CosineHistogram.Bin(CosineHistogram.Middle(bin)));
    }

    [TestMethod]
    public void Signal_AnOutlierByHand_IsReliable()
    {
        // Four alike and one at right angles. Against siblings 1, 3 and 2, 4 (0-based, in turn): nu of 0 is 0 and sqrt(1/2); of 1 to 3
        // likewise;
        // of the outlier 1 and 1. Halves (0,0,0,0,1) and (.71,.71,.71,.71,1) correlate fully.
        var cosines = Enumerable.Range(0, 25).Select(i => (i / 5 == 4) == (i % 5 == 4) ? 1.0 : 0).ToArray();
        var signal = new NoveltySignal();
        Assert.IsNull(signal.Reliability);
        signal.Add(cosines, [1, 1, 1, -1, -1]);
        Assert.AreEqual(1, signal.Reliability!.Value, 1e-12);
        // Weights e and 1/e: the right ones' sum of weights of others is 2e + 2/e, of which 1/e is the outlier's: nu^2 = (1/e) / (2e + 2/e)
        // = .059601.
        // Wrong: the like one has 3e + 1/e, nu^2 = (1/e) / (3e + 1/e) = .043165; the outlier 1.
        Assert.AreEqual(0.244134, signal.Right!.Value, 1e-6);
        Assert.AreEqual((0.207761 + 1) / 2, signal.Wrong!.Value, 1e-6);
    }

    [TestMethod]
    public void Signal_NothingToCompare_IsUnknown()
    {
        var signal = new NoveltySignal();
        // All alike, all right: no spread, no wrong ones.
        signal.Add(Enumerable.Repeat(1.0, 16).ToArray(), [1, 1, 1, 1]);
        Assert.AreEqual((null, null, null), (signal.Reliability, signal.Right, signal.Wrong));
        // Three have no halves.
        signal.Add([1, 0, 0, 0, 1, 0, 0, 0, 1], [1, -1, -1]);
        Assert.IsNull(signal.Reliability);
        Assert.AreEqual((1.0, 1.0), (signal.Right, signal.Wrong));
    }

    [TestMethod]
    public void Signal_IndependentDirections_IsAnAccident()
    {
        var signal = new NoveltySignal();
        var cosines = new double[64];
        for (var g = 0; g < 400; g++)
        {
            var features = Enumerable.Range(0, 8).Select(i =>
            {
                var feature = new float[6];
                Seeds.Normal(3, (g * 8) + i, feature);
                return feature;
            }).ToArray();
            ExplorationScore.Cosines(features, cosines);
            signal.Add(cosines, [1, 1, 1, 1, -1, -1, -1, -1]);
        }
        // Directions drawn alike: a response's novelty against one half says nothing about the other. 3,200 pairs have a standard error of
        // .018.
        Assert.AreEqual(0, signal.Reliability!.Value, 0.1);
        Assert.AreEqual(signal.Right!.Value, signal.Wrong!.Value, 0.02);
    }

    [TestMethod]
    public void Run_AtTheSamplingTemperature_EqualsTheFeaturesOfTheSampler()
    {
        using var model = new TinyModel();
        var (config, problems) = (model.Config, TinyModel.Problems());
        var settings = new GeometrySettings { Problems = 5, Samples = 4, OtherTemperatures = [0.5] };
        var results = GeometryMeasurement.Run(config, settings, problems);
        Assert.HasCount(2, results);
        Assert.AreEqual((1, 0.5), (results[0].FeatureTemperature, results[1].FeatureTemperature));
        Assert.AreEqual(
            (5, 4, 5 * 6L, 5 * 6L),
            (results[0].Problems, results[0].Samples, results[0].Gradient.Pairs, results[0].Histogram.Sum()));
        // The same responses by the sampler, whose features are accumulated on another path, and whose hidden states give the semantic
        // cosine.
        using var inputs = new RunInputs(config, problems);
        using var sampler = new Sampler(inputs.Policy, inputs.Tokenizer, inputs.TrainingSampler());
        var drawn = sampler.Draw(new(
            [.. problems.HeldOut(5).Select(inputs.Encode)],
            4,
            Seeds.Derive(config.Evaluation.Seed, Seeds.Purpose.Evaluation, 1),
            0,
            WithFeatures: true,
            WithHidden: true)).SelectMany(g => g).ToArray();
        using var projector = new FeatureProjector(inputs.Policy.Spec, 1);
        var expected = GeometryMeasurement.Over(projector.Project(inputs.Policy, [.. drawn.Select(r => r.FeatureWeights!)]), 4);
        Assert.AreEqual(expected.Geometry.MeanCosine, results[0].Gradient.MeanCosine, Tolerances.MeanCosine);
        Assert.AreEqual(expected.Geometry.NegativeShare, results[0].Gradient.NegativeShare, 1.5 / 30);
        var width = inputs.Policy.Spec.HiddenSize;
        var means = drawn.Select(r =>
            Enumerable.Range(0, width).Select(d => r.HiddenStates!.Where((_, i) => i % width == d).Average()).ToArray()).ToArray();
        Assert.AreEqual(GeometryMeasurement.Over(means, 4).Geometry.MeanCosine, results[0].SemanticCosine, Tolerances.MeanCosine);
        // Another temperature of p_t is another feature; the responses and their meaning are the same.
        Assert.AreNotEqual(results[0].Gradient.MeanCosine, results[1].Gradient.MeanCosine, 1e-4);
        Assert.AreEqual((results[0].SemanticCosine, results[0].IdenticalShare), (results[1].SemanticCosine, results[1].IdenticalShare));
    }

    [TestMethod]
    public void Run_AnyThreads_GivesTheSameNumbers()
    {
        using var model = new TinyModel();
        string Rows(int threads) => string.Join('\n', GeometryMeasurement.Run(
            model.Config with { Execution = new() { Threads = threads } },
            new() { Problems = 4, Samples = 3 },
            TinyModel.Problems()).Select(r => r.ToJson().ToJsonString()));
        Assert.AreEqual(Rows(1), Rows(3));
    }

    [TestMethod]
    public void Run_SettingsOutOfRange_AreAllNamed()
    {
        using var model = new TinyModel();
        var e = Assert.ThrowsExactly<InputException>(() =>
            GeometryMeasurement.Run(model.Config, new() { Problems = 0, Samples = 1, OtherTemperatures = [0.5, 0] }));
        foreach (var part in new[]
        {
            "geometry.problems is 0",
            "geometry.samples is 1; a pair needs 2",
            "geometry.otherTemperatures holds 0",
        })
            Assert.Contains(part, e.Message);
    }

    [TestMethod]
    public void Run_ShortResponses_SharesIdenticalPairsAndNoveltyByTheirJudgement()
    {
        using var model = new TinyModel();
        var config = model.Config with { Sampling = model.Config.Sampling with { MaxNewTokens = 1 } };
        var problems = TinyModel.Problems();
        var progress = new List<(int Done, int Of)>();
        var result = GeometryMeasurement.Run(config, new() { Problems = 6, Samples = 8, OtherTemperatures = [] }, problems, (done, of) =>
        {
            lock (progress)
                progress.Add((done, of));
        }).Single();
        Assert.AreEqual((48, 48), (progress.Max(p => p.Done), progress.Max(p => p.Of)));
        using var inputs = new RunInputs(config, problems);
        using var sampler = new Sampler(inputs.Policy, inputs.Tokenizer, inputs.TrainingSampler());
        var heldOut = problems.HeldOut(6);
        var drawn = sampler.Draw(new(
            [.. heldOut.Select(inputs.Encode)],
            8,
            Seeds.Derive(config.Evaluation.Seed, Seeds.Purpose.Evaluation, 1),
            0,
            WithFeatures: true));
        // One token each: alike where it is the same. 28 pairs a group.
        var alike = drawn.Sum(g => g.GroupBy(r => r.Tokens.Single()).Sum(t => t.Count() * (t.Count() - 1) / 2));
        Assert.IsGreaterThan(0, alike);
        Assert.AreEqual(alike / (6 * 28.0), result.IdenticalShare, 1e-12);
        using var projector = new FeatureProjector(inputs.Policy.Spec, 1);
        var signal = new NoveltySignal();
        foreach (var (group, problem) in drawn.Zip(heldOut))
        {
            var cosines = new double[64];
            ExplorationScore.Cosines(projector.Project(inputs.Policy, [.. group.Select(r => r.FeatureWeights!)]), cosines);
            signal.Add(cosines, [.. group.Select(r => problems.Judge(problem, r.Text, r.Finished).Score > 0 ? 1.0 : -1)]);
        }
        Assert.AreEqual(signal.Right!.Value, result.NoveltyRight!.Value, Tolerances.MeanCosine);
        Assert.AreEqual(signal.Wrong!.Value, result.NoveltyWrong!.Value, Tolerances.MeanCosine);
        Assert.AreEqual(signal.Reliability!.Value, result.NoveltyReliability!.Value, 1e-3);
        // A judge whose wrong answers get 0 draws the same line.
        var zero = GeometryMeasurement.Run(
            config,
            new() { Problems = 6, Samples = 8, OtherTemperatures = [] },
            TinyModel.Problems(text => Problems.Outcome.Scored(TinyModel.IsEven(text).Score > 0 ? 1 : 0))).Single();
        Assert.AreEqual((result.NoveltyRight, result.NoveltyWrong), (zero.NoveltyRight, zero.NoveltyWrong));
    }

    [TestMethod]
    public void Run_PromptTooLongOrNothingHeldOut_IsRefused()
    {
        using var model = new TinyModel();
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => GeometryMeasurement.Run(
                model.Config with { Sampling = model.Config.Sampling with { MaxPromptTokens = 2 } }, new(), TinyModel.Problems())).Message,
            "sampling.maxPromptTokens");
        var empty = new Problems.FunctionProblemSet("empty", [new("t", "1+1=", "2")], [], (_, _) => Problems.Outcome.Judged(true));
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => GeometryMeasurement.Run(model.Config, new(), empty)).Message,
            "'empty' has no held-out problems");
    }

    [TestMethod]
    public void Faults_OfSettings_BeginBeyondTheirRange()
    {
        static string Of(GeometrySettings settings) => string.Join(' ', settings.Faults());
        Assert.AreEqual("", Of(new()));
        Assert.AreEqual("", Of(new() { Problems = 1, Samples = 2, OtherTemperatures = [1e-6, 1e6] }));
        Assert.AreEqual("", Of(new() { Problems = 1_000_000, Samples = 10_000, OtherTemperatures = [] }));
        StringAssert.StartsWith(Of(new() { Problems = 1_000_001 }), "geometry.problems is 1000001; it must be 1 to 1000000.");
        StringAssert.StartsWith(Of(new() { Samples = 10_001 }), "geometry.samples is 10001; ");
        StringAssert.StartsWith(Of(new() { OtherTemperatures = [1.1e6] }), "geometry.otherTemperatures holds 1100000; ");
        StringAssert.StartsWith(Of(new() { OtherTemperatures = [double.NaN] }), "geometry.otherTemperatures holds NaN; ");
        var message = Of(new() { Embedder = "no/such.onnx" });
        StringAssert.Contains(message, "geometry.embedder is no/such.onnx, which does not exist.");
        StringAssert.Contains(message, "leave it out for the policy's own hidden states.");
        // The sampling temperature comes first, and none twice.
        CollectionAssert.AreEqual(
            new[] { 1, 0.6, 0.5 },
            new GeometrySettings { OtherTemperatures = [0.6, 1, 0.5, 0.6] }.Temperatures(new()).ToArray());
        CollectionAssert.AreEqual(new[] { 1, 0.6 }, new GeometrySettings().Temperatures(new()).ToArray());
    }

    [TestMethod]
    public void Signal_FourByHand_ComparesTheHalvesOfTheSiblings()
    {
        // Angles 0, 60, 90 and 120 degrees. For each the first and third sibling, and the second: 1 - mean cos^2.
        double[] angles = [0, 60, 90, 120];
        double Cos(int i, int j) => Math.Cos((angles[i] - angles[j]) * Math.PI / 180);
        var cosines = Enumerable.Range(0, 16).Select(i => Cos(i / 4, i % 4)).ToArray();
        var signal = new NoveltySignal();
        signal.Add(cosines, [0, 0, 0, 0]);
        // Rewards of 0 are wrong: nobody is right.
        Assert.AreEqual((null, null), (signal.Right, signal.Wrong));
        int[][] firsts = [[1, 3], [0, 3], [0, 3], [0, 2]];
        int[] seconds = [2, 2, 1, 1];
        var a = firsts.Select((s, i) => Math.Sqrt(1 - s.Average(j => Cos(i, j) * Cos(i, j)))).ToArray();
        var b = seconds.Select((j, i) => Math.Sqrt(1 - (Cos(i, j) * Cos(i, j)))).ToArray();
        double Deviation(double[] v, int i) => v[i] - v.Average();
        var expected = Enumerable.Range(0, 4).Sum(i => Deviation(a, i) * Deviation(b, i))
            / Math.Sqrt(Enumerable.Range(0, 4).Sum(i => Deviation(a, i) * Deviation(a, i))
                * Enumerable.Range(0, 4).Sum(i => Deviation(b, i) * Deviation(b, i)));
        Assert.AreEqual(expected, signal.Reliability!.Value, 1e-9);
        Assert.AreNotEqual(1, expected, 0.1, "the case would not tell a mistake");
    }
}
