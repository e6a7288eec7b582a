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
}
