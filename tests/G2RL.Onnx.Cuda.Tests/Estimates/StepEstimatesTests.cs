using System.Globalization;
using G2RL.Onnx.Cuda.Tests.Backend;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Cuda.Tests.Estimates;

[TestClass]
public sealed class StepEstimatesTests
{
    // A step of a Qwen3 of 28 layers, counted by CaptureTests: 81 a layer and 17 by the decode graph with casts, 19 and 5 by the serving
    // one.
    private const int Before = (81 * 28) + 17;
    private const int After = (19 * 28) + 5;

    // By hand: 3.44 GB of weights, 2 x 28 x 8 x 128 x 2 bytes = 114,688 of cache a token, 2.68 TB/s.
    [TestMethod]
    public void Decode_OfManyRows_IsTheTimeOfItsBytesAndGaps()
    {
        var spec = TrainingMemoryTests.Large;
        var bytes = (2.0 * spec.ParameterCount) + (256 * 512 * 114_688.0) + (4.0 * 256 * 151_936);
        Assert.AreEqual((bytes / 2.68e12) + (After * 1.5e-6), StepEstimates.Decode(spec, 256, 512, After, 4, false, Hardware.H100), 1e-9);
        Assert.AreEqual(Before * 5e-6, StepEstimates.Decode(spec, 32, 512, Before, 12, false, Hardware.H100), 1e-9);
    }

    // The committed table is what the model gives.
    [TestMethod]
    public void Table_OfEstimates_HoldsTheModelsFigures()
    {
        var page = File.ReadAllText(SharedFolder.InRepository("docs", "results", "gpu", "estimates.md"));
        foreach (var row in Rows())
            StringAssert.Contains(page, row);
    }

    private static IEnumerable<string> Rows()
    {
        var spec = TrainingMemoryTests.Large;
        string Milliseconds(int rows, int launches, int logitBytes, bool captured) =>
            (1000 * StepEstimates.Decode(spec, rows, 512, launches, logitBytes, captured, Hardware.H100))
                .ToString("0.0", CultureInfo.InvariantCulture);
        foreach (var rows in new[] { 256, 32 })
            yield return $"| decode, {rows} rows | {Milliseconds(rows, Before, 12, false)} ms | {Milliseconds(rows, After, 4, false)} ms "
                + $"| {Milliseconds(rows, After, 4, true)} ms |";
        string Prefill(int together) => (1000 * StepEstimates.Prefill(spec, 16, 256, together, After, Hardware.H100))
            .ToString("0", CultureInfo.InvariantCulture);
        yield return $"| 16 prompts of 256 tokens | {Prefill(1)} ms | {Prefill(8)} ms |";
        var memory = new CacheMemory(2, 40L << 30, 20L << 30);
        var (before, after) = (
            SamplerPlan.For(spec, 8192, new SamplerSettings(), memory),
            SamplerPlan.For(spec, 8192, new SamplerSettings(), memory with { Block = CacheMemory.UsualBlock }));
        foreach (var positions in new[] { 512, 1024, 2048, 4096, 8192 })
            yield return $"| {positions} | {before.RowsPerThread} | {StepEstimates.RowsAt(spec, after, positions)} |";
        // Of micro-batches of 8,192 tokens. Not recomputed: where that fits, see TrainingMemoryTests.
        string Use(int length, bool onChip, bool recompute, bool counts = false) => FormattableString.Invariant(
            $"{100 * StepEstimates.TrainingUse(spec, 8192, length, onChip, recompute, counts, Hardware.H100):0} %");
        foreach (var length in new[] { 2048, 8192 })
            yield return $"| {length} | {Use(length, false, true)} | {Use(length, false, false)} | {Use(length, true, true)} "
                + $"| {Use(length, true, false)} | {Use(length, true, false, counts: true)} |";
    }
}
