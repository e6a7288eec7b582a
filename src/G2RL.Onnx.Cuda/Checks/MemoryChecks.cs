using G2RL.Onnx.Cuda.Kernels;

namespace G2RL.Onnx.Cuda.Checks;

/// <summary>Casts, shared caches and the search for what is not finite, to the bit.</summary>
internal static class MemoryChecks
{
    private const string Module = "memory";
    private static readonly int[] Targets = [2, 1];

    public static IEnumerable<CheckResult> Run(CheckBench b)
    {
        var n = b.Sizes.Elements;
        var grid = (LaunchShape.Blocks(n, LaunchShape.Threads), 1, 1);
        foreach (var (suffix, type, bytes) in CheckBench.Types)
        {
            var values = b.Normal(n, 100);
            var (stored, widened) = CheckBench.Rounded(values, type, bytes);
            if (suffix != "f32")
            {
                var (wide, narrow) = (b.Upload(values), b.Room<byte>((long)n * bytes));
                void Narrow() => b.Launch(Module, "cast_f32_to_" + suffix, grid, LaunchShape.Threads, wide, narrow, (long)n);
                Narrow();
                yield return new(
                    "cast_f32_to_" + suffix,
                    "bytes that differ",
                    CheckBench.Unequal<byte>(b.Download<byte>(narrow, (long)n * bytes), stored),
                    0,
                    b.Milliseconds(Narrow),
                    (long)n * (bytes + sizeof(float)));
                void Widen() => b.Launch(Module, $"cast_{suffix}_to_f32", grid, LaunchShape.Threads, narrow, wide, (long)n);
                Widen();
                yield return new(
                    $"cast_{suffix}_to_f32",
                    "elements that differ",
                    CheckBench.Unequal<float>(b.Download<float>(wide, n), widened),
                    0,
                    b.Milliseconds(Widen),
                    (long)n * (bytes + sizeof(float)));
            }
            // Two elements that are not finite; the first is wanted.
            var planted = (float[])values.Clone();
            (planted[n / 3], planted[n - 1]) = (float.NaN, float.PositiveInfinity);
            var (searched, first) = (b.Upload(CheckBench.Rounded(planted, type, bytes).Stored), b.Upload(new[] { ulong.MaxValue }));
            void Search() => b.Launch(Module, "any_nonfinite_" + suffix, grid, LaunchShape.Threads, searched, (long)n, first);
            Search();
            yield return new(
                "any_nonfinite_" + suffix,
                "distance from the first",
                Math.Abs((double)b.Download<ulong>(first, 1)[0] - (n / 3)),
                0,
                b.Milliseconds(Search),
                (long)n * bytes);
        }

        // A cache of two buffers: [rows, heads, positions, width] bytes; row 0's first positions go to rows 2 and 1.
        const int Rows = 4;
        const int Heads = 2;
        long headBytes = Math.Max(64, n / (2L * Rows * Heads) / 16 * 16), copyBytes = headBytes / 32 * 16, rowBytes = Heads * headBytes;
        var buffers = Enumerable.Range(0, 2)
            .Select(k => Enumerable.Range(0, (int)(Rows * rowBytes)).Select(i => (byte)((i * 31) + (k * 7) + (i >> 8))).ToArray())
            .ToArray();
        nint[] devices = [.. buffers.Select(b.Upload)];
        var (addresses, targets) = (b.Upload(devices.Select(d => (long)d).ToArray()), b.Upload(Targets));
        void Share() => b.Launch(Module, "kv_share", (Math.Max(1, LaunchShape.Blocks(copyBytes / 16, LaunchShape.Threads)), Heads, 2),
            LaunchShape.Threads, addresses, 0, targets, 2, rowBytes, headBytes, copyBytes);
        Share();
        var wrong = 0d;
        for (var k = 0; k < 2; k++)
        {
            foreach (var target in Targets)
                for (var head = 0; head < Heads; head++)
                    Array.Copy(buffers[k], head * headBytes, buffers[k], (target * rowBytes) + (head * headBytes), copyBytes);
            wrong += CheckBench.Unequal<byte>(b.Download<byte>(devices[k], Rows * rowBytes), buffers[k]);
        }
        yield return new("kv_share", "bytes that differ", wrong, 0, b.Milliseconds(Share), 2 * Heads * copyBytes * 3);

        // The first buffer's rows half as long again, in a buffer of their own.
        var longer = headBytes / 32 * 48;
        var relaid = b.Upload(new byte[Rows * Heads * longer]);
        var blocks = Math.Max(1, LaunchShape.Blocks(copyBytes / 16, LaunchShape.Threads));
        void Relay() => b.Launch(Module, "kv_relay", (blocks, Rows * Heads, 1),
            LaunchShape.Threads, devices[0], relaid, Rows * Heads, headBytes, longer, copyBytes);
        Relay();
        var expected = new byte[Rows * Heads * longer];
        for (var head = 0; head < Rows * Heads; head++)
            Array.Copy(buffers[0], head * headBytes, expected, head * longer, copyBytes);
        yield return new(
            "kv_relay",
            "bytes that differ",
            CheckBench.Unequal<byte>(b.Download<byte>(relaid, expected.Length), expected),
            0,
            b.Milliseconds(Relay),
            2 * Rows * Heads * copyBytes);
    }
}
