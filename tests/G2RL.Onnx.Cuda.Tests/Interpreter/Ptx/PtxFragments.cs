namespace G2RL.Onnx.Cuda.Tests.Interpreter;

/// <summary>
/// What a warp does together with matrices of which each lane holds a part: lane 4 g + t has two neighbours of row g, from 2 t on.
/// </summary>
/// <remarks>PTX ISA, "Warp-level matrix instructions": the figures of mma.m16n8k16 with .bf16 and of ldmatrix.</remarks>
internal static class PtxFragments
{
    /// <summary>D [16, 8] = A [16, 16] B [16, 8] + C.</summary>
    public const string Product = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32";

    /// <summary>Four matrices [8, 8] of 16 bits each from shared memory.</summary>
    public const string Load = "ldmatrix.sync.aligned.m8n8.x4.shared.b16";

    /// <summary>The same, each of them transposed.</summary>
    public const string LoadTransposed = "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16";

    private const int Lanes = 32;
    private const int Inner = 16;

    /// <summary>Four sums a lane, from its four registers of A, two of B and four of C.</summary>
    /// <param name="given">[32, 10]</param>
    /// <param name="approximate">Gives sums the error that their unknown order and rounding may have.</param>
    public static uint[,] Multiply(uint[,] given, ApproximateMath approximate)
    {
        float[,] a = new float[16, Inner], b = new float[Inner, 8];
        for (var lane = 0; lane < Lanes; lane++)
        {
            var (g, t) = (lane / 4, lane % 4);
            for (var i = 0; i < 2; i++)
            {
                for (var k = 0; k < 4; k++)
                    a[g + (k % 2 * 8), (2 * t) + (k / 2 * 8) + i] = Half(given[lane, k], i);
                for (var k = 0; k < 2; k++)
                    b[(2 * t) + (k * 8) + i, g] = Half(given[lane, 4 + k], i);
            }
        }
        var results = new uint[Lanes, 4];
        for (var lane = 0; lane < Lanes; lane++)
            for (var k = 0; k < 4; k++)
            {
                var (row, column) = ((lane / 4) + (k / 2 * 8), (2 * (lane % 4)) + (k % 2));
                var c = BitConverter.UInt32BitsToSingle(given[lane, 6 + k]);
                var (sum, size) = ((double)c, Math.Abs((double)c));
                for (var i = 0; i < Inner; i++)
                {
                    var product = (double)a[row, i] * b[i, column];
                    sum += product;
                    size += Math.Abs(product);
                }
                results[lane, k] = BitConverter.SingleToUInt32Bits(approximate.Sum(sum, size));
            }
        return results;
    }

    /// <summary>
    /// Of matrix i the elements (g, 2 t) and (g, 2 t + 1) in register i of a lane; transposed, (2 t, g) and (2 t + 1, g).
    /// </summary>
    /// <param name="given">Addresses: lane l gives that of row l % 8 of matrix l / 8 [32, 1].</param>
    /// <param name="transposed">Whether they are.</param>
    /// <param name="row">The memory of a lane's address, eight elements.</param>
    public static unsafe uint[,] Matrices(uint[,] given, bool transposed, Func<int, ulong, nint> row)
    {
        var elements = new ushort[Lanes, 8];
        for (var lane = 0; lane < Lanes; lane++)
        {
            var source = (ushort*)row(lane, given[lane, 0]);
            for (var i = 0; i < 8; i++)
                elements[lane, i] = source[i];
        }
        var results = new uint[Lanes, 4];
        for (var lane = 0; lane < Lanes; lane++)
            for (var k = 0; k < 4; k++)
            {
                var (first, other, at) = ((k * 8) + (lane % 4 * 2), (k * 8) + (lane / 4), lane % 4 * 2);
                results[lane, k] = transposed
                    ? elements[first, lane / 4] | ((uint)elements[first + 1, lane / 4] << 16)
                    : elements[other, at] | ((uint)elements[other, at + 1] << 16);
            }
        return results;
    }

    /// <summary>To nearest, ties to even.</summary>
    public static ushort ToBfloat(float x)
    {
        var bits = BitConverter.SingleToUInt32Bits(x);
        return float.IsNaN(x) ? (ushort)0x7FFF : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    private static float Half(uint pair, int which) =>
        BitConverter.UInt32BitsToSingle(which == 0 ? pair << 16 : pair & 0xFFFF0000);
}
