using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Benchmarks;

/// <summary>What it costs to tell of one step, by itself and with each of the trackers.</summary>
internal static class TrackerBenchmarks
{
    private const int Metrics = 45;

    public static IEnumerable<Row> Rows(Machine machine)
    {
        var root = Directory.CreateTempSubdirectory("g2rl-trackers-").FullName;
        try
        {
            foreach (var (name, logging) in new (string, LoggingConfig)[]
            {
                ("metrics.jsonl alone", new()),
                ("with the event file", new() { TensorBoard = true }),
                ("with MLflow's store", new() { Mlflow = Path.Combine(root, "store") }),
            })
            {
                using var run = RunDirectory.Create(new RunConfig { Logging = logging }, TimeProvider.System, Path.Combine(root, name));
                run.RewindTo(0);
                var step = 0;
                var timing = Timing.Of(() => run.Append(Step(step++)), machine.Budget);
                yield return new("trackers", $"a step's row, {name}", timing.Seconds * 1e3, timing.Spread, "ms");
            }
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static StepMetrics Step(int step)
    {
        var metrics = new StepMetrics(step);
        for (var i = 0; i < Metrics; i++)
            metrics.Set($"group-{i % 6}/metric-{i}", Math.Sin(step + i));
        return metrics;
    }
}
