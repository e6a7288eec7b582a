using G2RL.Onnx.Cuda.Rollouts;
using G2RL.Onnx.Cuda.Tests.Interpreter;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Rollouts.Decoding;
using G2RL.Onnx.Tests;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Backends;

namespace G2RL.Onnx.Cuda.Tests.Backend;

[TestClass]
public sealed class DrawTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [DataRow("plain", CacheAttention.Plain)]
    [DataRow("grouped", CacheAttention.Grouped)]
    [DataRow("few rows", CacheAttention.Plain)]
    [DataRow("restricted", CacheAttention.Plain)]
    [DataRow("greedy", CacheAttention.Plain)]
    [DataRow("stop strings", CacheAttention.Plain)]
    [DataRow("one token", CacheAttention.Plain)]
    public void Draw_OnTheDevice_GivesTheHostsRolloutsAndFeatures(string kind, CacheAttention attention)
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 64);
        var tokenizer = Tokenizer.Load(model.Folder);
        var settings = new SamplerSettings { MaxNewTokens = 20, StopTokens = policy.Spec.EosTokens, MaxRows = 11 };
        settings = kind switch
        {
            "few rows" => settings with { MaxRows = 3 },
            "restricted" => settings with { Sampling = new() { Temperature = 0.8, TopK = 12, TopP = 0.9, MinP = 0.02 } },
            "greedy" => settings with { Sampling = new() { Greedy = true }, MaxRows = 5 },
            "stop strings" => settings with { StopStrings = ["1", "+2"] },
            "one token" => settings with { MaxNewTokens = 1 },
            _ => settings,
        };
        var request = new DrawRequest(
            [.. new[] { "1+2=", "77*3=", "(4-2)*8=", "9=" }.Select(p => tokenizer.Encode(p))],
            5,
            Seed: 3,
            Step: 5,
            WithFeatures: true,
            WithHidden: true);
        using var host = new Sampler(policy, tokenizer, settings);
        var expected = host.Draw(request);
        using var backend = new CudaBackend(new InterpreterDriver(), new() { CacheAttention = attention });
        using var device = backend.Rollouts(policy, tokenizer, settings);
        using var projector = ((IBackend)backend).Features(policy.Spec);
        using var hostProjector = new FeatureProjector(policy.Spec, 1);
        var ended = 0;
        var drawn = device.Draw(request, count => ended = count);
        Assert.AreEqual(20, ended);
        var comparison = new RolloutComparison(policy, settings.Sampling.Temperature);
        comparison.Compare(expected, drawn, request);
        Assert.AreEqual(0, comparison.AtBoundary);
        TestContext.WriteLine($"{comparison.Tokens} tokens, log-probs within {comparison.WorstLogProb:E1}");

        var (these, those) = (expected.SelectMany(r => r).ToArray(), drawn.SelectMany(r => r).ToArray());
        var phi = hostProjector.Project(policy, [.. these.Select(r => r.FeatureWeights!)]);
        var found = projector.Project(policy, [.. those.Select(r => r.Features)]);
        for (var i = 0; i < phi.Length; i++)
        {
            Near(phi[i], found[i], Tolerances.Feature, $"feature of {i}");
            Near(these[i].HiddenStates!, those[i].HiddenStates!, Tolerances.Feature, $"hidden states of {i}");
        }
        // A second draw finds the same memory and gives the same.
        CollectionAssert.AreEqual(
            those.SelectMany(r => r.Tokens).ToArray(),
            device.Draw(request).SelectMany(r => r).SelectMany(r => r.Tokens).ToArray());
    }

    [TestMethod]
    public void Draw_MoreLinesThanTheLedgerHas_KeepsEveryLogProb()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 64);
        var tokenizer = Tokenizer.Load(model.Folder);
        var settings = new SamplerSettings { MaxNewTokens = 56, MaxRows = 2 };
        var request = new DrawRequest([tokenizer.Encode("1+1="), tokenizer.Encode("2=")], 3, Seed: 9, Step: 0);
        using var host = new Sampler(policy, tokenizer, settings);
        using var backend = new CudaBackend(new InterpreterDriver());
        using var device = backend.Rollouts(policy, tokenizer, settings);
        new RolloutComparison(policy, 1).Compare(host.Draw(request), device.Draw(request), request);
    }

    // Rows grow by blocks of 8, the shortest give way and are drawn again, and the rollouts are those of a cache that holds all of them at
    // their full length, to the bit.
    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void Draw_CacheThatGrows_GivesTheRolloutsOfOneThatHoldsAll(bool withHidden)
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 64);
        var tokenizer = Tokenizer.Load(model.Folder);
        var settings = new SamplerSettings { MaxNewTokens = 40, StopTokens = policy.Spec.EosTokens, MaxRows = 14 };
        var request = new DrawRequest(
            [.. new[] { "1+2=", "77*3=", "(4-2)*8=", "9=", "1+1+1=" }.Select(p => tokenizer.Encode(p))],
            4,
            Seed: 3,
            Step: 5,
            WithFeatures: true,
            WithHidden: withHidden);
        Rollout[] Drawn(int block, long cacheBytes, out SamplerPlan plan, out InterpreterDriver driver, out float[][] features)
        {
            using var backend = new CudaBackend(
                driver = new InterpreterDriver(), new() { CacheAttention = CacheAttention.Grouped, CacheBlock = block });
            using var device = backend.Rollouts(policy, tokenizer, settings with { CacheBudgetBytes = cacheBytes });
            using var projector = ((IBackend)backend).Features(policy.Spec);
            plan = device.Plan;
            // Twice: the second draw finds what the first has left.
            _ = device.Draw(request);
            Rollout[] drawn = [.. device.Draw(request).SelectMany(r => r)];
            features = projector.Project(policy, [.. drawn.Select(r => r.Features)]);
            Assert.AreEqual(plan.Block > 0, ((DeviceSampler)device).Repeated > 0);
            return drawn;
        }
        var all = Drawn(256, 0, out var whole, out _, out var expected);
        var row = KvCache.BytesPerRow(policy.Spec, 64);
        var grown = Drawn(8, 4 * row, out var plan, out var driver, out var found);
        Assert.AreEqual((14, 0, 8), (whole.RowsPerThread, whole.Block, plan.Block));
        Assert.IsLessThanOrEqualTo(4 * row, plan.CacheBytes);
        Assert.IsGreaterThan(4, plan.RowsPerThread);
        Assert.Contains("kv_relay", driver.Launches.Keys);
        for (var i = 0; i < all.Length; i++)
        {
            CollectionAssert.AreEqual(all[i].Tokens, grown[i].Tokens, $"tokens of {i}");
            CollectionAssert.AreEqual(all[i].LogProbs, grown[i].LogProbs, $"log-probs of {i}");
            CollectionAssert.AreEqual(all[i].Entropies, grown[i].Entropies, $"entropies of {i}");
            CollectionAssert.AreEqual(all[i].HiddenStates, grown[i].HiddenStates, $"hidden states of {i}");
            CollectionAssert.AreEqual(expected[i], found[i], $"feature of {i}");
        }
    }

    [TestMethod]
    [DataRow(CacheAttention.Plain)]
    [DataRow(CacheAttention.Grouped)]
    public void Draw_PromptsRunTogether_GiveTheRolloutsOfEachAlone(CacheAttention attention)
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 64);
        var tokenizer = Tokenizer.Load(model.Folder);
        using var backend = new CudaBackend(new InterpreterDriver(), new() { CacheAttention = attention });
        using var device = backend.Rollouts(policy, tokenizer, new SamplerSettings { MaxNewTokens = 6, MaxRows = 22 });
        Assert.AreEqual(8, device.Plan.PromptSlots);
        int[][] prompts = [.. Enumerable.Range(1, 11).Select(i => tokenizer.Encode(new string('7', i) + "+1="))];
        var request = new DrawRequest(prompts, 2, Seed: 3, Step: 5, WithHidden: true);
        var together = device.Draw(request);
        for (var i = 0; i < prompts.Length; i++)
        {
            var alone = device.Draw(request.Part([i]))[0];
            for (var k = 0; k < 2; k++)
            {
                CollectionAssert.AreEqual(alone[k].Tokens, together[i][k].Tokens, $"tokens of {i}");
                CollectionAssert.AreEqual(alone[k].LogProbs, together[i][k].LogProbs, $"log-probs of {i}");
                CollectionAssert.AreEqual(alone[k].HiddenStates, together[i][k].HiddenStates, $"hidden states of {i}");
            }
        }
    }

    [TestMethod]
    [DataRow(64)]
    [DataRow(1024)]
    public void Score_OnTheDevice_GivesTheHostsNumbers(int maxTokens)
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 64);
        var tokenizer = Tokenizer.Load(model.Folder);
        Sequence[] sequences = [.. new[] { ("1+2=", "3"), ("7*3=", "21-0+44"), ("9=", "9"), ("(1)", "=1=1=1=1"), ("2", "+2=4") }
            .Select(s => new Sequence(tokenizer.Encode(s.Item1), tokenizer.Encode(s.Item2)))];
        using var host = new Scorer(policy.Spec, 1);
        using var backend = new CudaBackend(new InterpreterDriver());
        using var device = backend.Scorer(policy.Spec);
        using var projector = ((IBackend)backend).Features(policy.Spec);
        using var hostProjector = new FeatureProjector(policy.Spec, 1);
        foreach (var weight in new TokenWeight?[] { null, (entropy, index, _) => entropy * (index + 1) })
        {
            var asked = new ScoreRequest(0.7, maxTokens)
            {
                WithHidden = true,
                WithFeatures = true,
                TokenWeight = weight,
                WithMeanHidden = true,
            };
            var expected = host.Score(policy, sequences, asked);
            var scores = device.Score(policy, sequences, asked);
            var phi = hostProjector.Project(policy, [.. expected.Select(s => s.FeatureWeights!)]);
            var found = projector.Project(policy, [.. scores.Select(s => s.Features)]);
            for (var i = 0; i < sequences.Length; i++)
            {
                Near(expected[i].LogProbs, scores[i].LogProbs, Tolerances.LogProbs, $"log-probs of {i}");
                Near(expected[i].Entropies, scores[i].Entropies, Tolerances.LogProbs, $"entropies of {i}");
                Near(expected[i].HiddenStates!, scores[i].HiddenStates!, Tolerances.Feature, $"hidden states of {i}");
                Near(expected[i].MeanHidden!, scores[i].MeanHidden!, Tolerances.Feature, $"mean hidden state of {i}");
                Near(phi[i], found[i], Tolerances.Feature, $"feature of {i}");
            }
        }
    }

    internal static void Near(float[] expected, float[] actual, double tolerance, string what)
    {
        Assert.HasCount(expected.Length, actual, what);
        for (var i = 0; i < expected.Length; i++)
            Assert.AreEqual(expected[i], actual[i], tolerance, $"{what}, element {i}");
    }
}
