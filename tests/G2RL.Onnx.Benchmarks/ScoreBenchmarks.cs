using G2RL.Onnx.Execution.Scoring;

namespace G2RL.Onnx.Benchmarks;

/// <summary>Full forward passes that give log-probs and entropies.</summary>
internal static class ScoreBenchmarks
{
    private const int Rows = 4;
    private const int Length = 128;

    /// <summary>Scores 4 x 128 tokens.</summary>
    public static IEnumerable<Row> Score(Machine machine)
    {
        foreach (var shape in new[] { Shape.ArithmeticBase, Shape.FourLayers })
        {
            using var policy = shape.Policy(Length);
            using var scorer = new Scorer(policy.Spec, machine.Threads);
            var sequences = shape.Sequences(Rows, Length);
            var timing = Timing.Of(() => scorer.Score(policy, sequences, temperature: 1, maxTokens: 8192), machine.Budget);
            var (least, by) = machine.Least(Rows * Length * shape.ForwardFlops(Length / 2.0), shape.WeightBytes, shape.WeightBytes);
            yield return new(
                "score",
                $"{shape.Name}, {Rows} x {Length}",
                Rows * Length / timing.Seconds,
                timing.Spread,
                "tokens/s")
            { Limit = Rows * Length / least, LimitedBy = by };
        }
    }
}
