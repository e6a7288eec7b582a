using System.Text;
using System.Text.RegularExpressions;
using G2RL.Onnx.Cuda.Tests.Interpreter;

namespace G2RL.Onnx.Cuda.Tests.Kernels;

/// <summary>
/// The kernels with a fault planted in their PTX: the interpreter must see it, or its silence about the true ones would mean nothing.
/// </summary>
[TestClass]
public sealed class PlantedFaultTests
{
    private static readonly string[] WithBarriers =
    [
        "sample_tokens_f32", "token_stats_f32", "inverse_norms", "exploration_scores", "global_norm_partial", "global_norm_finish",
        "attention_forward_64", "attention_keys_64", "attention_queries_64",
    ];

    // Every barrier of one entry of each kernel that has any.
    private static IEnumerable<object[]> Barriers => WithBarriers.SelectMany(entry =>
        Enumerable.Range(0, Regex.Count(Body(entry), @"bar\.sync")).Select(i => new object[] { entry, i }));

    [TestMethod]
    [DynamicData(nameof(Barriers))]
    public void Barrier_Removed_IsReported(string entry, int barrier)
    {
        var seen = 0;
        var body = Regex.Replace(Body(entry), @"bar\.sync\s+0;", m => seen++ == barrier ? string.Empty : m.Value);
        var faults = Enum.GetValues<ThreadOrder>().Select(order => Fault(entry, body, order)).ToArray();
        Assert.IsTrue(
            faults.Any(f => f is not null && Regex.IsMatch(f, "race|has not written|nothing has written|never reach|another barrier")),
            $"{entry} runs without its barrier {barrier}, and nothing is said.");
    }

    [TestMethod]
    public void Kernels_AsTheyAre_HaveNoFault()
    {
        foreach (var entry in WithBarriers.Append("cast_f32_to_f16"))
            foreach (var order in Enum.GetValues<ThreadOrder>())
                Assert.IsNull(Fault(entry, Body(entry), order));
    }

    [TestMethod]
    public void Bound_OffByOne_IsReported()
    {
        // for (i < count) becomes for (i <= count): both the test before the loop and the one in it.
        var body = Body("cast_f32_to_f16");
        var changed = body.Replace("setp.ge.s64", "setp.gt.s64", StringComparison.Ordinal)
            .Replace("setp.lt.s64", "setp.le.s64", StringComparison.Ordinal);
        Assert.AreNotEqual(body, changed);
        StringAssert.Contains(Fault("cast_f32_to_f16", changed, ThreadOrder.Forward), "lie in no block of device memory");
    }

    private static string Body(string entry)
    {
        var text = KernelRun.TextOf(entry);
        var start = text.IndexOf($".entry {entry}(", StringComparison.Ordinal);
        return text[start..(text.IndexOf("\n}", start, StringComparison.Ordinal) + 2)];
    }

    // Runs an entry with another body; null, or what the interpreter says.
    private static string? Fault(string entry, string body, ThreadOrder order)
    {
        using var driver = new InterpreterDriver(new() { Order = order, Strict = true });
        using var run = new KernelRun(driver);
        run.Replace(entry, Encoding.UTF8.GetBytes(KernelRun.TextOf(entry).Replace(Body(entry), body, StringComparison.Ordinal)));
        try
        {
            Launch(run, entry);
            return null;
        }
        catch (CudaException e)
        {
            return e.Message;
        }
    }

    private static void Launch(KernelRun run, string entry)
    {
        const int V = 2100;
        var logits = Elements.Normal(V, 4, 2);
        switch (entry)
        {
            case "sample_tokens_f32":
                foreach (var greedy in new[] { 0, 1 })
                    run.Launch(
                        entry, (1, 1, 1), 96, run.Upload(logits), (long)V, V, 1.0, 900, 0.9, 0.01f, greedy,
                        run.Upload(1ul), run.Upload(1u, 2u, 3u, 4u), 1, (nint)0, 0,
                        run.Room<int>(1), (nint)0, (nint)0, (nint)0, (nint)0, (nint)0, (nint)0, (nint)0);
                break;
            case "token_stats_f32":
                run.Launch(entry, (1, 1, 1), 96, run.Upload(logits), (long)V, V, 1.0, run.Upload(1), run.Room<float>(1), (nint)0, (nint)0,
                    (nint)0, (nint)0);
                break;
            case "inverse_norms":
                run.Launch(entry, (1, 1, 1), 64, run.Upload(logits), V, 1e-8, run.Room<double>(1));
                break;
            case "exploration_scores":
                run.Launch(
                    entry,
                    (1, 1, 1),
                    64,
                    run.Upload(new double[40 * 40]),
                    run.Upload(new double[40]),
                    40,
                    run.Room<double>(40),
                    run.Room<double>(40));
                break;
            case "global_norm_partial":
                var gradient = run.Upload(logits);
                run.Launch(entry, (1, 1, 1), 64, run.Upload<long>(0, 0, gradient, 0, 0, V, 0, 0), run.Upload(0, 0), run.Room<double>(1));
                break;
            case "attention_forward_64":
            case "attention_keys_64":
            case "attention_queries_64":
                LaunchAttention(run, entry);
                break;
            case "global_norm_finish":
                run.Launch(entry, (1, 1, 1), 64, run.Upload(new double[100]), 100, run.Room<double>(2), run.Room<int>(1));
                break;
            default:
                run.Launch(entry, (1, 1, 1), 32, run.Upload(logits), run.Room<ushort>(V), (long)V);
                break;
        }
    }

    // Two blocks of queries, of which the second goes through several tiles of keys, as the first block of keys does of queries.
    private static void LaunchAttention(KernelRun run, string entry)
    {
        const int T = 130, Width = 8;
        const int Row = 2 * (64 + 8);
        nint Numbers(int seed) => run.Upload(Elements.As("bf16", Elements.Normal(T * Width, seed, 1)).Raw);
        nint Room() => run.Room<ushort>(T * Width);
        var (q, k, v, mask) = (Numbers(1), Numbers(2), Numbers(3), run.Upload(Enumerable.Repeat(1L, T).ToArray()));
        if (entry == "attention_forward_64")
        {
            run.LaunchWith(entry, (2, 1, 1), 128, 256 * Row, q, k, v, mask, (nint)0, T, 1, 1, Width, 0, 0.5f, Room(), run.Room<float>(T));
            return;
        }
        var (gradient, sums, delta) = (Numbers(4), run.Upload(new float[T]), run.Upload(new float[T]));
        if (entry == "attention_keys_64")
            run.LaunchWith(
                entry, (2, 1, 1), 256, (256 * Row) + (2 * 32 * 24), gradient, q, k, v, mask, (nint)0, sums, delta, T, 1, 1, Width, 0, 0.5f,
                Room(), Room());
        else
            run.LaunchWith(
                entry, (2, 1, 1), 256, 128 * Row, gradient, q, k, v, mask, (nint)0, sums, delta, T, 1, 1, Width, 0, 0.5f, Room());
    }
}
