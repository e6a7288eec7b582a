using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Models;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Steps;
using G2RL.Onnx.Training.Updates;

namespace G2RL.Onnx.Tests.Steps;

/// <summary>Small pieces of a step, each by itself.</summary>
[TestClass]
public sealed class StepPiecesTests
{
    // What tokens weighed is told only where they differ: an advantage of 2 (of a token its own), times a weight, 0 where one is left out.
    [TestMethod]
    public void LossWeights_OfEachKind_AreAdvantageTimesWeight()
    {
        var plain = Samples(2);
        LossWeights.Record(plain, KeepOrMask.Keep);
        Assert.IsNull(plain[0].Scored.TokenWeights);
        Assert.AreEqual("2 4 6|2 2 2", Recorded(s => s[0].Corrections = [1, 2, 3]));
        Assert.AreEqual("2 0 2|2 2 2", Recorded(s => s[0].Kept = [true, false, true]));
        Assert.AreEqual("2 2 2|0 6 0", Recorded(s => (s[1].Kept, s[1].Corrections) = ([false, true, false], [1, 3, 5])));
        Assert.AreEqual("5 6 7|8 9 10", Recorded(s => s[0].Scored.TokenAdvantages = [[5, 6, 7], [8, 9, 10]]));
        Assert.AreEqual("0 0 0|0 0 0", Recorded(s =>
        {
            s[0].Kept = [true, true, true];
            s[0].Scored.Masked = true;
        }));

        static string Recorded(Action<Sample[]> change)
        {
            var samples = Samples(2);
            change(samples);
            LossWeights.Record(samples, KeepOrMask.Keep);
            return string.Join('|', samples[0].Scored.TokenWeights!.Select(w => string.Join(' ', w)));
        }
    }

    // The second of the group was cut off. A group that is left out anyhow needs no words, nor one whose responses all ended.
    [TestMethod]
    [DataRow(KeepOrMask.Keep, false, false, null)]
    [DataRow(KeepOrMask.Keep, false, true, "2 4 6|2 2 2")]
    [DataRow(KeepOrMask.Mask, false, false, "2 2 2|0 0 0")]
    [DataRow(KeepOrMask.Mask, false, true, "2 4 6|0 0 0")]
    [DataRow(KeepOrMask.Mask, true, false, null)]
    public void LossWeights_OfCutOffResponses_AreZeroWhereTheyAreLeftOut(KeepOrMask truncated, bool masked, bool corrected, string? told)
    {
        var samples = Samples(2, FinishReason.StopToken, FinishReason.Length);
        samples[0].Scored.Masked = masked;
        if (corrected)
            samples[0].Corrections = [1, 2, 3];
        LossWeights.Record(samples, truncated);
        Assert.AreEqual(
            told, samples[0].Scored.TokenWeights is { } weights ? string.Join('|', weights.Select(w => string.Join(' ', w))) : null);
    }

    [TestMethod]
    public void KeptTokens_OfAMask_AreCounted()
    {
        var sample = Samples(2)[0];
        Assert.AreEqual(3, sample.KeptTokens);
        sample.Kept = [true, false, true];
        Assert.AreEqual(2, sample.KeptTokens);
    }

    // A number a token of the vocabulary, or a number of the width.
    [TestMethod]
    [DataRow("g2rl", 4000)]
    [DataRow("grpo", 0)]
    [DataRow("remax", 0)]
    public void BytesOf_EachKindOfFeature_IsWhatARolloutKeeps(string algorithm, int bytes)
    {
        var spec = Architectures.Parse(
            """
            {"architectures": ["Qwen3ForCausalLM"], "vocab_size": 1000, "hidden_size": 64, "intermediate_size": 96,
             "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
             "max_position_embeddings": 64, "tie_word_embeddings": true, "eos_token_id": 1}
            """,
            "config.json");
        Assert.AreEqual(bytes, RolloutFeatures.BytesOf(new() { Name = algorithm }, spec));
        foreach (var (name, arm) in AlgorithmTable.All)
            Assert.AreEqual(
                arm.Features is FeatureKind.Hidden or FeatureKind.Embedding or FeatureKind.Alignment ? 256
                    : arm.Features == FeatureKind.Gradient ? 4000
                    : 0,
                RolloutFeatures.BytesOf(new() { Name = name }, spec),
                name);
    }

    // Below the target the bonus weighs 1 and grows by 0.25, above it weighs nothing and shrinks, never below 0.
    [TestMethod]
    public void AdaptiveEntropy_FromStepToStep_MovesByItsDelta()
    {
        var entropy = new AdaptiveEntropy(new() { Target = 1, Delta = 0.25 });
        var told = new List<string>();
        foreach (var step in (double[])[0.5, 0.5, 1, 2, 2, 2])
        {
            var metrics = new StepMetrics(1);
            entropy.Adapt(step, metrics);
            told.Add(FormattableString.Invariant(
                $"{metrics.Values["policy/entropy_coefficient"]} {metrics.Values["policy/entropy_weight_next"]}"));
        }
        Assert.AreEqual("0 0.25, 0.25 0.5, 0.5 0.5, 0 0.25, 0 0, 0 0", string.Join(", ", told));
    }

    [TestMethod]
    public void Report_PackedWork_IsTheShareThatWasSaved()
    {
        var (tally, metrics) = (new UpdateTally(new()), new StepMetrics(1));
        tally.AddUpdate(1, null, 0.1);
        tally.AddWork(10, 40);
        tally.AddWork(20, 60);
        tally.Report(metrics);
        Assert.AreEqual(0.7, metrics.Values["packing/saved_flops_share"], 1e-12);
    }

    private static Sample[] Samples(double advantage, FinishReason first = FinishReason.Length, FinishReason second = FinishReason.Length)
    {
        Rollout[] rollouts = [.. new[] { first, second }.Select(finish => new Rollout
        {
            PromptTokens = [1],
            Tokens = [2, 3, 4],
            LogProbs = [-1, -1, -1],
            Entropies = [1, 1, 1],
            Finish = finish,
            Text = "",
            Version = new(0, ""),
        })];
        var scored = new ScoredGroup(new(new("p", "1=", ""), rollouts), [Outcome.Judged(true), Outcome.Judged(false)]);
        Array.Fill(scored.Advantages, advantage);
        return [new(0, 0, scored, rollouts[0]), new(0, 1, scored, rollouts[1])];
    }
}
