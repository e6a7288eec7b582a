using System.Text.Json;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class TokenSamplingTests
{
    private static readonly float[] FiveLogits = [.. new[] { 0.1, 0.4, 0.2, 0.05, 0.25 }.Select(p => (float)Math.Log(p))];

    [TestMethod]
    public void Measure_GoldenLogits_MatchTorch()
    {
        using var golden =
            JsonDocument.Parse(File.ReadAllBytes(SharedFolder.InRepository("tests", "fixtures", "golden", "logprob_entropy.json")));
        var checkedCount = 0;
        foreach (var c in golden.RootElement.GetProperty("cases").EnumerateArray())
        {
            var temperature = c.GetProperty("params").GetProperty("temperature").GetDouble();
            var (inputs, expected) = (c.GetProperty("inputs"), c.GetProperty("expected"));
            foreach (var (logits, token, logProb, entropy) in Rows(
                inputs.GetProperty("logits"),
                inputs.GetProperty("token_ids"),
                expected.GetProperty("logp"),
                expected.GetProperty("entropy")))
            {
                var (actual, actualEntropy) = new TokenSampler(logits.Length, new() { Temperature = temperature }).Measure(logits, token);
                // The file's own tolerance: rtol 1e-5, atol 1e-6.
                Assert.AreEqual(logProb, actual, 1e-6 + (1e-5 * Math.Abs(logProb)), c.GetProperty("id").GetString());
                Assert.AreEqual(
                    entropy,
                    actualEntropy,
                    1e-6 + (1e-5 * entropy) + (Tolerances.TorchEntropy * logits.Max(MathF.Abs) / temperature),
                    c.GetProperty("id").GetString());
                Assert.AreEqual(
                    Entropy(Softmax(logits, temperature)),
                    actualEntropy,
                    Tolerances.SamplerEntropy,
                    c.GetProperty("id").GetString());
                checkedCount++;
            }
        }
        Assert.IsGreaterThan(10, checkedCount);
    }

    [TestMethod]
    [DataRow(1, 1.0)]
    [DataRow(2, 0.7)]
    [DataRow(37, 1.0)]
    [DataRow(1025, 1.3)]
    [DataRow(151_936, 1.0)]
    [DataRow(151_936, 0.6)]
    public void Draw_AnyVocabulary_GivesLogProbEntropyAndFeaturesOfTheDoubleReference(int vocabulary, double temperature)
    {
        var logits = Logits(vocabulary, 4);
        for (var i = 0; i < vocabulary; i++)
            logits[i] += 20;
        var p = Softmax(logits, temperature);
        var features = new float[vocabulary];
        var sampler = new TokenSampler(vocabulary, new() { Temperature = temperature });
        foreach (var uniform in new[] { 0, 0.3, 0.77, 1 - 1e-16 })
        {
            Array.Clear(features);
            var (token, logProb, entropy) = sampler.Draw(logits, uniform, features);
            Assert.AreEqual(
                Math.Log(p[token]),
                logProb,
                Tolerances.SamplerLogProb + (1e-7 * Math.Abs(Math.Log(p[token]))),
                $"V {vocabulary}, T {temperature}");
            Assert.AreEqual(Entropy(p), entropy, Tolerances.SamplerEntropy + (1e-7 * Entropy(p)));
            for (var i = 0; i < vocabulary; i++)
                Assert.AreEqual((i == token ? 1 : 0) - p[i], features[i], Tolerances.FeatureWeight, $"u[{i}]");
        }
    }

    [TestMethod]
    [DataRow(0.0, 0)]
    [DataRow(0.0999, 0)]
    [DataRow(0.1001, 1)]
    [DataRow(0.4999, 1)]
    [DataRow(0.5001, 2)]
    [DataRow(0.7001, 3)]
    [DataRow(0.7501, 4)]
    [DataRow(0.99999999, 4)]
    public void Draw_Unrestricted_InvertsTheCumulativeDistributionInTokenOrder(double uniform, int expected) =>
        Assert.AreEqual(expected, Choose(new(), uniform));

    [TestMethod]
    // Descending: 1 (.4), 4 (.25), 2 (.2), 0 (.1), 3 (.05). Kept mass is renormalised, then inverted in token order.
    [DataRow(2, 1.0, 0.0, new[] { 1, 4 })]
    [DataRow(3, 1.0, 0.0, new[] { 1, 2, 4 })]
    [DataRow(0, 0.4, 0.0, new[] { 1 })]
    [DataRow(0, 0.41, 0.0, new[] { 1, 4 })]
    [DataRow(0, 0.84, 0.0, new[] { 1, 2, 4 })]
    [DataRow(0, 0.86, 0.0, new[] { 0, 1, 2, 4 })]
    [DataRow(0, 1.0, 0.3, new[] { 1, 2, 4 })]
    [DataRow(0, 1.0, 0.6, new[] { 1, 4 })]
    // top-k leaves .4, .25, .2 = .85; .75 of that is .6375, which .4 + .25 reaches.
    [DataRow(3, 0.75, 0.0, new[] { 1, 4 })]
    // .9 of .85 is .765, more than .65.
    [DataRow(3, 0.9, 0.0, new[] { 1, 2, 4 })]
    // min-p comes last: top-p .84 keeps 1, 4, 2; min-p .6 drops 2.
    [DataRow(0, 0.84, 0.6, new[] { 1, 4 })]
    [DataRow(99, 1.0, 0.0, new[] { 0, 1, 2, 3, 4 })]
    public void Draw_Restricted_ChoosesFromTheKeptTokensInProportion(int topK, double topP, double minP, int[] kept)
    {
        var settings = new SamplingSettings { TopK = topK, TopP = topP, MinP = minP };
        double[] p = [0.1, 0.4, 0.2, 0.05, 0.25];
        var mass = kept.Sum(t => p[t]);
        var below = 0d;
        foreach (var token in kept)
        {
            Assert.AreEqual(token, Choose(settings, (below / mass) + 1e-6), $"just above {below / mass}");
            below += p[token];
            Assert.AreEqual(token, Choose(settings, (below / mass) - 1e-6), $"just below {below / mass}");
        }
    }

    [TestMethod]
    public void Draw_Restricted_StillReportsTheFullDistribution()
    {
        var full = new TokenSampler(5, new());
        var restricted = new TokenSampler(5, new() { TopK = 2, TopP = 0.5, MinP = 0.1 });
        var (u, v) = (new float[5], new float[5]);
        Assert.AreEqual(full.Draw(FiveLogits, 0.3, u), restricted.Draw(FiveLogits, 0.3, v));
        CollectionAssert.AreEqual(u, v);
    }

    [TestMethod]
    public void Draw_TiesAtTheBorder_KeepTheLowerIds()
    {
        var sampler = new TokenSampler(6, new() { TopK = 3 });
        float[] logits = [1, 2, 1, 1, 1, 0];
        var seen = Enumerable.Range(0, 1000).Select(i => sampler.Draw(logits, i / 1000.0, []).Token).Distinct().Order();
        CollectionAssert.AreEqual(new[] { 0, 1, 2 }, seen.ToArray());
    }

    [TestMethod]
    public void Draw_MassReachedExactly_KeepsNoFurtherToken()
    {
        // Four equal tokens: two of them hold exactly half.
        var sampler = new TokenSampler(4, new() { TopP = 0.5 });
        Assert.AreEqual((0, 1), (sampler.Draw(new float[4], 0.499, []).Token, sampler.Draw(new float[4], 0.999, []).Token));
    }

    [TestMethod]
    [DataRow(40, 1.0, 0.0)]
    [DataRow(0, 0.9, 0.0)]
    [DataRow(500, 0.8, 0.0)]
    [DataRow(0, 0.95, 0.05)]
    public void Draw_LargeVocabulary_KeepsTheSetOfAPlainSort(int topK, double topP, double minP)
    {
        const int V = 20_011;
        var logits = Logits(V, 3);
        // Many exact ties.
        for (var i = 0; i < V; i++)
            logits[i] = MathF.Round(logits[i] * 4) / 4;
        var p = Softmax(logits, 1);
        var order = Enumerable.Range(0, V).OrderByDescending(i => p[i]).ThenBy(i => i).ToArray();
        var afterK = topK > 0 ? order[..topK] : order;
        var mass = afterK.Sum(i => p[i]);
        var (n, cumulative) = (0, 0d);
        while (n < afterK.Length && (topP >= 1 || cumulative < topP * mass))
            cumulative += p[afterK[n++]];
        var expected = afterK[..n].Where(i => p[i] >= minP * p[order[0]]).Order().ToArray();
        var total = expected.Sum(i => p[i]);
        var sampler = new TokenSampler(V, new() { TopK = topK, TopP = topP, MinP = minP });
        var below = 0d;
        foreach (var token in expected)
        {
            // The middle of each token's interval.
            Assert.AreEqual(token, sampler.Draw(logits, (below + (p[token] / 2)) / total, []).Token);
            below += p[token];
        }
    }

    [TestMethod]
    [DataRow(0, 1.0)]
    [DataRow(20, 0.9)]
    public void Draw_ManyUniforms_HasTheRightFrequencies(int topK, double topP)
    {
        const int V = 33;
        const int Draws = 200_000;
        var logits = Logits(V, 1.5);
        var p = Softmax(logits, 0.8);
        var sampler = new TokenSampler(V, new() { Temperature = 0.8, TopK = topK, TopP = topP });
        var counts = new int[V];
        for (var i = 0; i < Draws; i++)
            counts[sampler.Draw(logits, Seeds.Uniform(11, 0, 0, 0, i), []).Token]++;
        var kept = topK == 0 ? Enumerable.Range(0, V).ToArray() : Enumerable.Range(0, V).Where(i => counts[i] > 0).ToArray();
        var mass = kept.Sum(i => p[i]);
        Assert.IsGreaterThanOrEqualTo(topK == 0 ? 1 - 1e-9 : 0.9 * 0.8, mass);
        Assert.IsLessThan(
            ChiSquare.Limit(kept.Length - 1),
            kept.Sum(i => Math.Pow(counts[i] - (Draws * p[i] / mass), 2) / (Draws * p[i] / mass)));
    }

    [TestMethod]
    public void Draw_Greedy_TakesTheLowestIdOfTheLargestAndReportsTheFullSoftmaxAtItsTemperature()
    {
        var sampler = new TokenSampler(4, new() { Greedy = true, Temperature = 2 });
        var (token, logProb, entropy) = sampler.Draw([0, 3, 3, -1], 0.999, []);
        Assert.AreEqual(1, token);
        var p = Softmax([0, 3, 3, -1], 2);
        Assert.AreEqual(Math.Log(p[1]), logProb, Tolerances.SamplerLogProb);
        Assert.AreEqual(Entropy(p), entropy, Tolerances.SamplerEntropy);
    }

    [TestMethod]
    public void Draw_SomeLogitsMinusInfinity_NeverChoosesThem()
    {
        float[] logits = [float.NegativeInfinity, 0, float.NegativeInfinity, 1, float.NegativeInfinity];
        foreach (var settings in new[] { new SamplingSettings(), new() { TopK = 4 }, new() { TopP = 0.999 }, new() { MinP = 0.001 } })
        {
            var sampler = new TokenSampler(5, settings);
            foreach (var uniform in new[] { 0, 0.2, 0.5, 1 - 1e-16 })
                Assert.AreNotEqual(0, sampler.Draw(logits, uniform, []).Token % 2);
            Assert.AreEqual(
                (float.NegativeInfinity, 0.5822f),
                (sampler.Measure(logits, 0).LogProb, MathF.Round(sampler.Measure(logits, 0).Entropy, 4)));
        }
    }

    [TestMethod]
    [DataRow(float.NaN, 1f)]
    [DataRow(1f, float.NaN)]
    [DataRow(float.PositiveInfinity, 1f)]
    [DataRow(float.NegativeInfinity, float.NegativeInfinity)]
    public void Draw_NoDistribution_SaysSo(float first, float second)
    {
        foreach (var greedy in new[] { true, false })
            Assert.ThrowsExactly<NonFiniteException>(() => new TokenSampler(2, new() { Greedy = greedy }).Draw([first, second], 0.5, []));
    }

    [TestMethod]
    public void Draw_LogitsElsewhereInMemory_GivesTheSameBits()
    {
        const int V = 10_007;
        var logits = Logits(V, 3);
        var memory = new float[V + 16];
        var expected = new TokenSampler(V, new()).Draw(logits, 0.42, []);
        for (var offset = 0; offset < 16; offset++)
        {
            logits.CopyTo(memory.AsSpan(offset));
            Assert.AreEqual(expected, new TokenSampler(V, new()).Draw(memory.AsSpan(offset, V), 0.42, []));
        }
        for (var offset = 0; offset < 16; offset++)
        {
            logits.CopyTo(memory.AsSpan(offset));
            Assert.AreEqual(Reductions.Sum(logits), Reductions.Sum(memory.AsSpan(offset, V)));
            Assert.AreEqual(Reductions.Dot(logits, logits), Reductions.Dot(memory.AsSpan(offset, V), logits));
        }
    }

    [TestMethod]
    [DataRow(0)]
    [DataRow(5)]
    [DataRow(16)]
    [DataRow(1000)]
    public void Reductions_OfTwoAtOnce_AreThoseOfOne(int count)
    {
        var x = Logits(1000, 8).AsSpan(0, count);
        var y = Logits(1000, 9).AsSpan(0, count);
        Assert.AreEqual((Reductions.Sum(x), Reductions.Dot(x, y)), Reductions.SumAndDot(x, y));
        Assert.AreEqual(
            count == 0 ? (float.NegativeInfinity, 0) : (x.ToArray().Max(), x.ToArray().Max(Math.Abs)),
            Reductions.Largest(x));
        for (var i = 0; i < count; i += 3)
        {
            var kept = x[i];
            x[i] = float.NaN;
            Assert.IsTrue(float.IsNaN(Reductions.Largest(x).Number), $"{i}");
            x[i] = float.NegativeInfinity;
            Assert.AreEqual(float.PositiveInfinity, Reductions.Largest(x).Magnitude);
            x[i] = kept;
        }
    }

    [TestMethod]
    public void Draw_Repeated_AllocatesNothing()
    {
        var logits = Logits(5000, 3);
        foreach (var settings in new[] { new SamplingSettings(), new() { TopK = 50, TopP = 0.9, MinP = 0.01 }, new() { Greedy = true } })
        {
            var sampler = new TokenSampler(5000, settings);
            var features = new float[5000];
            sampler.Draw(logits, 0.5, features);
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 20; i++)
                sampler.Draw(logits, 0.5, features);
            Assert.AreEqual(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }
    }

    [TestMethod]
    public void Constructor_EverySettingWrong_NamesThemAllAtOnce()
    {
        var fault = Assert.ThrowsExactly<InputException>(() =>
            new TokenSampler(5, new() { Temperature = 0, TopK = -1, TopP = 0, MinP = double.NaN }));
        foreach (var name in new[]
        {
            "Temperature is 0",
            "set Greedy",
            "sampling.topK is -1",
            "sampling.topP is 0",
            "sampling.minP is NaN",
        })
            StringAssert.Contains(fault.Message, name);
        Assert.ThrowsExactly<InputException>(() => new SamplingSettings { Temperature = double.NaN }.Validate());
    }

    [TestMethod]
    public void Draw_WrongLengthOrUniform_IsRefused()
    {
        var sampler = new TokenSampler(5, new());
        Assert.ThrowsExactly<ArgumentException>(() => sampler.Draw(new float[4], 0.5, []));
        Assert.ThrowsExactly<ArgumentException>(() => sampler.Draw([], 0.5, []));
        Assert.ThrowsExactly<ArgumentException>(() => sampler.Draw(FiveLogits, 0.5, new float[4]));
        foreach (var uniform in new[] { -0.1, 1, double.NaN })
            Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => sampler.Draw(FiveLogits, uniform, []));
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => sampler.Measure(FiveLogits, 5));
    }

    private static int Choose(SamplingSettings settings, double uniform) =>
        new TokenSampler(5, settings).Draw(FiveLogits, uniform, []).Token;

    private static float[] Logits(int vocabulary, double spread)
    {
        var logits = new float[vocabulary];
        Seeds.Normal(17, vocabulary, logits);
        for (var i = 0; i < vocabulary; i++)
            logits[i] *= (float)spread;
        return logits;
    }

    private static double[] Softmax(float[] logits, double temperature)
    {
        var max = logits.Max();
        var e = logits.Select(z => Math.Exp(((double)z - max) / temperature)).ToArray();
        var sum = e.Sum();
        return [.. e.Select(x => x / sum)];
    }

    private static double Entropy(double[] p) => -p.Sum(x => x > 0 ? x * Math.Log(x) : 0);

    private static IEnumerable<(float[] Logits, int Token, double LogProb, double Entropy)> Rows(
        JsonElement logits,
        JsonElement tokens,
        JsonElement logProbs,
        JsonElement entropies)
    {
        if (tokens.ValueKind == JsonValueKind.Number)
            return [([.. logits.EnumerateArray().Select(GoldenNumber.Read).Select(x => (float)x)], tokens.GetInt32(),
                GoldenNumber.Read(logProbs), GoldenNumber.Read(entropies))];
        return Enumerable.Range(0, tokens.GetArrayLength()).SelectMany(i => Rows(logits[i], tokens[i], logProbs[i], entropies[i]));
    }
}

/// <summary>Golden files spell numbers that JSON lacks as strings.</summary>
internal static class GoldenNumber
{
    public static double Read(JsonElement element) =>
        element.ValueKind == JsonValueKind.String ? double.Parse(element.GetString()!) : element.GetDouble();
}
