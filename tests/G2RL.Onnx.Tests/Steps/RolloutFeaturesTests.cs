using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Arms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Backends;
using G2RL.Onnx.Training.Optimizers;
using G2RL.Onnx.Training.Steps;

namespace G2RL.Onnx.Tests.Steps;

/// <summary>Where the features of each algorithm come from, and what is asked for them.</summary>
[TestClass]
public sealed class RolloutFeaturesTests : IDisposable
{
    private readonly TinyModel model = new();
    private readonly RunInputs inputs;

    public RolloutFeaturesTests() => inputs = new(model.Config, TinyModel.Problems());

    public void Dispose()
    {
        inputs.Dispose();
        model.Dispose();
    }

    // Asked of the sampler, asked of the scorer, hidden states, squares, whether a projector is needed.
    [TestMethod]
    [DataRow("grpo", FeatureSource.Sampling, false, false, false, false, false)]
    [DataRow("otb", FeatureSource.Sampling, false, false, false, true, false)]
    [DataRow("embedding", FeatureSource.Sampling, false, false, true, false, false)]
    [DataRow("g2rl-hidden", FeatureSource.Sampling, false, false, true, false, false)]
    [DataRow("g2rl", FeatureSource.Sampling, true, false, false, false, true)]
    [DataRow("g2rl", FeatureSource.Scoring, false, true, false, false, true)]
    public void Constructor_EachAlgorithm_AsksForWhatItNeeds(
        string name, FeatureSource source, bool sampling, bool scoring, bool hidden, bool squares, bool projector)
    {
        var backend = new FakeBackend();
        using (var features = new RolloutFeatures(new() { Name = name, Features = source }, inputs.Policy.Spec, backend, 1))
        {
            Assert.AreEqual(
                (sampling, scoring, hidden, squares),
                (features.WhileSampling, features.WhileScoring, features.MeanHidden, features.Squares));
            Assert.AreEqual(projector ? 1 : 0, backend.Made);
        }
        Assert.AreEqual(projector ? 1 : 0, backend.Disposed);
    }

    // A token's weight is known when it is scored.
    [TestMethod]
    public void Constructor_WeightsOfTokens_AreScored()
    {
        using var features = new RolloutFeatures(
            new() { Name = "g2rl", TokenWeights = TokenWeightKind.Entropy }, inputs.Policy.Spec, new FakeBackend(), 1);
        Assert.IsNotNull(features.Weight);
        Assert.AreEqual((false, true), (features.WhileSampling, features.WhileScoring));
    }

    // The projector gives the first weight, the third rollout's feature came from elsewhere.
    [TestMethod]
    [DataRow(FeatureSource.Sampling)]
    [DataRow(FeatureSource.Scoring)]
    public void Of_Gradients_AreProjectedUnlessTheyWereElsewhere(FeatureSource source)
    {
        var backend = new FakeBackend();
        using var features = new RolloutFeatures(new() { Name = "g2rl", Features = source }, inputs.Policy.Spec, backend, 1);
        var isSampling = source == FeatureSource.Sampling;
        FeatureWeights[] weights = [new([1, 0], -1), new([2, 0], -1), new(null, -1) { Projected = [77] }, new([4, 0], -1)];
        var samples = Samples(4, (r, i) => isSampling
            ? r with { FeatureWeights = weights[i].Host, Feature = weights[i].Projected }
            : r with { FeatureWeights = [9] });
        var scores = Scores(4, (s, i) => isSampling
            ? s with { FeatureWeights = [9] }
            : s with { FeatureWeights = weights[i].Host, Feature = weights[i].Projected });
        var found = features.Of(inputs.Policy, samples, scores)!;
        CollectionAssert.AreEqual(new float[] { 10, 20, 77, 40 }, found.Select(f => f.Single()).ToArray());
        // What the sampler filled may be filled again.
        var given = isSampling ? weights.Where(w => w.Host is not null).Select(w => w.Host!).ToArray() : [];
        var rented = Enumerable.Range(0, 3).Select(_ => features.Buffers.Take(2)).ToArray();
        Assert.AreEqual(given.Length, rented.Count(r => given.Any(g => ReferenceEquals(g, r))));
    }

    [TestMethod]
    public void Of_HiddenStatesAndEnergies_AreTheScorers()
    {
        var samples = Samples(3, (r, _) => r);
        var scores = Scores(3, (s, i) => s with { MeanHidden = [i, 1], Squares = [0.25f * i, 0.5f] });
        float[][]? Of(string name)
        {
            using var features = new RolloutFeatures(new() { Name = name }, inputs.Policy.Spec, new FakeBackend(), 1);
            return features.Of(inputs.Policy, samples, scores);
        }
        CollectionAssert.AreEqual(new float[] { 0, 1, 2 }, Of("g2rl-hidden")!.Select(f => f[0]).ToArray());
        Assert.IsNull(Of("grpo"));
        Assert.IsNull(samples[0].Scored.Energies);
        Assert.IsNull(Of("otb"));
        for (var i = 0; i < 3; i++)
            CollectionAssert.AreEqual(
                OptimalTokenBaseline.Energies(scores[i].LogProbs, scores[i].Squares!), samples[i].Scored.Energies![samples[i].Member]);
    }

    [TestMethod]
    public void Measure_OfADevice_TakesItsCosinesAndNovelties()
    {
        var group = Samples(2, (r, _) => r)[0].Scored;
        void Measure(FakeBackend backend, float[][]? found)
        {
            using var features = new RolloutFeatures(new() { Name = "g2rl" }, inputs.Policy.Spec, backend, 1);
            features.Measure(group, found);
        }
        Measure(new() { Measured = ([1, 0.5, 0.5, 1], [0.25, 0.75]) }, null);
        Measure(new(), [[1], [2]]);
        Assert.IsEmpty(group.Cosines);
        CollectionAssert.AreEqual(new double[2], group.Novelty);
        Measure(new() { Measured = ([1, 0.5, 0.5, 1], [0.25, 0.75]) }, [[1], [2]]);
        CollectionAssert.AreEqual(new[] { 1, 0.5, 0.5, 1 }, group.Cosines);
        CollectionAssert.AreEqual(new[] { 0.25, 0.75 }, group.Novelty);
    }

    // Rollout and solution are cut after so many tokens; the solution's feature goes to its group, whose last sequence it is.
    [TestMethod]
    public void Alignment_OfAGroup_ComparesItWithTheSolution()
    {
        var config = model.Config with { Algorithm = new() { Name = "gar" } };
        var (width, calls) = (inputs.Policy.Spec.HiddenSize, new List<Sequence[]>());
        using var scorer = new HiddenScorer(calls, width);
        using var alignment = new ExpertAlignment(scorer, inputs, config);
        var longest = new string('1', Gar.Tokens + 3);
        var samples = Samples(
            2,
            (r, i) => r with { Tokens = i == 0 ? [.. Enumerable.Repeat(4, Gar.Tokens + 1)] : [5] },
            solution: longest);
        using var features = new RolloutFeatures(config.Algorithm, inputs.Policy.Spec, new FakeBackend(), 1, alignment);
        var found = features.Of(inputs.Policy, samples, [])!;
        Assert.HasCount(2, found);
        var call = calls.Single();
        CollectionAssert.AreEqual(new[] { Gar.Tokens, 1, Gar.Tokens }, call.Select(s => s.Response.Length).ToArray());
        CollectionAssert.AreEqual(inputs.Tokenizer.Encode(longest)[..Gar.Tokens], call[2].Response);
        CollectionAssert.AreEqual(inputs.Encode(samples[0].Scored.Group.Problem), call[2].Prompt);
        using var own = new AlignmentFeatures(inputs.Policy.Spec, 1);
        float[] Expected(int i) =>
            own.Of(inputs.Policy, HiddenScorer.Hidden(call[i], i, width), call[i].Response, config.Sampling.Temperature);
        CollectionAssert.AreEqual(Expected(0), found[0]);
        CollectionAssert.AreEqual(Expected(1), found[1]);
        CollectionAssert.AreEqual(Expected(2), samples[0].Scored.Expert!);
        var problem = samples[0].Scored.Group.Problem;
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => alignment.Require(
                [problem, problem with { Id = "q", Solution = "" }, problem with { Id = "r", Solution = null }])).Message,
            "; q has none.");
        var without = Samples(2, (r, _) => r, solution: "");
        StringAssert.StartsWith(
            Assert.ThrowsExactly<InputException>(() => features.Of(inputs.Policy, without, [])).Message,
            "algorithm.name is gar, which compares with an expert's solution; p has none.");
    }

    private Sample[] Samples(int count, Func<Rollout, int, Rollout> change, string? solution = null)
    {
        Rollout[] rollouts = [.. Enumerable.Range(0, count).Select(i => change(
            new Rollout
            {
                PromptTokens = [1],
                Tokens = [2, 3],
                LogProbs = [-1, -1],
                Entropies = [1, 1],
                Finish = FinishReason.StopToken,
                Version = inputs.Policy.Version,
                Text = $"{i}",
            },
            i))];
        var scored = new ScoredGroup(
            new(new Problem("p", "1+1=", "2") { Solution = solution }, rollouts), [.. rollouts.Select((_, i) => Outcome.Judged(i == 0))]);
        return [.. rollouts.Select((r, i) => new Sample(0, i, scored, r))];
    }

    private static Scores[] Scores(int count, Func<Scores, int, Scores> change) =>
        [.. Enumerable.Range(0, count).Select(i => change(new([-0.5f, -1 - i], [1, 1], null, null), i))];

    // Hidden states that tell sequence, position and column apart.
    private sealed class HiddenScorer(List<Sequence[]> calls, int width) : IScorer
    {
        public static float[] Hidden(Sequence sequence, int index, int width) =>
            [.. Enumerable.Range(0, sequence.Response.Length * width).Select(i => MathF.Sin(i + (100 * index)))];

        public Scores[] Score(
            Policy policy,
            IReadOnlyList<Sequence> sequences,
            ScoreRequest request,
            CancellationToken cancel = default)
        {
            Assert.IsTrue(request.WithHidden);
            calls.Add([.. sequences]);
            return [.. sequences.Select((s, i) => new Scores([], [], Hidden(s, i, width), null))];
        }

        public void Dispose()
        {
        }
    }

    // Projects onto ten times the first weight.
    private sealed class FakeBackend : IBackend, IFeatureProjector
    {
        public (double[] Cosines, double[] Novelty)? Measured { get; init; }

        public int Made { get; private set; }

        public int Disposed { get; private set; }

        public string Name => "cpu";

        public double Rounding => 1;

        public IFeatureProjector Features(DecoderSpec spec)
        {
            Made++;
            return this;
        }

        public float[][] Project(Policy policy, IReadOnlyList<FeatureWeights> weights) =>
            [.. weights.Select(w => new[] { 10 * w.Host![0] })];

        public (double[] Cosines, double[] Novelty)? Measure(IReadOnlyList<float[]> features, IReadOnlyList<double> rewards) => Measured;

        public IRolloutSource Rollouts(Policy policy, Tokenizer tokenizer, SamplerSettings settings) => throw new NotSupportedException();

        public IScorer Scorer(DecoderSpec spec) => throw new NotSupportedException();

        public IPolicyOptimizer Optimizer(Policy policy, RunConfig config) => throw new NotSupportedException();

        public void Fetch(Policy policy)
        {
        }

        public void Dispose() => Disposed++;
    }
}
