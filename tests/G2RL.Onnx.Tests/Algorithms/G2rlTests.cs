using System.Text.Json;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Novelty;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;
using MathNet.Numerics.LinearAlgebra;

namespace G2RL.Onnx.Tests;

/// <summary>The method's arithmetic against golden vectors, MathNet and hand-computed values.</summary>
[TestClass]
public sealed class G2rlTests
{
    private const double Exact = 1e-12;

    private static readonly string[] Models =
        ["golden-qwen3-a", "golden-qwen2-a", "golden-llama-a", "golden-llama-b", "golden-mistral-a", "golden-phi3-a", "golden-gemma3-a"];

    [TestMethod]
    [DataRow(new double[] { 1, -1, 1, -1 }, new double[] { 1, -1, 1, -1 })]
    // mean -.5, var .75: A = 1.5/.8660 and -.5/.8660.
    [DataRow(new double[] { 1, -1, -1, -1 }, new[] { 1.7320496, -0.5773499, -0.5773499, -0.5773499 })]
    public void Advantage_ByHand_DividesByThePopulationDeviation(double[] rewards, double[] expected)
    {
        GroupAdvantage.Compute(rewards, 1e-6, rewards);
        for (var i = 0; i < expected.Length; i++)
            Assert.AreEqual(expected[i], rewards[i], 1e-6);
    }

    [TestMethod]
    public void Advantage_EqualRewards_IsExactlyZero()
    {
        for (var m = 2; m < 40; m++)
        {
            var advantages = new double[m];
            GroupAdvantage.Compute([.. Enumerable.Repeat(0.1, m)], 1e-6, advantages);
            CollectionAssert.AreEqual(new double[m], advantages);
        }
    }

    [TestMethod]
    public void Advantage_NoGroup_IsRefused()
    {
        Assert.ThrowsExactly<ArgumentException>(() => GroupAdvantage.Compute([1], 1e-6, new double[1]));
        Assert.ThrowsExactly<ArgumentException>(() => GroupAdvantage.Compute([1, 2], 1e-6, new double[3]));
        Assert.ThrowsExactly<ArgumentException>(() => GroupAdvantage.Compute([1, double.NaN], 1e-6, new double[2]));
        Assert.ThrowsExactly<ArgumentException>(() => GroupAdvantage.Compute([1, 2], 0, new double[2]));
    }

    [TestMethod]
    [DataRow(2, 1)]
    [DataRow(5, 7)]
    [DataRow(6, 48)]
    [DataRow(16, 2049)]
    public void Cosines_RandomFeatures_EqualMathNetsProductOfUnitRows(int m, int width)
    {
        var features = Features(m, width);
        var rows = Matrix<double>.Build.Dense(m, width, (i, d) => features[i][d]).NormalizeRows(2);
        var expected = rows * rows.Transpose();
        var actual = new double[m * m];
        ExplorationScore.Cosines(features, actual);
        for (var i = 0; i < m; i++)
            for (var j = 0; j < m; j++)
                // The norm's epsilon of 1e-8 is seen where a feature is short.
                Assert.AreEqual(
                    expected[i, j],
                    actual[(i * m) + j],
                    4 * ExplorationScore.Epsilon / features.Min(f => Math.Sqrt(f.Sum(x => (double)x * x))));
    }

    [TestMethod]
    public void Novelty_TwoRollouts_IsTheSineOfTheirAngle()
    {
        // 60 degrees: S = .5, w = 1, nu = sqrt(1 - .25) = .8660254; opposite directions are as redundant as equal ones.
        foreach (var (other, expected) in new[]
        {
            (new[] { 0.5f, 0.8660254f }, 0.8660254),
            ([-0.5f, 0.8660254f], 0.8660254),
            ([-1f, 0f], 0),
            ([0f, 3f], 1),
        })
        {
            var cosines = new double[4];
            var nu = new double[2];
            ExplorationScore.Cosines([[1, 0], other], cosines);
            ExplorationScore.Novelty(cosines, [1, -1], nu);
            // Squares, since the root of the epsilons' 7e-8 is large near 0.
            Assert.AreEqual(expected * expected, nu[0] * nu[0], 1e-7);
            Assert.AreEqual(expected * expected, nu[1] * nu[1], 1e-7);
        }
    }

    [TestMethod]
    public void Novelty_ThreeRolloutsByHand_WeighsTheRightOneMore()
    {
        // Row 0: S = .6 to rollout 1 (r = 1) and .8 to rollout 2 (r = -1): w = e/(e + 1/e) = .8807971, .1192029;
        // nu^2 = 1 - .8807971 * .36 - .1192029 * .64 = .6066232.
        double[] cosines = [1, 0.6, 0.8, 0.6, 1, 0, 0.8, 0, 1];
        var nu = new double[3];
        ExplorationScore.Novelty(cosines, [-1, 1, -1], nu);
        Assert.AreEqual(0.6066232, nu[0] * nu[0], 1e-7);
        // Rewards far away leave the weights finite.
        ExplorationScore.Novelty(cosines, [-1, 1e6, -1], nu);
        Assert.AreEqual(1 - 0.36, nu[0] * nu[0], Exact);
        ExplorationScore.Novelty(cosines, [-2000, -2000, -2000], nu);
        Assert.AreEqual(1, nu[0]);
    }

    [TestMethod]
    public void Cosines_ZeroFeature_IsOrthogonalToAll()
    {
        var cosines = new double[9];
        ExplorationScore.Cosines([[0, 0], [1, 0], [1, 1]], cosines);
        CollectionAssert.AreEqual(new double[] { 0, 0, 0 }, cosines[..3]);
        var nu = new double[3];
        ExplorationScore.Novelty(cosines, [1, 1, 1], nu);
        Assert.AreEqual(1, nu[0]);
    }

    [TestMethod]
    public void Cosines_BadFeatures_AreNamed()
    {
        StringAssert.Contains(
            Assert.ThrowsExactly<NonFiniteException>(() => ExplorationScore.Cosines([[1, 0], [float.NaN, 0]], new double[4])).Message,
            "rollout 1");
        Assert.ThrowsExactly<ArgumentException>(() => ExplorationScore.Cosines([[1, 0], [1]], new double[4]));
        Assert.ThrowsExactly<ArgumentException>(() => ExplorationScore.Cosines([[1, 0], [1, 0]], new double[3]));
        Assert.ThrowsExactly<ArgumentException>(() => ExplorationScore.Novelty([1], [1], new double[1]));
    }

    [TestMethod]
    public void Normalize_ByHand_SpansZeroToOneUnlessAllAreEqual()
    {
        double[] nu = [0.5, 0.9, 0.6];
        ExplorationScore.Normalize(nu, nu);
        CollectionAssert.AreEqual(new[] { 0, 1, 0.25 }, nu.Select(x => Math.Round(x, 12)).ToArray());
        ExplorationScore.Normalize([0.7, 0.7 + 9e-9, 0.7], nu);
        CollectionAssert.AreEqual(new double[3], nu);
        ExplorationScore.Normalize([0.7, 0.7 + 2e-8, 0.7], nu);
        Assert.AreEqual(1, nu[1]);
        ExplorationScore.Normalize([], []);
        Assert.ThrowsExactly<ArgumentException>(() => ExplorationScore.Normalize([1, double.NaN], new double[2]));
        Assert.ThrowsExactly<ArgumentException>(() => ExplorationScore.Normalize([1, 2], new double[3]));
    }

    [TestMethod]
    // METHOD.md's table, lambda .5.
    [DataRow(ShapingKind.Literal, 1.0, new[] { 1, 1.25, 1.5 })]
    [DataRow(ShapingKind.Literal, -1.0, new[] { -1, -0.75, -0.5 })]
    [DataRow(ShapingKind.Prose, 1.0, new[] { 0.5, 1, 1.5 })]
    [DataRow(ShapingKind.Prose, -1.0, new[] { -0.5, -1, -1.5 })]
    public void Shape_MethodsTable_Agrees(ShapingKind kind, double reward, double[] expected)
    {
        for (var i = 0; i < 3; i++)
            Assert.AreEqual(expected[i], RewardShaping.Shape(kind, reward, i / 2.0, 0.5, 3));
        Assert.AreEqual(Math.Sign(reward) * 3, RewardShaping.Shape(ShapingKind.Prose, reward, 1, 2.5, 3));
        Assert.AreEqual(reward > 0 ? 3 : 1.5, RewardShaping.Shape(ShapingKind.Literal, reward, 1, 2.5, 3));
    }

    [TestMethod]
    public void Shape_LambdaZero_ReturnsTheRewardBitForBit()
    {
        foreach (var kind in Enum.GetValues<ShapingKind>())
            foreach (var reward in new[] { 1, -1, 0.1, -0.0, 7, -1e300, 1.0 / 3 })
                Assert.AreEqual(
                    BitConverter.DoubleToInt64Bits(reward),
                    BitConverter.DoubleToInt64Bits(RewardShaping.Shape(kind, reward, 0.3, 0, 3)));
    }

    [TestMethod]
    public void Group_GoldenFeatures_GiveGoldenScoresShapesAndAdvantages()
    {
        foreach (var name in Models)
            GroupAgrees(name);
    }

    private static void GroupAgrees(string name)
    {
        using var golden = Golden.Open(name);
        var g2rl = golden.Json.GetProperty("g2rl");
        var features = g2rl.GetProperty("Phi")
            .EnumerateArray()
            .Select(r => r.EnumerateArray().Select(x => (float)x.GetDouble()).ToArray())
            .ToArray();
        var m = features.Length;
        var s = new double[m * m];
        ExplorationScore.Cosines(features, s);
        Near(g2rl.GetProperty("S").EnumerateArray().SelectMany(r => r.EnumerateArray()), s, Tolerances.Cosine, "S");
        foreach (var c in g2rl.GetProperty("cases").EnumerateArray())
        {
            var rewards = c.GetProperty("rewards").EnumerateArray().Select(x => x.GetDouble()).ToArray();
            var lambda = c.GetProperty("lambda").GetDouble();
            var (nu, bar, shaped, advantages) = (new double[m], new double[m], new double[m], new double[m]);
            ExplorationScore.Novelty(s, rewards, nu);
            ExplorationScore.Normalize(nu, bar);
            Near(c.GetProperty("nu").EnumerateArray(), nu, Tolerances.Cosine, "nu");
            Near(c.GetProperty("nu_bar").EnumerateArray(), bar, Tolerances.Novelty, "nu_bar");
            GroupAdvantage.Compute(rewards, 1e-6, advantages);
            Near(c.GetProperty("adv_grpo_plain").EnumerateArray(), advantages, Exact, "plain advantages");
            foreach (var (kind, key) in new[] { (ShapingKind.Literal, "literal"), (ShapingKind.Prose, "prose") })
            {
                for (var i = 0; i < m; i++)
                    shaped[i] = RewardShaping.Shape(kind, rewards[i], bar[i], lambda, 3);
                GroupAdvantage.Compute(shaped, 1e-6, advantages);
                // Prose has 2 lambda nu_bar. The division by the deviation amplifies an error, by the mean's and the deviation's share at
                // most threefold.
                var error = 2 * lambda * Tolerances.Novelty;
                Near(c.GetProperty("shaped_" + key).EnumerateArray(), shaped, error, $"{key} shaped");
                var mean = shaped.Average();
                Near(
                    c.GetProperty("adv_grpo_" + key).EnumerateArray(),
                    advantages,
                    3 * error / Math.Sqrt(shaped.Average(x => (x - mean) * (x - mean))),
                    $"{key} advantages");
            }
        }
    }

    [TestMethod]
    public void GradientFeature_BothForms_GiveTransformersFeatures()
    {
        foreach (var name in Models)
            FeatureAgrees(name);
    }

    private static void FeatureAgrees(string name)
    {
        using var golden = Golden.Open(name);
        var (ids, hidden) = (golden.Ints("g2rl.input_ids"), golden.Floats("g2rl.hidden"));
        var (rows, columns) = ((int)golden.Shape("g2rl.input_ids")[0], (int)golden.Shape("g2rl.input_ids")[1]);
        var width = golden.Policy.Spec.HiddenSize;
        var phi = golden.Floats("g2rl.phi");
        var steps = (int)golden.Shape("g2rl.phi")[1];
        var expected = golden.Floats("g2rl.Phi");
        var prompt = golden.Json.GetProperty("g2rl").GetProperty("prompt_len").GetInt32();
        var lengths = golden.Json.GetProperty("g2rl").GetProperty("response_len").EnumerateArray().Select(e => e.GetInt32()).ToArray();
        var head = (golden.Policy.Parameters.FirstOrDefault(p => p.Name == "lm_head.weight")
            ?? golden.Policy.Parameters.First(p => p.Name == "model.embed_tokens.weight")).Buffer.Span.ToArray();
        for (var row = 0; row < rows; row++)
        {
            var length = lengths[row];
            var states = hidden.AsSpan(((row * columns) + prompt - 1) * width, length * width).ToArray();
            int[] tokens = [.. ids.Skip((row * columns) + prompt).Take(length).Select(i => (int)i)];
            var (feature, perToken, u, cheap) =
                (new double[width], new double[length * width], new double[head.Length / width], new double[width]);
            GradientFeature.PerToken(states, tokens, head, 1, [], feature, perToken);
            GradientFeature.Weights(states, tokens, head, 1, [], u);
            GradientFeature.FromWeights(u, head, cheap);
            Near(perToken, phi.AsSpan(row * steps * width, length * width), Tolerances.Cosine, $"phi of {row}");
            Near(feature, expected.AsSpan(row * width, width), Tolerances.Cosine, $"Phi of {row}");
            for (var d = 0; d < width; d++)
                Assert.AreEqual(feature[d], cheap[d], Exact);
            Assert.AreEqual(0, u.Sum(), Exact);
            // The sampler's own accumulator over the same logits.
            var accumulated = new float[u.Length];
            var sampler = new TokenSampler(u.Length, new() { Greedy = true });
            for (var t = 0; t < length; t++)
            {
                var logits = Enumerable.Range(0, u.Length)
                    .Select(v => (float)Enumerable.Range(0, width).Sum(d => (double)head[(v * width) + d] * states[(t * width) + d]))
                    .ToArray();
                var drawn = sampler.Draw(logits, 0, accumulated).Token;
                accumulated[drawn] -= 1;
                accumulated[tokens[t]] += 1;
            }
            for (var v = 0; v < u.Length; v++)
                Assert.AreEqual(u[v], accumulated[v] / length, 2 * Tolerances.FeatureWeight);
        }
    }

    [TestMethod]
    public void GradientFeature_TokenWeights_AreAWeightedMeanAndLeaveTheFormsEqual()
    {
        var (hidden, head) = (Features(1, 3 * 4)[0], Features(1, 5 * 4)[0]);
        int[] tokens = [4, 0, 2];
        var (all, masked, u, cheap, first) = (new double[4], new double[4], new double[5], new double[4], new double[4]);
        GradientFeature.PerToken(hidden, tokens, head, 0.7, [1, 0, 0], masked);
        GradientFeature.PerToken(hidden.AsSpan(0, 4), tokens.AsSpan(0, 1), head, 0.7, [], first);
        for (var d = 0; d < 4; d++)
            Assert.AreEqual(first[d], masked[d], Exact);
        GradientFeature.PerToken(hidden, tokens, head, 0.7, [0.5f, 2, 0.25f], all);
        GradientFeature.Weights(hidden, tokens, head, 0.7, [0.5f, 2, 0.25f], u);
        GradientFeature.FromWeights(u, head, cheap);
        for (var d = 0; d < 4; d++)
            Assert.AreEqual(all[d], cheap[d], Exact);
        GradientFeature.PerToken(hidden, tokens, head, 0.7, [0, 0, 0], all);
        CollectionAssert.AreEqual(new double[4], all);
        Assert.ThrowsExactly<ArgumentException>(() => GradientFeature.PerToken(hidden, [5, 0, 1], head, 1, [], new double[4]));
        Assert.ThrowsExactly<ArgumentException>(() => GradientFeature.PerToken(hidden, [], head, 1, [], new double[4]));
        Assert.ThrowsExactly<ArgumentException>(() => GradientFeature.Weights(hidden, tokens, head, 1, [1], new double[5]));
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => GradientFeature.Weights(hidden, tokens, head, 0, [], new double[5]));
    }

    [TestMethod]
    public void Geometry_ByHand_CountsPairsOnce()
    {
        // Pairs: .5, -.2, .05, -.05, .9, 0.
        double[] s = [1, 0.5, -0.2, 0.05, 0.5, 1, -0.05, 0.9, -0.2, -0.05, 1, 0, 0.05, 0.9, 0, 1];
        var g = FeatureGeometry.Of(s, 4);
        Assert.AreEqual(6, g.Pairs);
        Assert.AreEqual(0.2, g.MeanCosine, Exact);
        Assert.AreEqual(2 / 6.0, g.NegativeShare, Exact);
        Assert.AreEqual(3 / 6.0, g.OrthogonalShare, Exact);
        // With one more pair of cosine -1: (1.2 - 1)/7, 3/7, 3/7.
        var over = FeatureGeometry.Over([g, default, FeatureGeometry.Of([1, -1, -1, 1], 2)]);
        Assert.AreEqual(7, over.Pairs);
        Assert.AreEqual(0.2 / 7, over.MeanCosine, Exact);
        Assert.AreEqual(3 / 7.0, over.NegativeShare, Exact);
        Assert.AreEqual(3 / 7.0, over.OrthogonalShare, Exact);
        Assert.AreEqual(default, FeatureGeometry.Over([]));
        Assert.ThrowsExactly<ArgumentException>(() => FeatureGeometry.Of([1], 1));
    }

    private static float[][] Features(int m, int width) => [.. Enumerable.Range(0, m).Select(i =>
    {
        var x = new float[width];
        Seeds.Normal(23, i, x);
        return x;
    })];

    private static void Near(IEnumerable<JsonElement> expected, double[] actual, double tolerance, string what)
    {
        var values = expected.Select(e => e.GetDouble()).ToArray();
        Assert.HasCount(values.Length, actual, what);
        for (var i = 0; i < values.Length; i++)
            Assert.AreEqual(values[i], actual[i], tolerance, $"{what}[{i}]");
    }

    private static void Near(double[] actual, ReadOnlySpan<float> expected, double tolerance, string what)
    {
        Assert.AreEqual(expected.Length, actual.Length, what);
        for (var i = 0; i < actual.Length; i++)
            Assert.AreEqual(expected[i], actual[i], tolerance, $"{what}[{i}]");
    }
}
