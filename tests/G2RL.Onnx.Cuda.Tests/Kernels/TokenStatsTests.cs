namespace G2RL.Onnx.Cuda.Tests.Kernels;

[TestClass]
public sealed class TokenStatsTests
{
    private const int Faults = 4;

    [TestMethod]
    [DataRow(Executor.Interpreter, "f32", 1, 3, 32, 1.0)]
    [DataRow(Executor.Interpreter, "f32", 37, 9, 64, 0.7)]
    [DataRow(Executor.Interpreter, "f32", 1000, 4, 256, 1.3)]
    [DataRow(Executor.Interpreter, "f32", 5003, 2, 256, 1.0)]
    [DataRow(Executor.Interpreter, "f16", 1, 2, 32, 1.0)]
    [DataRow(Executor.Interpreter, "f16", 2056, 3, 128, 0.6)]
    [DataRow(Executor.Interpreter, "bf16", 1, 2, 32, 1.0)]
    [DataRow(Executor.Interpreter, "bf16", 3079, 3, 256, 1.0)]
    [DataRow(Executor.Host, "f32", 1, 3, 32, 1.0)]
    [DataRow(Executor.Host, "f32", 5003, 5, 256, 0.7)]
    [DataRow(Executor.Host, "f16", 2056, 5, 128, 0.6)]
    [DataRow(Executor.Host, "bf16", 3079, 5, 256, 1.0)]
    public void Statistics_OddSizes_EqualTheDoubleReference(
        Executor executor,
        string type,
        int vocabulary,
        int rows,
        int threads,
        double temperature) =>
        Compare(executor, type, vocabulary, rows, threads, temperature, stride: vocabulary + 3);

    [TestMethod]
    [DataRow(Executor.Interpreter, "f32")]
    [DataRow(Executor.Interpreter, "f16")]
    [DataRow(Executor.Interpreter, "bf16")]
    [DataRow(Executor.Host, "f32")]
    [DataRow(Executor.Host, "f16")]
    [DataRow(Executor.Host, "bf16")]
    public void Statistics_VocabularyOf151936_EqualTheDoubleReference(Executor executor, string type) =>
        Compare(executor, type, 151936, 2, 256, 1, stride: 151936);

    [TestMethod]
    [DataRow(Executor.Interpreter)]
    [DataRow(Executor.Host)]
    public void Statistics_PeakedAndMaskedRows_KeepTheirDigits(Executor executor)
    {
        const int V = 1500;
        float[][] rows =
        [
            // One token has nearly all: log-prob is about -1e-6, of which a float sum of 1 and the rest would keep two digits.
            [.. Enumerable.Range(0, V).Select(v => v == 7 ? 30f : 30f - 21f)],
            [.. Enumerable.Range(0, V).Select(v => v == 1400 ? 0f : -27f)],
            // Masked but for a few, one of them in the second chunk.
            [.. Enumerable.Range(0, V).Select(v => v is 3 or 900 or 1234 ? v / 1000f : float.NegativeInfinity)],
            // A single token left.
            [.. Enumerable.Range(0, V).Select(v => v == 1100 ? -5f : float.NegativeInfinity)],
            // All alike.
            [.. Enumerable.Repeat(-3.25f, V)],
            // Far apart: e^-200 is 0.
            [.. Enumerable.Range(0, V).Select(v => -200f * (v % 3))],
        ];
        int[] targets = [7, 1400, 1234, 1100, 42, 3];
        var results = KernelRun.Everywhere(executor, run => Run(run, "f32", [.. rows.SelectMany(r => r)], V, V, 1, targets, 96));
        Check(results, [.. rows.SelectMany(r => r)], V, V, 1, targets, "peaked");
        Assert.AreEqual(0f, ((float[])results[0])[3]);
        Assert.AreEqual(0f, ((float[])results[1])[3]);
    }

    [TestMethod]
    [DataRow(Executor.Interpreter)]
    [DataRow(Executor.Host)]
    public void Statistics_RowsWithoutDistribution_AreFlaggedOneByOne(Executor executor)
    {
        const int V = 2100;
        var good = Elements.Normal(V, 5, 2);
        float[] With(int v, float value)
        {
            var row = (float[])good.Clone();
            row[v] = value;
            return row;
        }

        float[] logits =
        [
            .. With(1999, float.NaN),
            .. good,
            .. With(0, float.PositiveInfinity),
            .. Enumerable.Repeat(float.NegativeInfinity, V),
            .. good,
            .. Enumerable.Repeat(float.NaN, V),
        ];
        int[] targets = [0, 1, 2, 3, V, 5];
        var results = KernelRun.Everywhere(executor, run => Run(run, "f32", logits, V, V, 1, targets, 256));
        CollectionAssert.AreEqual(new[] { 1, 0, 2, 4, 16, 1 }, (int[])results[Faults]);
        for (var row = 0; row < 6; row++)
            Assert.AreEqual(row != 1, float.IsNaN(((float[])results[0])[row]), $"log-prob of row {row}");
        var reference = new RowReference(good, 1);
        Assert.IsLessThan(Tolerances.Statistics, Tolerances.Error(((float[])results[0])[1], reference.LogProb(good[1])));
    }

    [TestMethod]
    [DataRow(Executor.Interpreter)]
    [DataRow(Executor.Host)]
    public void Statistics_BlocksOfAnySize_GiveTheSameBits(Executor executor)
    {
        var logits = Elements.Normal(3 * 4100, 3, 3);
        var expected = KernelRun.Everywhere(executor, run => Run(run, "f32", logits, 4100, 4100, 1, [1, 2, 3], 32));
        foreach (var threads in new[] { 64, 160, 256 })
        {
            using var run = KernelRun.Start(executor);
            var actual = Run(run, "f32", logits, 4100, 4100, 1, [1, 2, 3], threads);
            for (var i = 0; i < 4; i++)
                CollectionAssert.AreEqual(expected[i], actual[i], $"output {i}, {threads} threads");
        }
    }

    [TestMethod]
    public void Statistics_VocabularyBeyondTheLimit_IsFlagged()
    {
        using var run = KernelRun.Start(Executor.Interpreter);
        var outputs = Enumerable.Range(0, 2).Select(_ => run.Room<float>(1)).ToArray();
        run.Launch("token_stats_f32", (1, 1, 1), 32, run.Upload(0f), 0L, 524289, 1.0, run.Upload(0), outputs[0], (nint)0, (nint)0, (nint)0,
            outputs[1]);
        Assert.AreEqual(8, run.Read<int>(outputs[1], 1)[0]);
        Assert.IsTrue(float.IsNaN(run.Read<float>(outputs[0], 1)[0]));
    }

    private static void Compare(Executor executor, string type, int vocabulary, int rows, int threads, double temperature, int stride)
    {
        var numbers = Elements.Normal(rows * stride, vocabulary, 4);
        var (_, values) = Elements.As(type, numbers);
        var targets = Enumerable.Range(0, rows).Select(r => (r * 7919) % vocabulary).ToArray();
        var results = KernelRun.Everywhere(executor, run => Run(run, type, numbers, vocabulary, stride, 1 / temperature, targets, threads));
        Check(results, values, vocabulary, stride, 1 / temperature, targets, $"{executor} {type} V {vocabulary} T {temperature}");
    }

    private static Array[] Run(
        KernelRun run,
        string type,
        float[] numbers,
        int vocabulary,
        int stride,
        double inverseTemperature,
        int[] targets,
        int threads)
    {
        var rows = targets.Length;
        var (raw, _) = Elements.As(type, numbers);
        var (logProbs, entropies, sums, normalizers, faults) =
            (run.Room<float>(rows), run.Room<float>(rows), run.Room<float>(rows), run.Room<float>(2 * rows), run.Room<int>(rows));
        run.Launch($"token_stats_{type}", (rows, 1, 1), threads, run.Upload(raw), (long)stride, vocabulary, inverseTemperature,
            run.Upload(targets), logProbs, entropies, sums, normalizers, faults);
        return
        [
            run.Read<float>(logProbs, rows),
            run.Read<float>(entropies, rows),
            run.Read<float>(sums, rows),
            run.Read<float>(normalizers, 2 * rows),
            run.Read<int>(faults, rows),
        ];
    }

    private static void Check(
        Array[] results,
        float[] values,
        int vocabulary,
        int stride,
        double inverseTemperature,
        int[] targets,
        string what)
    {
        var (logProb, entropy, sum) = (0d, 0d, 0d);
        for (var row = 0; row < targets.Length; row++)
        {
            var logits = values.AsSpan(row * stride, vocabulary);
            var reference = new RowReference(logits, inverseTemperature);
            logProb = Math.Max(logProb, Tolerances.Error(((float[])results[0])[row], reference.LogProb(logits[targets[row]])));
            entropy = Math.Max(entropy, Tolerances.Error(((float[])results[1])[row], reference.Entropy));
            sum = Math.Max(sum, Tolerances.Error(((float[])results[2])[row], reference.LogSumExp));
            Assert.AreEqual(0, ((int[])results[Faults])[row]);
        }
        Console.WriteLine($"token_stats {what}: relative errors log-prob {logProb:e1}, entropy {entropy:e1}, logsumexp {sum:e1}");
        Assert.IsLessThan(Tolerances.Statistics, Math.Max(logProb, Math.Max(entropy, sum)), what);
    }
}
