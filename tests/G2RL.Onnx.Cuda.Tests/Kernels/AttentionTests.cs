using G2RL.Onnx.Cuda.Checks;
using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Tests.Interpreter;

namespace G2RL.Onnx.Cuda.Tests.Kernels;

/// <summary>Attention and its gradients, as PTX in the interpreter and as compiled for the host, beside the double reference.</summary>
[TestClass]
public sealed class AttentionTests
{
    // Heads narrower than the kernels' forms, tokens that fill no block, groups, windows within and beyond a tile.
    [TestMethod]
    [DataRow(Executor.Interpreter, 1, 70, 2, 1, 24, 0)]
    [DataRow(Executor.Interpreter, 1, 67, 1, 1, 72, 40)]
    [DataRow(Executor.Interpreter, 1, 150, 1, 1, 8, 0)]
    [DataRow(Executor.Host, 2, 70, 4, 2, 24, 0)]
    [DataRow(Executor.Host, 1, 200, 2, 1, 64, 100)]
    [DataRow(Executor.Host, 1, 130, 2, 2, 64, 7)]
    [DataRow(Executor.Host, 1, 130, 2, 1, 128, 0)]
    [DataRow(Executor.Host, 3, 1, 2, 2, 8, 0)]
    public void Attention_ForwardAndBackward_EqualTheDoubleReference(
        Executor executor, int rows, int tokens, int heads, int keyHeads, int width, int window)
    {
        var sizes = new AttentionSizes(rows, tokens, heads, keyHeads, width, window, (float)(1 / Math.Sqrt(width)));
        // Padding behind the first row, and before the last: its first tokens see nothing. Tiles without any are seen whole.
        var mask = Enumerable.Repeat(1L, rows * tokens).ToArray();
        if (tokens > 9)
        {
            mask.AsSpan(tokens - 5, 5).Clear();
            mask.AsSpan((rows - 1) * tokens, 3).Clear();
        }
        var order = executor == Executor.Interpreter ? ThreadOrder.Shuffled : ThreadOrder.Reverse;
        Compare(executor, order, sizes, mask);
    }

    // What hardware may add: the errors of approximate exponentials and of sums on tensor cores, and another order of threads.
    [TestMethod]
    public void Attention_InAnyOrder_WithNoise_EqualsTheReference()
    {
        foreach (var order in Enum.GetValues<ThreadOrder>())
            Compare(Executor.Interpreter, order, new(1, 33, 1, 1, 16, 0, 0.25f), [.. Enumerable.Repeat(1L, 33)]);
    }

    // Prompts once, their responses behind them: segments that end inside of tiles and of blocks, one that a tile holds whole, responses
    // that a block reaches back over, roots without any, windows that end in the root, in another segment's tiles, and beyond.
    [TestMethod]
    [DataRow(Executor.Interpreter, "30 0 25 1 15 1 9 0", 8, 0)]
    [DataRow(Executor.Host, "65 0 70 1 3 1 70 1 20 0 9 1", 24, 0)]
    [DataRow(Executor.Host, "65 0 70 1 3 1 70 1 20 0 9 1", 72, 50)]
    [DataRow(Executor.Host, "33 0 1 1 1 1 90 1 3 0 20 1", 8, 3)]
    [DataRow(Executor.Host, "300 0 150 1 140 1 10 1", 8, 40)]
    [DataRow(Executor.Host, "140 0 130 1 70 1 150 0 5 1", 8, 0)]
    [DataRow(Executor.Host, "1 0 1 1 1 0 1 1", 8, 0)]
    public void Packed_ForwardAndBackward_EqualsTheDoubleReference(Executor executor, string text, int width, int window)
    {
        long[] segments = [.. text.Split(' ').Select(long.Parse)];
        var tokens = (int)segments.Where((_, i) => i % 2 == 0).Sum();
        var sizes = new AttentionSizes(1, tokens, 2, 1, width, window, (float)(1 / Math.Sqrt(width)));
        if (executor == Executor.Interpreter)
            sizes = sizes with { Heads = 1, KeyHeads = 1 };
        Compare(executor, ThreadOrder.Shuffled, sizes, [.. Enumerable.Repeat(1L, tokens)], segments);
    }

    private static void Compare(Executor executor, ThreadOrder order, AttentionSizes s, long[] mask, long[]? segments = null)
    {
        var (q, k, v, gradient) = (Numbers(s.Queries, 1), Numbers(s.Keys, 2), Numbers(s.Keys, 3), Numbers(s.Queries, 4));
        var reference = new AttentionReference(s, q.Values, k.Values, v.Values, gradient.Values, mask, segments);
        using var run = KernelRun.Start(executor, order);
        var kernels = new AttentionKernels(new KernelCache(run.Driver));
        var (qs, ks, vs, gs, ms) = (run.Upload(q.Raw), run.Upload(k.Raw), run.Upload(v.Raw), run.Upload(gradient.Raw), run.Upload(mask));
        var (mixed, sums, delta) = (run.Room<ushort>((int)s.Queries), run.Room<float>((int)s.Sums), run.Room<float>((int)s.Sums));
        var (dq, dk, dv) = (run.Room<ushort>((int)s.Queries), run.Room<ushort>((int)s.Keys), run.Room<ushort>((int)s.Keys));
        nint places = 0;
        if (segments is not null)
        {
            places = run.Room<int>(4 * s.Tokens);
            kernels.Places(run.Upload(segments), segments.Length / 2, s.Tokens, places);
        }
        kernels.Forward(s, qs, ks, vs, ms, places, mixed, sums);
        kernels.Backward(s, gs, qs, ks, vs, ms, places, mixed, sums, delta, dq, dk, dv);
        Assert.IsLessThan(Tolerances.Statistics, reference.SumError(run.Read<float>(sums, (int)s.Sums)), "logarithms of sums");
        foreach (var (name, expected, at, count) in new[]
        {
            ("mixed", reference.Mixed, mixed, s.Queries),
            ("dq", reference.Dq, dq, s.Queries),
            ("dk", reference.Dk, dk, s.Keys),
            ("dv", reference.Dv, dv, s.Keys),
        })
        {
            var found = run.Read<ushort>(at, (int)count).Select(h => BitConverter.UInt32BitsToSingle((uint)h << 16)).ToArray();
            var error = expected.Error(found);
            Console.WriteLine($"{executor} {order} {s}: {name} {error:0.00} of what rounding allows");
            Assert.IsLessThanOrEqualTo(1, error, name);
        }
    }

    private static (byte[] Raw, float[] Values) Numbers(long count, int seed) =>
        Elements.As("bf16", Elements.Normal((int)count, seed, 1));
}
