using System.Buffers.Binary;
using System.Text;
using G2RL.Onnx.Graphs.Tests.Checkpoints;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Converter.Tests;

[TestClass]
public sealed class Llama2CTests
{
    // golden.txt is what run.c writes at temperature 0.
    [TestMethod]
    public void Stories260K_Greedy_TellsTheStoryOfRunC()
    {
        var expected = File.ReadAllText(SharedFolder.Require("models", "stories260K", "golden.txt")).TrimEnd();
        var vocabulary = Vocabulary(SharedFolder.Require("models", "stories260K", "tok512.bin"), 512);
        using var folder = new TemporaryFolder();
        ConverterRun.Done("convert", SharedFolder.Require("models", "stories260K", "stories260K.bin"), folder["onnx"], "--graphs", "decode");
        Assert.IsEmpty(Directory.GetDirectories(folder.Path, "*.checkpoint"));
        using var model = new ConvertedModel(folder["onnx"]);
        model.CheckBytes();
        var generation = new GenerationCheck(model);
        var text = new MemoryStream();
        var last = 1;
        var logits = generation.Feed(last);
        while (text.Length < Encoding.UTF8.GetByteCount(expected))
        {
            var next = Array.IndexOf(logits, logits.Max());
            Assert.AreNotEqual(1, next, $"The story ended after '{Encoding.UTF8.GetString(text.ToArray())}'.");
            var piece = vocabulary[next];
            // After the beginning token a leading blank is left out; <0x0A> stands for the byte.
            if (last == 1 && piece.StartsWith(' '))
                piece = piece[1..];
            text.Write(piece is ['<', '0', 'x', _, _, '>'] ? Convert.FromHexString(piece.AsSpan(3, 2)) : Encoding.UTF8.GetBytes(piece));
            logits = generation.Feed(last = next);
        }
        Assert.AreEqual(expected, Encoding.UTF8.GetString(text.ToArray()));
    }

    [TestMethod]
    [DataRow(0, 0, "no llama2.c model")]
    [DataRow(3, 0, "no llama2.c model")]
    [DataRow(3, 3, "no llama2.c model")]
    [DataRow(5, int.MinValue, "no llama2.c model")]
    [DataRow(1, -5, "intermediate_size is -5")]
    [DataRow(2, int.MaxValue, "num_hidden_layers is 2147483647")]
    [DataRow(4, 3, "multiple of the second")]
    [DataRow(6, 9, "its header implies")]
    [DataRow(5, -11, "its header implies")]
    public void HeaderThatLies_IsRefused(int place, int number, string named)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["m.bin"], Tiny((place, number)));
        StringAssert.Contains(ConverterRun.Refused("convert", folder["m.bin"], folder["onnx"]), named);
        CollectionAssert.AreEqual(new[] { folder["m.bin"] }, Directory.GetFileSystemEntries(folder.Path));
    }

    [TestMethod]
    public void File_TruncatedOrMissing_IsRefused_AndAWholeOneIsNot()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["m.bin"], Tiny());
        ConverterRun.Done("convert", folder["m.bin"], folder["onnx"], "--graphs", "none");
        File.WriteAllBytes(folder["cut.bin"], Tiny()[..^4]);
        StringAssert.Contains(ConverterRun.Refused("convert", folder["cut.bin"], folder["no"]), "truncated");
        File.WriteAllBytes(folder["short.bin"], new byte[20]);
        StringAssert.Contains(ConverterRun.Refused("convert", folder["short.bin"], folder["no"]), "has 20 bytes");
        StringAssert.Contains(ConverterRun.Refused("convert", folder["none.bin"], folder["no"]), "cannot be read");
    }

    // Width 8, feed-forward 12, 2 layers, 4 heads, 2 of keys, vocabulary 11, length 6.
    private static byte[] Tiny(params ReadOnlySpan<(int Place, int Number)> changes)
    {
        int[] header = [8, 12, 2, 4, 2, 11, 6];
        const int floats = (11 * 8) + (2 * ((2 * 8) + (8 * 8) + (2 * 4 * 8) + (8 * 8) + (3 * 12 * 8))) + 8 + (6 * 2);
        foreach (var (place, number) in changes)
            header[place] = number;
        var bytes = new byte[(7 + floats) * 4];
        for (var i = 0; i < 7; i++)
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4 * i), header[i]);
        return bytes;
    }

    // The longest piece's length, then for each token a score, a length and its bytes.
    private static string[] Vocabulary(string path, int size)
    {
        using var reader = new BinaryReader(File.OpenRead(path));
        reader.ReadInt32();
        var pieces = new string[size];
        for (var i = 0; i < size; i++)
        {
            reader.ReadSingle();
            pieces[i] = Encoding.UTF8.GetString(reader.ReadBytes(reader.ReadInt32()));
        }
        return pieces;
    }
}
