namespace G2RL.Onnx.Cuda.Tests.Kernels;

[TestClass]
public sealed class AccumulateFeaturesTests
{
    [TestMethod]
    [DataRow(Executor.Interpreter, "f32", 1, 1)]
    [DataRow(Executor.Interpreter, "f32", 37, 37)]
    [DataRow(Executor.Interpreter, "f32", 1032, 1040)]
    [DataRow(Executor.Interpreter, "f16", 1, 3)]
    [DataRow(Executor.Interpreter, "f16", 1003, 1008)]
    [DataRow(Executor.Interpreter, "bf16", 1, 1)]
    [DataRow(Executor.Interpreter, "bf16", 520, 520)]
    [DataRow(Executor.Host, "f32", 37, 37)]
    [DataRow(Executor.Host, "f32", 1032, 1040)]
    [DataRow(Executor.Host, "f16", 1003, 1008)]
    [DataRow(Executor.Host, "bf16", 520, 520)]
    public void Accumulate_SequencesOfAnyLength_EqualsTheDoubleReference(Executor executor, string type, int vocabulary, int stride)
    {
        // Sequences of 3, 0 (empty), 1 and 4 rows; slots out of order, slot 1 untouched.
        int[] offsets = [0, 3, 3, 4, 8], slots = [2, 0, 4, 3];
        Check(executor, type, vocabulary, stride, offsets, slots, weighted: true, temperature: 0.8);
    }

    [TestMethod]
    [DataRow(Executor.Interpreter, "f32")]
    [DataRow(Executor.Host, "bf16")]
    public void Accumulate_OneRolloutOneToken_EqualsTheDoubleReference(Executor executor, string type) =>
        Check(executor, type, 151, 160, [0, 1], null, weighted: false, temperature: 1);

    [TestMethod]
    [DataRow(Executor.Interpreter, "bf16")]
    [DataRow(Executor.Host, "f32")]
    public void Accumulate_VocabularyOf151936_EqualsTheDoubleReference(Executor executor, string type) =>
        Check(executor, type, 151936, 151936, [0, 2], null, weighted: false, temperature: 1);

    [TestMethod]
    [DataRow(Executor.Interpreter)]
    [DataRow(Executor.Host)]
    public void Accumulate_WithoutOffsets_TakesARowASequence(Executor executor)
    {
        const int V = 90;
        var logits = Elements.Normal(3 * V, 8, 2);
        var results = KernelRun.Everywhere(executor, run =>
        {
            var (z, tokens) = (run.Upload(logits), run.Upload(5, 0, 89));
            var features = run.Upload(new float[3 * V]);
            run.Launch("accumulate_features_f32", (1, 3, 1), 32, z, (long)V, V, 1f, tokens, (nint)0,
                Normalizers(run, "f32", z, V, V, 1, tokens, 3), (nint)0, (nint)0, features);
            return [run.Read<float>(features, 3 * V)];
        });
        for (var row = 0; row < 3; row++)
            Assert.AreEqual(0, ((float[])results[0]).Skip(row * V).Take(V).Sum(x => (double)x), 1e-6, "onehot and softmax both sum to 1");
    }

    [TestMethod]
    [DataRow(Executor.Interpreter, "f32")]
    [DataRow(Executor.Interpreter, "f16")]
    [DataRow(Executor.Interpreter, "bf16")]
    [DataRow(Executor.Host, "f32")]
    public void Accumulate_Atomic_EqualsTheDeterministicFormToRounding(Executor executor, string type)
    {
        const int V = 301;
        int[] offsets = [0, 4, 7], owners = [0, 0, 0, 0, 1, 1, 1];
        var logits = Elements.Normal(7 * V, 5, 2);
        using var run = KernelRun.Start(executor, Interpreter.ThreadOrder.Shuffled);
        var (z, tokens, weights) =
            (run.Upload(Elements.As(type, logits).Raw), run.Upload(1, 2, 3, 4, 5, 6, 300), run.Upload(Elements.Normal(7, 2, 1)));
        var normalizers = Normalizers(run, type, z, V, V, 1, tokens, 7);
        var (plain, atomic) = (run.Upload(new float[2 * V]), run.Upload(new float[2 * V]));
        run.Launch($"accumulate_features_{type}", (1, 2, 1), 64, z, (long)V, V, 1f, tokens, weights, normalizers, run.Upload(offsets),
            (nint)0, plain);
        run.Launch($"accumulate_features_atomic_{type}", (2, 7, 1), 64, z, (long)V, V, 1f, tokens, weights, normalizers, run.Upload(owners),
            atomic);
        var (a, b) = (run.Read<float>(plain, 2 * V), run.Read<float>(atomic, 2 * V));
        for (var i = 0; i < a.Length; i++)
            Assert.AreEqual(a[i], b[i], Tolerances.Features);
    }

    private static nint Normalizers(
        KernelRun run,
        string type,
        nint logits,
        int stride,
        int vocabulary,
        double inverseTemperature,
        nint tokens,
        int rows)
    {
        var (logProbs, normalizers) = (run.Room<float>(rows), run.Room<float>(2 * rows));
        run.Launch($"token_stats_{type}", (rows, 1, 1), 32, logits, (long)stride, vocabulary, inverseTemperature, tokens, logProbs, (nint)0,
            (nint)0, normalizers, (nint)0);
        return normalizers;
    }

    private static void Check(
        Executor executor,
        string type,
        int vocabulary,
        int stride,
        int[] offsets,
        int[]? slots,
        bool weighted,
        double temperature)
    {
        var (rows, count) = (offsets[^1], slots is null ? offsets.Length - 1 : 5);
        var (raw, values) = Elements.As(type, Elements.Normal(rows * stride, vocabulary, 3));
        for (var row = 0; row < rows && vocabulary > 2; row += 2)
            (values[(row * stride) + 1], raw) = (float.NegativeInfinity, Masked(raw, type, (row * stride) + 1));
        var tokens = Enumerable.Range(0, rows).Select(r => vocabulary > 2 && r * 31 % vocabulary == 1 ? 0 : r * 31 % vocabulary).ToArray();
        var weights = weighted ? Elements.Normal(rows, 1, 1) : [.. Enumerable.Repeat(1f, rows)];
        var start = Elements.Normal(count * vocabulary, 6, 0.5);
        var results = KernelRun.Everywhere(executor, run =>
        {
            var (z, chosen) = (run.Upload(raw), run.Upload(tokens));
            var normalizers = Normalizers(run, type, z, stride, vocabulary, 1 / temperature, chosen, rows);
            var features = run.Upload(start);
            run.Launch(
                $"accumulate_features_{type}", (2, offsets.Length - 1, 1), 64, z, (long)stride, vocabulary,
                (float)(1 / temperature), chosen, weighted ? run.Upload(weights) : 0, normalizers, run.Upload(offsets),
                slots is null ? 0 : run.Upload(slots),
                features);
            return [run.Read<float>(features, count * vocabulary)];
        });
        var expected = start.Select(x => (double)x).ToArray();
        for (var s = 0; s < offsets.Length - 1; s++)
            for (var t = offsets[s]; t < offsets[s + 1]; t++)
            {
                var p = new RowReference(values.AsSpan(t * stride, vocabulary), 1 / temperature).Probabilities;
                for (var v = 0; v < vocabulary; v++)
                    expected[((slots?[s] ?? s) * vocabulary) + v] += weights[t] * ((v == tokens[t] ? 1 : 0) - p[v]);
            }
        var worst = expected.Select((e, i) => Math.Abs(e - ((float[])results[0])[i])).Max();
        Console.WriteLine($"accumulate_features {executor} {type} V {vocabulary}: absolute error {worst:e1}");
        Assert.IsLessThan(Tolerances.Features, worst);
    }

    private static byte[] Masked(byte[] raw, string type, int at)
    {
        if (type == "f32")
            BitConverter.TryWriteBytes(raw.AsSpan(at * 4), float.NegativeInfinity);
        else
            BitConverter.TryWriteBytes(raw.AsSpan(at * 2), type == "f16" ? (ushort)0xFC00 : (ushort)0xFF80);
        return raw;
    }
}
