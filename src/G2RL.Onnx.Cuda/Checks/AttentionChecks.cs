using System.Globalization;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Cuda.Kernels;

namespace G2RL.Onnx.Cuda.Checks;

/// <summary>
/// attention.ptx beside the double reference, as a share of what rounding to bfloat16 allows: tensor cores sum in an order of their own.
/// The entries for wide and narrow heads are one source.
/// </summary>
internal static class AttentionChecks
{
    private const double Allowed = 1;
    private const double SumAllowed = 5e-6;

    public static IEnumerable<CheckResult> Run(CheckBench b)
    {
        if (b.Device.Major < AttentionKernels.LeastMajor)
            yield break;
        foreach (var width in new[] { 64, 128 })
            foreach (var result in Run(b, new(1, 150, 2, 1, width, 0, (float)(1 / Math.Sqrt(width)))))
                yield return result;
    }

    private static IEnumerable<CheckResult> Run(CheckBench b, AttentionSizes s)
    {
        (byte[] Raw, float[] Values) Rounded(long count) => CheckBench.Rounded(b.Normal(count), SafeTensorsDtype.BF16, sizeof(ushort));
        var (q, k, v, gradient) = (Rounded(s.Queries), Rounded(s.Keys), Rounded(s.Keys), Rounded(s.Queries));
        long[] mask = [.. Enumerable.Range(0, s.Rows * s.Tokens).Select(i => i < 3 ? 0L : 1L)];
        // A prompt with two responses, and one with one.
        long[] segments = [40, 0, 37, 1, 31, 1, 22, 0, 20, 1];
        var reference = new AttentionReference(s, q.Values, k.Values, v.Values, gradient.Values, mask, segments);
        var (qs, ks, vs, gs, ms) = (b.Upload(q.Raw), b.Upload(k.Raw), b.Upload(v.Raw), b.Upload(gradient.Raw), b.Upload(mask));
        var (mixed, sums, delta) = (b.Room<ushort>(s.Queries), b.Room<float>(s.Sums), b.Room<float>(s.Sums));
        var (dq, dk, dv) = (b.Room<ushort>(s.Queries), b.Room<ushort>(s.Keys), b.Room<ushort>(s.Keys));
        var (kernels, places) = (new AttentionKernels(b.Kernels), b.Room<byte>(s.Tokens * AttentionKernels.PlaceBytes));
        kernels.Places(b.Upload(segments), segments.Length / 2, s.Tokens, places);
        void Forward() => kernels.Forward(s, qs, ks, vs, ms, places, mixed, sums);
        void Backward() => kernels.Backward(s, gs, qs, ks, vs, ms, places, mixed, sums, delta, dq, dk, dv);
        float[] Read(nint at, long count)
        {
            var values = new float[count];
            FloatConversion.ToFloats(SafeTensorsDtype.BF16, b.Download<byte>(at, count * sizeof(ushort)), values);
            return values;
        }
        Forward();
        Backward();
        var form = s.Width <= 64 ? 64 : 128;
        var (forward, backward) = (b.Milliseconds(Forward), b.Milliseconds(Backward));
        var (once, all) = (2 * ((2 * s.Queries) + (2 * s.Keys)), 2 * ((4 * s.Queries) + (4 * s.Keys)));
        var speed = b.Sizes.Repeats > 1 ? Speed(b, kernels, s with { Tokens = 4096, Heads = 16, KeyHeads = 8 }) : "";
        var error = reference.SumError(b.Download<float>(sums, s.Sums)) / SumAllowed;
        error = Math.Max(error, reference.Mixed.Error(Read(mixed, s.Queries)));
        yield return new($"attention_forward_{form}", $"mixed, sums{speed}", error, Allowed, forward, once);
        var keys = Math.Max(reference.Dk.Error(Read(dk, s.Keys)), reference.Dv.Error(Read(dv, s.Keys)));
        yield return new($"attention_keys_{form}", "gradients, with the next two's time", keys, Allowed, backward, all);
        var queries = reference.Dq.Error(Read(dq, s.Queries));
        yield return new($"attention_queries_{form}", "gradients", queries, Allowed, backward, all);
        yield return new("attention_places", "through all", Math.Max(error, Math.Max(keys, queries)), Allowed, forward, once);
        yield return new("attention_delta", "through the gradients", Math.Max(keys, queries), Allowed, backward, all);
    }

    // How fast it is where it matters: by operations, which bound it, of rows of 4,096 tokens.
    private static string Speed(CheckBench b, AttentionKernels kernels, AttentionSizes s)
    {
        nint Numbers(long count) => b.Upload(CheckBench.Rounded(b.Normal(count), SafeTensorsDtype.BF16, sizeof(ushort)).Stored);
        var (q, k, v, gradient) = (Numbers(s.Queries), Numbers(s.Keys), Numbers(s.Keys), Numbers(s.Queries));
        var mask = b.Upload(Enumerable.Repeat(1L, s.Rows * s.Tokens).ToArray());
        var (mixed, sums, delta) = (b.Room<ushort>(s.Queries), b.Room<float>(s.Sums), b.Room<float>(s.Sums));
        var (dq, dk, dv) = (b.Room<ushort>(s.Queries), b.Room<ushort>(s.Keys), b.Room<ushort>(s.Keys));
        var forward = b.Milliseconds(() => kernels.Forward(s, q, k, v, mask, 0, mixed, sums));
        var backward = b.Milliseconds(() => kernels.Backward(s, gradient, q, k, v, mask, 0, mixed, sums, delta, dq, dk, dv));
        // Two products of the causal half, and seven halves of them backward, in TFLOP/s.
        var operations = 2.0 * s.Rows * s.Heads * s.Width * s.Tokens * s.Tokens / 1e9;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"; at 4,096 tokens {operations / forward:0} TFLOP/s forward, {3.5 * operations / backward:0} backward");
    }
}
