using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Losses;
using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Conformance.Cases;

/// <summary>Estimators of the divergence, with the gradient of their sum.</summary>
internal static class KlCases
{
    private static readonly Dictionary<string, string> Names =
        new(StringComparer.Ordinal) { ["kl"] = "k1", ["mse"] = "k2", ["low_var_kl"] = "k3" };

    public static string? Run(GoldenCase c, Check check)
    {
        var word = c.Text("kind", "");
        var name = Names.TryGetValue(word.TrimEnd('+'), out var known) ? known + (word.EndsWith('+') ? "+" : "") : word;
        if (!KlEstimators.All.ContainsKey(name))
            return $"divergence '{word}'";
        var unclamped = name.TrimEnd('+') != "k3";
        var (input, output) = c.Field("impl") switch
        {
            "verl" => unclamped ? (0, 0) : (Profile.Verl.KlInputClamp, Profile.Verl.KlOutputClamp),
            "openrlhf" => (Profile.OpenRlhf.KlInputClamp, Profile.OpenRlhf.KlOutputClamp),
            "trl" => (Profile.Trl.KlInputClamp, Profile.Trl.KlOutputClamp),
            "nemo" or "nemo-rl" => (c.Number("input_clamp", 0), c.Number("output_clamp", 0)),
            _ => (double.NaN, 0),
        };
        if (double.IsNaN(input))
            return $"divergence of '{c.Field("impl")}'";
        var (values, gradient) = ObjectiveRunner.Function(
            c.Input("logprob").Floats,
            (op, lp) => Estimate(op, lp, name, input, output),
            ("ref", c.Input("ref_logprob").Floats));
        var rtol = c.Number("rtol", 0);
        if (rtol > 0)
            check.Near("kl", values, c.Expected("kl")!.Values, rtol, c.Number("atol", 1e-6));
        else
            check.Expected(c, "kl", values);
        check.Expected(c, "grad_logprob", gradient);
        return null;
    }

    public static Value Estimate(OpBuilder op, Value logProbs, string name, double inputClamp, double outputClamp) =>
        KlEstimators.All[name](new(op, logProbs, op.Graph["ref"], inputClamp, outputClamp));
}
