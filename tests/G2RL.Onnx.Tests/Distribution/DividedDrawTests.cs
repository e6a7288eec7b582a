using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Tests.Distribution;

[TestClass]
public sealed class DividedDrawTests
{
    private static readonly int[][] Prompts =
        [[1, 2, 3], [4], [5, 6, 7, 8, 9], [3, 3], [1, 2, 3], [9, 8, 7, 6], [2, 4, 6], [7]];

    [TestMethod]
    public void Draw_DividedInAnyWay_GivesTheSameRollouts()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        var tokenizer = Tokenizer.Load(model.Folder);
        var settings = new SamplerSettings { MaxNewTokens = 20, StopTokens = policy.Spec.EosTokens };
        using var whole = new Sampler(policy, tokenizer, settings with { Threads = 2 });
        using var parts = new Sampler(policy, tokenizer, settings with { MaxRows = 5 });
        var request = new DrawRequest(Prompts, Samples: 4, Seed: 11, Step: 3, WithFeatures: true);
        var expected = whole.Draw(request);
        for (ulong trial = 0; trial < 12; trial++)
        {
            // A random order, cut at random places: pieces of one group and of many.
            var order = Seeds.Permutation(trial, Prompts.Length);
            for (var (start, piece) = (0, 0); start < order.Length; piece++)
            {
                var count = Math.Min(order.Length - start, 1 + (int)(Seeds.Derive(trial, Seeds.Purpose.Shuffle, piece) % 3));
                var places = order[start..(start + count)];
                var drawn = parts.Draw(request.Part(places));
                for (var i = 0; i < count; i++)
                    AssertEqual(expected[places[i]], drawn[i], $"trial {trial}, prompt {places[i]}");
                start += count;
            }
        }
    }

    [TestMethod]
    public void Part_OfAPart_KeepsTheFirstNumbers()
    {
        var request = new DrawRequest(Prompts, Samples: 1, Seed: 1, Step: 0);
        var part = request.Part([6, 2, 4]).Part([2, 0]);
        CollectionAssert.AreEqual(new[] { 4, 6 }, part.Indices!.ToArray());
        CollectionAssert.AreEqual(Prompts[6], part.Prompts[1]);
    }

    [TestMethod]
    public void Draw_IndicesThatAreNotOneAPrompt_AreRefused()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        using var sampler = new Sampler(policy, Tokenizer.Load(model.Folder), new SamplerSettings { MaxNewTokens = 4 });
        var request = new DrawRequest(Prompts, Samples: 1, Seed: 1, Step: 0);
        Assert.ThrowsExactly<ArgumentException>(() => sampler.Draw(request with { Indices = [1] }));
        Assert.ThrowsExactly<ArgumentException>(() => sampler.Draw(request.Part([0]) with { Indices = [-1] }));
    }

    private static void AssertEqual(Rollout[] expected, Rollout[] drawn, string where)
    {
        Assert.HasCount(expected.Length, drawn, where);
        for (var s = 0; s < expected.Length; s++)
        {
            CollectionAssert.AreEqual(expected[s].Tokens, drawn[s].Tokens, where);
            CollectionAssert.AreEqual(expected[s].LogProbs, drawn[s].LogProbs, where);
            CollectionAssert.AreEqual(expected[s].Entropies, drawn[s].Entropies, where);
            CollectionAssert.AreEqual(expected[s].FeatureWeights, drawn[s].FeatureWeights, where);
            Assert.AreEqual(expected[s].Text, drawn[s].Text, where);
            Assert.AreEqual(expected[s].Finish, drawn[s].Finish, where);
        }
    }
}
