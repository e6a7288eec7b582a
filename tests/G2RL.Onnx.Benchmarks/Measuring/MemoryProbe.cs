using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Memory;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Models;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Benchmarks;

/// <summary>
/// What one training step of a shape took, measured in a process of its own, since memory once taken is never given back.
/// </summary>
/// <param name="Seconds">Median of the steps: loss and all gradients, no optimizer.</param>
/// <param name="Spread">Half the distance between the quartiles, as a share of the median.</param>
/// <param name="Bytes">Highest resident memory above that of the idle process with weights and gradients.</param>
/// <param name="First">Seconds of the first step.</param>
internal sealed record Probed(double Seconds, double Spread, double Bytes, double First)
{
    /// <summary>Weights and gradients, bytes.</summary>
    public double Held { get; init; }

    /// <summary>Highest memory of one micro-batch's values, reckoned from the graph, bytes.</summary>
    public double Planned { get; init; }

    /// <summary>What sessions took of the tensors' range, gaps included, bytes: of as many micro-batches as were at work at once.</summary>
    public double Taken { get; init; }
}

/// <summary>Runs <see cref="Probed"/> measurements in child processes.</summary>
internal static class MemoryProbe
{
    /// <summary>Starts a child, waits, reads its answer.</summary>
    /// <param name="shape">See <see cref="Shape.Parse"/>.</param>
    /// <param name="rows">Rows of a mini-batch.</param>
    /// <param name="length">Tokens of each.</param>
    /// <param name="threads">Threads.</param>
    /// <param name="repetitions">Steps that are timed.</param>
    /// <param name="mode">How the graph spends memory: run (as a run does), recompute, standard or recompute-standard (the same
    /// without operators of ours), or plain.</param>
    public static Probed Run(string shape, int rows, int length, int threads, int repetitions, string mode = "run")
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, UseShellExecute = false };
        foreach (var argument in new[]
        {
            "--probe",
            string.Create(CultureInfo.InvariantCulture, $"{shape},{rows},{length},{threads},{repetitions},{mode}"),
        })
            start.ArgumentList.Add(argument);
        using var child = Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} does not start.");
        var answer = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        return child.ExitCode == 0
            ? JsonSerializer.Deserialize<Probed>(answer)!
            : throw new InvalidOperationException($"The probe of {shape} ended with {child.ExitCode}: {answer}");
    }

    /// <summary>The child: one line of JSON.</summary>
    public static void Answer(string request)
    {
        var parts = request.Split(',');
        var (rows, length, threads, repetitions) = (Number(parts[1]), Number(parts[2]), Number(parts[3]), Number(parts[4]));
        var shape = Shape.Parse(parts[0]);
        using var policy = shape.Policy(length);
        // The gradients that the step reserves count as held; what it reserves beside them does not.
        var before = Status("VmRSS") + shape.WeightBytes;
        var memory = parts[5] switch
        {
            "plain" => GraphMemory.Plain,
            "recompute" => MemoryChoice.Training(policy.Spec, rows * length, length, recompute: true),
            "recompute-standard" =>
                MemoryChoice.Training(policy.Spec, rows * length, length, recompute: true, KernelChoice.Standard),
            "standard" => MemoryChoice.Training(policy.Spec, rows * length, length, recompute: false, KernelChoice.Standard),
            _ => MemoryChoice.Training(policy.Spec, rows * length, length, recompute: false),
        };
        using var step = new TrainingStep(policy, threads, rows * length, withOptimizer: false, memory);
        // As a run divides it.
        var micros = TrainingStep.Microbatches(
            shape,
            rows,
            length,
            parts[5] == "plain" ? int.MaxValue : Lanes.TokensPerBatch(policy.Spec, rows * length, int.MaxValue));
        var largest = micros.MaxBy(m => m.Batch.InputIds.Length)!.Batch;
        var plan = PeakMemory.Of(
            DecoderGraph.Train(shape.Spec, Algorithms.PolicyLoss.Objective(new(KlCoefficient: 0.001)), memory: memory),
            new Dictionary<string, long>(StringComparer.Ordinal)
            {
                ["B"] = largest.Rows,
                ["T"] = largest.Width,
                ["R"] = largest.Targets.Length,
                ["P"] = length,
            });
        var first = Clock(step, micros);
        double[] seconds = [.. Enumerable.Range(0, repetitions).Select(_ => Clock(step, micros))];
        Array.Sort(seconds);
        var median = seconds.Length == 0 ? first : seconds[seconds.Length / 2];
        var spread = seconds.Length == 0 ? 0 : (seconds[seconds.Length * 3 / 4] - seconds[seconds.Length / 4]) / 2 / median;
        Console.WriteLine(JsonSerializer.Serialize(new Probed(
            median,
            spread,
            Status("VmHWM") - before,
            first)
        { Held = 2.0 * shape.WeightBytes, Planned = plan, Taken = TensorMemory.Touched.Bytes }));
    }

    private static double Clock(TrainingStep step, Microbatch[] micros)
    {
        var started = Stopwatch.GetTimestamp();
        step.Gradients(micros);
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    // Bytes of a line of /proc/self/status, which counts in KiB.
    internal static double Status(string name) =>
        1024 * double.Parse(File.ReadLines("/proc/self/status")
            .First(l => l.StartsWith(name + ":", StringComparison.Ordinal))
            .Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);
}
