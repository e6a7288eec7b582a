using System.Text.Json;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests;

/// <summary>Every graph against Hugging Face transformers.</summary>
[TestClass]
public sealed class GoldenModelTests
{
    private static readonly string[] AllModels = ["golden-qwen3-a", "golden-qwen3-a-bf16", "golden-qwen3-yarn", "golden-qwen2-a", "golden-qwen2-a-sharded", "golden-llama-a", "golden-llama-b", "golden-mistral-a", "golden-phi3-a", "golden-gemma3-a"];
    private static readonly string[] TrainedModels = ["golden-qwen3-a", "golden-qwen3-yarn", "golden-qwen2-a", "golden-llama-a", "golden-llama-b", "golden-mistral-a", "golden-phi3-a", "golden-gemma3-a"];

    public static IEnumerable<object[]> Models => AllModels.Select(m => new object[] { m });

    public static IEnumerable<object[]> Trained => TrainedModels.Select(m => new object[] { m });

    [TestMethod]
    [DynamicData(nameof(Models))]
    public void Score_OnEveryPadding_MatchesTransformers(string name)
    {
        using var golden = new GoldenModel(name);
        var spec = golden.Policy.Spec;
        using var body = new OrtSession(DecoderGraph.Body(spec), 1);
        using var head = new OrtSession(DecoderGraph.Head(spec, withLogits: true), 2);
        foreach (var batch in new[] { "rp", "lp", "mid", "gap" }.Where(b => golden.Has($"{b}.hidden")))
        {
            var shape = golden.Shape($"{batch}.input_ids");
            var count = (int)(shape[0] * shape[1]);
            var mask = golden.Ints($"{batch}.attention_mask");
            var hidden = new float[count * spec.HiddenSize];
            using (var run = body.Bind())
            {
                golden.Policy.BindTo(run);
                run.Input("input_ids", golden.Ints($"{batch}.input_ids"), shape);
                run.Input("attention_mask", mask, shape);
                run.Input("position_ids", golden.Ints($"{batch}.position_ids"), shape);
                run.Input("rows", [.. Enumerable.Range(0, count).Select(i => (long)i)], count);
                run.Output("last_hidden_state", hidden, count, spec.HiddenSize);
                run.Run();
            }
            var far = batch == "gap" ? Tolerances.FarLogits : Tolerances.Logits;
            Compare(mask, hidden, golden.Floats($"{batch}.hidden"), far, $"{name} {batch}.hidden");
            foreach (var (suffix, temperature) in new[] { ("", 1.0), ("_t07", 0.7) })
            {
                var (logits, logProbs, entropy) = (new float[count * spec.VocabularySize], new float[count], new float[count]);
                using var run = head.Bind();
                golden.Policy.BindTo(run);
                run.Input("last_hidden_state", hidden, count, spec.HiddenSize);
                run.Input("targets", golden.Ints($"{batch}.targets"), count);
                run.Input("inverse_temperature", new[] { (float)(1 / temperature) });
                run.Output("log_probs", logProbs, count);
                run.Output("entropy", entropy, count);
                run.Output("logits", logits, count, spec.VocabularySize);
                run.Run();
                if (golden.Has($"{batch}.logits"))
                    Compare(mask, logits, golden.Floats($"{batch}.logits"), far, $"{name} {batch}.logits");
                // A logit's error enters the log-prob divided by the temperature.
                Compare(mask, logProbs, golden.Floats($"{batch}.logp{suffix}"), far / 2 / temperature, $"{name} {batch}.logp{suffix}");
                Compare(mask, entropy, golden.Floats($"{batch}.entropy{suffix}"), far / 2 / temperature, $"{name} {batch}.entropy{suffix}");
            }
        }
    }

    [TestMethod]
    [DynamicData(nameof(Models))]
    public void Decode_Greedy_GivesTransformersTokensLogitsAndHiddenStates(string name)
    {
        using var golden = new GoldenModel(name);
        var spec = golden.Policy.Spec;
        using var session = new OrtSession(DecoderGraph.Decode(spec), 1);
        if (!golden.Json.TryGetProperty("decode", out var decode))
            Assert.Inconclusive($"{name} has no decoding.");
        var (prompts, tokens) = (decode.EnumerateArray().Select(d => Ids(d, "prompt")).ToArray(), decode.EnumerateArray().Select(d => Ids(d, "tokens")).ToArray());
        // Both sequences side by side in one cache, ragged.
        using var cache = new KvCache(spec, rows: 8, positions: 64);
        var logits = prompts.Select(_ => new List<float>()).ToArray();
        for (var row = 0; row < prompts.Length; row++)
        {
            using var prefill = new DecodeStep(session, golden.Policy, cache, row, rows: 1, prompts[row].Length);
            for (var t = 0; t < prompts[row].Length; t++)
                (prefill.Ids[t], prefill.Places[t]) = (prompts[row][t], t);
            prefill.Ends[0] = prompts[row].Length - 1;
            prefill.Run();
            logits[row].AddRange(prefill.Logits(0));
        }
        using var step = new DecodeStep(session, golden.Policy, cache, 0, rows: 8, tokens: 1);
        for (var t = 0; t < tokens[0].Length - 1; t++)
        {
            for (var row = 0; row < prompts.Length; row++)
            {
                Assert.AreEqual(tokens[row][t], ArgMax(logits[row], spec.VocabularySize), $"{name} row {row} token {t}");
                (step.Ids[row], step.Places[row], step.Ends[row]) = (tokens[row][t], prompts[row].Length + t, prompts[row].Length + t);
            }
            step.Run();
            for (var row = 0; row < prompts.Length; row++)
                logits[row].AddRange(step.Logits(row));
        }
        for (var row = 0; row < prompts.Length; row++)
            GoldenModel.Near(logits[row].ToArray(), golden.Floats($"dec{row}.step_logits"), Tolerances.Logits, $"{name} dec{row}.step_logits");
    }

    [TestMethod]
    [DynamicData(nameof(Trained))]
    public void Train_GoldenObjective_GivesLossGradientsAndParametersOfTorch(string name)
    {
        using var golden = new GoldenModel(name);
        var policy = golden.Policy;
        using var trainer = new GradientAccumulator(policy, PolicyLoss.Objective(new(0.2, 0.2, KlCoefficient: 0.01, EntropyCoefficient: 0.003)), temperature: 1, threads: 2);
        using var optimizer = new AdamW(policy.Parameters, trainer.Gradients, new AdamWSettings { Beta2 = 0.95, WeightDecay = 0.1, MaxGradientNorm = 1 }, threads: 2);
        var micro = Microbatch(golden, "old");
        foreach (var step in Enumerable.Range(1, 3))
        {
            trainer.Clear();
            var loss = trainer.Add(micro);
            if (step == 1)
            {
                Assert.AreEqual(golden.Json.GetProperty("ppo").GetProperty("loss").GetDouble(), loss, Tolerances.Loss, name);
                using var expected = SafeTensorsFile.Open(Path.Combine(golden.Folder, "grads.safetensors"));
                foreach (var gradient in trainer.Gradients)
                    NearGradient(gradient, expected, name);
            }
            var before = policy.Parameters.Select(p => p.Buffer.Span.ToArray()).ToArray();
            var norm = optimizer.GradientNorm();
            optimizer.Step(1e-3, norm);
            var stored = Path.Combine(golden.Folder, $"params_step{step}.safetensors");
            if (!File.Exists(stored))
                stored = Path.Combine(golden.Folder + "-adamw", $"params_step{step}.safetensors");
            if (File.Exists(stored))
                NearParameters(policy, trainer.Gradients, norm, stored, step, name);
        }
    }

    [TestMethod]
    [DynamicData(nameof(Trained))]
    public void Train_ClipHigherAtAnotherTemperature_GivesLossAndGradientsOfTorch(string name)
    {
        using var golden = new GoldenModel(name);
        using var trainer = new GradientAccumulator(golden.Policy, PolicyLoss.Objective(new(0.2, 0.28)), temperature: 0.7, threads: 1);
        var loss = trainer.Add(Microbatch(golden, "oldB"));
        Assert.AreEqual(golden.Json.GetProperty("ppoB").GetProperty("loss").GetDouble(), loss, Tolerances.Loss, name);
        var norms = golden.Json.GetProperty("ppoB").GetProperty("grad_norm_per_param");
        foreach (var gradient in trainer.Gradients)
        {
            var norm = Math.Sqrt(AdamW.SumOfSquares(gradient.Buffer.Span));
            var expected = norms.GetProperty(gradient.Name).GetDouble();
            Assert.AreEqual(expected, norm, (Tolerances.GradientRelative * expected) + Tolerances.Gradient, $"{name} norm of {gradient.Name}");
            if (golden.Has("ppoB.grad." + gradient.Name))
                GoldenModel.Near(gradient.Buffer.Span, golden.Floats("ppoB.grad." + gradient.Name), Math.Max(Tolerances.Gradient, Tolerances.GradientRelative * expected), gradient.Name);
        }
    }

    internal static Microbatch Microbatch(GoldenModel golden, string old)
    {
        var (ids, positions, mask) = (golden.Ints("rp.input_ids"), golden.Ints("rp.position_ids"), golden.Ints("rp.attention_mask"));
        var width = (int)golden.Shape("rp.input_ids")[1];
        var prompts = golden.Json.GetProperty("ppo").GetProperty("prompt_len").EnumerateArray().Select(e => e.GetInt32()).ToArray();
        var responses = golden.Json.GetProperty("ppo").GetProperty("response_len").EnumerateArray().Select(e => e.GetInt32()).ToArray();
        var sequences = prompts.Select((p, row) => new Sequence(
            [.. ids.Skip(row * width).Take(p).Select(i => (int)i)],
            [.. ids.Skip((row * width) + p).Take(responses[row]).Select(i => (int)i)])).ToArray();
        var micro = new Microbatch(new SequenceBatch(sequences));
        var response = (int)golden.Shape("ppo.old")[1];
        var responseMask = golden.Floats("ppo.response_mask");
        var total = responseMask.Sum();
        var next = 0;
        for (var row = 0; row < sequences.Length; row++)
            for (var t = 0; t < responses[row]; t++, next++)
            {
                var at = (row * response) + t;
                micro.Weights[next] = responseMask[at] / total;
                micro.Advantages[next] = golden.Floats("ppo.adv")[at];
                micro.OldLogProbs[next] = golden.Floats($"ppo.{old}")[at];
                micro.ReferenceLogProbs[next] = golden.Floats("ppo.ref")[at];
            }
        return micro;
    }

    private static void NearGradient(Parameter gradient, SafeTensorsFile expected, string name)
    {
        var values = new float[gradient.Buffer.Length];
        expected.ReadFloats(gradient.Name, values);
        var largest = values.Max(MathF.Abs);
        GoldenModel.Near(gradient.Buffer.Span, values, Tolerances.Gradient, $"{name} gradient of {gradient.Name}");
        GoldenModel.Near(gradient.Buffer.Span, values, Math.Max(Tolerances.GradientRelative * largest, 1e-7), $"{name} gradient of {gradient.Name} against its largest {largest}");
    }

    private static void NearParameters(Policy policy, IReadOnlyList<Parameter> gradients, double norm, string path, int step, string name)
    {
        using var expected = SafeTensorsFile.Open(path);
        var (count, outside) = (0L, 0L);
        var scale = Math.Min(1, 1 / (norm + 1e-6));
        foreach (var (parameter, gradient) in policy.Parameters.Zip(gradients))
        {
            var values = new float[parameter.Buffer.Length];
            expected.ReadFloats(parameter.Name, values);
            var actual = parameter.Buffer.Span;
            var g = gradient.Buffer.Span;
            for (var i = 0; i < values.Length; i++, count++)
            {
                var difference = Math.Abs((double)actual[i] - values[i]);
                outside += difference > Tolerances.Parameters ? 1 : 0;
                Assert.IsLessThanOrEqualTo(2e-3 * step, difference, $"{name} step {step} {parameter.Name}[{i}]");
                if (step == 1 && Math.Abs(g[i] * scale) > 1e-6)
                    Assert.IsLessThanOrEqualTo(Tolerances.Parameters, difference, $"{name} step 1 {parameter.Name}[{i}], gradient {g[i]}");
            }
        }
        Assert.IsLessThanOrEqualTo(count / 1000, outside, $"{name} step {step}: {outside} of {count} parameters beyond {Tolerances.Parameters}");
    }

    private static void Compare(long[] mask, float[] actual, float[] expected, double tolerance, string what)
    {
        var width = actual.Length / mask.Length;
        for (var i = 0; i < mask.Length; i++)
            if (mask[i] != 0)
                GoldenModel.Near(actual.AsSpan(i * width, width), expected.AsSpan(i * width, width), tolerance, $"{what} row {i}");
    }

    private static int[] Ids(JsonElement element, string name) => [.. element.GetProperty(name).EnumerateArray().Select(e => e.GetInt32())];

    private static int ArgMax(List<float> logits, int vocabulary)
    {
        var last = logits.GetRange(logits.Count - vocabulary, vocabulary);
        return last.IndexOf(last.Max());
    }
}
