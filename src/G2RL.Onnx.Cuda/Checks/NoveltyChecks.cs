using G2RL.Onnx.Algorithms.Novelty;
using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Cuda.Checks;

/// <summary>inverse_norms, gram and exploration_scores beside <see cref="ExplorationScore"/>.</summary>
internal static class NoveltyChecks
{
    // Both sides add in double, in another order.
    private const double Sums = 1e-12;

    public static IEnumerable<CheckResult> Run(CheckBench b)
    {
        var (m, width) = (b.Sizes.Group, b.Sizes.Width);
        var rows = Enumerable.Range(0, m).Select(_ => b.Normal(width)).ToArray();
        var rewards = Enumerable.Range(0, m).Select(i => i % 2.0).ToArray();
        var (expected, novelty, normalized) = (new double[m * m], new double[m], new double[m]);
        ExplorationScore.Cosines(rows, expected);
        ExplorationScore.Novelty(expected, rewards, novelty);
        ExplorationScore.Normalize(novelty, normalized);

        var features = b.Upload(rows.SelectMany(r => r).ToArray());
        var (inverse, cosines) = (b.Room<double>(m), b.Room<double>(m * m));
        void Norms() =>
            b.Launch("novelty", "inverse_norms", (m, 1, 1), LaunchShape.Threads, features, width, ExplorationScore.Epsilon, inverse);
        Norms();
        double[] norms = [.. rows.Select(r => 1 / (Math.Sqrt(Reductions.Dot(r, r)) + ExplorationScore.Epsilon))];
        yield return new(
            "inverse_norms",
            "1 / norm",
            CheckBench.Difference(b.Download<double>(inverse, m), norms),
            Sums,
            b.Milliseconds(Norms),
            (long)m * width * sizeof(float));

        void Gram() => b.Launch("novelty", "gram", (((m * m) + 7) / 8, 1, 1), LaunchShape.Threads, features, inverse, m, width, cosines);
        Gram();
        yield return new(
            "gram",
            "cosines",
            CheckBench.Difference(b.Download<double>(cosines, m * m), expected),
            Sums,
            b.Milliseconds(Gram),
            (long)m * width * sizeof(float));

        var (given, nu, scaled) = (b.Upload(rewards), b.Room<double>(m), b.Room<double>(m));
        void Scores() => b.Launch("novelty", "exploration_scores", (1, 1, 1), LaunchShape.ThreadsFor(m), cosines, given, m, nu, scaled);
        Scores();
        var error = Math.Max(
            CheckBench.Difference(b.Download<double>(nu, m), novelty),
            CheckBench.Difference(b.Download<double>(scaled, m), normalized));
        yield return new("exploration_scores", "nu, and nu in [0, 1]", error, 1e-9, b.Milliseconds(Scores), (long)m * m * sizeof(double));
    }
}
