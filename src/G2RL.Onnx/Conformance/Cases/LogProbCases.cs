using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Gradients;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Conformance.Cases;

/// <summary>Logits to log-probs and entropies, by the graph fragment that the train and score graphs end in.</summary>
internal static class LogProbCases
{
    // An expected entropy is logsumexp(z) - sum p z in float32, a difference of two numbers as large as the largest logit; each has lost up
    // to about one of these in its own roundings (float32 by hand in that order gives the same: 1.8 of them at worst). A small entropy
    // cannot be known better from it.
    private const double Ulp = 1.2e-7;
    private const int Roundings = 2;

    public static string? Run(GoldenCase c, Check check)
    {
        var (logits, ids) = (c.Input("logits"), c.Input("token_ids"));
        var (count, vocabulary) = (ids.Values.Length, logits.Values.Length / ids.Values.Length);
        var temperature = c.Number("temperature", 1);
        var graph = new Graph("log-probs");
        var op = new OpBuilder(graph);
        var z = graph.Input("logits", ElementType.Float32, count, vocabulary);
        var targets = graph.Input("targets", ElementType.Int64, count);
        var (logProbs, entropy) = DecoderGraph.LogProbAndEntropy(op, op.Mul(z, op.Scalar(1 / temperature)), targets);
        graph.Output(op.Named("log_probs", logProbs));
        graph.Output(op.Named("entropy", entropy));
        graph.Output(op.Named(
            "gradient",
            Differentiator.Backward(op, op.ReduceSum(logProbs, keepDims: false, 0), seedGradient: null, [z])[z]));
        using var session = new OrtSession(graph, threads: 1);
        using var binding = session.Bind();
        var (p, h, g) = (new float[count], new float[count], new float[logits.Values.Length]);
        binding.Input("logits", logits.Floats, count, vocabulary);
        binding.Input("targets", [.. ids.Values.Select(i => (long)i)], count);
        binding.Output("log_probs", p, count);
        binding.Output("entropy", h, count);
        binding.Output("gradient", g, count, vocabulary);
        binding.Run();
        check.Expected(c, "logp", [.. p.Select(v => (double)v)]);
        if (c.Expected("entropy") is { } expected)
            Entropies(h, expected.Values, logits.Rounded, temperature, check);
        check.Expected(c, "grad_logits_of_sum_logp", [.. g.Select(v => (double)v)]);
        return null;
    }

    // Ours is held to the entropy of the same logits in double, at the file's tolerance; so is the file's, but for what its own way of
    // computing loses.
    private static void Entropies(float[] actual, double[] expected, double[] logits, double temperature, Check check)
    {
        if (actual.Length != expected.Length)
        {
            check.Near("entropy", [.. actual.Select(v => (double)v)], expected);
            return;
        }
        var vocabulary = logits.Length / actual.Length;
        for (var row = 0; row < actual.Length; row++)
        {
            double[] z = [.. logits.AsSpan(row * vocabulary, vocabulary).ToArray().Select(v => v / temperature)];
            var truth = Entropy(z);
            check.Near($"entropy[{row}]", [actual[row]], [truth]);
            check.Near(
                $"entropy[{row}] of the file",
                [truth],
                [expected[row]],
                check.Relative,
                check.Absolute + (Roundings * Ulp * z.Max(Math.Abs)));
        }
    }

    private static double Entropy(double[] z)
    {
        var max = z.Max();
        var total = z.Sum(v => Math.Exp(v - max));
        return Math.Log(total) - (z.Sum(v => v == double.NegativeInfinity ? 0 : Math.Exp(v - max) * (v - max)) / total);
    }
}
