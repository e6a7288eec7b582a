using G2RL.Onnx.Artifacts;

namespace G2RL.Onnx.Graphs.Tests.Artifacts;

[TestClass]
public sealed class BlockQuantizerTests
{
    [TestMethod]
    public void FourBits_Symmetric_ByHand()
    {
        // The largest magnitude, -4, gets code 0: scale 0.5. Codes are 8 + w / 0.5; halves of a scale go to the even code: 0.25 / 0.5 = 0.5
        // -> 0.
        float[] weights = [-4, 3.5f, 0, 1, -1, 0.25f, 0.75f, 3.9f, .. new float[8]];
        var (codes, scales, zeros) = Quantize(new(4, 16, zeroPoints: false, 16), weights);
        CollectionAssert.AreEqual(new[] { 0.5f }, scales);
        Assert.IsEmpty(zeros);
        // Codes 0 15, 8 10, 6 8, 10 15 (3.9 would be 16), the earlier one low.
        CollectionAssert.AreEqual(new byte[] { 0xF0, 0xA8, 0x86, 0xFA, 0x88, 0x88, 0x88, 0x88 }, codes);
    }

    [TestMethod]
    public void FourBits_WithZeroPoint_ByHand_AndTheLastBlockIsFilledUp()
    {
        // Block 1: 0 to 15, scale 1, zero 0. Block 2: -1 and 2, scale 0.2, zero 5; codes 0 and 15, then the zero itself.
        float[] weights = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, -1, 2];
        var quantizer = new BlockQuantizer(4, 16, zeroPoints: true, 18);
        var (codes, scales, zeros) = Quantize(quantizer, weights);
        CollectionAssert.AreEqual(new[] { 1f, 0.2f }, scales);
        CollectionAssert.AreEqual(new byte[] { 0x50 }, zeros);
        CollectionAssert.AreEqual(
            new byte[] { 0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE, 0xF0, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55 },
            codes);
    }

    [TestMethod]
    public void EightBits_ByHand()
    {
        // 127 / -128 is the scale of 127, so its code is 0 and that of 0 is 128.
        var (codes, scales, _) = Quantize(new(8, 16, zeroPoints: false, 3), [127, 0, -127f / 128]);
        CollectionAssert.AreEqual(new[] { -127f / 128 }, scales);
        CollectionAssert.AreEqual(new byte[] { 0, 128, 129 }, codes[..3]);
        // -1 to 254: scale 1, zero 1.
        var (others, one, zeros) = Quantize(new(8, 16, zeroPoints: true, 3), [-1, 254, 7]);
        CollectionAssert.AreEqual(new[] { 1f }, one);
        CollectionAssert.AreEqual(new byte[] { 1 }, zeros);
        CollectionAssert.AreEqual(new byte[] { 0, 255, 8 }, others[..3]);
    }

    [TestMethod]
    [DataRow(4, false)]
    [DataRow(4, true)]
    [DataRow(8, false)]
    [DataRow(8, true)]
    public void Weights_ComeBackWithinHalfAScale_AndTheSameBytesAgain(int bits, bool zeroPoints)
    {
        var random = new Random(7);
        var quantizer = new BlockQuantizer(bits, 32, zeroPoints, 100);
        for (var round = 0; round < 50; round++)
        {
            var weights = Enumerable.Range(0, 100).Select(_ => (float)((random.NextDouble() - 0.4) * Math.Pow(10, round - 25))).ToArray();
            var (codes, scales, zeros) = Quantize(quantizer, weights);
            var back = new float[100];
            quantizer.Dequantize(codes, scales, zeros, back);
            for (var i = 0; i < back.Length; i++)
            {
                // Without a zero point the side that has no outermost code is cut by one scale more.
                var scale = Math.Abs(scales[i / 32]);
                Assert.IsLessThanOrEqualTo(
                    (zeroPoints ? 0.5 : 1.0) * scale * 1.0001,
                    Math.Abs(back[i] - weights[i]),
                    $"{weights[i]} came back as {back[i]}");
            }
            var again = Quantize(quantizer, weights);
            CollectionAssert.AreEqual(codes, again.Codes);
            CollectionAssert.AreEqual(scales, again.Scales);
            CollectionAssert.AreEqual(zeros, again.Zeros);
        }
    }

    [TestMethod]
    [DataRow(0f)]
    [DataRow(1e-44f)]
    [DataRow(-1e-38f)]
    public void Blocks_OfNothing_BecomeZeros(float weight)
    {
        foreach (var zeroPoints in (bool[])[false, true])
        {
            var quantizer = new BlockQuantizer(4, 16, zeroPoints, 16);
            var (codes, scales, zeros) = Quantize(quantizer, [.. Enumerable.Repeat(weight, 16)]);
            var back = new float[16];
            quantizer.Dequantize(codes, scales, zeros, back);
            Assert.IsTrue(Array.TrueForAll(back, w => w == 0));
        }
    }

    [TestMethod]
    public void Blocks_OfTheLargestNumbers_StayFinite()
    {
        foreach (var zeroPoints in (bool[])[false, true])
        {
            var quantizer = new BlockQuantizer(8, 16, zeroPoints, 2);
            var (codes, scales, zeros) = Quantize(quantizer, [3e38f, -3e38f]);
            var back = new float[2];
            quantizer.Dequantize(codes, scales, zeros, back);
            Assert.AreEqual(1, back[0] / 3e38, 0.01);
            Assert.AreEqual(1, back[1] / -3e38, 0.01);
        }
    }

    private static (byte[] Codes, float[] Scales, byte[] Zeros) Quantize(BlockQuantizer quantizer, float[] weights)
    {
        var (codes, scales, zeros) = (new byte[quantizer.CodeBytes], new float[quantizer.Blocks], new byte[quantizer.ZeroBytes]);
        quantizer.Quantize(weights, codes, scales, zeros);
        return (codes, scales, zeros);
    }
}
