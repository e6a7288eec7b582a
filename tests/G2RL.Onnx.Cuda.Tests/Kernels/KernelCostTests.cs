using G2RL.Onnx.Cuda.Tests.Interpreter;

namespace G2RL.Onnx.Cuda.Tests.Kernels;

/// <summary>
/// What a kernel costs for one element, counted by the interpreter: instructions of a thread, accesses and bytes of device memory, atomic
/// operations on shared memory. The evidence about speed that can be had without hardware; native/README.md has the table.
/// </summary>
[TestClass]
public sealed class KernelCostTests
{
    private const int V = 151_936;

    // Bounds a little above what was counted: a change that costs more has to say so here.
    [TestMethod]
    [DataRow("token_stats_f32", 0, 1.0, 34.0, 4.1, 0.33, 0.0)]
    [DataRow("token_stats_bf16", 0, 1.0, 36.0, 2.1, 0.14, 0.0)]
    [DataRow("sample_tokens_bf16", 0, 1.0, 36.5, 2.1, 0.15, 0.0)]
    [DataRow("sample_tokens_bf16", 0, 0.95, 68.0, 4.6, 0.36, 0.01)]
    [DataRow("sample_tokens_bf16", 50, 1.0, 86.0, 7.2, 0.92, 0.01)]
    [DataRow("sample_tokens_bf16", 50, 0.95, 92.0, 6.5, 0.5, 0.01)]
    [DataRow("accumulate_features_bf16", 0, 1.0, 36.0, 5.3, 0.78, 0.0)]
    [DataRow("cast_f32_to_bf16", 0, 1.0, 10.5, 6.1, 0.4, 0.0)]
    [DataRow("cast_bf16_to_f32", 0, 1.0, 4.5, 6.1, 0.4, 0.0)]
    [DataRow("any_nonfinite_bf16", 0, 1.0, 6.8, 2.1, 0.13, 0.0)]
    [DataRow("accumulate_bf16", 0, 1.0, 6.2, 10.1, 0.65, 0.0)]
    [DataRow("scale_rows", 0, 1.0, 3.5, 8.1, 0.55, 0.0)]
    public void Cost_OfAnElement_StaysWithinItsBound(
        string entry, int topK, double topP, double instructions, double bytes, double accesses, double atomics)
    {
        using var driver = new InterpreterDriver();
        using var run = new KernelRun(driver);
        // Another build of the same kernels, to be compared with.
        if (Environment.GetEnvironmentVariable("G2RL_COST_PTX") is { } folder)
            run.Replace(entry, File.ReadAllBytes(Directory.EnumerateFiles(folder, "*.ptx")
                .First(f => File.ReadAllText(f).Contains($".entry {entry}(", StringComparison.Ordinal))));
        var elements = Launch(run, entry, topK, topP);
        var cost = driver.Cost;
        Console.WriteLine(FormattableString.Invariant($"{entry} top-k {topK} top-p {topP}: {(double)cost.Instructions / elements:0.0} ")
            + FormattableString.Invariant($"instructions, {(double)cost.Bytes / elements:0.00} bytes in ")
            + FormattableString.Invariant($"{(double)cost.Accesses / elements:0.000} accesses, ")
            + FormattableString.Invariant($"{(double)cost.SharedAtomics / elements:0.000} shared atomics an element"));
        Assert.IsLessThanOrEqualTo(instructions, (double)cost.Instructions / elements);
        Assert.IsLessThanOrEqualTo(bytes, (double)cost.Bytes / elements);
        Assert.IsLessThanOrEqualTo(accesses, (double)cost.Accesses / elements);
        Assert.IsLessThanOrEqualTo(atomics, (double)cost.SharedAtomics / elements);
    }

    private static long Launch(KernelRun run, string entry, int topK, double topP)
    {
        const int Rows = 8;
        // Logits as a language model's: most within a few units, the greatest far above.
        var logits = Elements.Normal(V, 4, 2.5);
        for (var i = 0; i < 40; i++)
            logits[(i * 3797) % V] = 18 - (0.4f * i);
        var (raw, _) = Elements.As(entry.EndsWith("_bf16", StringComparison.Ordinal) ? "bf16" : "f32", logits);
        nint Rooms(int count) => run.Room<float>(count);
        switch (entry[..entry.IndexOf('_', StringComparison.Ordinal)])
        {
            case "token":
                run.Launch(entry, (1, 1, 1), 256, run.Upload(raw), (long)V, V, 1.0, run.Upload(1), Rooms(1), Rooms(1), Rooms(1), Rooms(2),
                    Rooms(1));
                return V;
            case "sample":
                run.Launch(
                    entry, (1, 1, 1), 256, run.Upload(raw), (long)V, V, 1.0, topK, topP, 0f, 0, run.Upload(1ul),
                    run.Upload(1u, 2u, 3u, 4u), 1, (nint)0, 0, Rooms(1), (nint)0, Rooms(1), Rooms(1), Rooms(1), Rooms(2), Rooms(1),
                    Rooms(1));
                return V;
            case "accumulate" when entry.Contains("features", StringComparison.Ordinal):
                byte[] rows = [.. Enumerable.Repeat(raw, Rows).SelectMany(r => r)];
                run.Launch(
                    entry, ((V + 2047) / 2048, 1, 1), 256, run.Upload(rows), (long)V, V, 1f, run.Upload(new int[Rows]),
                    run.Upload(new float[Rows]), run.Upload(new float[2 * Rows]), run.Upload(0, Rows), run.Upload(0),
                    run.Upload(new float[V]));
                return (long)V * Rows;
            case "any":
                run.Launch(entry, (8, 1, 1), 256, run.Upload(raw), (long)V, run.Upload(ulong.MaxValue));
                return V;
            case "accumulate":
                run.Launch(entry, (8, 1, 1), 256, run.Upload(raw), 0.5f, run.Upload(new float[V]), (long)V);
                return V;
            case "scale":
                run.Launch(entry, (8, 1, 1), 256, run.Upload(logits), (long)V, run.Upload(2f));
                return V;
            default:
                var source = entry.StartsWith("cast_f32", StringComparison.Ordinal)
                    ? run.Upload(logits)
                    : run.Upload(Elements.As("bf16", logits).Item1);
                run.Launch(entry, (8, 1, 1), 256, source, run.Room<float>(V), (long)V);
                return V;
        }
    }
}
