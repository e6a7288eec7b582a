using System.Text.Json.Nodes;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Rollouts.Decoding;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests;

/// <summary>Families and features without a golden folder, against <see cref="ReferenceDecoders"/>.</summary>
[TestClass]
public sealed class ReferenceDecoderTests
{
    private static readonly int[] Tokens = [5, 17, 30, 2, 2, 9, 28, 11, 0, 23, 14];

    public static IEnumerable<object[]> Cases => ReferenceDecoders.All.Keys.Select(name => new object[] { name });

    [TestMethod]
    [DynamicData(nameof(Cases))]
    public void Score_EqualsTheReference(string name)
    {
        using var policy = RandomPolicy(name);
        var spec = policy.Spec;
        using var body = new OrtSession(DecoderGraph.Body(spec), 1);
        using var head = new OrtSession(DecoderGraph.Head(spec, withLogits: true), 1);
        var n = Tokens.Length;
        var (hidden, logits) = (new float[n * spec.HiddenSize], new float[n * spec.VocabularySize]);
        using (var run = body.Bind())
        {
            BindSequence(policy, run);
            run.Output("last_hidden_state", hidden, n, spec.HiddenSize);
            run.Run();
        }
        using var score = head.Bind();
        policy.BindTo(score);
        score.Input("last_hidden_state", hidden, n, spec.HiddenSize);
        score.Input("targets", new long[n], n);
        score.Input("inverse_temperature", new[] { 1f });
        score.Output("log_probs", new float[n], n);
        score.Output("entropy", new float[n], n);
        score.Output("logits", logits, n, spec.VocabularySize);
        score.Run();
        Golden.Near(logits, Expected(name, policy), Tolerances.Logits, $"{name} logits");
    }

    [TestMethod]
    [DynamicData(nameof(Cases))]
    public void Decode_TokenByToken_EqualsTheReference(string name) => DecodeTokenByToken(name, spec => DecoderGraph.Decode(spec));

    // The form for providers without GroupQueryAttention in float32, in the operator set that CUDA has whole.
    [TestMethod]
    [DynamicData(nameof(Cases))]
    public void Decode_WithPlainAttention_EqualsTheReference(string name) =>
        DecodeTokenByToken(name, spec => DecoderGraph.Decode(spec, 18, CacheAttention.Plain));

    [TestMethod]
    [DynamicData(nameof(Cases))]
    public void Decode_WithOurOperators_EqualsTheReference(string name) =>
        DecodeTokenByToken(name, spec => DecoderGraph.Decode(spec, attention: CacheAttention.Fused));

    private static void DecodeTokenByToken(string name, Func<DecoderSpec, Graph> graph)
    {
        using var policy = RandomPolicy(name);
        using var session = new OrtSession(graph(policy.Spec), 1);
        using var cache = new KvCache(policy.Spec, 2, 32);
        var logits = new List<float>();
        // Three tokens at once, the rest one by one, beyond every window.
        for (var start = 0; start < Tokens.Length;)
        {
            var count = start == 0 ? 3 : 1;
            using var step = new DecodeStep(session, policy, cache, 0, 1, count);
            for (var i = 0; i < count; i++)
                (step.Ids[i], step.Places[i]) = (Tokens[start + i], start + i);
            step.Ends[0] = start + count - 1;
            step.Run();
            logits.AddRange(step.Logits(0));
            start += count;
        }
        Golden.Near(logits.ToArray(), Expected(name, policy).AsSpan(2 * policy.Spec.VocabularySize), Tolerances.Logits, $"{name} logits");
    }

    // Along a random direction in one parameter at a time, the double-precision loss must change as the train graph's gradient says.
    [TestMethod]
    [DynamicData(nameof(Cases))]
    public void Train_EveryGradient_IsTheSlopeOfTheReferenceLoss(string name)
    {
        using var policy = RandomPolicy(name);
        var gradients = Gradients(policy);
        var weights = policy.Parameters.ToDictionary(
            p => p.Name,
            p => Array.ConvertAll(p.Buffer.Span.ToArray(), v => (double)v),
            StringComparer.Ordinal);
        for (var index = 0; index < policy.Parameters.Count; index++)
        {
            var parameter = policy.Parameters[index];
            var direction = new float[parameter.Buffer.Length];
            Seeds.Normal(11, index, direction);
            var center = weights[parameter.Name];
            double LossAt(double step)
            {
                weights[parameter.Name] = [.. center.Zip(direction, (w, d) => w + (step * d))];
                return Loss(name, weights);
            }
            const double epsilon = 1e-4;
            // Four points: the error is of order epsilon^4.
            var slope = ((8 * (LossAt(epsilon) - LossAt(-epsilon))) - (LossAt(2 * epsilon) - LossAt(-2 * epsilon))) / (12 * epsilon);
            weights[parameter.Name] = center;
            var gradient = gradients[parameter.Name];
            var along = gradient.Zip(direction, (g, d) => (double)g * d).Sum();
            var size = Math.Sqrt(gradient.Sum(g => (double)g * g));
            Assert.IsGreaterThan(1e-4, size, $"{name} {parameter.Name} has no gradient to speak of");
            Assert.AreEqual(slope, along, Tolerances.GradientRelative * size, $"{name} {parameter.Name}");
        }
    }

    // Sampler, scorer, trainer and checkpoints know no family: a run on each goes through, and sampler and trainer agree.
    [TestMethod]
    [DynamicData(nameof(Cases))]
    public void Run_OfEachFamily_TrainsWithSamplerAndTrainerAlike(string name)
    {
        var spec = Architectures.Parse(ReferenceDecoders.All[name].Config, name);
        using var model = new TinyModel(like: spec);
        var config = model.Config with { Steps = 2 };
        if (spec.LogitSoftcap is not null)
        {
            StringAssert.Contains(
                Assert.ThrowsExactly<InputException>(() => new Trainer(config, TinyModel.Problems()).Dispose()).Message,
                "final_logit_softcapping");
            config = config with { Algorithm = new() { Name = "grpo" } };
        }
        using var trainer = new Trainer(config, TinyModel.Problems());
        var before = trainer.Policy.Hash();
        using var run = RunDirectory.Create(config, TimeProvider.System, Path.Combine(model.Root, "run"));
        Assert.IsTrue(trainer.Run(run).Completed);
        Assert.AreNotEqual(before, trainer.Policy.Hash());
        foreach (var line in File.ReadLines(Path.Combine(model.Root, "run", "metrics.jsonl")))
        {
            var row = JsonNode.Parse(line)!;
            Assert.IsLessThanOrEqualTo(
                row["mismatch/allowed_nats"]!.GetValue<double>(),
                row["mismatch/sampler_trainer_max_nats"]!.GetValue<double>(),
                line);
        }
        trainer.Export(Path.Combine(model.Root, "trained"));
        using var saved = Policy.Load(Path.Combine(model.Root, "trained"), 32);
        Assert.AreEqual(trainer.Policy.Hash(), saved.Hash());
    }

    private static Policy RandomPolicy(string name)
    {
        var spec = Architectures.Parse(ReferenceDecoders.All[name].Config, name);
        var index = 0;
        return Policy.Create(spec, 32, (p, w) =>
        {
            Seeds.Normal(7, index++, w);
            var isNorm = p.Shape.Length == 1 && p.Name.EndsWith(".weight", StringComparison.Ordinal);
            for (var i = 0; i < w.Length; i++)
                w[i] = isNorm ? (spec.Norm == NormKind.RmsFromOne ? 0 : 1) + (0.1f * w[i]) : 0.3f * w[i];
        });
    }

    private static float[] Expected(string name, Policy policy)
    {
        var weights = policy.Parameters.ToDictionary(
            p => p.Name,
            p => Array.ConvertAll(p.Buffer.Span.ToArray(), v => (double)v),
            StringComparer.Ordinal);
        return [.. ReferenceDecoders.All[name].Logits(w => weights[w], Tokens).SelectMany(row => row).Select(v => (float)v)];
    }

    // -sum_t log p(next token)
    private static double Loss(string name, Dictionary<string, double[]> weights)
    {
        var logits = ReferenceDecoders.All[name].Logits(w => weights[w], Tokens);
        var loss = 0d;
        for (var t = 0; t < Tokens.Length - 1; t++)
        {
            var largest = logits[t].Max();
            loss += largest + Math.Log(logits[t].Sum(z => Math.Exp(z - largest))) - logits[t][Tokens[t + 1]];
        }
        return loss;
    }

    private static Dictionary<string, float[]> Gradients(Policy policy)
    {
        var n = Tokens.Length - 1;
        using var session = new OrtSession(
            DecoderGraph.Train(policy.Spec, (op, logProbs, _) => op.Neg(op.ReduceSum(logProbs, keepDims: false, 0))),
            1);
        using var run = session.Bind();
        BindSequence(policy, run, n);
        run.Input("targets", [.. Tokens.Skip(1).Select(t => (long)t)], n);
        run.Input("inverse_temperature", new[] { 1f });
        run.Output("loss", new float[1]);
        run.Output("log_probs", new float[n], n);
        run.Output("entropy", new float[n], n);
        var gradients = new Dictionary<string, float[]>(StringComparer.Ordinal);
        foreach (var parameter in policy.Parameters)
        {
            gradients[parameter.Name] = new float[parameter.Buffer.Length];
            run.Input(parameter.Name + DecoderGraph.GradientSuffix, new float[parameter.Buffer.Length], [.. parameter.Shape]);
            run.Output(parameter.Name + DecoderGraph.GradientSuffix + ".out", gradients[parameter.Name], [.. parameter.Shape]);
        }
        run.Run();
        return gradients;
    }

    private static void BindSequence(Policy policy, SessionBinding run, int? scored = null)
    {
        var n = Tokens.Length;
        policy.BindTo(run);
        run.Input("input_ids", [.. Tokens.Select(t => (long)t)], 1, n);
        run.Input("attention_mask", [.. Enumerable.Repeat(1L, n)], 1, n);
        run.Input("position_ids", [.. Enumerable.Range(0, n).Select(t => (long)t)], 1, n);
        run.Input("rows", [.. Enumerable.Range(0, scored ?? n).Select(t => (long)t)], scored ?? n);
    }
}
