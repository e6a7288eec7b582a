using G2RL.Onnx.Cuda.Tests.Interpreter;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;
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
            var expected = host.Score(
                policy,
                sequences,
                0.7,
                maxTokens,
                withHidden: true,
                withFeatures: true,
                tokenWeight: weight,
                withMeanHidden: true);
            var scores = device.Score(
                policy,
                sequences,
                0.7,
                maxTokens,
                withHidden: true,
                withFeatures: true,
                tokenWeight: weight,
                withMeanHidden: true);
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
