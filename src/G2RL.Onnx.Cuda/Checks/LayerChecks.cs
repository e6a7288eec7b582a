using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Cuda.Kernels;

namespace G2RL.Onnx.Cuda.Checks;

/// <summary>
/// layers.ptx beside the same in double, as a share of half a place of bfloat16: each number is computed in float32 and rounded once.
/// </summary>
internal static class LayerChecks
{
    // Half a place of bfloat16's eight bits, and what sums in float32 lose of their terms.
    private const double Half = 1.0 / 256;
    private const double Lost = 5e-7;

    // The gradient of a norm's weight is not rounded to bfloat16: relative to the sum of its terms' sizes.
    private const double SumAllowed = 3e-6;

    public static IEnumerable<CheckResult> Run(CheckBench b) => Run(b, rows: Math.Max(70, b.Sizes.Elements / 256), width: 256, heads: 4);

    /// <summary>Of rows that are heads x width wide, or norms of as many; heads a divisor of the width over eight.</summary>
    public static IEnumerable<CheckResult> Run(CheckBench b, int rows, int width, int heads)
    {
        (nint At, float[] Values) Numbers(long count, float factor = 1)
        {
            var (stored, values) = CheckBench.Rounded(b.Normal(count, factor), SafeTensorsDtype.BF16, sizeof(ushort));
            return (b.Upload(stored), values);
        }
        float[] Read(nint at)
        {
            var values = new float[(long)rows * width];
            FloatConversion.ToFloats(SafeTensorsDtype.BF16, b.Download<byte>(at, values.Length * sizeof(ushort)), values);
            return values;
        }
        nint Room() => b.Room<ushort>((long)rows * width);
        var (kernels, count) = (new LayerKernels(b.Kernels), (long)rows * width);
        var (x, dy, w, up) = (Numbers(count, 3), Numbers(count), Numbers(width), Numbers(count));
        var wide = b.Upload(w.Values);
        var (y, dx, parts, dw) = (Room(), Room(), b.Room<float>(512L * width), b.Room<float>(width));
        var s = new NormSizes(rows, width, 1e-5f);

        // Both forms of the weight.
        double error = 0, slope = 0;
        var norm = new NormReference(s, x.Values, w.Values, dy.Values);
        foreach (var (weight, isWide) in new[] { (w.At, false), (wide, true) })
        {
            kernels.Norm(s, x.At, weight, isWide, y);
            error = Math.Max(error, Error(norm.Y, norm.Y, Read(y)));
            kernels.NormGradient(s, dy.At, x.At, weight, isWide, dx, parts, dw);
            slope = Math.Max(slope, Error(norm.Dx, norm.DxSize, Read(dx)));
        }
        yield return new("rms_norm", "y", error, 1, b.Milliseconds(() => kernels.Norm(s, x.At, w.At, false, y)), 4 * count);
        var time = b.Milliseconds(() => kernels.NormGradient(s, dy.At, x.At, w.At, false, dx, parts, dw));
        yield return new("rms_norm_grad", "dx", slope, 1, time, 6 * count);
        var found = b.Download<float>(dw, width);
        var worst = Enumerable.Range(0, width).Max(j => Math.Abs(found[j] - norm.Dw[j]) / norm.DwSize[j]);
        yield return new("rms_norm_weight_grad", "dw, with the last one's time", worst, SumAllowed, time, 6 * count);

        (error, slope) = (0, 0);
        foreach (var isGelu in new[] { false, true })
        {
            var unit = Array.ConvertAll(x.Values, g => Activated(g, isGelu));
            double[] Of(Func<int, double> number) => [.. Enumerable.Range(0, (int)count).Select(number)];
            kernels.GatedUnit(count, x.At, up.At, isGelu, y);
            error = Math.Max(error, Error(Of(i => unit[i].Value * up.Values[i]), Of(i => (double)x.Values[i] * up.Values[i]), Read(y)));
            kernels.GatedUnitGradient(count, dy.At, x.At, up.At, isGelu, dx, y);
            var pulls = Of(i => (double)dy.Values[i] * up.Values[i]);
            slope = Math.Max(slope, Error(Of(i => pulls[i] * unit[i].Slope), Of(i => 10 * pulls[i]), Read(dx)));
            slope = Math.Max(slope, Error(Of(i => dy.Values[i] * unit[i].Value), Of(i => (double)dy.Values[i] * x.Values[i]), Read(y)));
        }
        time = b.Milliseconds(() => kernels.GatedUnit(count, x.At, up.At, false, y));
        yield return new("gated_unit", "h, SiLU and GELU", error, 1, time, 6 * count);
        time = b.Milliseconds(() => kernels.GatedUnitGradient(count, dy.At, x.At, up.At, false, dx, y));
        yield return new("gated_unit_grad", "dgate, dup", slope, 1, time, 10 * count);

        // All of a head, less of it, and an odd number of elements, forwards and back.
        (error, time) = (0, 0);
        var each = width / heads;
        foreach (var half in new[] { each / 2, 8, 3 })
            foreach (var sign in new[] { 1, -1 })
            {
                var angles = b.Normal((long)rows * half, 3);
                float[] cos = Array.ConvertAll(angles, MathF.Cos), sin = Array.ConvertAll(angles, a => sign * MathF.Sin(a));
                var (cosAt, sinAt) = (b.Upload(cos), b.Upload(Array.ConvertAll(angles, MathF.Sin)));
                kernels.Rotary(rows, heads, each, half, x.At, cosAt, sinAt, sign < 0, y);
                var (turned, size) = Turned(x.Values, width, each, half, cos, sin);
                error = Math.Max(error, Error(turned, size, Read(y)));
                if (half == each / 2 && sign > 0)
                    time = b.Milliseconds(() => kernels.Rotary(rows, heads, each, half, x.At, cosAt, sinAt, false, y));
            }
        yield return new("rotary", "y", error, 1, time, 4 * count);
    }

    // The largest error as a share of half a place and of what float32 loses of a number's terms.
    private static double Error(double[] expected, double[] sizes, float[] found)
    {
        var worst = 0d;
        for (var i = 0; i < found.Length; i++)
        {
            var error = Math.Abs(found[i] - expected[i]) / ((Half * Math.Abs(expected[i])) + (Lost * Math.Abs(sizes[i])) + 1e-30);
            worst = double.IsNaN(error) ? double.PositiveInfinity : Math.Max(worst, error);
        }
        return worst;
    }

    private static (double Value, double Slope) Activated(double g, bool isGelu)
    {
        var u = Math.Sqrt(2 / Math.PI) * g * (1 + (0.044715 * g * g));
        var s = isGelu ? (1 + Math.Tanh(u)) / 2 : 1 / (1 + Math.Exp(-g));
        var inner = isGelu ? 2 * Math.Sqrt(2 / Math.PI) * (1 + (3 * 0.044715 * g * g)) : 1;
        return (g * s, s + (g * s * (1 - s) * inner));
    }

    private static (double[] Values, double[] Sizes) Turned(float[] x, int width, int each, int half, float[] cos, float[] sin)
    {
        var (values, sizes) = (new double[x.Length], new double[x.Length]);
        for (var i = 0; i < x.Length; i++)
        {
            var (place, at) = (i % each, (i / width * half) + (i % each % half));
            var isFirst = place < half;
            var other = place >= 2 * half ? 0 : isFirst ? -(double)x[i + half] * sin[at] : (double)x[i - half] * sin[at];
            values[i] = place >= 2 * half ? x[i] : ((double)x[i] * cos[at]) + other;
            sizes[i] = Math.Abs(x[i]) + Math.Abs(other);
        }
        return (values, sizes);
    }

    private sealed class NormReference
    {
        public NormReference(NormSizes s, float[] x, float[] w, float[] dy)
        {
            (Y, Dx, DxSize) = (new double[x.Length], new double[x.Length], new double[x.Length]);
            (Dw, DwSize) = (new double[s.Width], new double[s.Width]);
            for (var row = 0; row < s.Rows; row++)
            {
                var (at, squares, products) = (row * s.Width, 0d, 0d);
                for (var j = 0; j < s.Width; j++)
                    (squares, products) =
                        (squares + ((double)x[at + j] * x[at + j]), products + ((double)x[at + j] * w[j] * dy[at + j]));
                var r = 1 / Math.Sqrt((squares / s.Width) + s.Epsilon);
                for (var j = 0; j < s.Width; j++)
                {
                    var i = at + j;
                    var (own, pull, share) = (r * w[j] * dy[i], x[i] * r * r * r * products / s.Width, r * x[i] * dy[i]);
                    (Y[i], Dx[i], DxSize[i]) = (r * w[j] * x[i], own - pull, 10 * (Math.Abs(own) + Math.Abs(x[i])));
                    (Dw[j], DwSize[j]) = (Dw[j] + share, DwSize[j] + Math.Abs(share));
                }
            }
        }

        public double[] Y { get; }

        public double[] Dx { get; }

        /// <summary>Sizes of the terms.</summary>
        public double[] DxSize { get; }

        public double[] Dw { get; }

        /// <summary>Sums of the terms' sizes.</summary>
        public double[] DwSize { get; }
    }
}
