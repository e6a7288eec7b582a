using G2RL.Onnx.Configuration;
using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Training;

/// <summary>A benchmark, opened.</summary>
/// <param name="Name">Its name in tables and rows.</param>
/// <param name="Set">Its problems and their judge.</param>
/// <param name="Problems">Held-out problems that are asked, at most.</param>
/// <param name="Samples">Samples of each.</param>
internal sealed record Benchmark(string Name, IProblemSet Set, int Problems, int Samples)
{
    /// <summary>Opens those of an evaluation.</summary>
    /// <exception cref="InputException">A setting, a file or a row is wrong.</exception>
    public static IReadOnlyList<Benchmark> Open(EvaluationConfig config) => [.. config.Benchmarks.Select(b => new Benchmark(
        b.Label,
        ProblemSets.Create(b.Set, b.Settings ?? default),
        b.Problems ?? config.Problems,
        config.TakesTheBest ? 1 : b.Samples ?? config.Samples))];

    /// <summary>Training on a benchmark's problems would spoil it.</summary>
    /// <exception cref="InputException">A training problem is one of a benchmark.</exception>
    public static void RefuseOverlap(IReadOnlyList<Benchmark> benchmarks, IProblemSet trained)
    {
        if (benchmarks.Count == 0 || trained.Training is not { Count: > 0 } training)
            return;
        var asked = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var benchmark in benchmarks)
            foreach (var problem in benchmark.Set.HeldOut(int.MaxValue))
                asked.TryAdd(problem.Question, $"{benchmark.Name} {problem.Id}");
        string[] shared = [.. training.Where(t => asked.ContainsKey(t.Question)).Select(t => $"{t.Id} = {asked[t.Question]}")];
        if (shared.Length > 0)
            throw new InputException(
                $"{shared.Length} training problems are in a benchmark, too ({string.Join(", ", shared.Take(5))}); "
                    + "training on them would spoil "
                + "it. Remove them from the training file.");
    }
}
