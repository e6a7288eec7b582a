using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Benchmarks;

/// <summary>Sampling: batched decode steps with a key/value cache, token choice, log-probs and feature weights included.</summary>
internal static class DecodeBenchmarks
{
    private const int PromptTokens = 16;
    private static readonly int[] Batches = [1, 8, 16, 64];

    /// <summary>The model of the main job.</summary>
    public static IEnumerable<Row> Small(Machine machine) =>
        Decode(machine, Shape.ArithmeticBase, newTokens: 64, [KernelChoice.Standard, KernelChoice.Fused]);

    /// <summary>A 135M model.</summary>
    public static IEnumerable<Row> Large(Machine machine) =>
        Decode(machine, Shape.Smol, newTokens: 24, [KernelChoice.Standard, KernelChoice.Fused]);

    private static IEnumerable<Row> Decode(Machine machine, Shape shape, int newTokens, KernelChoice[] kernels)
    {
        using var policy = shape.Policy(PromptTokens + newTokens);
        var tokenizer = Shape.Tokenizer();
        foreach (var batch in Batches)
            foreach (var kernel in kernels)
            {
                using var sampler = new Sampler(policy, tokenizer, new SamplerSettings
                {
                    MaxNewTokens = newTokens,
                    MaxRows = batch,
                    CacheBudgetBytes = 2L << 30,
                    Threads = machine.Threads,
                    Kernels = kernel,
                });
                // One prompt a thread, so that every thread has its share of the rows.
                var prompts = Math.Min(machine.Threads, batch);
                var request = new DrawRequest(
                    [.. Enumerable.Range(0, prompts).Select(i => shape.Tokens(PromptTokens, i))],
                    batch / prompts,
                    Seed: 3,
                    Step: 0,
                    WithFeatures: true);
                var tokens = request.Samples * prompts * newTokens;
                var timing = Timing.Of(() => sampler.Draw(request), machine.Budget);
                // A step multiplies every row with every weight, and reads each weight and each row's cache once.
                var attended = PromptTokens + (newTokens / 2.0);
                var (least, by) = machine.Least(
                    batch * shape.ForwardFlops(attended),
                    shape.WeightBytes + (batch * shape.CacheBytes * attended),
                    shape.WeightBytes);
                yield return new(
                    "decode",
                    $"{shape.Name}, batch {batch}, {kernel.ToString().ToLowerInvariant()}",
                    tokens / timing.Seconds,
                    timing.Spread,
                    "tokens/s")
                { Limit = batch / least, LimitedBy = by };
            }
    }
}
