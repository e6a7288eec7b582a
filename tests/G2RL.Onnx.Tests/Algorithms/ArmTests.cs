using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Arms;
using G2RL.Onnx.Algorithms.Novelty;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Tests;

/// <summary>The arms of METHOD.md, each by numbers worked out by hand.</summary>
[TestClass]
public sealed class ArmTests
{
    private const double Exact = 1e-12;

    // Unit vectors at 0, 60, 90 and 180 degrees.
    private static readonly float[][] Angles =
        [.. new[] { 0, 60, 90, 180 }.Select(a => new[] { MathF.Cos(a * MathF.PI / 180), MathF.Sin(a * MathF.PI / 180) })];

    [TestMethod]
    [DataRow("grpo", 0.2, 0.0)]
    [DataRow("entropy", 0.2, 0.003)]
    [DataRow("clip-higher", 0.28, 0.0)]
    [DataRow("g2rl", 0.2, 0.0)]
    public void Loss_NamedArms_HaveMethodsClipAndEntropy(string name, double high, double entropy)
    {
        var settings = PolicyLossSettings.Of(new() { Name = name });
        Assert.AreEqual((0.2, high, entropy), (settings.ClipLow, settings.ClipHigh, settings.EntropyCoefficient));
        // What a configuration says itself goes first.
        var own = PolicyLossSettings.Of(new() { Name = name, ClipHigh = 0.4, EntropyCoefficient = 0.01 });
        Assert.AreEqual((0.4, 0.01), (own.ClipHigh, own.EntropyCoefficient));
    }

    [TestMethod]
    // n = 4, k = 2: C(3,2)/C(4,2) = 1/2, s = 1/2; A+ = 1; A- = (1/2 - C(2,1)/C(3,1))/s = (1/2 - 2/3) 2 = -1/3.
    [DataRow(4, 1, 2, 1.0, -1 / 3.0)]
    // C(2,2)/C(4,2) = 1/6, s = sqrt(5)/6; A+ = 1/sqrt(5); A- = (1/6 - C(1,1)/C(3,1)) 6/sqrt(5) = -1/sqrt(5).
    [DataRow(4, 2, 2, 0.4472135954999579, -0.4472135954999579)]
    // k = 1 is the standardised reward: 3 of 4 right, A+ = sqrt(1/3), A- = -sqrt(3).
    [DataRow(4, 3, 1, 0.5773502691896257, -1.7320508075688772)]
    // Every set of 4 of 4 is right, every set of 2 of 4 with 3 right is right, none is right: no signal.
    [DataRow(4, 1, 4, 0.0, 0.0)]
    [DataRow(4, 3, 2, 0.0, 0.0)]
    [DataRow(4, 0, 2, 0.0, 0.0)]
    [DataRow(4, 4, 1, 0.0, 0.0)]
    public void PassAtK_ByHand_GivesTheFormula(int n, int c, int k, double right, double wrong)
    {
        var (a, b) = PassAtKTraining.Of(n, c, k);
        Assert.AreEqual(right, a, Exact);
        Assert.AreEqual(wrong, b, Exact);
    }

    [TestMethod]
    // One of 4 right: mean 1/4; (1 - 1/4) / (1/4) = 3 and (0 - 1/4) / (1/4) = -1. All right: 0. None right: 0, not 0 / 0.
    [DataRow(new[] { 1.0, -1, -1, -1 }, new[] { 3.0, -1, -1, -1 })]
    [DataRow(new[] { 1.0, 1, 1, 1 }, new[] { 0.0, 0, 0, 0 })]
    [DataRow(new[] { -1.0, -1, -1, -1 }, new[] { 0.0, 0, 0, 0 })]
    public void MaxRl_ByHand_DividesByTheShareOfRightAnswers(double[] rewards, double[] expected)
    {
        var group = Group(rewards);
        AlgorithmTable.All["maxrl"].Advantages(group, null, new() { Name = "maxrl" }, 0);
        Near(expected, group.Advantages, Exact);
    }

    [TestMethod]
    // METHOD.md's table, lambda 0.5.
    [DataRow(1, 0.0, 1.0)]
    [DataRow(1, 0.5, 1.25)]
    [DataRow(1, 1.0, 1.5)]
    [DataRow(-1, 0.0, -1.0)]
    [DataRow(-1, 0.5, -1.25)]
    [DataRow(-1, 1.0, -1.5)]
    public void Shape_Multiplicative_IsMethodsTable(double reward, double novelty, double expected) =>
        Assert.AreEqual(expected, RewardShaping.Shape(ShapingKind.Multiplicative, reward, novelty, 0.5, 3), Exact);

    [TestMethod]
    [DataRow("verl", "sapo", "seq-mean-token-mean")]
    [DataRow("verl", "gspo", "seq-mean-token-mean")]
    [DataRow("verl", "gmpo", "row-mean-token-mean")]
    [DataRow("verl", "cispo", "seq-mean-token-sum")]
    [DataRow("trl", "sapo", "row-mean-token-mean")]
    [DataRow("trl", "cispo", "token-mean")]
    [DataRow("trl", "vespo", "token-mean")]
    [DataRow("openrlhf", "gspo", "seq-mean-token-mean")]
    [DataRow("paper", "sapo", "seq-mean-token-sum")]
    public void Choice_LossThatATrainerAlwaysAveragesOneWay_IsAveragedSo(string profile, string loss, string aggregation)
    {
        AlgorithmConfig config = new() { Name = "grpo", Profile = profile, Loss = loss, Aggregation = "seq-mean-token-sum" };
        Assert.AreEqual(aggregation, AlgorithmChoice.Of(config).Aggregation);
        Assert.AreEqual(
            aggregation == "seq-mean-token-sum" ? 0 : 1,
            RunConfigRules.Faults(new() { Algorithm = config }).Count(f => f.Contains("aggregation")));
    }

    [TestMethod]
    public void PassAtK_EverySetOfTheGroup_AveragesToTheFormula()
    {
        // A set has the reward 1 when one of it is right; standardised over all sets, and averaged over those with a given member.
        for (var n = 2; n <= 7; n++)
            for (var c = 1; c <= n; c++)
                for (var k = 1; k <= n; k++)
                {
                    var sets = Enumerable.Range(0, 1 << n)
                        .Where(s => int.PopCount(s) == k)
                        .Select(s => (Set: s, Reward: (s & ((1 << c) - 1)) != 0 ? 1.0 : 0))
                        .ToArray();
                    var mean = sets.Average(s => s.Reward);
                    var deviation = Math.Sqrt(sets.Average(s => (s.Reward - mean) * (s.Reward - mean)));
                    double Of(int member) =>
                        deviation == 0 ? 0 : sets.Where(s => (s.Set & (1 << member)) != 0).Average(s => (s.Reward - mean) / deviation);
                    var (right, wrong) = PassAtKTraining.Of(n, c, k);
                    Assert.AreEqual(Of(0), right, Exact, $"right, n {n}, c {c}, k {k}");
                    if (c < n)
                        Assert.AreEqual(Of(n - 1), wrong, Exact, $"wrong, n {n}, c {c}, k {k}");
                }
    }

    [TestMethod]
    public void PassAtK_Group_GivesEveryMemberItsClassesAdvantage()
    {
        var group = Group([1, -1, -1, -1]);
        AlgorithmTable.All["passk"].Advantages(group, null, new() { Name = "passk", PassAtK = 2 }, 0);
        CollectionAssert.AreEqual(
            new[] { 1, -0.333333333333, -0.333333333333, -0.333333333333 },
            group.Advantages.Select(a => Math.Round(a, 12)).ToArray());
        // Fewer members than k are one set.
        var small = Group([1, -1]);
        AlgorithmTable.All["passk"].Advantages(small, null, new() { Name = "passk", PassAtK = 4 }, 0);
        CollectionAssert.AreEqual(new double[2], small.Advantages);
    }

    [TestMethod]
    public void Embedding_ByHand_GivesBandsByNovelty()
    {
        // Right at 0, 60, 90 degrees, wrong at 180. S: cos 60 = .5, cos 90 = 0, cos 30 = .8660254, cos 180 = -1, cos 120 = -.5.
        // u0 = 1 - (.5 (.5 + 0)/2 + .5 .5) = .625; u1 = 1 - (.5 (.5 + .8660254)/2 + .5 .8660254) = .2254810; u2 = 1 - (.5 .8660254/2 + .5
        // .8660254) = .3504809 u3 = 1 - (0 + .5 max(-1, -.5, 0)) = 1. Scaled among the right: 1, 0, (.3504809 - .2254810)/.3995190 =
        // .3128761; the only wrong one: 0.
        var group = Group([1, 1, 1, -1]);
        AlgorithmTable.All["embedding"].Advantages(group, Angles, new() { Name = "embedding" }, 0);
        Near([0.625, 0.2254810, 0.3504809, 1], group.Novelty, 1e-6);
        Near([1, 0.5, 0.6564381, -1], group.Shaped, 1e-6);
        // mean .2891095; population deviation sqrt(.5882) = .7669435 with eps 1e-6.
        var mean = group.Shaped.Average();
        var deviation = Math.Sqrt(group.Shaped.Average(r => (r - mean) * (r - mean)) + 1e-6);
        Near([.. group.Shaped.Select(r => (r - mean) / deviation)], group.Advantages, Exact);
    }

    [TestMethod]
    [DataRow(true, true, 0.0, 0.5)]
    [DataRow(true, true, 1.0, 1.0)]
    [DataRow(false, true, 0.0, -1.0)]
    [DataRow(false, true, 1.0, -0.5)]
    [DataRow(false, false, 1.0, -1.0)]
    public void Embedding_Rewards_AreMethods(bool right, bool wellFormed, double novelty, double expected) =>
        Assert.AreEqual(expected, EvolRl.Reward(right, wellFormed, novelty));

    [TestMethod]
    public void Embedding_MalformedAnswer_HasTheLowestReward()
    {
        var group = Group([1, 1, -1, -1], wellFormed: [true, true, true, false]);
        AlgorithmTable.All["embedding"].Advantages(group, Angles, new() { Name = "embedding" }, 0);
        Assert.AreEqual(-1, group.Shaped[3]);
        Assert.AreEqual(-1, group.Shaped.Min());
    }

    [TestMethod]
    public void NormalizeByClass_ByHand_SpansEachClass()
    {
        // Right .2, .6, .4 -> 0, 1, .5; the others .9, .8 -> 1, 0.
        var scaled = new double[5];
        ExplorationScore.NormalizeByClass([0.2, 0.9, 0.6, 0.4, 0.8], [1, -1, 1, 1, 0], scaled);
        Near([0, 1, 1, 0.5, 0], scaled, Exact);
        // A class of one, and an empty one.
        ExplorationScore.NormalizeByClass([0.2, 0.9], [1, -1], scaled.AsSpan(0, 2));
        Near([0, 0], scaled[..2], Exact);
        ExplorationScore.NormalizeByClass([0.2, 0.9], [1, 1], scaled.AsSpan(0, 2));
        Near([0, 1], scaled[..2], Exact);
        Assert.ThrowsExactly<ArgumentException>(() => ExplorationScore.NormalizeByClass([1], [1, 1], new double[1]));
    }

    [TestMethod]
    public void NoveltyWithinClass_Group_ShapesEachClassOverItsWholeRange()
    {
        double[] Shaped(NoveltyScope scope)
        {
            var group = Group([1, 1, 1, -1]);
            AlgorithmTable.All["g2rl"].Advantages(group, Angles, new() { NoveltyWithin = scope }, 0);
            return group.Shaped;
        }
        var within = Shaped(NoveltyScope.Class);
        // Literal, lambda .5: the right answers span 0 to 1, the only wrong one has 0. In the group it is more novel than the second right
        // one.
        Assert.AreEqual((1, 1.5, -1), (within[..3].Min(), within[..3].Max(), within[3]));
        Assert.IsGreaterThan(-1, Shaped(NoveltyScope.Group)[3]);
    }

    [TestMethod]
    public void G2rlArms_Named_ChangeOneThingOfG2rl()
    {
        foreach (var rewards in new double[][] { [1, 1, -1, -1], [1, 1, 1, 1] })
        {
            ScoredGroup Run(string name, AlgorithmConfig config)
            {
                var group = Group(rewards);
                AlgorithmTable.All[name].Advantages(group, Angles, config with { Name = name }, 5);
                return group;
            }
            CollectionAssert.AreEqual(Run("g2rl", new() { Shaping = ShapingKind.Prose }).Advantages, Run("g2rl-prose", new()).Advantages);
            CollectionAssert.AreEqual(
                Run("g2rl", new() { Shaping = ShapingKind.Shuffled }).Advantages,
                Run("g2rl-shuffled", new()).Advantages);
            CollectionAssert.AreEqual(Run("g2rl", new()).Advantages, Run("g2rl-hidden", new()).Advantages);
            CollectionAssert.AreNotEqual(Run("g2rl", new()).Advantages, Run("g2rl-prose", new()).Advantages);
            Assert.AreEqual(rewards.Distinct().Count() == 1, Run("g2rl-masked", new()).Masked);
            Assert.IsFalse(Run("g2rl", new()).Masked);
        }
    }

    [TestMethod]
    public void Shuffled_ManySeeds_MovesTheSameNoveltiesAround()
    {
        var bars = new HashSet<string>();
        for (var seed = 0UL; seed < 40; seed++)
        {
            // All right, so that a shaped reward is 1 + lambda nu_bar.
            var group = Group([1, 1, 1, 1]);
            AlgorithmTable.All["g2rl-shuffled"].Advantages(group, Angles, new() { Name = "g2rl-shuffled" }, seed);
            var plain = Group([1, 1, 1, 1]);
            AlgorithmTable.All["g2rl"].Advantages(plain, Angles, new(), seed);
            CollectionAssert.AreEqual(plain.Shaped.Order().ToArray(), group.Shaped.Order().ToArray());
            bars.Add(string.Join(' ', group.Shaped));
        }
        Assert.IsGreaterThan(5, bars.Count);
    }

    [TestMethod]
    [DataRow(TokenWeightKind.Uniform)]
    [DataRow(TokenWeightKind.Entropy)]
    [DataRow(TokenWeightKind.LastK)]
    public void TokenWeights_CheapFormOfTheScorer_EqualsThePerTokenForm(TokenWeightKind kind)
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        var weight = TokenWeights.Of(new() { TokenWeights = kind, LastTokens = 3 });
        Sequence[] sequences =
            [.. new[] { 1, 2, 5, 9 }.Select(n => new Sequence([3, 4, 5], [.. Enumerable.Range(0, n).Select(t => 3 + (t * n % 9))]))];
        using var scorer = new Scorer(policy.Spec, threads: 2);
        using var projector = new FeatureProjector(policy.Spec, threads: 1);
        var scores = scorer.Score(
            policy,
            sequences,
            new ScoreRequest(0.8, 30) { WithHidden = true, WithFeatures = true, TokenWeight = weight, WithMeanHidden = true });
        var features = projector.Project(policy, [.. scores.Select(s => s.FeatureWeights!)]);
        var head = policy.Parameters.First(p => p.Name == "model.embed_tokens.weight").Buffer.Span;
        for (var i = 0; i < sequences.Length; i++)
        {
            var length = sequences[i].Response.Length;
            float[] a = kind switch
            {
                TokenWeightKind.Entropy => scores[i].Entropies,
                TokenWeightKind.LastK => [.. Enumerable.Range(0, length).Select(t => t >= length - 3 ? 1f : 0)],
                _ => [],
            };
            var expected = new double[policy.Spec.HiddenSize];
            GradientFeature.PerToken(scores[i].HiddenStates!, sequences[i].Response, head, 0.8, a, expected);
            for (var d = 0; d < expected.Length; d++)
            {
                Assert.AreEqual(expected[d], features[i][d], Tolerances.Cosine, $"{kind}, response {i}");
                var column = Enumerable.Range(0, length).Average(t => (double)scores[i].HiddenStates![(t * expected.Length) + d]);
                Assert.AreEqual(column, scores[i].MeanHidden![d], Tolerances.Cosine);
            }
        }
    }

    [TestMethod]
    public void GlobalWhitening_ByHand_WeighsByTokensAndClampsTheVariance()
    {
        // Tokens 3, -1, -1, -1, 3 (a sequence of none and a missing reward do not count): mean .6, population variance 3.84.
        var advantages = new double[4];
        Algorithms.Advantages.AdvantageTable.All["global-whiten"](
            new([3, -1, 3, double.NaN], [0, 0, 1, 1], [1, 3, 1, 7]),
            new(1e-9, false),
            advantages);
        Near([2.4 / Math.Sqrt(3.84), -1.6 / Math.Sqrt(3.84), 2.4 / Math.Sqrt(3.84), 0], advantages, Exact);
        Algorithms.Advantages.AdvantageTable.All["global-whiten"](new([2, 2], [0, 0], [1, 3]), new(1e-9, false), advantages.AsSpan(0, 2));
        Near([0, 0], advantages[..2], Exact);
    }

    internal static ScoredGroup Group(double[] rewards, bool[]? wellFormed = null)
    {
        Rollout[] rollouts = [.. rewards.Select(_ => new Rollout
        {
            PromptTokens = [1],
            Tokens = [1],
            LogProbs = [0],
            Entropies = [0],
            Finish = FinishReason.StopToken,
            Version = new(0, ""),
            Text = "",
        })];
        return new(new(new Problem("p", "", ""), rollouts), [.. rewards.Select((r, i) => Outcome.Scored(r, wellFormed?[i] ?? true))]);
    }

    private static void Near(double[] expected, double[] actual, double tolerance)
    {
        for (var i = 0; i < expected.Length; i++)
            Assert.AreEqual(expected[i], actual[i], tolerance, $"[{i}]");
    }
}
