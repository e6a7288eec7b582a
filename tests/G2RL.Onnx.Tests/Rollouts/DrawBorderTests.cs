using G2RL.Onnx.Execution;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Rollouts.Decoding;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Tests;

/// <summary>What a draw refuses, where its room ends and what it tells on the way.</summary>
[TestClass]
public sealed class DrawBorderTests
{
    [TestMethod]
    [DataRow(3, 5, null)]
    [DataRow(3, 4, "Prompt 1 has 2 tokens; with sampling.maxNewTokens 3 it exceeds the 4 positions reserved.")]
    [DataRow(4, 5, "Prompt 1 has 2 tokens; with sampling.maxNewTokens 4 it exceeds the 5 positions reserved.")]
    public void Validate_Room_EndsWithTheLastPosition(int tokens, int positions, string? refusal)
    {
        DrawRequest request = new([[1], [1, 2]], Samples: 1, Seed: 0, Step: 0);
        void Validate() => request.Validate(new() { MaxNewTokens = tokens }, positions);
        if (refusal is null)
            Validate();
        else
            StringAssert.StartsWith(Assert.ThrowsExactly<InputException>(Validate).Message, refusal);
    }

    [TestMethod]
    public void Validate_Indices_AreOneForEachPromptAndNeverBelow0()
    {
        DrawRequest request = new([[1], [1, 2]], Samples: 1, Seed: 0, Step: 0);
        string Refusal(params int[] indices) =>
            Assert.ThrowsExactly<ArgumentException>(() => (request with { Indices = indices }).Validate(new(), 100)).Message;
        Assert.AreEqual("1 indices for 2 prompts; there must be one for each.", Refusal(5));
        Assert.AreEqual("An index of a prompt is -2; it must be 0 or more.", Refusal(7, -2));
        (request with { Indices = [7, 0] }).Validate(new(), 100);
    }

    [TestMethod]
    public void Part_OfARequest_KeepsNumbersAndTellsNobody()
    {
        DrawRequest request = new([[1], [1, 2], [3]], Samples: 4, Seed: 5, Step: 6) { GroupEnded = (_, _) => { } };
        var part = request.Part([2, 0]);
        CollectionAssert.AreEqual((int[])[2, 0], part.Indices!.ToArray());
        CollectionAssert.AreEqual((int[][])[[3], [1]], part.Prompts.ToArray(), Comparer<int[]>.Create((a, b) => a[0] - b[0]));
        Assert.AreEqual((4, 5ul, 6, null), (part.Samples, part.Seed, part.Step, part.GroupEnded));
        CollectionAssert.AreEqual((int[])[30, 10], (request with { Indices = [10, 20, 30] }).Part([2, 0]).Indices!.ToArray());
    }

    [TestMethod]
    public void Samplers_SettingsOutOfRange_AreRefusedByName()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 12);
        var tokenizer = Tokenizer.Load(model.Folder);
        foreach (var (settings, message) in new (SamplerSettings, string)[]
        {
            (new() { MaxNewTokens = 0 }, "sampling.maxNewTokens is 0; a rollout needs at least 1 token."),
            (new() { Threads = 0 }, "Threads is 0; drawing needs at least 1."),
            (new() { Sampling = new() { TopK = -1 } }, "sampling.topK is -1"),
        })
        {
            StringAssert.StartsWith(
                Assert.ThrowsExactly<InputException>(() => new Sampler(policy, tokenizer, settings)).Message, message);
            StringAssert.StartsWith(
                Assert.ThrowsExactly<InputException>(() => new StreamingSampler(policy, settings)).Message, message);
        }
    }

    [TestMethod]
    public void Draw_Groups_AreToldWhenTheirLastRolloutEnds()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 12);
        using var sampler = new Sampler(policy, Tokenizer.Load(model.Folder), new() { MaxNewTokens = 4, Threads = 2, MaxRows = 3 });
        var (ended, told) = (new List<(int Prompt, Rollout[] Rollouts)>(), new List<int>());
        Problem[] problems = [new("a", "1", ""), new("b", "2", ""), new("c", "3", "")];
        int[][] prompts = [[3, 4], [5], [6, 7, 8]];
        DrawRequest request = new([], Samples: 4, Seed: 1, Step: 2, WithFeatures: true)
        {
            GroupEnded = (prompt, rollouts) =>
            {
                lock (ended)
                    ended.Add((prompt, rollouts));
                Assert.IsTrue(rollouts.All(r => r is not null), "all of them are there");
            },
        };
        void Tell(int count)
        {
            lock (told)
                told.Add(count);
        }

        var groups = sampler.DrawGroups(problems, prompts, request, Tell);
        CollectionAssert.AreEqual(problems, groups.Select(g => g.Problem).ToArray());
        CollectionAssert.AreEquivalent((int[])[0, 1, 2], ended.ConvertAll(e => e.Prompt));
        CollectionAssert.AreEquivalent(Enumerable.Range(1, 12).ToArray(), told);
        foreach (var (prompt, rollouts) in ended)
            CollectionAssert.AreEqual(groups[prompt].Rollouts.ToArray(), rollouts);
        foreach (var (group, prompt) in groups.Zip(prompts))
            foreach (var rollout in group.Rollouts)
            {
                Assert.AreSame(prompt, rollout.PromptTokens);
                Assert.AreEqual((FinishReason.Length, -1, null), (rollout.Finish, rollout.FeatureRow, rollout.HiddenStates));
                // u = counts / T - the mean of distributions: its numbers add up to 0, those above it to 1 at most.
                Assert.AreEqual(0, rollout.FeatureWeights!.Sum(), 1e-5);
                Assert.IsInRange(0.2f, 1, rollout.FeatureWeights!.Sum(u => Math.Max(0, u)));
            }
        Assert.IsEmpty(sampler.Draw(request with { Prompts = [] }));
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.ThrowsExactly<OperationCanceledException>(() => sampler.Draw(request with { Prompts = prompts }, null, cancelled.Token));
        Assert.HasCount(3, sampler.Draw(request with { Prompts = prompts }), "it draws on");
    }

    // Of each draw alone, whatever was drawn before.
    [TestMethod]
    public void Draw_LargestLogit_IsTheDrawsOwn()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 12);
        var tokenizer = Tokenizer.Load(model.Folder);
        using var sampler = new Sampler(policy, tokenizer, new() { MaxNewTokens = 3 });
        DrawRequest[] requests = [.. Enumerable.Range(3, 3).Select(p => new DrawRequest([[p]], Samples: 2, Seed: 1, Step: 2))];
        float[] alone = [.. requests.Select(r =>
        {
            using var own = new Sampler(policy, tokenizer, new() { MaxNewTokens = 3 });
            return own.Draw(r).LargestLogit;
        })];
        Assert.HasCount(3, alone.Distinct());
        for (var i = 5; i >= 0; i--)
        {
            var drawn = sampler.Draw(requests[i % 3]);
            Assert.AreEqual(alone[i % 3], drawn.LargestLogit);
            Assert.IsNull(drawn[0][0].FeatureWeights);
        }
    }

    [TestMethod]
    [DataRow(0, DrawnWeights.Float32, CacheType.Float32, false, false)]
    [DataRow(1, DrawnWeights.Float32, CacheType.Float32, true, true)]
    [DataRow(0, DrawnWeights.BFloat16, CacheType.Float32, true, true)]
    [DataRow(0, DrawnWeights.Float32, CacheType.Int8, false, true)]
    public void Config_LagWeightsAndCache_SayWhatDraws(int lag, DrawnWeights weights, CacheType cache, bool copy, bool otherwise)
    {
        SamplingConfig config = new() { Lag = lag, Weights = weights, CacheType = cache };
        Assert.AreEqual((copy, otherwise), (config.DrawsFromCopy, config.DrawsOtherwise));
    }
}
