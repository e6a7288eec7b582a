using System.Buffers.Binary;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Graphs.Tests.Checkpoints;

namespace G2RL.Onnx.Converter.Tests.Gguf;

[TestClass]
public sealed class GgufHostileTests
{
    [TestMethod]
    [DataRow(8, "claims 18446744073709551615 tensors", DisplayName = "tensors")]
    [DataRow(16, "claims 18446744073709551615 metadata", DisplayName = "metadata")]
    [DataRow(24, "would take 18446744073709551615 bytes", DisplayName = "a key's length")]
    [DataRow(49, "list of 18446744073709551615", DisplayName = "a list's length")]
    [DataRow(80, "axis of 18446744073709551615", DisplayName = "an axis")]
    [DataRow(92, "data byte 18446744073709551615", DisplayName = "an offset")]
    public void Number_ThatIsHuge_IsRefused(int at, string named)
    {
        var bytes = Small();
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at), ulong.MaxValue);
        StringAssert.Contains(Refusal(bytes), named);
    }

    [TestMethod]
    [DataRow(0, 0, "does not begin with 'GGUF'")]
    [DataRow(4, 1, "version 1")]
    [DataRow(4, 0x0300_0000, "big-endian")]
    [DataRow(41, 13, "value of type 13")]
    [DataRow(45, 9, "list of lists")]
    [DataRow(65, -1, "no UTF-8")]
    [DataRow(76, 5, "has 5 axes")]
    [DataRow(76, 0, "has 0 axes")]
    [DataRow(88, 3, "is Q4_1")]
    [DataRow(88, 12, "multiple of 256")]
    [DataRow(92, 16, "multiple of the alignment")]
    [DataRow(92, 32, "neither overlap nor leave gaps")]
    public void Field_ThatBreaksARule_IsRefused(int at, int value, string named)
    {
        var bytes = Small();
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), value);
        StringAssert.Contains(Refusal(bytes), named);
    }

    [TestMethod]
    public void Names_Twice_Overlaps_Truncation_AndTails_AreRefused()
    {
        var twice = new GgufWriter();
        twice.Metadata.Add(("a", 1u));
        twice.Metadata.Add(("a", 2u));
        StringAssert.Contains(Refusal(twice.Bytes()), "'a' twice");
        var tensors = new GgufWriter();
        tensors.Add("x", [8], GgmlType.F32, new byte[32]);
        tensors.Add("x", [8], GgmlType.F32, new byte[32]);
        StringAssert.Contains(Refusal(tensors.Bytes()), "'x' is given to two tensors");
        var good = Small();
        for (var length = 0; length < good.Length - 16; length++)
            Refusal(good[..length]);
        StringAssert.Contains(Refusal([.. good, .. new byte[64]]), "written twice");
        StringAssert.Contains(Refusal(new GgufWriter().Set("general.alignment", 24u).Bytes()), "power of two");
    }

    // Counts to 24; the key's length at 24, key at 32, type at 41, the elements' type at 45, their count at 49, a text's length at 57 and
    // bytes at 65; the tensor's name from 67, its axes at 76, the axis at 80, type at 88, offset at 92.
    private static byte[] Small()
    {
        var writer = new GgufWriter().Set("key.abcde", (string[])["é"]);
        writer.Add("x", [8], GgmlType.F32, new byte[32]);
        return writer.Bytes();
    }

    private static string Refusal(byte[] bytes)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["x.gguf"], bytes);
        return Assert.ThrowsExactly<InputException>(() => GgufFile.Open(folder["x.gguf"]).Dispose()).Message;
    }
}
