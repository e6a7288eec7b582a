using System.Runtime.InteropServices;

namespace G2RL.Onnx.Cuda.Tests.Kernels;

/// <summary>Numbers in the three types of elements, and what they are in float once rounded to them.</summary>
internal static class Elements
{
    /// <summary>The raw content for a type, and the numbers that it holds.</summary>
    public static (byte[] Raw, float[] Values) As(string type, float[] numbers)
    {
        switch (type)
        {
            case "f32":
                return (MemoryMarshal.AsBytes(numbers.AsSpan()).ToArray(), numbers);
            case "f16":
                {
                    var halves = numbers.Select(x => (Half)x).ToArray();
                    return (MemoryMarshal.AsBytes(halves.AsSpan()).ToArray(), [.. halves.Select(h => (float)h)]);
                }
            default:
                {
                    var shorts = numbers.Select(ToBfloat).ToArray();
                    return (MemoryMarshal.AsBytes(shorts.AsSpan()).ToArray(),
                        [.. shorts.Select(s => BitConverter.UInt32BitsToSingle((uint)s << 16))]);
                }
        }
    }

    /// <summary>Bytes of an element.</summary>
    public static int Size(string type) => type == "f32" ? 4 : 2;

    /// <summary>bfloat16 to nearest, ties to even.</summary>
    public static ushort ToBfloat(float x)
    {
        var bits = BitConverter.SingleToUInt32Bits(x);
        return float.IsNaN(x) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>Normal numbers, reproducible.</summary>
    public static float[] Normal(int count, int seed, double scale)
    {
        var random = new Random(seed);
        var values = new float[count];
        for (var i = 0; i < count; i++)
            values[i] = (float)(scale * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return values;
    }
}
