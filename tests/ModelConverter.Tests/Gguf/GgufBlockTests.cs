using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Graphs.Tests.Checkpoints;

namespace G2RL.Onnx.Converter.Tests.Gguf;

[TestClass]
public sealed class GgufBlockTests
{
    // Halves: 0.5 = 3800, 0.25 = 3400, -0.5 = B800.
    [TestMethod]
    public void Q8_0_ByHand()
    {
        var block = new byte[34];
        (block[1], block[2], block[33]) = (0x34, 0x80, 0x7F);
        // 0.25 * -128 and 0.25 * 127.
        Check(GgmlType.Q8_0, block, 32, (0, -32), (1, 0), (31, 31.75f));
    }

    [TestMethod]
    public void Q4_0_ByHand()
    {
        var block = new byte[18];
        (block[1], block[2], block[17]) = (0xB8, 0xF0, 0x8A);
        // (0 - 8) * -0.5, (15 - 8) * -0.5, (10 - 8) * -0.5, (8 - 8) * -0.5; a zero byte is -8 twice.
        Check(GgmlType.Q4_0, block, 32, (0, 4), (16, -3.5f), (15, -1), (31, 0), (1, 4), (17, 4));
    }

    // Byte 0 of the scales, 10 000011: scale 0 is 3, and 2 the high bits of scale 4. Byte 4, 01 000101: minimum 0 is 5, 1 the high bits of
    // minimum 4.
    // Byte 8, 1001 0111: scale 4 is 7 + 16 * 2 = 39, minimum 4 is 9 + 16 * 1 = 25. Byte 1: scale 1 is 63.
    private static readonly byte[] Scales = [0x83, 0x3F, 0, 0, 0x45, 0, 0, 0, 0x97, 0, 0, 0];

    [TestMethod]
    public void Q4_K_ByHand()
    {
        byte[] block = [0, 0x38, 0, 0x34, .. Scales, .. new byte[128]];
        (block[16], block[16 + 64]) = (0xA6, 0x0B);
        // 0.5 * 3 * 6 - 0.25 * 5; the same with 0; 0.5 * 63 * 10; 0.5 * 39 * 11 - 0.25 * 25; the same with 0; scale and minimum 0.
        Check(GgmlType.Q4_K, block, 256, (0, 7.75f), (1, -1.25f), (32, 315), (128, 208.25f), (129, -6.25f), (160, 0), (255, 0));
    }

    [TestMethod]
    public void Q5_K_ByHand()
    {
        byte[] block = [0, 0x38, 0, 0x34, .. Scales, .. new byte[32], .. new byte[128]];
        (block[16], block[48], block[48 + 64]) = (0b0001_0001, 0xA6, 0x0B);
        // The fifth bits of groups 0 and 4 make 6 to 22 and 11 to 27: 0.5 * 3 * 22 - 1.25 and 0.5 * 39 * 27 - 6.25.
        Check(GgmlType.Q5_K, block, 256, (0, 31.75f), (1, -1.25f), (32, 315), (128, 520.25f), (129, -6.25f), (160, 0));
    }

    [TestMethod]
    public void Q6_K_ByHand()
    {
        var block = new byte[210];
        (block[0], block[32], block[64 + 31], block[128]) = (0x5C, 0x21, 0x0F, 0b11_01_10_00);
        (block[192], block[194], block[196], block[198], block[201], block[209]) = (2, 0xFD, 4, 127, 0x80, 0x38);
        // 0.5 * 2 * (12 - 32); 0.5 * -3 * (1 + 16 * 2 - 32); 0.5 * 4 * (5 + 16 * 1 - 32); 0.5 * 127 * (2 + 16 * 3 - 32); 0.5 * -128 * (15 -
        // 32);
        // 0.5 * 2 * (0 - 32).
        Check(GgmlType.Q6_K, block, 256, (0, -20), (32, -1.5f), (64, -22), (96, 1143), (159, 1088), (1, -32), (16, 0));
    }

    // Random scales, minima and numbers, put into the block bit by bit; every number comes back as the formula says, exactly.
    [TestMethod]
    [DataRow(GgmlType.Q4_0)]
    [DataRow(GgmlType.Q8_0)]
    [DataRow(GgmlType.Q4_K)]
    [DataRow(GgmlType.Q5_K)]
    [DataRow(GgmlType.Q6_K)]
    public void RandomBlocks_ComeBackExactly(GgmlType type)
    {
        var random = new Random(11);
        var packed = Enumerable.Range(0, 6).Select(_ => BlockPacker.Random(type, random)).ToList();
        var expected = packed.SelectMany(block => block.Values).ToArray();
        using var folder = new TemporaryFolder();
        var writer = new GgufWriter();
        writer.Add("x", [2, expected.Length / 2], type, [.. packed.SelectMany(block => block.Bytes)]);
        using var file = GgufFile.Open(writer.Save(folder["x.gguf"]));
        var values = new float[expected.Length];
        file.ReadFloats("x", 0, values);
        CollectionAssert.AreEqual(expected, values);
        var part = new float[type.BlockElements()];
        file.ReadFloats("x", type.BlockElements() * 4, part);
        CollectionAssert.AreEqual(expected[(part.Length * 4)..(part.Length * 5)], part);
        Assert.ThrowsExactly<ArgumentException>(() => file.ReadFloats("x", 1, part));
        Assert.ThrowsExactly<ArgumentException>(() => file.ReadFloats("x", part.Length * 6, part));
    }

    private static void Check(GgmlType type, byte[] block, int elements, params ReadOnlySpan<(int At, float Value)> expected)
    {
        using var folder = new TemporaryFolder();
        var writer = new GgufWriter();
        writer.Add("x", [elements], type, block);
        using var file = GgufFile.Open(writer.Save(folder["x.gguf"]));
        var values = new float[elements];
        file.ReadFloats("x", 0, values);
        foreach (var (at, value) in expected)
            Assert.AreEqual(value, values[at], $"element {at}");
    }
}
