using System.Runtime.InteropServices;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Graphs.Tests.Checkpoints;

[TestClass]
public sealed class FloatConversionTests
{
    // Copies of one value cover the vector path (16 at a time) and the rest.
    private const int Copies = 35;

    [TestMethod]
    // 1 + 2^-8 is half-way between 1 (0x3F80, even) and 1 + 2^-7 (0x3F81): down. 1 + 3 * 2^-8 is half-way between 0x3F81 and 0x3F82: up to
    // the even one.
    [DataRow(0x3F80_8000u, (ushort)0x3F80)]
    [DataRow(0x3F81_8000u, (ushort)0x3F82)]
    [DataRow(0x3F80_8001u, (ushort)0x3F81)]
    [DataRow(0xBF80_7FFFu, (ushort)0xBF80)]
    // The largest float rounds to infinity; a NaN whose set bits are all cut off stays a NaN; negative zero and the smallest subnormal.
    [DataRow(0x7F7F_FFFFu, (ushort)0x7F80)]
    [DataRow(0x7F80_0001u, (ushort)0x7FC0)]
    [DataRow(0xFFFF_FFFFu, (ushort)0xFFFF)]
    [DataRow(0x8000_0000u, (ushort)0x8000)]
    [DataRow(0x0000_0001u, (ushort)0x0000)]
    public void BFloat16_OfAFloat_RoundsToNearestEven(uint bits, ushort expected)
    {
        var stored = new ushort[Copies];
        FloatConversion.FromFloats(
            SafeTensorsDtype.BF16,
            Filled(BitConverter.UInt32BitsToSingle(bits)),
            MemoryMarshal.AsBytes(stored.AsSpan()));
        foreach (var value in stored)
            Assert.AreEqual(expected, value);
    }

    [TestMethod]
    public void EveryBFloat16AndHalf_ReadAndWritten_KeepsItsBits()
    {
        var all = Enumerable.Range(0, 1 << 16).Select(i => (ushort)i).ToArray();
        var stored = MemoryMarshal.AsBytes(all.AsSpan()).ToArray();
        var values = new float[all.Length];
        var back = new byte[stored.Length];
        foreach (var dtype in (SafeTensorsDtype[])[SafeTensorsDtype.BF16, SafeTensorsDtype.F16])
        {
            FloatConversion.ToFloats(dtype, stored, values);
            FloatConversion.FromFloats(dtype, values, back);
            for (var i = 0; i < all.Length; i++)
                if (float.IsNaN(values[i]))
                    Assert.IsTrue(dtype == SafeTensorsDtype.BF16 ? (all[i] & 0x7FFF) > 0x7F80 : (all[i] & 0x7FFF) > 0x7C00);
                else
                    Assert.AreEqual(all[i], BitConverter.ToUInt16(back, 2 * i), $"{dtype}");
        }
    }

    [TestMethod]
    public void BFloat16_OfTheGoldenWeights_AreTheBytesThatTorchWrote()
    {
        using var wide = SafeTensorsFile.Open(SharedFolder.Require("models", "golden-qwen3-a", "model.safetensors"));
        using var narrow = SafeTensorsFile.Open(SharedFolder.Require("models", "golden-qwen3-a-bf16", "model.safetensors"));
        foreach (var tensor in wide.Tensors.Values)
        {
            var values = new float[tensor.Count];
            wide.ReadFloats(tensor.Name, values);
            var stored = new byte[tensor.Count * 2];
            FloatConversion.FromFloats(SafeTensorsDtype.BF16, values, stored);
            Assert.IsTrue(narrow.RawBytes(tensor.Name).SequenceEqual(stored), tensor.Name);
        }
    }

    [TestMethod]
    public void FirstNonFinite_AtEveryPlace_IsFound()
    {
        foreach (var bad in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
            for (var place = 0; place < Copies; place++)
            {
                var values = Filled(float.MaxValue);
                values[place] = bad;
                values[^1] = place == Copies - 1 ? bad : float.NaN;
                Assert.AreEqual(place, FloatConversion.FirstNonFinite(values));
            }
        Assert.AreEqual(-1, FloatConversion.FirstNonFinite(Filled(-float.MaxValue)));
        Assert.AreEqual(-1, FloatConversion.FirstNonFinite([]));
    }

    private static float[] Filled(float value)
    {
        var values = new float[Copies];
        values.AsSpan().Fill(value);
        return values;
    }
}
