using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Conformance.Models;

/// <summary>The train graph and AdamW: loss, every gradient, parameters after one and three steps.</summary>
internal static class GoldenTraining
{
    private const double Rate = 1e-3;

    /// <summary>Case A with three optimizer steps.</summary>
    public static void Steps(GoldenModel model, Check check)
    {
        var policy = model.Policy;
        using var trainer =
            new GradientAccumulator(policy, PolicyLoss.Objective(Settings(model, "ppo")), model.Number("ppo", "tau"), threads: 1);
        using var optimizer = new AdamW(
            policy.Parameters,
            trainer.Gradients,
            new AdamWSettings { Beta2 = 0.95, WeightDecay = 0.1, MaxGradientNorm = 1 },
            threads: 1);
        var micro = Batch(model, "old");
        for (var step = 1; step <= 3; step++)
        {
            trainer.Clear();
            var loss = trainer.Add(micro);
            if (step == 1)
            {
                check.Near("loss", [loss], [model.Number("ppo", "loss")], 0, ModelTolerances.Loss);
                using var expected = SafeTensorsFile.Open(Path.Combine(model.Folder, "grads.safetensors"));
                foreach (var gradient in trainer.Gradients)
                    Gradient(gradient, expected, check);
            }
            var norm = optimizer.GradientNorm();
            optimizer.Step(Rate, norm);
            var stored = Path.Combine(model.Folder, $"params_step{step}.safetensors");
            if (!File.Exists(stored))
                stored = Path.Combine(Path.TrimEndingDirectorySeparator(model.Folder) + "-adamw", $"params_step{step}.safetensors");
            if (File.Exists(stored))
                Parameters(policy, trainer.Gradients, norm, stored, step, check);
        }
    }

    /// <summary>Case B: clip-higher at temperature 0.7.</summary>
    public static void ClipHigher(GoldenModel model, Check check)
    {
        using var trainer =
            new GradientAccumulator(model.Policy, PolicyLoss.Objective(Settings(model, "ppoB")), model.Number("ppoB", "tau"), threads: 1);
        check.Near("loss", [trainer.Add(Batch(model, "oldB"))], [model.Number("ppoB", "loss")], 0, ModelTolerances.Loss);
        foreach (var gradient in trainer.Gradients)
        {
            var expected = model.Number("ppoB", "grad_norm_per_param", gradient.Name);
            check.Near(
                $"norm of {gradient.Name}",
                [Math.Sqrt(AdamW.SumOfSquares(gradient.Buffer.Span))],
                [expected],
                ModelTolerances.GradientRelative,
                ModelTolerances.Gradient);
            if (model.Has("ppoB.grad." + gradient.Name))
                check.Near(
                    $"gradient of {gradient.Name}",
                    [.. gradient.Buffer.Span.ToArray().Select(v => (double)v)],
                    [.. model.Floats("ppoB.grad." + gradient.Name).Select(v => (double)v)],
                    0,
                    Math.Max(ModelTolerances.Gradient, ModelTolerances.GradientRelative * expected));
        }
    }

    private static PolicyLossSettings Settings(GoldenModel model, string name) =>
        new(model.Number(name, "eps_low"), model.Number(name, "eps_high"), model.Number(name, "kl_coef"), model.Number(name, "ent_coef"));

    /// <summary>The golden batch with the old log-probs of a case.</summary>
    public static Microbatch Batch(GoldenModel model, string old)
    {
        var (ids, width) = (model.Ints("rp.input_ids"), (int)model.Shape("rp.input_ids")[1]);
        var (prompts, responses) = (model.Integers("ppo", "prompt_len"), model.Integers("ppo", "response_len"));
        var sequences = prompts.Select((p, row) => new Sequence(
            [.. ids.Skip(row * width).Take(p).Select(i => (int)i)],
            [.. ids.Skip((row * width) + p).Take(responses[row]).Select(i => (int)i)])).ToArray();
        var micro = new Microbatch(new SequenceBatch(sequences));
        var response = (int)model.Shape("ppo.old")[1];
        var (mask, advantages, oldLogProbs, reference) =
            (model.Floats("ppo.response_mask"), model.Floats("ppo.adv"), model.Floats($"ppo.{old}"), model.Floats("ppo.ref"));
        var total = mask.Sum();
        var next = 0;
        for (var row = 0; row < sequences.Length; row++)
            for (var t = 0; t < responses[row]; t++, next++)
            {
                var at = (row * response) + t;
                (micro.Weights[next], micro.Advantages[next]) = (mask[at] / total, advantages[at]);
                (micro.OldLogProbs[next], micro.ReferenceLogProbs[next]) = (oldLogProbs[at], reference[at]);
            }
        return micro;
    }

    private static void Gradient(Parameter gradient, SafeTensorsFile file, Check check)
    {
        var values = new float[gradient.Buffer.Length];
        file.ReadFloats(gradient.Name, values);
        var largest = values.Max(MathF.Abs);
        // Both bounds hold: the absolute one, and the one relative to the tensor's largest (but for what no float32 can keep).
        var allowed = Math.Min(ModelTolerances.Gradient, Math.Max(ModelTolerances.GradientRelative * largest, 1e-7));
        check.Near(
            $"gradient of {gradient.Name}",
            [.. gradient.Buffer.Span.ToArray().Select(v => (double)v)],
            [.. values.Select(v => (double)v)],
            0,
            allowed);
    }

    private static void Parameters(Policy policy, IReadOnlyList<Parameter> gradients, double norm, string path, int step, Check check)
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
                outside += difference > ModelTolerances.Parameters ? 1 : 0;
                if (!(difference <= 2 * Rate * step)
                    || (step == 1 && Math.Abs(g[i] * scale) > 1e-6 && difference > ModelTolerances.Parameters))
                    check.Fail($"step {step}: {parameter.Name}[{i}] is {actual[i]:R}, expected {values[i]:R}, gradient {g[i]:R}");
            }
        }
        if (outside > count / 1000)
            check.Fail($"step {step}: {outside} of {count} parameters beyond {ModelTolerances.Parameters}");
    }
}
