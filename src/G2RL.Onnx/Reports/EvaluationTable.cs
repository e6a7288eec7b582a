using G2RL.Onnx.Evaluation;

namespace G2RL.Onnx.Reports;

/// <summary>The results of several benchmarks as one table.</summary>
public static class EvaluationTable
{
    /// <summary>The columns.</summary>
    public static IReadOnlyList<string> Head { get; } =
        ["benchmark", "problems", "samples", "pass@1 (avg@n)", "95 %", "maj@n", "pass@n", "unparseable", "truncated", "failures", "tokens"];

    /// <summary>One benchmark's row.</summary>
    public static IReadOnlyList<string> Row(string name, EvaluationResult r) =>
    [
        name,
        $"{r.Problems}",
        r.Repeats > 1 ? $"{r.Samples} x {r.Repeats}" : $"{r.Samples}",
        $"{r.PassAt1.Mean:P1}" + (r.Repeats > 1 ? $" (sd {r.RepeatDeviation:P1})" : ""),
        r.SaysNothing ? "" : $"[{100 * r.PassAt1.Low:0.0}, {100 * r.PassAt1.High:0.0}]",
        $"{r.MajorityAtN:P1}",
        $"{r.PassAtN:P1}",
        $"{1 - r.WellFormed:P1}",
        $"{r.Truncated:P1}",
        $"{r.Failures}",
        double.IsFinite(r.ResponseLength) ? $"{r.ResponseLength:0.0}" : "?",
    ];
}
