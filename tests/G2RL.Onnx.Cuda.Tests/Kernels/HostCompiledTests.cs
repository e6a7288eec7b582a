using G2RL.Onnx.Cuda.Tests.Interpreter;

namespace G2RL.Onnx.Cuda.Tests.Kernels;

/// <summary>Two compilers and two thread models, one source: every operation is correctly rounded, so the bits must agree.</summary>
[TestClass]
public sealed class HostCompiledTests
{
    [TestMethod]
    public void Library_EveryEntryOfThePtx_IsThereWithItsParameters()
    {
        foreach (var entry in KernelRun.Entries)
        {
            var parameters = new PtxModule(KernelRun.TextOf(entry))[entry].Parameters.Count;
            Assert.AreEqual(parameters, HostCompiledDriver.Parameters(entry), entry);
        }
    }

    [TestMethod]
    [DataRow("f32")]
    [DataRow("f16")]
    [DataRow("bf16")]
    public void Sampling_InterpreterAndHost_GiveTheSameBits(string type)
    {
        const int V = 3001;
        var raw = Elements.As(type, Elements.Normal(8 * V, 2, 3)).Raw;
        var results = Enum.GetValues<Executor>().Select(executor =>
        {
            using var run = KernelRun.Start(executor, ThreadOrder.Shuffled);
            var (tokens, logProbs, entropies, sums, normalizers, z) =
                (run.Room<int>(8), run.Room<float>(8), run.Room<float>(8), run.Room<float>(8), run.Room<float>(16), run.Upload(raw));
            run.Launch(
                $"sample_tokens_{type}", (8, 1, 1), 128, z, (long)V, V, 1.25, 0, 0.95, 0f, 0,
                run.Upload(Enumerable.Repeat(9ul, 8).ToArray()), run.Upload(Enumerable.Range(0, 32).Select(i => (uint)i).ToArray()), 0,
                (nint)0, 0, tokens, (nint)0, logProbs, entropies, sums, normalizers, (nint)0, (nint)0);
            var features = run.Upload(new float[8 * V]);
            run.Launch($"accumulate_features_{type}", (3, 8, 1), 128, z, (long)V, V, 1.25f, tokens, (nint)0, normalizers, (nint)0, (nint)0,
                features);
            return (Tokens: run.Read<int>(tokens, 8), Numbers: new[]
            {
                run.Read<float>(logProbs, 8),
                run.Read<float>(entropies, 8),
                run.Read<float>(sums, 8),
                run.Read<float>(normalizers, 16),
                run.Read<float>(features, 8 * V),
            });
        }).ToArray();
        CollectionAssert.AreEqual(results[0].Tokens, results[1].Tokens);
        for (var i = 0; i < results[0].Numbers.Length; i++)
            CollectionAssert.AreEqual(results[0].Numbers[i], results[1].Numbers[i], $"output {i}");
    }
}
