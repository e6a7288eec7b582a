using G2RL.Onnx.Algorithms.Novelty;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Rollouts.Decoding;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class SamplerTests
{
    private static readonly int[][] Prompts =
        [.. Enumerable.Range(0, 9).Select(i => Enumerable.Range(0, (i % 5) + 1).Select(t => (3 * i + 5 * t) % 16).ToArray())];

    [TestMethod]
    [DataRow(8)]
    [DataRow(4)]
    public void Draw_AnyThreadsRowsAndBudget_GivesTheSameRolloutsBitForBit(int headDimension)
    {
        using var model = new TinyModel(headDimension);
        using var policy = Policy.Load(model.Folder, 40);
        var reference = Draw(policy, model, new SamplerSettings { MaxNewTokens = 30, MaxRows = 256, Threads = 1 });
        foreach (var settings in new[]
        {
            new SamplerSettings { MaxNewTokens = 30, MaxRows = 256, Threads = 2 },
            new SamplerSettings { MaxNewTokens = 30, MaxRows = 2, Threads = 1 },
            new SamplerSettings { MaxNewTokens = 30, MaxRows = 7, Threads = 3 },
            new SamplerSettings { MaxNewTokens = 30, CacheBudgetBytes = 4 * KvCache.BytesPerRow(policy.Spec, 40), Threads = 2 },
        })
        {
            var drawn = Draw(policy, model, settings);
            for (var p = 0; p < drawn.Count; p++)
                for (var s = 0; s < drawn[p].Length; s++)
                {
                    CollectionAssert.AreEqual(reference[p][s].Tokens, drawn[p][s].Tokens, $"{settings} prompt {p} sample {s}");
                    CollectionAssert.AreEqual(reference[p][s].LogProbs, drawn[p][s].LogProbs, $"{settings} prompt {p} sample {s}");
                    CollectionAssert.AreEqual(
                        reference[p][s].FeatureWeights,
                        drawn[p][s].FeatureWeights,
                        $"{settings} prompt {p} sample {s}");
                    CollectionAssert.AreEqual(reference[p][s].HiddenStates, drawn[p][s].HiddenStates, $"{settings} prompt {p} sample {s}");
                }
        }
        Assert.IsGreaterThan(
            1,
            reference.SelectMany(g => g).Select(r => r.Tokens.Length).Distinct().Count(),
            "rollouts of one length would not test the rows' bookkeeping");
    }

    [TestMethod]
    public void Draw_OnePromptAmongOthers_IsWhatItIsAlone()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        using var sampler = new Sampler(
            policy,
            Tokenizer.Load(model.Folder),
            new SamplerSettings { MaxNewTokens = 20, StopTokens = policy.Spec.EosTokens });
        var many = sampler.Draw(new DrawRequest(Prompts, 16, 3, 5));
        var alone = sampler.Draw(new DrawRequest([Prompts[0]], 1, 3, 5));
        CollectionAssert.AreEqual(many[0][0].Tokens, alone[0][0].Tokens);
        CollectionAssert.AreEqual(many[0][0].LogProbs, alone[0][0].LogProbs);
    }

    [TestMethod]
    public void Draw_LogProbsEntropiesHiddenAndFeatures_EqualTheFullForward()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        var settings = new SamplerSettings { MaxNewTokens = 25, Sampling = new() { Temperature = 0.8 } };
        var drawn = Draw(policy, model, settings).SelectMany(g => g).ToArray();
        using var scorer = new Scorer(policy.Spec, 2);
        var scores = scorer.Score(
            policy,
            [.. drawn.Select(r => new Sequence(r.PromptTokens, r.Tokens))],
            0.8,
            512,
            withHidden: true,
            withFeatures: true);
        for (var i = 0; i < drawn.Length; i++)
        {
            Golden.Near(drawn[i].LogProbs, scores[i].LogProbs, Tolerances.LogProbs, $"log-probs of {i}");
            Golden.Near(drawn[i].Entropies, scores[i].Entropies, Tolerances.LogProbs, $"entropies of {i}");
            Golden.Near(drawn[i].HiddenStates, scores[i].HiddenStates, Tolerances.Logits, $"hidden states of {i}");
            Golden.Near(drawn[i].FeatureWeights, scores[i].FeatureWeights, 2e-6, $"feature weights of {i}");
        }
    }

    [TestMethod]
    public void Project_CheapForm_EqualsThePerTokenForm()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        var drawn = Draw(policy, model, new SamplerSettings { MaxNewTokens = 25 }).SelectMany(g => g).ToArray();
        using var projector = new FeatureProjector(policy.Spec, 2);
        var features = projector.Project(policy, [.. drawn.Select(r => r.FeatureWeights!)]);
        var head = policy.Parameters[0].Buffer.Span.ToArray();
        for (var i = 0; i < drawn.Length; i++)
        {
            var expected = new double[policy.Spec.HiddenSize];
            GradientFeature.PerToken(
                drawn[i].HiddenStates,
                drawn[i].Tokens,
                head,
                1,
                Enumerable.Repeat(1f, drawn[i].Tokens.Length).ToArray(),
                expected);
            Golden.Near(features[i], Array.ConvertAll(expected, x => (float)x), 2e-6, $"feature of {i}");
        }
    }

    [TestMethod]
    public void Draw_StopString_CutsTheTextAndKeepsTheTokens()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 60);
        var tokenizer = Tokenizer.Load(model.Folder);
        using var sampler = new Sampler(policy, tokenizer, new SamplerSettings { MaxNewTokens = 50, StopStrings = ["1", "+2"] });
        var rollouts = sampler.Draw(new DrawRequest(Prompts, 8, 1, 0)).SelectMany(g => g).ToArray();
        var stopped = rollouts.Where(r => r.Finish == FinishReason.StopString).ToArray();
        Assert.IsNotEmpty(stopped);
        foreach (var rollout in stopped)
        {
            Assert.IsFalse(rollout.Text.Contains('1') || rollout.Text.Contains("+2"), rollout.Text);
            var whole = tokenizer.Decode(rollout.Tokens);
            Assert.IsTrue(whole.EndsWith('1') || whole.EndsWith("+2"), whole);
        }
    }

    [TestMethod]
    public void Draw_PromptTooLongOrEmptyOrBudgetTooSmall_SaysWhat()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 20);
        var tokenizer = Tokenizer.Load(model.Folder);
        using var sampler = new Sampler(policy, tokenizer, new SamplerSettings { MaxNewTokens = 15 });
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => sampler.Draw(new DrawRequest([new int[6]], 2, 0, 0))).Message,
            "20 positions");
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => sampler.Draw(new DrawRequest([[]], 2, 0, 0))).Message,
            "no tokens");
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() =>
            new Sampler(policy, tokenizer, new SamplerSettings { MaxNewTokens = 5, CacheBudgetBytes = 100 })).Message, "cacheBudgetMiB");
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => Policy.Load(model.Folder, 65)).Message,
            "max_position_embeddings is 64");
    }

    [TestMethod]
    public void Draw_MoreTokensThanARowBeginsWith_EqualTheFullForward()
    {
        using var model = new TinyModel(positions: 160);
        using var policy = Policy.Load(model.Folder, 160);
        using var sampler = new Sampler(policy, Tokenizer.Load(model.Folder), new SamplerSettings { MaxNewTokens = 150, MaxRows = 2 });
        var drawn = sampler.Draw(new DrawRequest([[3, 4]], 3, Seed: 3, Step: 5, WithHidden: true))[0];
        using var scorer = new Scorer(policy.Spec, 1);
        var scores = scorer.Score(policy, [.. drawn.Select(r => new Sequence(r.PromptTokens, r.Tokens))], 1, 512, withHidden: true);
        for (var i = 0; i < drawn.Length; i++)
        {
            Assert.HasCount(150, drawn[i].Tokens);
            Golden.Near(drawn[i].LogProbs, scores[i].LogProbs, Tolerances.LogProbs, $"log-probs of {i}");
            Golden.Near(drawn[i].Entropies, scores[i].Entropies, Tolerances.LogProbs, $"entropies of {i}");
            Golden.Near(drawn[i].HiddenStates, scores[i].HiddenStates, Tolerances.Logits, $"hidden states of {i}");
        }
    }

    [TestMethod]
    public void Draw_PromptsOfManyLengths_AreWhatTheyAreAlone()
    {
        // More lengths than are kept ready, and the first of them once more.
        int[][] prompts = [.. Enumerable.Range(1, 66).Append(1).Select(n => Enumerable.Range(0, n).Select(t => (n + t) % 16).ToArray())];
        using var model = new TinyModel(positions: 80);
        using var policy = Policy.Load(model.Folder, 80);
        var tokenizer = Tokenizer.Load(model.Folder);
        var settings = new SamplerSettings { MaxNewTokens = 3, MaxRows = 2, Threads = 1 };
        using var sampler = new Sampler(policy, tokenizer, settings);
        var drawn = sampler.Draw(new DrawRequest(prompts, 1, 3, 5) { Indices = [.. Enumerable.Range(0, 66), 0] });
        CollectionAssert.AreEqual(drawn[0][0].Tokens, drawn[66][0].Tokens);
        foreach (var place in (int[])[0, 30, 65])
        {
            using var other = new Sampler(policy, tokenizer, settings);
            var alone = other.Draw(new DrawRequest([prompts[place]], 1, 3, 5) { Indices = [place] });
            CollectionAssert.AreEqual(drawn[place][0].Tokens, alone[0][0].Tokens, $"prompt {place}");
            CollectionAssert.AreEqual(drawn[place][0].LogProbs, alone[0][0].LogProbs, $"prompt {place}");
        }
    }

    [TestMethod]
    public void Draw_StopTokens_EndARollout()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 40);
        var settings = new SamplerSettings { MaxNewTokens = 20, StopTokens = [.. Enumerable.Range(0, 8)] };
        using var sampler = new Sampler(policy, Tokenizer.Load(model.Folder), settings);
        using var stream = new StreamingSampler(policy, settings);
        var drawn = sampler.Draw(new DrawRequest([[3, 4]], 16, Seed: 7, Step: 0));
        var largest = 0f;
        foreach (var rollout in drawn[0])
        {
            Assert.IsFalse(rollout.Tokens[..^1].Any(t => t < 8));
            Assert.AreEqual(rollout.Tokens[^1] < 8 ? FinishReason.StopToken : FinishReason.Length, rollout.Finish);
            largest = MathF.Max(largest, -rollout.LogProbs.Min());
        }
        Assert.IsTrue(drawn[0].Any(r => r.Finish == FinishReason.StopToken));
        CollectionAssert.AreEqual(drawn[0][0].Tokens, stream.Draw([3, 4], seed: 7).Select(d => d.Token).ToArray());
        // A log-probability of -l needs a logit of at least (l - ln V) / 2 in size.
        Assert.IsGreaterThan((largest - MathF.Log(policy.Spec.VocabularySize)) / 2, drawn.LargestLogit);
    }

    private static DrawnRollouts Draw(Policy policy, TinyModel model, SamplerSettings settings)
    {
        using var sampler = new Sampler(policy, Tokenizer.Load(model.Folder), settings with { StopTokens = policy.Spec.EosTokens });
        return sampler.Draw(new DrawRequest(Prompts, 16, Seed: 3, Step: 5, WithFeatures: true, WithHidden: true));
    }
}
