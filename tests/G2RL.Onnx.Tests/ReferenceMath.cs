namespace G2RL.Onnx.Tests;

/// <summary>
/// The pieces of a decoder in double precision, as plain loops over rows of one sequence. Written from the published formulas; shares
/// nothing with the graphs.
/// </summary>
internal static class ReferenceMath
{
    public static double[][] Map(double[][] rows, Func<double[], double[]> f) => [.. rows.Select(f)];

    public static double[] Add(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    public static double[][] Add(double[][] a, double[][] b) => [.. a.Zip(b, Add)];

    /// <summary>y_o = sum_i W[o, i] x_i + b_o, W stored output by output.</summary>
    public static double[] Linear(double[] x, double[] w, double[]? b = null)
    {
        var y = new double[w.Length / x.Length];
        for (var o = 0; o < y.Length; o++)
        {
            y[o] = b?[o] ?? 0;
            for (var i = 0; i < x.Length; i++)
                y[o] += w[(o * x.Length) + i] * x[i];
        }
        return y;
    }

    /// <summary>y_o = sum_i x_i W[i, o] + b_o, W stored input by input (Conv1D).</summary>
    public static double[] LinearByInput(double[] x, double[] w, double[] b)
    {
        var y = (double[])b.Clone();
        for (var i = 0; i < x.Length; i++)
            for (var o = 0; o < y.Length; o++)
                y[o] += x[i] * w[(i * y.Length) + o];
        return y;
    }

    public static double[] Rms(double[] x, double[] w, double epsilon, double from = 0)
    {
        var scale = 1 / Math.Sqrt(x.Average(v => v * v) + epsilon);
        return [.. x.Select((v, i) => v * scale * (from + w[i]))];
    }

    public static double[] LayerNorm(double[] x, double[] w, double[] b, double epsilon)
    {
        var mean = x.Average();
        var variance = x.Average(v => (v - mean) * (v - mean));
        return [.. x.Select((v, i) => ((v - mean) / Math.Sqrt(variance + epsilon) * w[i]) + b[i])];
    }

    public static double Silu(double x) => x / (1 + Math.Exp(-x));

    public static double GeluTanh(double x) => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))));

    public static double Softcap(double x, double? cap) => cap is { } c ? c * Math.Tanh(x / c) : x;

    /// <summary>Each head by itself.</summary>
    public static double[] PerHead(double[] x, int width, Func<double[], double[]> f) => [.. x.Chunk(width).SelectMany(f)];

    /// <summary>
    /// Number i of a head's first <paramref name="rotated"/> is paired with number i + rotated/2, the pair turned by position *
    /// theta^(-2i/rotated).
    /// </summary>
    public static double[] Rotate(double[] head, int position, double theta, int rotated)
    {
        var y = (double[])head.Clone();
        for (var i = 0; i < rotated / 2; i++)
        {
            var (sin, cos) = Math.SinCos(position * Math.Pow(theta, -2.0 * i / rotated));
            var (a, b) = (head[i], head[i + (rotated / 2)]);
            (y[i], y[i + (rotated / 2)]) = ((a * cos) - (b * sin), (b * cos) + (a * sin));
        }
        return y;
    }

    /// <summary>Causal attention of all rows; query head h reads key head h * kvHeads / heads.</summary>
    /// <param name="q">[T][heads * width]</param>
    /// <param name="k">[T][kvHeads * width]</param>
    /// <param name="v">[T][kvHeads * width]</param>
    /// <param name="width">Numbers of a head.</param>
    /// <param name="scale">What scores are multiplied by.</param>
    /// <param name="window">A token sees itself and window - 1 before it.</param>
    /// <param name="cap">Soft cap of scores.</param>
    public static double[][] Attend(
        double[][] q,
        double[][] k,
        double[][] v,
        int width,
        double scale,
        int window = int.MaxValue,
        double? cap = null)
    {
        int heads = q[0].Length / width, kvHeads = k[0].Length / width;
        var result = q.Select(row => new double[row.Length]).ToArray();
        for (var t = 0; t < q.Length; t++)
            for (var h = 0; h < heads; h++)
            {
                var kv = h * kvHeads / heads;
                var scores = new Dictionary<int, double>();
                for (var s = 0; s <= t; s++)
                    if (t - s < window)
                        scores[s] = Softcap(
                            scale * Enumerable.Range(0, width).Sum(i => q[t][(h * width) + i] * k[s][(kv * width) + i]),
                            cap);
                var largest = scores.Values.Max();
                var total = scores.Values.Sum(z => Math.Exp(z - largest));
                foreach (var (s, z) in scores)
                    for (var i = 0; i < width; i++)
                        result[t][(h * width) + i] += Math.Exp(z - largest) / total * v[s][(kv * width) + i];
            }
        return result;
    }
}
