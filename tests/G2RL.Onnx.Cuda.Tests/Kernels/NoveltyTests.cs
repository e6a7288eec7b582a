using G2RL.Onnx.Algorithms.Novelty;

namespace G2RL.Onnx.Cuda.Tests.Kernels;

[TestClass]
public sealed class NoveltyTests
{
    [TestMethod]
    [DataRow(Executor.Interpreter, 2, 1, 1)]
    [DataRow(Executor.Interpreter, 1, 5, 777)]
    [DataRow(Executor.Interpreter, 3, 8, 64)]
    [DataRow(Executor.Interpreter, 1, 17, 33)]
    [DataRow(Executor.Host, 1, 5, 777)]
    [DataRow(Executor.Host, 3, 8, 64)]
    public void Scores_Groups_EqualTheCpu(Executor executor, int groups, int m, int width)
    {
        var features = Elements.Normal(groups * m * width, m, 0.3);
        if (m > 4)
        {
            // A rollout with no direction, and two with the same.
            Array.Clear(features, 2 * width, width);
            Array.Copy(features, 3 * width, features, 4 * width, width);
        }
        var rewards = Enumerable.Range(0, groups * m).Select(i => i % 3 == 0 ? 1d : -1d).ToArray();
        var results = KernelRun.Everywhere(executor, run => Run(run, features, rewards, groups, m, width));
        var worst = 0d;
        for (var g = 0; g < groups; g++)
        {
            var rows = Enumerable.Range(0, m).Select(i => features[(((g * m) + i) * width)..(((g * m) + i + 1) * width)]).ToArray();
            var cosines = new double[m * m];
            ExplorationScore.Cosines(rows, cosines);
            worst = Math.Max(worst, Far(cosines, (double[])results[1], g * m * m));
            for (var i = 0; i < m * m; i++)
                Assert.AreEqual(
                    ((double[])results[1])[(g * m * m) + i],
                    ((double[])results[1])[(g * m * m) + (i % m * m) + (i / m)],
                    "symmetric to the bit");
            if (m < 2)
                continue;
            var (novelty, normalized) = (new double[m], new double[m]);
            ExplorationScore.Novelty(cosines, rewards.AsSpan(g * m, m), novelty);
            ExplorationScore.Normalize(novelty, normalized);
            worst = Math.Max(worst, Math.Max(Far(novelty, (double[])results[2], g * m), Far(normalized, (double[])results[3], g * m)));
        }
        Console.WriteLine($"novelty {executor} m {m} D {width}: absolute error {worst:e1}");
        Assert.IsLessThan(Tolerances.Double, worst);
    }

    [TestMethod]
    [DataRow(Executor.Interpreter)]
    [DataRow(Executor.Host)]
    public void Scores_EqualNovelty_NormaliseToZero(Executor executor)
    {
        using var run = KernelRun.Start(executor);
        double[] cosines = [1, .5, .5, .5, 1, .5, .5, .5, 1], rewards = [800, 800, 800];
        var (nu, bar) = (run.Room<double>(3), run.Room<double>(3));
        run.Launch("exploration_scores", (1, 1, 1), 32, run.Upload(cosines), run.Upload(rewards), 3, nu, bar);
        // w = 1/2 each, so nu = sqrt(1 - 1/4).
        foreach (var x in run.Read<double>(nu, 3))
            Assert.AreEqual(Math.Sqrt(0.75), x, 1e-15);
        CollectionAssert.AreEqual(new double[3], run.Read<double>(bar, 3));
    }

    [TestMethod]
    [DataRow(Executor.Interpreter)]
    [DataRow(Executor.Host)]
    public void Norms_FeatureNotFinite_GiveNaNForThatRolloutAlone(Executor executor)
    {
        using var run = KernelRun.Start(executor);
        var inverse = run.Room<double>(4);
        run.Launch("inverse_norms", (4, 1, 1), 32, run.Upload(3f, 4f, float.NaN, 0f, 0f, float.PositiveInfinity, 0f, 0f), 2, 1e-8, inverse);
        var values = run.Read<double>(inverse, 4);
        Assert.AreEqual(1 / (5 + 1e-8), values[0], 1e-16);
        Assert.IsTrue(double.IsNaN(values[1]) && double.IsNaN(values[2]));
        Assert.AreEqual(1e8, values[3]);
    }

    private static double Far(double[] expected, double[] actual, int offset) =>
        expected.Select((e, i) => Math.Abs(e - actual[offset + i])).Select(x => double.IsNaN(x) ? double.PositiveInfinity : x).Max();

    private static Array[] Run(KernelRun run, float[] features, double[] rewards, int groups, int m, int width)
    {
        var (x, inverse, cosines) = (run.Upload(features), run.Room<double>(groups * m), run.Room<double>(groups * m * m));
        var (novelty, normalized) = (run.Room<double>(groups * m), run.Room<double>(groups * m));
        run.Launch("inverse_norms", (groups * m, 1, 1), 64, x, width, ExplorationScore.Epsilon, inverse);
        run.Launch("gram", (((m * m) + 1) / 2, groups, 1), 64, x, inverse, m, width, cosines);
        if (m > 1)
            run.Launch("exploration_scores", (groups, 1, 1), 32, cosines, run.Upload(rewards), m, novelty, normalized);
        return
        [
            run.Read<double>(inverse, groups * m), run.Read<double>(cosines, groups * m * m),
            m > 1 ? run.Read<double>(novelty, groups * m) : [], m > 1 ? run.Read<double>(normalized, groups * m) : [],
        ];
    }
}
