using System.Text;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Graphs.Tests.Checkpoints;

[TestClass]
public sealed class SafeTensorsTests
{
    private const string Good =
        """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[1,2],"data_offsets":[8,12]}}""";

    [TestMethod]
    public void File_OfTwoTensors_IsRead()
    {
        using var folder = new TemporaryFolder();
        // 1.5 = 3FC00000, -2 = C0000000; bfloat16 0.5 = 3F00, 3 = 4040.
        using var file = SafeTensorsFile.Open(Save(folder, Good, [0, 0, 0xC0, 0x3F, 0, 0, 0, 0xC0, 0, 0x3F, 0x40, 0x40]));
        float[] a = new float[2], b = new float[2], part = new float[1];
        file.ReadFloats("a", a);
        file.ReadFloats("b", b);
        file.ReadFloats("b", 1, part);
        CollectionAssert.AreEqual(new[] { 1.5f, -2f }, a);
        CollectionAssert.AreEqual(new[] { 0.5f, 3f }, b);
        Assert.AreEqual(3f, part[0]);
        CollectionAssert.AreEqual(new long[] { 1, 2 }, file.Tensors["b"].Shape);
        CollectionAssert.AreEqual(new byte[] { 0, 0x3F, 0x40, 0x40 }, file.RawBytes("b").ToArray());
        Assert.ThrowsExactly<ArgumentException>(() => file.ReadFloats("a", new float[3]));
        Assert.ThrowsExactly<ArgumentException>(() => file.ReadFloats("a", 1, new float[2]));
        Assert.ThrowsExactly<ArgumentException>(() => file.RawBytes("a", 5, 4).ToArray());
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => file.ReadFloats("c", new float[1])).Message, "'c'");
    }

    [TestMethod]
    public void File_AfterDispose_RefusesToRead()
    {
        using var folder = new TemporaryFolder();
        var file = SafeTensorsFile.Open(Save(folder, Good, new byte[12]));
        file.Dispose();
        file.Dispose();
        Assert.ThrowsExactly<ObjectDisposedException>(() => file.ReadFloats("a", new float[2]));
        Assert.ThrowsExactly<ObjectDisposedException>(() => file.RawBytes("a").ToArray());
    }

    [TestMethod]
    [DataRow("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 9, "but the file has 9", DisplayName = "trailing bytes")]
    [DataRow("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 7, "truncated", DisplayName = "missing bytes")]
    [DataRow(
        """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}""",
        8,
        "'a'",
        DisplayName = "a name twice")]
    [DataRow("""{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "dtype", DisplayName = "a key twice")]
    [DataRow("""{"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}""", 8, "F33", DisplayName = "unknown dtype")]
    [DataRow("""{"a":{"dtype":"0","shape":[2],"data_offsets":[0,8]}}""", 8, "dtype", DisplayName = "an enum's number as dtype")]
    [DataRow(
        """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""",
        8,
        "overlap",
        DisplayName = "overlap")]
    [DataRow("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "gaps", DisplayName = "gap")]
    [DataRow("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "12 bytes", DisplayName = "shape against offsets")]
    [DataRow("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "negative", DisplayName = "negative size")]
    [DataRow(
        """{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""",
        0,
        "too large",
        DisplayName = "a product of 2^64, 0 in 64 bits")]
    [DataRow(
        """{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}""",
        8,
        "shape",
        DisplayName = "a size beyond 64 bits")]
    [DataRow("""{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,10]}}""", 10, "whole", DisplayName = "half an element")]
    [DataRow("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "begin <= end", DisplayName = "offsets reversed")]
    [DataRow("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,16]}}""", 16, "data_offsets", DisplayName = "three offsets")]
    [DataRow("""{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", 8, "list", DisplayName = "shape no list")]
    [DataRow("""{"a":{"dtype":"F32","shape":[2]}}""", 8, "data_offsets", DisplayName = "no offsets")]
    [DataRow("""{"a":[]}""", 0, "object", DisplayName = "entry no object")]
    [DataRow("""{"__metadata__":{"format":1}}""", 0, "__metadata__", DisplayName = "metadata no text")]
    [DataRow("""[]""", 0, "safetensors", DisplayName = "no object")]
    [DataRow("""{"a":""", 0, "JSON", DisplayName = "cut JSON")]
    [DataRow("""{"\ud800":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}""", 0, "", DisplayName = "a lone surrogate")]
    public void Header_ThatBreaksARule_IsRefused(string header, int dataBytes, string named)
    {
        using var folder = new TemporaryFolder();
        var path = Save(folder, header, new byte[dataBytes]);
        var message = Assert.ThrowsExactly<InputException>(() => SafeTensorsFile.Open(path).Dispose()).Message;
        StringAssert.Contains(message, "x.safetensors");
        StringAssert.Contains(message, named);
    }

    [TestMethod]
    public void Header_NestedWithoutEnd_IsRefused()
    {
        using var folder = new TemporaryFolder();
        var path = Save(folder, "{\"a\":" + new string('[', 100_000), []);
        Assert.ThrowsExactly<InputException>(() => SafeTensorsFile.Open(path).Dispose());
    }

    [TestMethod]
    [DataRow(new byte[0], DisplayName = "empty")]
    [DataRow(new byte[] { 1, 2, 3 }, DisplayName = "three bytes")]
    [DataRow(new byte[] { 0, 0, 0, 0, 0, 0, 0, 0 }, DisplayName = "a header of none")]
    [DataRow(new byte[] { 255, 255, 255, 255, 255, 255, 255, 255, 1 }, DisplayName = "a header of 2^64")]
    [DataRow(new byte[] { 3, 0, 0, 0, 0, 0, 0, 0, 123 }, DisplayName = "a header beyond the end")]
    public void File_TooShortForItsHeader_IsRefused(byte[] content)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["x.safetensors"], content);
        Assert.ThrowsExactly<InputException>(() => SafeTensorsFile.Open(folder["x.safetensors"]).Dispose());
    }

    [TestMethod]
    public void File_Missing_IsNamed() =>
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => SafeTensorsFile.Open("no/such.safetensors").Dispose()).Message,
            "no/such.safetensors");

    [TestMethod]
    public void Tensor_OfIntegers_IsListedButNotReadAsFloats()
    {
        using var folder = new TemporaryFolder();
        using var file = SafeTensorsFile.Open(Save(folder, """{"a":{"dtype":"U32","shape":[2],"data_offsets":[0,8]}}""", new byte[8]));
        Assert.AreEqual(SafeTensorsDtype.U32, file.Tensors["a"].Dtype);
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => file.ReadFloats("a", new float[2])).Message, "U32");
    }

    [TestMethod]
    [DataRow("golden-qwen3-a", "model.safetensors")]
    [DataRow("golden-qwen3-a-bf16", "model.safetensors")]
    [DataRow("golden-qwen2-a-sharded", "model-00001-of-00002.safetensors")]
    public void File_ReadAndWritten_IsTheSameBytes(string model, string name) =>
        IsWrittenToTheSameBytes(Path.Combine(OwnModels.OrShared(model), name));

    [TestMethod]
    public void File_OfVerl_IsWrittenToTheSameBytes() =>
        IsWrittenToTheSameBytes(SharedFolder.Require("models", "verl-arith-random", "model.safetensors"));

    private static void IsWrittenToTheSameBytes(string path)
    {
        using var folder = new TemporaryFolder();
        using var file = SafeTensorsFile.Open(path);
        var tensors = file.Tensors.Values.OrderBy(t => t.Offset).Select(t => TensorToWrite.Floats(t.Name, t.Dtype, t.Shape, name =>
        {
            var values = new float[t.Count];
            file.ReadFloats(name, values);
            return values;
        }));
        SafeTensorsWriter.Write(folder["copy.safetensors"], [.. tensors]);
        Assert.IsTrue(File.ReadAllBytes(file.Path).AsSpan().SequenceEqual(File.ReadAllBytes(folder["copy.safetensors"])));
    }

    [TestMethod]
    public void Tensor_WhoseNameNeedsEscapes_SurvivesTheRoundTrip()
    {
        using var folder = new TemporaryFolder();
        SafeTensorsWriter.Write(folder["x.safetensors"], [TensorToWrite.Floats("a\"\\é\n", SafeTensorsDtype.F16, [], _ => new[] { 0.1f })]);
        using var file = SafeTensorsFile.Open(folder["x.safetensors"]);
        var value = new float[1];
        file.ReadFloats("a\"\\é\n", value);
        // 0.1 in half precision is 0x2E66 = 0.0999755859375.
        Assert.AreEqual(0.0999755859375f, value[0]);
        Assert.AreEqual(0, file.Tensors["a\"\\é\n"].Offset % 8);
    }

    [TestMethod]
    public void Tensor_ThatCannotBeStored_IsRefused()
    {
        using var folder = new TemporaryFolder();
        foreach (var (dtype, value) in new[]
        {
            (SafeTensorsDtype.F16, 70_000f),
            (SafeTensorsDtype.F32, float.NaN),
            (SafeTensorsDtype.BF16, float.MaxValue),
        })
        {
            var tensor = TensorToWrite.Floats("w", dtype, [3], _ => new[] { 0, 1, value });
            StringAssert.Contains(
                Assert.ThrowsExactly<InputException>(() => SafeTensorsWriter.Write(folder["x"], [tensor])).Message,
                "'w' holds");
        }
        var shorter = TensorToWrite.Floats("w", SafeTensorsDtype.F32, [3], _ => new float[2]);
        Assert.ThrowsExactly<ArgumentException>(() => SafeTensorsWriter.Write(folder["x"], [shorter]));
        var fine = TensorToWrite.Floats("w", SafeTensorsDtype.F32, [2], _ => new float[2]);
        Assert.ThrowsExactly<ArgumentException>(() => SafeTensorsWriter.Write(folder["x"], [fine, fine]));
    }

    // Sparse on every file system that tests run on, so it costs no 2 GiB.
    [TestMethod]
    public void File_BeyondTwoGigabytes_IsReadAtItsEnd()
    {
        using var folder = new TemporaryFolder();
        const long count = (1L << 29) + 3;
        var header = Encoding.UTF8.GetBytes($$$"""{"a":{"dtype":"F32","shape":[{{{count}}}],"data_offsets":[0,{{{count * 4}}}]}}""");
        using (var stream = File.Create(folder["big.safetensors"]))
        {
            stream.Write(BitConverter.GetBytes((long)header.Length));
            stream.Write(header);
            stream.SetLength(8 + header.Length + (count * 4));
            stream.Seek(-4, SeekOrigin.End);
            stream.Write(BitConverter.GetBytes(7f));
        }
        using var file = SafeTensorsFile.Open(folder["big.safetensors"]);
        var end = new float[2];
        file.ReadFloats("a", count - 2, end);
        CollectionAssert.AreEqual(new[] { 0f, 7f }, end);
        Assert.ThrowsExactly<ArgumentException>(() => file.RawBytes("a").ToArray());
    }

    private static string Save(TemporaryFolder folder, string header, byte[] data)
    {
        var json = Encoding.UTF8.GetBytes(header);
        var path = folder["x.safetensors"];
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((ulong)json.Length), .. json, .. data]);
        return path;
    }
}
