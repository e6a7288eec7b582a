using G2RL.Onnx.Execution;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Benchmarks;

/// <summary>Optimizer steps: loss, backward pass, gradient norm, AdamW.</summary>
internal static class TrainBenchmarks
{
    private const int Length = 128;

    /// <summary>A whole step on 4 x 128 tokens as one micro-batch and as a run divides it, and on 16 x 128 in several.</summary>
    public static IEnumerable<Row> Step(Machine machine)
    {
        foreach (var shape in new[] { Shape.ArithmeticBase, Shape.FourLayers })
        {
            using var policy = shape.Policy(Length);
            foreach (var (rows, tokens) in new[] { (4, 512), (4, 256), (16, 512), (16, 256) })
            {
                using var step = new TrainingStep(policy, machine.Threads, tokens);
                var micros = TrainingStep.Microbatches(shape, rows, Length, tokens);
                var timing = Timing.Of(() => step.Run(micros), machine.Budget);
                // Forward once, backward twice as much; AdamW and the gradients' own traffic come on top.
                var (least, by) = machine.Least(3 * rows * Length * shape.ForwardFlops(Length / 2.0), shape.WeightBytes, shape.WeightBytes);
                least += AdamWBytes * policy.ParameterCount / machine.Streaming(4 * shape.WeightBytes);
                yield return new(
                    "train",
                    $"{shape.Name}, {rows} x {Length} in {micros.Length}",
                    rows * Length / timing.Seconds,
                    timing.Spread,
                    "tokens/s")
                { Limit = rows * Length / least, LimitedBy = by };
            }
        }
    }

    /// <summary>AdamW alone.</summary>
    public static IEnumerable<Row> Optimizer(Machine machine)
    {
        foreach (var shape in new[] { Shape.ArithmeticBase, Shape.FourLayers })
        {
            using var policy = shape.Policy(Length);
            var gradients = policy.Parameters.Select(p => new Parameter(p.Name, [.. p.Shape])).ToArray();
            using var optimizer = new AdamW(policy.Parameters, gradients, new(), machine.Threads);
            foreach (var gradient in gradients)
                gradient.Buffer.Span.Fill(1e-3f);
            var timing = Timing.Of(() => optimizer.Step(1e-4, 1), machine.Budget);
            var bytes = (double)AdamWBytes * policy.ParameterCount;
            yield return new(
                "train",
                $"AdamW, {shape.Name}",
                bytes / timing.Seconds / 1e9,
                timing.Spread,
                "GB/s")
            { Limit = machine.Streaming(4 * shape.WeightBytes) / 1e9, LimitedBy = "memory" };
            foreach (var gradient in gradients)
                gradient.Dispose();
        }
    }

    // Weight, gradient and two moments read; weight and two moments written.
    private const int AdamWBytes = 7 * sizeof(float);
}
