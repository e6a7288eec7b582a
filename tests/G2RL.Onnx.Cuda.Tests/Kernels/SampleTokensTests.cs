using System.Globalization;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Cuda.Tests.Kernels;

[TestClass]
public sealed class SampleTokensTests
{
    private const ulong Seed = 0x9E3779B97F4A7C15;

    // topK/topP/minP/temperature
    private static readonly string[] Restrictions =
    [
        "0/1/0/1", "0/1/0/0.6", "5/1/0/1", "1/1/0/1", "0/0.9/0/1", "0/0.3/0/1.5", "0/1/0.05/1", "20/0.8/0/0.8", "40/0.95/0.02/1",
        "3/0.999/0/1", "100000/0.5/0/1", "0/1e-9/0/1", "0/1/1/1",
    ];

    private static IEnumerable<object[]> Cases =>
        from executor in Enum.GetValues<Executor>()
        from type in new[] { "f32", "f16", "bf16" }
        from restriction in type == "f32" ? Restrictions : ["0/1/0/0.6", "40/0.95/0.02/1"]
        select new object[] { executor, type, restriction };

    [TestMethod]
    [DynamicData(nameof(Cases))]
    public void Draw_OddVocabularies_ChoosesWhatTheCpuChooses(Executor executor, string type, string restriction)
    {
        Compare(executor, type, restriction, vocabulary: 37, rows: 20, threads: 32, scale: 2);
        Compare(executor, type, restriction, vocabulary: 2503, rows: 4, threads: 96, scale: 2.5);
    }

    [TestMethod]
    [DataRow(Executor.Interpreter, "f32", "0/1/0/1")]
    [DataRow(Executor.Interpreter, "bf16", "50/0.9/0.001/1")]
    [DataRow(Executor.Interpreter, "f16", "0/0.95/0/1")]
    [DataRow(Executor.Host, "f32", "0/1/0/1")]
    [DataRow(Executor.Host, "bf16", "50/0.9/0.001/1")]
    public void Draw_VocabularyOf151936_ChoosesWhatTheCpuChooses(Executor executor, string type, string restriction) =>
        Compare(executor, type, restriction, vocabulary: 151936, rows: 2, threads: 256, scale: 3);

    [TestMethod]
    [DataRow(Executor.Interpreter)]
    [DataRow(Executor.Host)]
    public void Draw_EqualLogits_KeepsTheLowerIdsAtTheCut(Executor executor)
    {
        // 3 x 700 tokens of the same three logits: top-k and top-p cut within a tie of 700, over chunks of 1024.
        var logits = Enumerable.Range(0, 2100).Select(v => (float)(v % 3)).ToArray();
        foreach (var restriction in new[] { "10/1/0/1", "700/1/0/1", "900/1/0/1", "0/0.5/0/1", "0/0.7/0/1", "1000/0.9/0.2/1", "0/1/0.5/1" })
            Compare(executor, "f32", restriction, 2100, 6, 64, [.. Enumerable.Repeat(logits, 6).SelectMany(x => x)]);
    }

    [TestMethod]
    [DataRow(Executor.Interpreter)]
    [DataRow(Executor.Host)]
    public void Draw_MaskedTokens_NeverComeUp(Executor executor)
    {
        const int V = 1300;
        var logits = Elements.Normal(10 * V, 4, 2);
        for (var i = 0; i < logits.Length; i++)
            if (i % V % 100 != 50)
                logits[i] = float.NegativeInfinity;
        foreach (var restriction in new[] { "0/1/0/1", "20/1/0/1", "0/0.99/0/1" })
            foreach (var token in Compare(executor, "f32", restriction, V, 10, 64, logits))
                Assert.AreEqual(50, token % 100);
    }

    [TestMethod]
    [DataRow(Executor.Interpreter, "f32")]
    [DataRow(Executor.Interpreter, "bf16")]
    [DataRow(Executor.Host, "f16")]
    public void Draw_Greedy_TakesTheFirstGreatest(Executor executor, string type)
    {
        var logits = Elements.Normal(5 * 2047, 9, 1);
        logits[(2 * 2047) + 1500] = logits[(2 * 2047) + 1999] = 40;
        var results = KernelRun.Everywhere(executor, run => Run(run, type, logits, 2047, 5, 96, new() { Greedy = true }));
        var (_, values) = Elements.As(type, logits);
        for (var row = 0; row < 5; row++)
            Assert.AreEqual(Enumerable.Range(0, 2047).MaxBy(v => values[(row * 2047) + v]), ((int[])results[0])[row]);
        Assert.AreEqual(1500, ((int[])results[0])[2]);
    }

    [TestMethod]
    [DataRow(Executor.Interpreter)]
    [DataRow(Executor.Host)]
    public void Draw_RowsWithoutDistribution_GiveNoTokenAndAFlag(Executor executor)
    {
        const int V = 70;
        float[] logits =
        [
            .. Enumerable.Repeat(float.NaN, V),
            .. Elements.Normal(V, 2, 1),
            .. Elements.Normal(V, 3, 1),
            .. Enumerable.Repeat(float.NegativeInfinity, V),
        ];
        (logits[(2 * V) + 69], logits[69]) = (float.PositiveInfinity, 3);
        foreach (var settings in new SamplingSettings[] { new(), new() { TopP = 0.9 }, new() { Greedy = true } })
        {
            var results = KernelRun.Everywhere(executor, run => Run(run, "f32", logits, V, 4, 32, settings));
            CollectionAssert.AreEqual(new[] { 1, 0, 2, 4 }, (int[])results[7]);
            for (var row = 0; row < 4; row++)
            {
                Assert.AreEqual(row == 1, ((int[])results[0])[row] >= 0);
                Assert.AreEqual(row != 1, float.IsNaN(((float[])results[2])[row]));
                Assert.IsTrue(row == 1 || ((int[])results[6])[row] == 1, "a row with a fault stops");
            }
        }
    }

    [TestMethod]
    [DataRow(Executor.Interpreter)]
    [DataRow(Executor.Host)]
    public void Draw_Counters_AdvanceAndStopTokensAreSeen(Executor executor)
    {
        using var run = KernelRun.Start(executor);
        const int V = 5;
        float[] logits = [0, 50, 0, 0, 0, 0, 0, 50, 0, 0];
        var (seeds, counters, tokens, stopped, ids) =
            (run.Upload(Seed, Seed), run.Upload(3u, 1u, 2u, 9u, 7u, 0u, 2u, 9u), run.Room<int>(2), run.Room<int>(2), run.Room<long>(2));
        var z = run.Upload(logits);
        for (var i = 0; i < 2; i++)
            run.Launch("sample_tokens_f32", (2, 1, 1), 32, z, (long)V, V, 1.0, 0, 1.0, 0f, 0, seeds, counters, 1, run.Upload(4, 2), 2,
                tokens, ids, (nint)0, (nint)0, (nint)0, (nint)0, stopped, (nint)0);
        CollectionAssert.AreEqual(new[] { 1, 2 }, run.Read<int>(tokens, 2));
        CollectionAssert.AreEqual(new[] { 1L, 2L }, run.Read<long>(ids, 2));
        CollectionAssert.AreEqual(new[] { 0, 1 }, run.Read<int>(stopped, 2));
        CollectionAssert.AreEqual(new[] { 5u, 1u, 2u, 9u, 9u, 0u, 2u, 9u }, run.Read<uint>(counters, 8));
    }

    private static int[] Compare(Executor executor, string type, string restriction, int vocabulary, int rows, int threads, double scale) =>
        Compare(executor, type, restriction, vocabulary, rows, threads, Elements.Normal(rows * vocabulary, vocabulary, scale));

    private static int[] Compare(Executor executor, string type, string restriction, int vocabulary, int rows, int threads, float[] numbers)
    {
        var parts = restriction.Split('/').Select(p => double.Parse(p, CultureInfo.InvariantCulture)).ToArray();
        var settings = new SamplingSettings { TopK = (int)parts[0], TopP = parts[1], MinP = parts[2], Temperature = parts[3] };
        var results = KernelRun.Everywhere(executor, run => Run(run, type, numbers, vocabulary, rows, threads, settings));
        var (_, values) = Elements.As(type, numbers);
        var sampler = new TokenSampler(vocabulary, settings);
        var (tokens, logProbs, entropies) = ((int[])results[0], (float[])results[2], (float[])results[3]);
        var (worst, apart) = (0d, 0);
        for (var row = 0; row < rows; row++)
        {
            var logits = values.AsSpan(row * vocabulary, vocabulary);
            var uniform = Seeds.Uniform(Seed, 4, row / 3, row % 3, row + 5);
            var expected = sampler.Draw(logits, uniform, default).Token;
            if (tokens[row] != expected)
            {
                apart++;
                Assert.IsTrue(
                    IsBoundary(logits, settings, uniform, tokens[row], expected),
                    $"row {row}: token {tokens[row]}, the CPU chooses {expected}");
            }
            var reference = new RowReference(logits, 1 / settings.Temperature);
            worst = Math.Max(worst, Math.Max(
                Tolerances.Error(logProbs[row], reference.LogProb(logits[tokens[row]])),
                Tolerances.Error(entropies[row], reference.Entropy)));
        }
        Console.WriteLine($"sample_tokens {executor} {type} V {vocabulary} {restriction}: "
            + $"relative error {worst:e1}, {apart} of {rows} tokens at a boundary");
        Assert.IsLessThan(Tolerances.Statistics, worst);
        return tokens;
    }

    // Whether the uniform number lies where two neighbours of the distribution meet. Only for cuts that the neighbours survive.
    private static bool IsBoundary(ReadOnlySpan<float> logits, SamplingSettings settings, double uniform, int first, int second)
    {
        if (!settings.IsUnrestricted)
            return false;
        var probabilities = new RowReference(logits, 1 / settings.Temperature).Probabilities;
        var (low, high) = (Math.Min(first, second), Math.Max(first, second));
        var (to, through) = (probabilities.Take(low + 1).Sum(), probabilities.Take(high).Sum());
        return Math.Abs(uniform - to) < Tolerances.Boundary && Math.Abs(uniform - through) < Tolerances.Boundary;
    }

    private static Array[] Run(
        KernelRun run,
        string type,
        float[] numbers,
        int vocabulary,
        int rows,
        int threads,
        SamplingSettings settings)
    {
        var (raw, _) = Elements.As(type, numbers);
        var counters = Enumerable.Range(0, rows).SelectMany(r => new[] { (uint)(r + 5), (uint)(r % 3), (uint)(r / 3), 4u }).ToArray();
        var seeds = Enumerable.Repeat(Seed, rows).ToArray();
        var (tokens, ids, stopped, faults) = (run.Room<int>(rows), run.Room<long>(rows), run.Room<int>(rows), run.Room<int>(rows));
        var (logProbs, entropies, sums, normalizers) =
            (run.Room<float>(rows), run.Room<float>(rows), run.Room<float>(rows), run.Room<float>(2 * rows));
        run.Launch(
            $"sample_tokens_{type}", (rows, 1, 1), threads, run.Upload(raw), (long)vocabulary, vocabulary,
            1 / settings.Temperature, settings.TopK, settings.TopP, (float)settings.MinP, settings.Greedy ? 1 : 0,
            run.Upload(seeds), run.Upload(counters), 0, (nint)0, 0, tokens, ids, logProbs, entropies, sums, normalizers, stopped, faults);
        return
        [
            run.Read<int>(tokens, rows), run.Read<long>(ids, rows), run.Read<float>(logProbs, rows),
            run.Read<float>(entropies, rows), run.Read<float>(sums, rows), run.Read<float>(normalizers, 2 * rows),
            run.Read<int>(stopped, rows), run.Read<int>(faults, rows),
        ];
    }
}
