using G2RL.Onnx.Cuda.Tests.Interpreter;
using G2RL.Onnx.Cuda.Tests.Kernels;

namespace G2RL.Onnx.Cuda.Tests.Estimates;

/// <summary>
/// What attention's kernels cost for one product of a tensor core (16 x 16 x 8, 4,096 operations), counted by the interpreter on a row of
/// 1,024 tokens, heads of 128. native/README.md has the table.
/// </summary>
[TestClass]
public sealed class AttentionCostTests
{
    private const int T = 1024, Heads = 1, Width = 128;
    private const int Row = 2 * (Width + 8);

    public static IEnumerable<object[]> Entries =>
    [
        ["attention_forward_128", AttentionRate.Forward],
        ["attention_keys_128", AttentionRate.Keys],
        ["attention_queries_128", AttentionRate.Queries],
    ];

    [TestMethod]
    [DynamicData(nameof(Entries))]
    public void Cost_OfAProduct_IsWhatTheEstimatesTake(string entry, object taken)
    {
        var rate = (AttentionRate)taken;
        using var driver = new InterpreterDriver();
        using var run = new KernelRun(driver);
        if (Environment.GetEnvironmentVariable("G2RL_COST_PTX") is { } folder)
            run.Replace(entry, File.ReadAllBytes(Path.Combine(folder, "attention.ptx")));
        Launch(run, entry);
        var (cost, tiles) = (driver.Cost, driver.TileCost);
        double Each(double count) => count / tiles.Products;
        var counted = new AttentionRate(
            Each((cost.Instructions - tiles.Moves) / 32.0), Each(tiles.SharedBytes), Each(cost.Bytes), Each(tiles.Exponentials / 32.0));
        Console.WriteLine($"{entry}: {counted}");
        // In either direction: kernels that cost more, or less, say so there.
        Assert.AreEqual(1, counted.Instructions / rate.Instructions, 0.01);
        Assert.AreEqual(1, counted.SharedBytes / rate.SharedBytes, 0.01);
        Assert.AreEqual(1, counted.DeviceBytes / rate.DeviceBytes, 0.01);
        Assert.AreEqual(1, counted.Exponentials / rate.Exponentials, 0.01);
    }

    private static void Launch(KernelRun run, string entry)
    {
        nint Numbers(int seed, int heads) => run.Upload(Elements.As("bf16", Elements.Normal(T * Width * heads, seed, 1)).Raw);
        nint Room(int heads) => run.Room<ushort>(T * Width * heads);
        var (q, k, v, gradient) = (Numbers(1, Heads), Numbers(2, 1), Numbers(3, 1), Numbers(4, Heads));
        var (mask, sums) = (run.Upload(Enumerable.Repeat(1L, T).ToArray()), run.Upload(new float[T * Heads]));
        switch (entry)
        {
            case "attention_forward_128":
                run.LaunchWith(
                    entry, (T / 128, Heads, 1), 128, 256 * Row, q, k, v, mask, (nint)0, T, Heads, 1, Width, 0, 0.1f, Room(Heads), sums);
                break;
            case "attention_keys_128":
                run.LaunchWith(
                    entry, (T / 128, 1, 1), 256, (256 * Row) + (2 * 32 * 24), gradient, q, k, v, mask, (nint)0, sums, sums, T, Heads, 1,
                    Width, 0, 0.1f, Room(1), Room(1));
                break;
            default:
                run.LaunchWith(
                    entry, (T / 128, Heads, 1), 256, 128 * Row, gradient, q, k, v, mask, (nint)0, sums, sums, T, Heads, 1, Width, 0, 0.1f,
                    Room(Heads));
                break;
        }
    }
}
