using System.Runtime.InteropServices;

namespace G2RL.Onnx.Cuda.Tests.Kernels;

[TestClass]
public sealed class MemoryTests
{
    private static readonly float[] Awkward =
    [
        0, -0f, 1, -1, 1.0009765f, 65504, 65519.9f, 65520, 1e-7f, 5.96e-8f, 2.98e-8f, 6.1e-5f, 6.0975552e-5f, 3.3895314e38f, 3.4e38f,
        float.Epsilon, float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1.00390625f, 1.01171875f, 0.33333334f,
    ];

    [TestMethod]
    [DataRow(Executor.Interpreter, "f16")]
    [DataRow(Executor.Interpreter, "bf16")]
    [DataRow(Executor.Host, "f16")]
    [DataRow(Executor.Host, "bf16")]
    public void Cast_ThereAndBack_RoundsToNearestEven(Executor executor, string type)
    {
        float[] numbers = [.. Awkward, .. Elements.Normal(300, 1, 10), .. Elements.Normal(300, 2, 1e-5)];
        foreach (var offset in new[] { 0, 1 })
            Cast(executor, type, numbers, offset);
    }

    private static void Cast(Executor executor, string type, float[] numbers, int offset)
    {
        using var run = KernelRun.Start(executor);
        var (narrow, back) = (run.Room<ushort>(numbers.Length), run.Room<float>(numbers.Length));
        run.Launch($"cast_f32_to_{type}", (2, 1, 1), 64, run.UploadAt(offset, numbers), narrow, (long)numbers.Length);
        run.Launch($"cast_{type}_to_f32", (2, 1, 1), 64, narrow, back, (long)numbers.Length);
        var (raw, values) = Elements.As(type, numbers);
        var (expected, actual) = (MemoryMarshal.Cast<byte, ushort>(raw).ToArray(), run.Read<ushort>(narrow, numbers.Length));
        var backs = run.Read<float>(back, numbers.Length);
        for (var i = 0; i < numbers.Length; i++)
        {
            if (float.IsNaN(numbers[i]))
                Assert.IsTrue(float.IsNaN(backs[i]));
            else
            {
                Assert.AreEqual(expected[i], actual[i], $"{numbers[i]:g9}");
                Assert.AreEqual(values[i], backs[i]);
            }
        }
    }

    [TestMethod]
    [DataRow(Executor.Interpreter, 8, 16, 5)]
    [DataRow(Executor.Interpreter, 6, 3, 6)]
    [DataRow(Executor.Interpreter, 1, 1, 1)]
    [DataRow(Executor.Host, 8, 16, 5)]
    [DataRow(Executor.Host, 6, 3, 6)]
    public void KvShare_PromptsCache_ReachesItsRolloutsAndNoOther(Executor executor, int positions, int width, int copied)
    {
        const int Rows = 6, Heads = 2, Buffers = 3;
        int[] targets = [0, 4, 3, 5];
        var length = Heads * positions * width;
        var caches = Enumerable.Range(0, Buffers)
            .Select(b => Elements.Normal(Rows * length, b, 1).Select(x => (Half)x).ToArray())
            .ToArray();
        var results = KernelRun.Everywhere(executor, run =>
        {
            var pointers = caches.Select(c => run.Upload((Half[])c.Clone())).ToArray();
            run.Launch("kv_share", (2, Heads, Buffers), 32, run.Upload(pointers.Select(p => (long)p).ToArray()), 3, run.Upload(targets),
                targets.Length, (long)length * 2, (long)positions * width * 2, (long)copied * width * 2);
            return [.. pointers.Select(p => run.Read<ushort>(p, Rows * length))];
        });
        for (var b = 0; b < Buffers; b++)
            for (var i = 0; i < Rows * length; i++)
            {
                var (row, within, position) = (i / length, i % length, i % (positions * width) / width);
                var source = targets.Contains(row) && position < copied ? (3 * length) + within : i;
                Assert.AreEqual(
                    BitConverter.HalfToUInt16Bits(caches[b][source]),
                    ((ushort[])results[b])[i],
                    $"buffer {b}, row {row}, position {position}");
            }
    }

    [TestMethod]
    [DataRow(Executor.Interpreter, 8, 16, 11, 5)]
    [DataRow(Executor.Interpreter, 6, 3, 4, 4)]
    [DataRow(Executor.Interpreter, 5, 3, 7, 5)]
    [DataRow(Executor.Host, 8, 16, 11, 5)]
    [DataRow(Executor.Host, 6, 3, 4, 4)]
    public void KvRelay_RowsOfAnotherLength_HaveTheirPositions(Executor executor, int from, int width, int to, int copied)
    {
        // Four rows of two heads; three are copied.
        const int Heads = 8, Copied = 6;
        var source = Elements.Normal(Heads * from * width, 1, 1).Select(x => (Half)x).ToArray();
        var target = Elements.Normal(Heads * to * width, 2, 1).Select(x => (Half)x).ToArray();
        var results = KernelRun.Everywhere(executor, run =>
        {
            var pointer = run.Upload((Half[])target.Clone());
            var (before, after, copy) = (from * width * 2L, to * width * 2L, copied * width * 2L);
            run.Launch("kv_relay", (2, 4, 1), 32, run.Upload(source), pointer, Copied, before, after, copy);
            return [run.Read<ushort>(pointer, target.Length)];
        });
        for (var i = 0; i < target.Length; i++)
        {
            var (head, within) = (i / (to * width), i % (to * width));
            var expected = head < Copied && within < copied * width ? source[(head * from * width) + within] : target[i];
            Assert.AreEqual(BitConverter.HalfToUInt16Bits(expected), ((ushort[])results[0])[i], $"head {head}, element {within}");
        }
    }

    [TestMethod]
    [DataRow(Executor.Interpreter, "f32")]
    [DataRow(Executor.Interpreter, "f16")]
    [DataRow(Executor.Interpreter, "bf16")]
    [DataRow(Executor.Host, "f32")]
    [DataRow(Executor.Host, "f16")]
    [DataRow(Executor.Host, "bf16")]
    public void AnyNonfinite_SomeAreNot_GivesTheFirst(Executor executor, string type)
    {
        foreach (var (value, at) in new[] { (0f, -1), (float.NaN, 777), (float.PositiveInfinity, 0), (float.NegativeInfinity, 1000) })
        {
            var numbers = Elements.Normal(1001, 3, 100);
            for (var i = at; at >= 0 && i < numbers.Length; i += 100)
                numbers[i] = value;
            var results = KernelRun.Everywhere(executor, run =>
            {
                var first = run.Upload(ulong.MaxValue);
                run.Launch($"any_nonfinite_{type}", (3, 1, 1), 64, run.Upload(Elements.As(type, numbers).Raw), (long)numbers.Length, first);
                return [run.Read<long>(first, 1)];
            });
            Assert.AreEqual(at, ((long[])results[0])[0]);
        }
    }
}
