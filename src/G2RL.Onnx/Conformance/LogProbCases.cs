using G2RL.Onnx.Execution;
using G2RL.Onnx.Gradients;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Conformance;

/// <summary>Logits to log-probs and entropies, by the graph fragment that the train and score graphs end in.</summary>
internal static class LogProbCases
{
    // Torch's own float32 entropies lie up to 2.9e-6 from the float64 entropy of the same logits (measured).
    private const double Entropy = 3e-6;

    public static string? Run(GoldenCase c, Check check)
    {
        var (logits, ids) = (c.Input("logits"), c.Input("token_ids"));
        var (count, vocabulary) = (ids.Values.Length, logits.Values.Length / ids.Values.Length);
        var graph = new Graph("log-probs");
        var op = new OpBuilder(graph);
        var z = graph.Input("logits", ElementType.Float32, count, vocabulary);
        var targets = graph.Input("targets", ElementType.Int64, count);
        var (logProbs, entropy) = DecoderGraph.LogProbAndEntropy(op, op.Mul(z, op.Scalar(1 / c.Number("temperature", 1))), targets);
        graph.Output(op.Named("log_probs", logProbs));
        graph.Output(op.Named("entropy", entropy));
        graph.Output(op.Named("gradient", Differentiator.Backward(op, op.ReduceSum(logProbs, keepDims: false, 0), seedGradient: null, [z])[z]));
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
            check.Near("entropy", [.. h.Select(v => (double)v)], expected.Values, 1e-5, Entropy);
        check.Expected(c, "grad_logits_of_sum_logp", [.. g.Select(v => (double)v)]);
        return null;
    }
}
