using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Cuda.Checks;

/// <summary>sample_tokens, token_stats and accumulate_features beside <see cref="TokenSampler"/>.</summary>
internal static class RowChecks
{
    // Statistics are summed in double on both sides and rounded to float.
    private const double Statistics = 5e-6;

    // Shares are float exponentials on the device: 2 ulp of a share, summed over the rows of a sequence.
    private const double Features = 1e-5;
    private const ulong Seed = 5;

    private static readonly SamplingSettings Settings = new() { Temperature = 0.9, TopK = 50, TopP = 0.95 };

    public static IEnumerable<CheckResult> Run(CheckBench b)
    {
        foreach (var (suffix, type, bytes) in CheckBench.Types)
        {
            var (rows, vocabulary) = (b.Sizes.Rows, b.Sizes.Vocabulary);
            var (stored, logits) = CheckBench.Rounded(b.Normal((long)rows * vocabulary, 3), type, bytes);
            var device = b.Upload(stored);
            var results = new Outputs(b, rows);
            var read = (long)rows * vocabulary * bytes;
            var threads = LaunchShape.ThreadsFor(vocabulary / 4);

            var (seeds, counters) = (b.Upload(Enumerable.Repeat(Seed, rows).ToArray()), b.Upload(Counters(rows)));
            void Sample() => b.Launch(
                "sample_tokens", "sample_tokens_" + suffix, (rows, 1, 1), threads,
                device, (long)vocabulary, vocabulary, 1 / Settings.Temperature, Settings.TopK, Settings.TopP, (float)Settings.MinP, 0,
                seeds, counters, 1, (nint)0, 0,
                results.Tokens, (nint)0, results.LogProbs, results.Entropies, (nint)0, results.Normalizers, (nint)0, (nint)0);
            Sample();
            var tokens = b.Download<int>(results.Tokens, rows);
            var sampler = new TokenSampler(vocabulary, Settings);
            var expected = Enumerable.Range(0, rows)
                .Select(row => sampler.Draw(Row(logits, row, vocabulary), Seeds.Uniform(Seed, 3, row, 2, 1), default))
                .ToArray();
            yield return new(
                "sample_tokens_" + suffix,
                "tokens that differ",
                CheckBench.Unequal<int>(tokens, [.. expected.Select(e => e.Token)]),
                0,
                0,
                0);
            var error = Math.Max(
                CheckBench.Difference(b.Download<float>(results.LogProbs, rows), [.. expected.Select(e => e.LogProb)]),
                CheckBench.Difference(b.Download<float>(results.Entropies, rows), [.. expected.Select(e => e.Entropy)]));
            yield return new("sample_tokens_" + suffix, "log-prob and entropy", error, Statistics, b.Milliseconds(Sample), read);

            var targets = Enumerable.Range(0, rows).Select(row => (row * 7919) % vocabulary).ToArray();
            var chosen = b.Upload(targets);
            void Measure() => b.Launch("token_stats", "token_stats_" + suffix, (rows, 1, 1), threads, device, (long)vocabulary, vocabulary,
                1 / Settings.Temperature, chosen, results.LogProbs, results.Entropies, (nint)0, results.Normalizers, (nint)0);
            Measure();
            var measured = targets.Select((t, row) => sampler.Measure(Row(logits, row, vocabulary), t)).ToArray();
            error = Math.Max(
                CheckBench.Difference(b.Download<float>(results.LogProbs, rows), [.. measured.Select(e => e.LogProb)]),
                CheckBench.Difference(b.Download<float>(results.Entropies, rows), [.. measured.Select(e => e.Entropy)]));
            yield return new("token_stats_" + suffix, "log-prob and entropy", error, Statistics, b.Milliseconds(Measure), read);

            foreach (var result in Accumulated(b, suffix, bytes, logits, device, targets, chosen, results.Normalizers))
                yield return result;
        }
    }

    // Rows of two sequences; u += sum of weight (onehot - softmax(z / T)).
    private static IEnumerable<CheckResult> Accumulated(
        CheckBench b,
        string suffix,
        int bytes,
        float[] logits,
        nint device,
        int[] targets,
        nint chosen,
        nint normalizers)
    {
        var (rows, vocabulary) = (b.Sizes.Rows, b.Sizes.Vocabulary);
        int[] offsets = [0, rows / 3, rows];
        var weights = Enumerable.Range(0, rows).Select(row => 1f / (row + 2)).ToArray();
        var expected = new float[2 * vocabulary];
        for (var sequence = 0; sequence < 2; sequence++)
            Expected(
                logits,
                targets,
                weights,
                offsets[sequence],
                offsets[sequence + 1],
                expected.AsSpan(sequence * vocabulary, vocabulary));
        var (starts, shares) = (b.Upload(offsets), b.Upload(weights));
        var moved = ((long)rows * vocabulary * bytes) + (2L * 2 * vocabulary * sizeof(float));
        var each = 16 / bytes;
        var threads = LaunchShape.ThreadsFor((vocabulary + each - 1) / each);
        var inverse = (float)(1 / Settings.Temperature);
        var features = b.Room<float>(2L * vocabulary);
        void Accumulate() => b.Launch("accumulate_features", "accumulate_features_" + suffix,
            (LaunchShape.Blocks(vocabulary, threads, each), 2, 1), threads, device, (long)vocabulary, vocabulary, inverse, chosen, shares,
            normalizers, starts, (nint)0, features);
        Accumulate();
        var error = CheckBench.Difference(b.Download<float>(features, 2L * vocabulary), expected);
        yield return new("accumulate_features_" + suffix, "features", error, Features, b.Milliseconds(Accumulate), moved);

        var owners = b.Upload(Enumerable.Range(0, rows).Select(row => row < offsets[1] ? 0 : 1).ToArray());
        var atomic = b.Room<float>(2L * vocabulary);
        void Atomic() => b.Launch("accumulate_features", "accumulate_features_atomic_" + suffix,
            (LaunchShape.Blocks(vocabulary, threads, each), rows, 1), threads, device, (long)vocabulary, vocabulary, inverse, chosen,
            shares, normalizers, owners, atomic);
        Atomic();
        error = CheckBench.Difference(b.Download<float>(atomic, 2L * vocabulary), expected);
        yield return new("accumulate_features_atomic_" + suffix, "features", error, Features, b.Milliseconds(Atomic), moved);
    }

    private static void Expected(float[] logits, int[] targets, float[] weights, int from, int to, Span<float> features)
    {
        var sums = new double[features.Length];
        for (var row = from; row < to; row++)
        {
            var z = Row(logits, row, features.Length);
            var largest = (double)System.Numerics.Tensors.TensorPrimitives.Max(z);
            var total = 0d;
            foreach (var value in z)
                total += Math.Exp((value - largest) / Settings.Temperature);
            for (var v = 0; v < sums.Length; v++)
                sums[v] -= weights[row] * Math.Exp((z[v] - largest) / Settings.Temperature) / total;
            sums[targets[row]] += weights[row];
        }
        for (var v = 0; v < sums.Length; v++)
            features[v] = (float)sums[v];
    }

    private static ReadOnlySpan<float> Row(float[] logits, int row, int vocabulary) => logits.AsSpan(row * vocabulary, vocabulary);

    // (token, sample, prompt, step)
    private static uint[] Counters(int rows) => [.. Enumerable.Range(0, rows).SelectMany(row => new uint[] { 1, 2, (uint)row, 3 })];

    private sealed class Outputs(CheckBench b, int rows)
    {
        public nint Tokens { get; } = b.Room<int>(rows);

        public nint LogProbs { get; } = b.Room<float>(rows);

        public nint Entropies { get; } = b.Room<float>(rows);

        public nint Normalizers { get; } = b.Room<float>(2L * rows);
    }
}
