namespace G2RL.Onnx.Benchmarks;

/// <summary>
/// Whole runs in processes of their own, phase by phase: what a phase had to do by the model's shape, how fast it did it, and how fast this
/// machine could have. Beside it the run's peak memory and what its plan said.
/// </summary>
internal static class RooflineBenchmarks
{
    // The first step is left out, so that five count.
    private const int Steps = 6;

    private static readonly (Shape Shape, string Load, string[] Settings)[] Runs =
    [
        (Shape.ArithmeticBase, "8 x 16 x 16", Sizes(8, 16, 16)),
        (Shape.FourLayers, "4 x 8 x 64", Sizes(4, 8, 64)),
        (Shape.Smol, "4 x 8 x 32", Sizes(4, 8, 32)),
        (Shape.Smol, "4 x 8 x 32, LoRA", [.. Sizes(4, 8, 32), "adapter.type=lora"]),
    ];

    /// <summary>The runs: prompts x rollouts x new tokens at most.</summary>
    public static IEnumerable<Row> Phases(Machine machine)
    {
        foreach (var (shape, load, settings) in Runs)
        {
            var run = RunProbe.Of(shape.Name, Steps, [$"execution.threads={machine.Threads}", .. settings]);
            var name = $"{shape.Name}, {load}";
            foreach (var work in run.Work.Where(w => w.Seconds > 0))
            {
                var (least, by) = work.Least(machine, run.WeightBytes);
                // A rate in what the limit is: share is then the limit's time over the time that was taken.
                var (amount, unit) = by == "arithmetic" ? (work.Flops, "GFLOP/s") : (work.Bytes, "GB/s");
                yield return new("roofline", $"{name}: {work.Phase}", amount / work.Seconds / 1e9, 0, unit)
                { Limit = amount / least / 1e9, LimitedBy = by, Work = work };
            }
            yield return new("memory", $"{name}: peak of the run, beside its plan", run.Peak / (1 << 20), 0, "MiB")
            { Limit = run.Planned["at once"] / (double)(1 << 20), LimitedBy = "plan" };
        }
    }

    private static string[] Sizes(int prompts, int rollouts, int tokens) =>
    [
        "sampling.maxPromptTokens=16",
        $"sampling.promptsPerStep={prompts}",
        $"sampling.groupSize={rollouts}",
        $"sampling.maxNewTokens={tokens}",
        "training.checkpointEvery=1",
        "training.keepCheckpoints=1",
        "evaluation.problems=8",
        "evaluation.samples=1",
    ];
}
