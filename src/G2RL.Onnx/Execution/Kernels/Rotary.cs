using System.Runtime.CompilerServices;
using G2RL.Onnx.Execution.CustomOperators;
using G2RL.Onnx.Execution.Kernels.Simd;

namespace G2RL.Onnx.Execution.Kernels;

/// <summary>
/// Halves (a, b) of the rotated part of a head -> (a cos - b sin, b cos + a sin); what is beyond stays. Its gradient is the same with -sin.
/// </summary>
internal static unsafe class Rotary
{
    private const int Grain = 1 << 14;

    /// <summary>Inputs x [B, T, H, d], cos, sin [B, T, 1, r / 2]; output y. Attribute: whether to turn backwards.</summary>
    public static void Forward<T>(in KernelContext context) where T : unmanaged, ISimd<T>
    {
        var (x, cos, sin) = (context.Input(0), context.Input(1), context.Input(2));
        if (x.Rank != 4 || cos.Rank != 4 || 2 * cos[3] > x[3])
            throw new ArgumentException("x is [B, T, H, d], cos and sin are [B, T, 1, r / 2] with r at most d.");
        var tokens = checked(x[0] * x[1]);
        cos.Require((long)tokens * cos[3], "cos");
        sin.Require(cos.Length, "sin");
        var row = Math.Max(1, x[2] * x[3]);
        var state = new State
        {
            X = x.Floats,
            Cos = cos.Floats,
            Sin = sin.Floats,
            Y = context.Output(0, x.Shape).Floats,
            Tokens = tokens,
            Heads = x[2],
            Width = x[3],
            Half = cos[3],
            PartTokens = Math.Max(1, Grain / row),
            Sign = context.Attribute(0) != 0 ? -1 : 1,
        };
        context.ParallelFor(&state, (tokens + state.PartTokens - 1) / state.PartTokens, &Part<T>);
    }

    private struct State
    {
        public float* X, Cos, Sin, Y;
        public int Tokens, Heads, Width, Half, PartTokens;
        public float Sign;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Part<T>(State* s, int part) where T : unmanaged, ISimd<T>
    {
        int half = s->Half, whole = half / T.Count * T.Count, rest = half - whole;
        var sign = T.All(s->Sign);
        var end = Math.Min(s->Tokens, (part + 1) * s->PartTokens);
        for (var token = part * s->PartTokens; token < end; token++)
        {
            var cos = s->Cos + ((nint)token * half);
            var sin = s->Sin + ((nint)token * half);
            for (var head = 0; head < s->Heads; head++)
            {
                var at = (((nint)token * s->Heads) + head) * s->Width;
                var x = s->X + at;
                var y = s->Y + at;
                for (var j = 0; j < whole; j += T.Count)
                {
                    var (a, b) = (T.Load(x + j), T.Load(x + half + j));
                    var (c, n) = (T.Load(cos + j), T.Load(sin + j) * sign);
                    ((a * c) - (b * n)).Store(y + j);
                    ((b * c) + (a * n)).Store(y + half + j);
                }
                if (rest > 0)
                {
                    var (a, b) = (SimdMath.LoadPart<T>(x + whole, rest), SimdMath.LoadPart<T>(x + half + whole, rest));
                    var (c, n) = (SimdMath.LoadPart<T>(cos + whole, rest), SimdMath.LoadPart<T>(sin + whole, rest) * sign);
                    SimdMath.StorePart((a * c) - (b * n), y + whole, rest);
                    SimdMath.StorePart((b * c) + (a * n), y + half + whole, rest);
                }
                if (x != y)
                    for (var j = 2 * half; j < s->Width; j++)
                        y[j] = x[j];
            }
        }
    }
}
