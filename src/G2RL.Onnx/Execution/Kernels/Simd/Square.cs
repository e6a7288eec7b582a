using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace G2RL.Onnx.Execution.Kernels.Simd;

/// <summary>Four rows of four numbers.</summary>
internal static class Square
{
    /// <summary>Rows become columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float> A, Vector128<float> B, Vector128<float> C, Vector128<float> D) Turned(
        Vector128<float> a,
        Vector128<float> b,
        Vector128<float> c,
        Vector128<float> d)
    {
        if (!Sse.IsSupported)
            return (
                Vector128.Create(a[0], b[0], c[0], d[0]),
                Vector128.Create(a[1], b[1], c[1], d[1]),
                Vector128.Create(a[2], b[2], c[2], d[2]),
                Vector128.Create(a[3], b[3], c[3], d[3]));
        var (lowAb, lowCd) = (Sse.UnpackLow(a, b), Sse.UnpackLow(c, d));
        var (highAb, highCd) = (Sse.UnpackHigh(a, b), Sse.UnpackHigh(c, d));
        return (
            Sse.MoveLowToHigh(lowAb, lowCd),
            Sse.MoveHighToLow(lowCd, lowAb),
            Sse.MoveLowToHigh(highAb, highCd),
            Sse.MoveHighToLow(highCd, highAb));
    }
}
