using System.Runtime.CompilerServices;
using G2RL.Onnx.Execution.CustomOperators;
using G2RL.Onnx.Execution.Kernels.Simd;

namespace G2RL.Onnx.Execution.Kernels;

/// <summary>h = f(gate) up with f SiLU or GELU (tanh), and its gradients.</summary>
/// <remarks>
/// SiLU: f = g s, f' = s (1 + g (1 - s)), s the sigmoid. GELU: f = g (1 + t) / 2, f' = (1 + t) / 2 + g (1 - t^2) u' / 2 with t = tanh(u),
/// u = sqrt(2 / pi) (g + 0.044715 g^3). Element by element, so nothing depends on how work is divided.
/// </remarks>
internal static unsafe class GatedUnit
{
    private const int Grain = 1 << 14;
    private const float Cubic = 0.044715f;
    private const float RootOfTwoOverPi = 0.7978845608f;

    /// <summary>Inputs gate, up; output h.</summary>
    public static void Forward<T>(in KernelContext context) where T : unmanaged, ISimd<T>
    {
        var (gate, up) = (context.Input(0), context.Input(1));
        up.Require(gate.Length, "up");
        var state = new State
        {
            Gate = gate.Floats,
            Up = up.Floats,
            First = context.Output(0, gate.Shape).Floats,
            Length = gate.Length,
            IsGelu = context.Attribute(0) != 0,
        };
        context.ParallelFor(&state, Parts(gate.Length), &ForwardPart<T>);
    }

    /// <summary>Inputs dh, gate, up; outputs dgate, dup.</summary>
    public static void Backward<T>(in KernelContext context) where T : unmanaged, ISimd<T>
    {
        var (dh, gate, up) = (context.Input(0), context.Input(1), context.Input(2));
        up.Require(gate.Length, "up");
        dh.Require(gate.Length, "dh");
        var state = new State
        {
            Dh = dh.Floats,
            Gate = gate.Floats,
            Up = up.Floats,
            First = context.Output(0, gate.Shape).Floats,
            Second = context.Output(1, gate.Shape).Floats,
            Length = gate.Length,
            IsGelu = context.Attribute(0) != 0,
        };
        context.ParallelFor(&state, Parts(gate.Length), &BackwardPart<T>);
    }

    private static int Parts(long length) => checked((int)((length + Grain - 1) / Grain));

    private struct State
    {
        public float* Dh, Gate, Up, First, Second;
        public long Length;
        public bool IsGelu;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ForwardPart<T>(State* s, int part) where T : unmanaged, ISimd<T>
    {
        var i = (long)part * Grain;
        var end = Math.Min(s->Length, i + Grain);
        for (; i + T.Count <= end; i += T.Count)
        {
            var (f, _) = Activated(T.Load(s->Gate + i), s->IsGelu);
            (f * T.Load(s->Up + i)).Store(s->First + i);
        }
        if (i < end)
        {
            var rest = (int)(end - i);
            var (f, _) = Activated(SimdMath.LoadPart<T>(s->Gate + i, rest), s->IsGelu);
            SimdMath.StorePart(f * SimdMath.LoadPart<T>(s->Up + i, rest), s->First + i, rest);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void BackwardPart<T>(State* s, int part) where T : unmanaged, ISimd<T>
    {
        var i = (long)part * Grain;
        var end = Math.Min(s->Length, i + Grain);
        // All that an element needs is read before it is written: outputs may lie on inputs.
        for (; i + T.Count <= end; i += T.Count)
        {
            var (f, slope) = Activated(T.Load(s->Gate + i), s->IsGelu);
            var (dh, up) = (T.Load(s->Dh + i), T.Load(s->Up + i));
            (dh * up * slope).Store(s->First + i);
            (dh * f).Store(s->Second + i);
        }
        if (i < end)
        {
            var rest = (int)(end - i);
            var (f, slope) = Activated(SimdMath.LoadPart<T>(s->Gate + i, rest), s->IsGelu);
            var (dh, up) = (SimdMath.LoadPart<T>(s->Dh + i, rest), SimdMath.LoadPart<T>(s->Up + i, rest));
            SimdMath.StorePart(dh * up * slope, s->First + i, rest);
            SimdMath.StorePart(dh * f, s->Second + i, rest);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (T Value, T Slope) Activated<T>(T g, bool isGelu) where T : unmanaged, ISimd<T>
    {
        var one = T.All(1f);
        if (!isGelu)
        {
            var s = SimdMath.Sigmoid(g);
            var f = g * s;
            return (f, T.Fma(f, one - s, s));
        }
        var half = T.All(0.5f);
        var square = g * g;
        var t = SimdMath.Tanh(T.All(RootOfTwoOverPi) * g * T.Fma(T.All(Cubic), square, one));
        var inner = T.All(RootOfTwoOverPi) * T.Fma(T.All(3 * Cubic), square, one);
        var share = half * (one + t);
        return (g * share, T.Fma(half * g * (one - (t * t)), inner, share));
    }
}
