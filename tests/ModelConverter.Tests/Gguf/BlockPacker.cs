using G2RL.Onnx.Checkpoints;

namespace G2RL.Onnx.Converter.Tests.Gguf;

/// <summary>Quantised blocks of random content, each field put at its bit position as the format's description gives it.</summary>
internal static class BlockPacker
{
    public static (byte[] Bytes, float[] Values) Random(GgmlType type, Random random)
    {
        var bytes = new byte[type.BlockBytes()];
        var values = new float[type.BlockElements()];
        Half scale = (Half)(random.NextDouble() - 0.5), minimum = (Half)random.NextDouble();
        switch (type)
        {
            case GgmlType.Q4_0:
                Put(bytes, 0, scale);
                for (var i = 0; i < 32; i++)
                {
                    var number = random.Next(16);
                    Put(bytes, ((2 + (i % 16)) * 8) + (i / 16 * 4), 4, number);
                    values[i] = (number - 8) * (float)scale;
                }
                break;
            case GgmlType.Q8_0:
                Put(bytes, 0, scale);
                for (var i = 0; i < 32; i++)
                {
                    var number = random.Next(-128, 128);
                    Put(bytes, (2 + i) * 8, 8, number & 255);
                    values[i] = number * (float)scale;
                }
                break;
            case GgmlType.Q4_K or GgmlType.Q5_K:
                Put(bytes, 0, scale);
                Put(bytes, 2, minimum);
                var fifth = type == GgmlType.Q5_K;
                for (var group = 0; group < 8; group++)
                {
                    int s = random.Next(64), m = random.Next(64);
                    PutScale(bytes, group, s, m);
                    float factor = (float)scale * s, offset = (float)minimum * m;
                    for (var i = 0; i < 32; i++)
                    {
                        var number = random.Next(fifth ? 32 : 16);
                        Put(bytes, (((fifth ? 48 : 16) + (group / 2 * 32) + i) * 8) + (group % 2 * 4), 4, number & 15);
                        if (fifth)
                            Put(bytes, ((16 + i) * 8) + group, 1, number >> 4);
                        values[(group * 32) + i] = (factor * number) - offset;
                    }
                }
                break;
            default:
                Put(bytes, 208, scale);
                for (var i = 0; i < 16; i++)
                    bytes[192 + i] = (byte)random.Next(256);
                for (var half = 0; half < 2; half++)
                    for (var i = 0; i < 128; i++)
                    {
                        var number = random.Next(64);
                        // 64 bytes a half: numbers 0 to 63 in the low halves, 64 to 127 in the high halves of the same bytes.
                        Put(bytes, (((half * 64) + (i % 64)) * 8) + (i / 64 * 4), 4, number & 15);
                        Put(bytes, ((128 + (half * 32) + (i % 32)) * 8) + (i / 32 * 2), 2, number >> 4);
                        values[(half * 128) + i] = (float)scale * (sbyte)bytes[192 + (half * 8) + (i / 16)] * (number - 32);
                    }
                break;
        }
        return (bytes, values);
    }

    private static void PutScale(byte[] bytes, int group, int scale, int minimum)
    {
        if (group < 4)
        {
            Put(bytes, (4 + group) * 8, 6, scale);
            Put(bytes, (8 + group) * 8, 6, minimum);
            return;
        }
        Put(bytes, (8 + group) * 8, 4, scale & 15);
        Put(bytes, ((8 + group) * 8) + 4, 4, minimum & 15);
        Put(bytes, (group * 8) + 6, 2, scale >> 4);
        Put(bytes, ((4 + group) * 8) + 6, 2, minimum >> 4);
    }

    private static void Put(byte[] bytes, int at, Half value) => BitConverter.GetBytes(value).CopyTo(bytes, at);

    private static void Put(byte[] bytes, int bit, int bits, int value)
    {
        for (var i = 0; i < bits; i++)
            bytes[(bit + i) / 8] |= (byte)(((value >> i) & 1) << ((bit + i) % 8));
    }
}
