using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Cuda.Tests.Kernels;

[TestClass]
public sealed class OptimizerTests
{
    private const int Chunk = 65536;

    // Counts of tensors; the last crosses a chunk, and sizes that are no multiple of 4 leave a tail.
    private static readonly int[] Counts = [1, 7, 64, 1001, Chunk + 5];

    [TestMethod]
    [DataRow(Executor.Interpreter)]
    [DataRow(Executor.Host)]
    public void AdamW_Float_GivesTheBitsOfTheCpu(Executor executor)
    {
        var settings = new AdamWSettings { WeightDecay = 0.1, MaxGradientNorm = 0.5 };
        using var run = KernelRun.Start(executor, Interpreter.ThreadOrder.Shuffled);
        var (tensors, chunks, tables) = Tables(run, "f32", decays: i => i % 2 == 0);
        var expected =
            tensors.Select((t, i) => (Weights: t.Weights.ToArray(), First: new float[t.Count], Second: new float[t.Count])).ToArray();
        for (var step = 1; step <= 3; step++)
        {
            var c = new AdamWCoefficients(settings, 1e-3 * step, step, 0.7);
            run.Launch("adamw_f32", (chunks, 1, 1), 96, tables.Tensors, tables.Chunks, c.Scale, c.Decay, c.StepSize, c.Root, c.Beta1,
                c.Beta2, c.OneMinusBeta1, c.OneMinusBeta2, c.Epsilon);
            for (var i = 0; i < tensors.Length; i++)
                AdamW.Update(
                    expected[i].Weights,
                    tensors[i].Gradient,
                    expected[i].First,
                    expected[i].Second,
                    i % 2 == 0 ? c : c with { Decay = 1 });
        }
        for (var i = 0; i < tensors.Length; i++)
        {
            CollectionAssert.AreEqual(expected[i].Weights, run.Read<float>(tensors[i].Master, tensors[i].Count), $"weights of tensor {i}");
            CollectionAssert.AreEqual(
                expected[i].First,
                run.Read<float>(tensors[i].First, tensors[i].Count),
                $"first moments of tensor {i}");
            CollectionAssert.AreEqual(
                expected[i].Second,
                run.Read<float>(tensors[i].Second, tensors[i].Count),
                $"second moments of tensor {i}");
        }
    }

    [TestMethod]
    [DataRow(Executor.Interpreter, "f16")]
    [DataRow(Executor.Interpreter, "bf16")]
    [DataRow(Executor.Host, "bf16")]
    public void AdamW_HalfWeights_AreTheMasterRounded(Executor executor, string type)
    {
        using var run = KernelRun.Start(executor);
        var (tensors, chunks, tables) = Tables(run, type, decays: _ => true);
        var c = new AdamWCoefficients(new(), 1e-2, 1, 1);
        run.Launch($"adamw_{type}", (chunks, 1, 1), 256, tables.Tensors, tables.Chunks, c.Scale, c.Decay, c.StepSize, c.Root, c.Beta1,
            c.Beta2, c.OneMinusBeta1, c.OneMinusBeta2, c.Epsilon);
        foreach (var t in tensors)
        {
            var expected = t.Weights.ToArray();
            AdamW.Update(expected, t.Gradient, new float[t.Count], new float[t.Count], c);
            CollectionAssert.AreEqual(expected, run.Read<float>(t.Master, t.Count));
            CollectionAssert.AreEqual(Elements.As(type, expected).Raw, run.Read<byte>(t.Model, t.Count * 2));
        }
    }

    // The moments are widened, updated and rounded at random as PackedMoment does it: by update, tensor and place.
    [TestMethod]
    [DataRow(Executor.Interpreter, "f32")]
    [DataRow(Executor.Interpreter, "bf16")]
    [DataRow(Executor.Host, "f32")]
    public void AdamW_PackedMoments_GivesTheBitsOfTheCpu(Executor executor, string type)
    {
        var settings = new AdamWSettings { WeightDecay = 0.1, Moments = MomentStorage.BFloat16 };
        using var run = KernelRun.Start(executor, Interpreter.ThreadOrder.Shuffled);
        var (tensors, chunks, tables) = Tables(run, type, decays: _ => true);
        Parameter Like(int i) => new($"t{i}", [tensors[i].Count]);
        Parameter[] weights = [.. Enumerable.Range(0, tensors.Length).Select(Like)];
        Parameter[] gradients = [.. Enumerable.Range(0, tensors.Length).Select(Like)];
        for (var i = 0; i < tensors.Length; i++)
        {
            tensors[i].Weights.CopyTo(weights[i].Buffer.Span);
            tensors[i].Gradient.CopyTo(gradients[i].Buffer.Span);
        }
        using var host = new AdamW(weights, gradients, settings, threads: 1);
        for (var step = 1; step <= 3; step++)
        {
            host.Step(1e-3, gradientNorm: 2);
            var c = new AdamWCoefficients(settings, 1e-3, step, settings.ClipScale(2));
            run.Launch($"adamw_packed_{type}", (chunks, 1, 1), 64, tables.Tensors, tables.Chunks, c.Scale, c.Decay, c.StepSize, c.Root,
                c.Beta1, c.Beta2, c.OneMinusBeta1, c.OneMinusBeta2, c.Epsilon, step);
        }
        var state = ((IWeightOptimizer)host).State().ToDictionary(t => t.Name);
        byte[] Held(string name)
        {
            using var memory = new MemoryStream();
            state[name].Write(memory);
            return memory.ToArray();
        }
        for (var i = 0; i < tensors.Length; i++)
        {
            var (t, name) = (tensors[i], weights[i].Name);
            CollectionAssert.AreEqual(weights[i].Buffer.Span.ToArray(), run.Read<float>(t.Master, t.Count), name);
            CollectionAssert.AreEqual(Held(name + AdamW.FirstSuffix), run.Read<byte>(t.First, t.Count * 2), $"{name}, first");
            CollectionAssert.AreEqual(Held(name + AdamW.SecondSuffix), run.Read<byte>(t.Second, t.Count * 2), $"{name}, second");
            if (type != "f32")
                CollectionAssert.AreEqual(
                    Elements.As(type, run.Read<float>(t.Master, t.Count)).Raw,
                    run.Read<byte>(t.Model, t.Count * 2),
                    $"{name}, what the model reads");
        }
        foreach (var p in weights.Concat(gradients))
            p.Dispose();
    }

    [TestMethod]
    [DataRow(Executor.Interpreter)]
    [DataRow(Executor.Host)]
    public void GlobalNorm_ManyTensors_EqualsTheDoubleReference(Executor executor)
    {
        using var run = KernelRun.Start(executor);
        var (tensors, chunks, tables) = Tables(run, "f32", decays: _ => true);
        var (norm, bad) = Norm(run, chunks, tables);
        var expected = Math.Sqrt(tensors.SelectMany(t => t.Gradient).Sum(g => (double)g * g));
        Console.WriteLine($"global_norm {executor}: relative error {Math.Abs(norm / expected - 1):e1}");
        Assert.AreEqual(1, norm / expected, Tolerances.Double);
        Assert.AreEqual(-1, bad);
    }

    [TestMethod]
    [DataRow(Executor.Interpreter, float.NaN)]
    [DataRow(Executor.Interpreter, float.NegativeInfinity)]
    [DataRow(Executor.Host, float.NaN)]
    public void GlobalNorm_GradientNotFinite_NamesItsChunk(Executor executor, float value)
    {
        using var run = KernelRun.Start(executor);
        var (_, chunks, tables) = Tables(run, "f32", decays: _ => true, spoil: g => g[4][Chunk + 4] = g[3][1000] = value);
        // Chunks: one for each of the first four tensors, then two of the fifth.
        Assert.AreEqual(3, Norm(run, chunks, tables).Bad);
    }

    [TestMethod]
    [DataRow(Executor.Interpreter)]
    [DataRow(Executor.Host)]
    public void Scale_AnyLengthAndAlignment_MultipliesEveryElement(Executor executor)
    {
        foreach (var (count, offset) in new[] { (1, 0), (13, 0), (13, 1), (1000, 3), (2048, 0) })
        {
            using var run = KernelRun.Start(executor);
            var values = Elements.Normal(count, count, 1);
            var x = run.UploadAt(offset, values);
            run.Launch("scale", (2, 1, 1), 64, x, (long)count, 0.3f);
            CollectionAssert.AreEqual(values.Select(v => v * 0.3f).ToArray(), run.Read<float>(x, count));
        }
    }

    [TestMethod]
    [DataRow(Executor.Interpreter)]
    [DataRow(Executor.Host)]
    public void ScaleRows_Rows_HaveTheirOwnFactor(Executor executor)
    {
        // 100: every row lies on the alignment; 101: the first one alone.
        foreach (var width in new[] { 100, 101 })
        {
            using var run = KernelRun.Start(executor);
            var values = Elements.Normal(3 * width, 1, 1);
            float[] factors = [2, 0.5f, -3];
            var x = run.Upload(values);
            run.Launch("scale_rows", (1, 3, 1), 32, x, (long)width, run.Upload(factors));
            CollectionAssert.AreEqual(values.Select((v, i) => v * factors[i / width]).ToArray(), run.Read<float>(x, 3 * width));
        }
    }

    [TestMethod]
    [DataRow(Executor.Interpreter, "f32")]
    [DataRow(Executor.Interpreter, "f16")]
    [DataRow(Executor.Interpreter, "bf16")]
    [DataRow(Executor.Host, "bf16")]
    public void Accumulate_Gradients_AddScaledInFloat(Executor executor, string type)
    {
        foreach (var offset in new[] { 0, 1 })
        {
            using var run = KernelRun.Start(executor);
            var (raw, values) = Elements.As(type, Elements.Normal(501, 3, 1));
            var start = Elements.Normal(501, 4, 1);
            var sum = run.UploadAt(offset, start);
            run.Launch($"accumulate_{type}", (3, 1, 1), 64, run.Upload(raw), 0.25f, sum, 501L);
            CollectionAssert.AreEqual(start.Select((s, i) => s + (0.25f * values[i])).ToArray(), run.Read<float>(sum, 501));
        }
    }

    private static (double Norm, int Bad) Norm(KernelRun run, int chunks, (nint Tensors, nint Chunks) tables)
    {
        var (partials, result, bad) = (run.Room<double>(chunks), run.Room<double>(2), run.Room<int>(1));
        run.Launch("global_norm_partial", (chunks, 1, 1), 256, tables.Tensors, tables.Chunks, partials);
        run.Launch("global_norm_finish", (1, 1, 1), 96, partials, chunks, result, bad);
        return (run.Read<double>(result, 2)[0], run.Read<int>(bad, 1)[0]);
    }

    // The device's tables as native/README.md describes them.
    private static (Tensor[] Tensors, int Chunks, (nint Tensors, nint Chunks) Tables) Tables(
        KernelRun run,
        string type,
        Func<int, bool> decays,
        Action<float[][]>? spoil = null)
    {
        var gradients = Counts.Select((n, i) => Elements.Normal(n, i + 50, 1)).ToArray();
        spoil?.Invoke(gradients);
        var tensors = Counts.Select((n, i) =>
        {
            // The third lies off the alignment, so that it takes the path without vectors.
            var offset = i == 2 ? 1 : 0;
            var weights = Elements.Normal(n, i, 1);
            var master = run.UploadAt(offset, weights);
            return new Tensor(
                n,
                weights,
                gradients[i],
                master,
                type == "f32" ? master : run.Room<ushort>(n),
                run.UploadAt(offset, gradients[i]),
                run.UploadAt(offset, new float[n]),
                run.UploadAt(offset, new float[n]));
        }).ToArray();
        var words = tensors.SelectMany((t, i) =>
            new long[] { t.Model, t.Master, t.GradientAt, t.First, t.Second, t.Count, decays(i) ? 1 : 0, 0 }).ToArray();
        var chunks =
            tensors.SelectMany((t, i) => Enumerable.Range(0, (t.Count + Chunk - 1) / Chunk).SelectMany(c => new[] { i, c })).ToArray();
        return (tensors, chunks.Length / 2, (run.Upload(words), run.Upload(chunks)));
    }

    private sealed record Tensor(
        int Count,
        float[] Weights,
        float[] Gradient,
        nint Master,
        nint Model,
        nint GradientAt,
        nint First,
        nint Second);
}
