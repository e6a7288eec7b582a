using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class StreamingSamplerTests
{
    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void Draw_SameIndices_GivesTheSamplersTokensToTheBit(bool greedy)
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        var tokenizer = Tokenizer.Load(model.Folder);
        var settings = new SamplerSettings { MaxNewTokens = 20, Sampling = new() { Greedy = greedy, Temperature = 0.8 } };
        var prompt = tokenizer.Encode("12+3=");
        using var sampler = new Sampler(policy, tokenizer, settings);
        using var stream = new StreamingSampler(policy, settings);
        var rollouts = sampler.Draw(new DrawRequest([prompt], 3, Seed: 7, Step: 0))[0];
        for (var sample = 0; sample < rollouts.Length; sample++)
        {
            var drawn = stream.Draw(prompt, seed: 7, sample).ToArray();
            CollectionAssert.AreEqual(rollouts[sample].Tokens, drawn.Select(d => d.Token).ToArray());
            CollectionAssert.AreEqual(rollouts[sample].LogProbs, drawn.Select(d => d.LogProb).ToArray());
        }
    }

    [TestMethod]
    public void Draw_WithAlternatives_NamesTheBestFirst()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        using var stream = new StreamingSampler(policy, new SamplerSettings { MaxNewTokens = 4, Sampling = new() { Greedy = true } });
        foreach (var token in stream.Draw([3, 4], seed: 0, alternatives: 3))
        {
            Assert.HasCount(3, token.Alternatives);
            Assert.AreEqual((token.Token, token.LogProb), token.Alternatives[0]);
            Assert.IsGreaterThanOrEqualTo(token.Alternatives[1].LogProb, token.Alternatives[0].LogProb);
        }
    }

    [TestMethod]
    public void Draw_UpToTheLastPosition_Ends()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 10);
        using var stream = new StreamingSampler(policy, new SamplerSettings { MaxNewTokens = 100 });
        Assert.AreEqual(7, stream.Draw([3, 4, 5], seed: 0).Count());
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => stream.Draw(new int[10], seed: 0)).Message, "10 positions");
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => stream.Draw([], seed: 0)).Message, "no tokens");
    }
}
