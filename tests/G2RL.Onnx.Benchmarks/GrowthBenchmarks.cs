namespace G2RL.Onnx.Benchmarks;

/// <summary>
/// A training step (loss and all gradients, divided as a run divides it) against rows, length, vocabulary and layers, each step in a
/// process of its own: its time, and its memory above the process with weights and gradients.
/// </summary>
internal static class GrowthBenchmarks
{
    private const int Repetitions = 5;

    private static readonly (string By, string Model, (double At, string Shape, int Rows, int Length)[] Steps)[] Curves =
    [
        ("rows of 128 tokens", "arithmetic-base", [.. new[] { 32, 64, 96, 128 }.Select(n => ((double)n, "arithmetic-base", n, 128))]),
        ("tokens of 4 rows", "arithmetic-base", [.. new[] { 256, 512, 1024, 1536 }.Select(n => ((double)n, "arithmetic-base", 4, n))]),
        ("words, 4 x 128", "576 wide, 4 layers", [.. new[] { 2048, 8192, 16384, 32768 }.Select(n => ((double)n, $"576x4:{n}", 4, 128))]),
        ("layers, 4 x 128", "576 wide, 8,192 words", [.. new[] { 2, 4, 6, 8 }.Select(n => ((double)n, $"576x4:8192:{n}", 4, 128))]),
    ];

    /// <summary>The curves.</summary>
    public static IEnumerable<Row> Growth(Machine machine)
    {
        foreach (var (by, model, steps) in Curves)
            foreach (var (at, shape, rows, length) in steps)
            {
                var probed = MemoryProbe.Run(shape, rows, length, machine.Threads, Repetitions);
                yield return new("growth", $"{model}: time by {by}", 1000 * probed.Seconds, probed.Spread, "ms") { At = at };
                yield return new("growth", $"{model}: memory by {by}", probed.Bytes / (1 << 20), 0, "MiB") { At = at };
            }
    }

    /// <summary>Memory of the steps that docs/performance.md holds beside PyTorch.</summary>
    public static IEnumerable<Row> Memory(Machine machine)
    {
        foreach (var (shape, rows, length) in new[]
        {
            ("arithmetic-base", 4, 128),
            ("arithmetic-base", 64, 128),
            ("576x4", 4, 128),
            ("576x4:49152", 4, 512),
        })
        {
            var probed = MemoryProbe.Run(shape, rows, length, machine.Threads, repetitions: 1);
            var name = $"{shape}, {rows} x {length}: a step above weights and gradients";
            yield return new("memory", name, probed.Bytes / (1 << 20), 0, "MiB");
        }
    }
}
