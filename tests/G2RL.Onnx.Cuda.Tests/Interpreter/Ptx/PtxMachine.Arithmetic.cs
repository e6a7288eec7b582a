namespace G2RL.Onnx.Cuda.Tests.Interpreter;

// Arithmetic of the ISA where it is not that of C#.
internal sealed unsafe partial class PtxMachine
{
    private static float F(ulong bits) => BitConverter.UInt32BitsToSingle((uint)bits);

    private static double D(ulong bits) => BitConverter.UInt64BitsToDouble(bits);

    private static ulong B(float value) => BitConverter.SingleToUInt32Bits(value);

    private static ulong B(double value) => BitConverter.DoubleToUInt64Bits(value);

    private static bool IsNumber(double value) => !double.IsNaN(value);

    // max and min of the ISA: a number beats NaN.
    private static float Larger(float x, float y) => float.IsNaN(x) ? y : float.IsNaN(y) ? x : MathF.Max(x, y);

    private static double Larger(double x, double y) => double.IsNaN(x) ? y : double.IsNaN(y) ? x : Math.Max(x, y);

    private static float Smaller(float x, float y) => float.IsNaN(x) ? y : float.IsNaN(y) ? x : MathF.Min(x, y);

    private static double Smaller(double x, double y) => double.IsNaN(x) ? y : double.IsNaN(y) ? x : Math.Min(x, y);

    // A device gives some number; a kernel that asks is wrong.
    private static uint NotZero(uint x) => x != 0 ? x : throw new PtxException("divides by zero");

    private static ulong NotZero(ulong x) => x != 0 ? x : throw new PtxException("divides by zero");

    private static int Divide(int x, int y) => y == -1 ? unchecked(-x) : x / (int)NotZero((uint)y);

    private static long Divide(long x, long y) => y == -1 ? unchecked(-x) : x / (long)NotZero((ulong)y);

    private static int Remainder(int x, int y) => y == -1 ? 0 : x % (int)NotZero((uint)y);

    private static long Remainder(long x, long y) => y == -1 ? 0 : x % (long)NotZero((ulong)y);

    private static uint ExtractBits(uint x, uint position, uint length) =>
        position > 31 ? 0 : x >> (int)position & (length > 31 ? uint.MaxValue : (1u << (int)length) - 1);

    private static uint ReverseBits(uint x)
    {
        var result = 0u;
        for (var i = 0; i < 32; i++)
            result |= (x >> i & 1) << (31 - i);
        return result;
    }

    // cvt.rzi saturates, and makes 0 of NaN.
    private static int Saturate32(float x) =>
        float.IsNaN(x) ? 0 : x >= 2147483648f ? int.MaxValue : x <= -2147483648f ? int.MinValue : (int)x;

    private static ulong SaturateUnsigned(double x) =>
        double.IsNaN(x) || x <= 0 ? 0 : x >= 18446744073709551616d ? ulong.MaxValue : (ulong)x;
}
