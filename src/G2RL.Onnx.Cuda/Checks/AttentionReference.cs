using G2RL.Onnx.Cuda.Kernels;

namespace G2RL.Onnx.Cuda.Checks;

/// <summary>Attention and its gradients in double, share by share, and how far roundings to bfloat16 may take each number.</summary>
internal sealed class AttentionReference
{
    // Half a place of bfloat16's eight bits, and a tenth more for what float sums and approximate exponentials add.
    private const double Half = 1.1 / 256;

    private readonly AttentionSizes s;
    private readonly float[] q, k, v, gradient;
    private readonly long[] mask;
    private readonly (int Own, int Root, int End)[] places;

    /// <summary>Computes all.</summary>
    /// <param name="s">Sizes.</param>
    /// <param name="q">Numbers that bfloat16 holds, like the next three.</param>
    /// <param name="k">Keys.</param>
    /// <param name="v">Values.</param>
    /// <param name="gradient">Of what is mixed.</param>
    /// <param name="mask">Mask.</param>
    /// <param name="segments">Of packed rows the segments [S, 2]: tokens, and 0 for a root or 1 for a branch; null: each row is by
    /// itself.</param>
    public AttentionReference(
        AttentionSizes s, float[] q, float[] k, float[] v, float[] gradient, long[] mask, long[]? segments = null)
    {
        (this.s, this.q, this.k, this.v, this.gradient, this.mask) = (s, q, k, v, gradient, mask);
        places = Places(segments ?? [s.Tokens, 0]);
        (Mixed, Dq, Dk, Dv) = (new(s.Queries), new(s.Queries), new(s.Keys), new(s.Keys));
        LogSums = new double[s.Sums];
        for (var row = 0; row < s.Rows; row++)
            for (var head = 0; head < s.Heads; head++)
                for (var token = 0; token < s.Tokens; token++)
                    Token(row, head, token);
    }

    /// <summary>[B*T, H*d]</summary>
    public Numbers Mixed { get; }

    /// <summary>[B, T, H, d]</summary>
    public Numbers Dq { get; }

    /// <summary>[B, T, K, d]</summary>
    public Numbers Dk { get; }

    /// <summary>[B, T, K, d]</summary>
    public Numbers Dv { get; }

    /// <summary>[B, H, T]</summary>
    public double[] LogSums { get; }

    /// <summary>Numbers, and the sums of the absolute values of what was rounded on the way to them.</summary>
    public sealed class Numbers(long count)
    {
        private readonly double[] values = new double[count];
        private readonly double[] sizes = new double[count];

        /// <summary>Adds a product of which a factor was rounded.</summary>
        /// <param name="at">Place.</param>
        /// <param name="value">The product.</param>
        /// <param name="unsure">What besides may be off, in units of a rounding.</param>
        public void Add(long at, double value, double unsure = 0)
        {
            values[at] += value;
            sizes[at] += Math.Abs(value) + unsure;
        }

        /// <summary>The largest error as a share of what rounding allows; infinite for what is no number.</summary>
        public double Error(float[] found)
        {
            var worst = 0d;
            for (var i = 0; i < values.Length; i++)
            {
                var error = Math.Abs(found[i] - values[i]) / ((Half * (Math.Abs(values[i]) + sizes[i])) + 1e-6);
                worst = double.IsNaN(error) ? double.PositiveInfinity : Math.Max(worst, error);
            }
            return worst;
        }
    }

    /// <summary>The largest difference of the logarithms of sums, relative above 1; those of tokens that see nothing must be
    /// infinite.</summary>
    public double SumError(float[] found)
    {
        var worst = 0d;
        for (var i = 0; i < found.Length; i++)
        {
            var error = double.IsInfinity(LogSums[i]) && float.IsPositiveInfinity(found[i])
                ? 0
                : Math.Abs(found[i] - LogSums[i]) / Math.Max(1, Math.Abs(LogSums[i]));
            worst = double.IsNaN(error) ? double.PositiveInfinity : Math.Max(worst, error);
        }
        return worst;
    }

    // Of each token where its segment begins, and the tokens of the root that it goes on from.
    private static (int Own, int Root, int End)[] Places(long[] segments)
    {
        var (places, root, end) = (new List<(int, int, int)>(), 0, 0);
        for (var i = 0; i < segments.Length; i += 2)
        {
            var (first, tokens, isRoot) = (places.Count, (int)segments[i], segments[i + 1] == 0);
            places.AddRange(Enumerable.Repeat(isRoot ? (first, first, first) : (first, root, end), tokens));
            if (isRoot)
                (root, end) = (first, first + tokens);
        }
        return [.. places];
    }

    private void Token(int row, int head, int token)
    {
        var keyHead = head / (s.Heads / s.KeyHeads);
        long Query(int t) => (((((long)row * s.Tokens) + t) * s.Heads) + head) * s.Width;
        long Key(int t) => (((((long)row * s.Tokens) + t) * s.KeyHeads) + keyHead) * s.Width;
        var (mine, at) = (Query(token), ((((long)row * s.Heads) + head) * s.Tokens) + token);
        var (own, root, end) = places[token];
        // A branch goes on where its root ends: the order in which its tokens come.
        int[] before = [.. Enumerable.Range(root, end - root), .. Enumerable.Range(own, token + 1 - own)];
        int[] seen =
        [
            .. before.Skip(s.Window == 0 ? 0 : Math.Max(0, before.Length - s.Window)).Where(t => mask[(row * s.Tokens) + t] > 0),
        ];
        LogSums[at] = double.PositiveInfinity;
        if (seen.Length == 0)
            return;
        var scores = seen.Select(t => s.Scale * Dot(q, mine, k, Key(t))).ToArray();
        var most = scores.Max();
        LogSums[at] = most + Math.Log(scores.Sum(x => Math.Exp(x - most)));
        var (pull, unsure) = (0d, 0d);
        for (var i = 0; i < seen.Length; i++)
        {
            var share = Math.Exp(scores[i] - LogSums[at]);
            for (var x = 0; x < s.Width; x++)
            {
                Mixed.Add(mine + x, share * v[Key(seen[i]) + x]);
                Dv.Add(Key(seen[i]) + x, share * gradient[mine + x]);
                pull += share * v[Key(seen[i]) + x] * gradient[mine + x];
                // What was mixed is rounded before it meets its gradient.
                unsure += share * Math.Abs(v[Key(seen[i]) + x] * gradient[mine + x]);
            }
        }
        for (var i = 0; i < seen.Length; i++)
        {
            var share = Math.Exp(scores[i] - LogSums[at]) * s.Scale;
            var slope = share * (Dot(gradient, mine, v, Key(seen[i])) - pull);
            for (var x = 0; x < s.Width; x++)
            {
                Dq.Add(mine + x, slope * k[Key(seen[i]) + x], share * unsure * Math.Abs(k[Key(seen[i]) + x]));
                Dk.Add(Key(seen[i]) + x, slope * q[mine + x], share * unsure * Math.Abs(q[mine + x]));
            }
        }
    }

    private double Dot(float[] x, long xAt, float[] y, long yAt)
    {
        var sum = 0d;
        for (var i = 0; i < s.Width; i++)
            sum += (double)x[xAt + i] * y[yAt + i];
        return sum;
    }
}
