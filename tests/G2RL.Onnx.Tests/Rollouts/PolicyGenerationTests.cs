using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Rollouts.Generation;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Tests;

/// <summary>A policy's one-line calls give what sampler, scorer and projector give.</summary>
[TestClass]
public sealed class PolicyGenerationTests
{
    [TestMethod]
    public void Sample_WithoutSettings_StopsAtTheEndTokenOrTheLastPosition()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 20);
        var tokenizer = Tokenizer.Load(model.Folder);
        var told = new List<int>();
        var drawn = policy.Sample(tokenizer, "1+2=", count: 12, seed: 3, progress: new Told(told));
        using var sampler = new Sampler(policy, tokenizer, new() { StopTokens = [tokenizer.EosId!.Value], MaxNewTokens = 16 });
        var expected = sampler.Draw(new([tokenizer.EncodePrompt("1+2=")], 12, 3, 0))[0];
        CollectionAssert.AreEqual(expected.Select(r => r.Text).ToArray(), drawn.Select(r => r.Text).ToArray());
        CollectionAssert.AreEqual(expected.Select(r => r.Finish).ToArray(), drawn.Select(r => r.Finish).ToArray());
        CollectionAssert.IsSubsetOf((FinishReason[])[FinishReason.StopToken, FinishReason.Length], drawn.Select(r => r.Finish).ToArray());
        Assert.AreEqual(12, told.Max());
        Assert.IsTrue(drawn.Where(r => r.Finish == FinishReason.Length).All(r => r is { Tokens.Length: 16, Finished: false }));
        Assert.IsTrue(drawn.Where(r => r.Finish == FinishReason.StopToken).All(r => r.Finished));
        // Another seed gives others, and settings that are given count.
        var others = policy.Sample(tokenizer, "1+2=", 12, seed: 4);
        CollectionAssert.AreNotEqual(drawn.Select(r => r.Text).ToArray(), others.Select(r => r.Text).ToArray());
        Assert.HasCount(2, policy.Sample(tokenizer, "1+2=", settings: new() { MaxNewTokens = 2 }).Single().Tokens);
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => policy.Sample(tokenizer, "1+2=", count: 0));
    }

    [TestMethod]
    public void ScoreAndFeatures_OfTexts_AreThoseOfTheirTokens()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 20);
        var tokenizer = Tokenizer.Load(model.Folder);
        var score = policy.Score(tokenizer, "1+2=", "3", withHidden: true);
        using var scorer = new Scorer(policy.Spec, Environment.ProcessorCount);
        Sequence[] sequences = [new(tokenizer.EncodePrompt("1+2="), tokenizer.EncodeContinuation("3"))];
        var expected = scorer.Score(policy, sequences, temperature: 1, 4096, withHidden: true)[0];
        Assert.HasCount(expected.LogProbs.Length, score.LogProbs);
        for (var i = 0; i < score.LogProbs.Length; i++)
        {
            Assert.AreEqual(expected.LogProbs[i], score.LogProbs[i], 1e-5);
            Assert.AreEqual(expected.Entropies[i], score.Entropies[i], 1e-5);
        }
        Assert.IsNotNull(score.HiddenStates);
        Assert.IsNull(policy.Score(tokenizer, "1+2=", "3").HiddenStates);

        var features = policy.Features(tokenizer, "1+2=", "3", "4");
        Assert.HasCount(2, features);
        Assert.HasCount(16, features[0]);
        CollectionAssert.AreNotEqual(features[0], features[1]);
        Assert.AreEqual(features[0][0], policy.Features(tokenizer, "1+2=", "3")[0][0], 1e-4);
        foreach (var (prompt, completion) in new[] { ("", "3"), ("1+2=", "") })
            StringAssert.Contains(
                Assert.ThrowsExactly<InputException>(() => policy.Score(tokenizer, prompt, completion)).Message, "at least one token");
    }

    private sealed class Told(List<int> told) : IProgress<int>
    {
        public void Report(int value)
        {
            lock (told)
                told.Add(value);
        }
    }
}
