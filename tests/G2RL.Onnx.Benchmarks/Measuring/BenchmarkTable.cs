namespace G2RL.Onnx.Benchmarks;

/// <summary>The benchmarks: one is a line here and a function in a file.</summary>
internal static class BenchmarkTable
{
    /// <summary>Functions by name, in the order of the table.</summary>
    public static IReadOnlyList<(string Name, Func<Machine, IEnumerable<Row>> Run)> All { get; } =
    [
        ("machine", ProductBenchmarks.Limits),
        ("product", ProductBenchmarks.Products),
        ("decode-small", DecodeBenchmarks.Small),
        ("decode-large", DecodeBenchmarks.Large),
        ("score", ScoreBenchmarks.Score),
        ("train", TrainBenchmarks.Step),
        ("adamw", TrainBenchmarks.Optimizer),
        ("roofline", RooflineBenchmarks.Phases),
        ("growth", GrowthBenchmarks.Growth),
        ("memory", GrowthBenchmarks.Memory),
        ("g2rl-parts", MethodBenchmarks.Parts),
        ("g2rl-share", MethodBenchmarks.Share),
        ("g2rl-large", MethodBenchmarks.LargeShare),
        ("countdown", JudgeBenchmarks.Countdown),
        ("answers", AnswerBenchmarks.Checks),
        ("mutated-answers", AnswerBenchmarks.Fuzz),
        ("tokenizer", TokenizerBenchmarks.Encode),
        ("trackers", TrackerBenchmarks.Rows),
    ];
}
