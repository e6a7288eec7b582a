using System.Buffers.Binary;
using System.Text;
using G2RL.Onnx.Converter.Tests.Gguf;
using G2RL.Onnx.Graphs.Tests.Checkpoints;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Converter.Tests;

[TestClass]
public sealed class Llama2CTests
{
    // golden.txt is what run.c writes at temperature 0.
    [TestMethod]
    public void Stories260K_Greedy_TellsTheStoryOfRunC()
    {
        var expected = File.ReadAllText(SharedFolder.Require("models", "stories260K", "golden.txt")).TrimEnd();
        var tokenizerFile = SharedFolder.Require("models", "stories260K", "tok512.bin");
        using var folder = new TemporaryFolder();
        ConverterRun.Done(
            "convert",
            SharedFolder.Require("models", "stories260K", "stories260K.bin"),
            folder["onnx"],
            "--graphs",
            "decode",
            "--tokenizer",
            tokenizerFile);
        Assert.IsEmpty(Directory.GetDirectories(folder.Path, "*.checkpoint"));
        using var model = new ConvertedModel(folder["onnx"]);
        model.CheckBytes();
        var tokenizer = Tokenizer.Load(folder["onnx"]);
        Assert.AreEqual((1, 1), (tokenizer.BosId, tokenizer.EosId));
        var generation = new GenerationCheck(model);
        List<int> ids = [1];
        var text = "";
        while (text.Length < expected.Length)
        {
            var logits = generation.Feed(ids[^1]);
            ids.Add(Array.IndexOf(logits, logits.Max()));
            Assert.AreNotEqual(1, ids[^1], $"The story ended after '{text}'.");
            text = tokenizer.Decode([.. ids]);
        }
        Assert.AreEqual(expected, text);
    }

    // run.c's own way of encoding, from its description: characters, or their bytes where they are no piece; then the best-scored pair of
    // neighbours that together are a piece, leftmost first, until there is none.
    [TestMethod]
    [DataRow("bin")]
    [DataRow("gguf")]
    public void Tokenizer_EncodesAsRunCDoes(string kind)
    {
        var path = SharedFolder.Require("models", "stories260K", "tok512.bin");
        var story = File.ReadAllText(SharedFolder.Require("models", "stories260K", "golden.txt"));
        var (pieces, scores) = Vocabulary(path, 512);
        using var folder = new TemporaryFolder();
        if (kind == "bin")
        {
            ConverterRun.Done(
                "convert",
                SharedFolder.Require("models", "stories260K", "stories260K.bin"),
                folder["onnx"],
                "--graphs",
                "none",
                "--tokenizer",
                path);
        }
        else
        {
            // llama.cpp's tables: blanks as U+2581, the kinds of the pieces apart.
            TestModels.Write(folder["hf"], TestModels.Qwen3);
            GgufWriter.Of(folder["hf"])
                .Set("tokenizer.ggml.model", "llama")
                .Set("tokenizer.ggml.tokens", (string[])["<unk>", "<s>", "</s>", .. pieces[3..].Select(p => p.Replace(' ', '▁'))])
                .Set("tokenizer.ggml.bos_token_id", 1u)
                .Set("tokenizer.ggml.scores", scores)
                .Set("tokenizer.ggml.token_type", (int[])[2, 3, 3, .. pieces[3..].Select(p => p is ['<', '0', 'x', ..] ? 6 : 1)])
                .Save(folder["m.gguf"]);
            ConverterRun.Done("convert", folder["m.gguf"], folder["onnx"], "--graphs", "none");
        }
        var tokenizer = Tokenizer.Load(folder["onnx"]);
        foreach (var text in (string[])["Once upon a time", " two  blanks", "Zürich 漢字 😀!", "x", "Lily and Tim's toy, \"No!\"\n", story])
        {
            CollectionAssert.AreEqual(AsRunC(text, pieces, scores), tokenizer.Encode(text), text);
            Assert.AreEqual(text, tokenizer.Decode(tokenizer.Encode(text)));
        }
        Assert.AreEqual(1, tokenizer.Encode("x", addSpecial: true)[0]);
    }

    [TestMethod]
    public void Tokenizer_OfAnotherModelOrDamaged_IsRefused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["m.bin"], Tiny());
        // Eleven tokens of one letter each, as the model has.
        byte[] good = [1, 0, 0, 0, .. Enumerable.Range(0, 11).SelectMany(i => (byte[])[0, 0, 0, 0, 1, 0, 0, 0, (byte)('a' + i)])];
        void Refused(byte[] bytes, string named)
        {
            File.WriteAllBytes(folder["t.bin"], bytes);
            StringAssert.Contains(ConverterRun.Refused("convert", folder["m.bin"], folder["onnx"], "--tokenizer", folder["t.bin"]), named);
            Assert.IsFalse(Path.Exists(folder["onnx"]));
        }
        Refused(good[..^1], "gives token 10 1 bytes; 0 follow");
        Refused([.. good, 0], "goes on after");
        Refused(good[..40], "do not hold the model's 11 tokens");
        Refused([.. good[..8], 255, 255, 255, 127, .. good[12..]], "gives token 0 2147483647 bytes");
        Refused([.. good[..8], 255, 255, 255, 255, .. good[12..]], "gives token 0 -1 bytes");
        Refused([.. good[..12], 0xC3, .. good[13..]], "no UTF-8 as token 0");
        Refused([.. good[..^1], (byte)'d'], "'d' twice");
        File.WriteAllBytes(folder["t.bin"], good);
        ConverterRun.Done("convert", folder["m.bin"], folder["onnx"], "--graphs", "none", "--tokenizer", folder["t.bin"]);
        StringAssert.Contains(
            ConverterRun.Refused("convert", folder["m.bin"], folder["no"], "--tokenizer", folder["none.bin"]),
            "does not exist");
    }

    private static int[] AsRunC(string text, string[] pieces, float[] scores)
    {
        int Find(string piece) => Array.IndexOf(pieces, piece, 3);
        var ids = new List<int>();
        foreach (var rune in (" " + text).EnumerateRunes())
            if (Find(rune.ToString()) is >= 0 and var id)
                ids.Add(id);
            else
                ids.AddRange(Encoding.UTF8.GetBytes(rune.ToString()).Select(b => b + 3));
        for (; ; )
        {
            var best = Enumerable.Range(0, ids.Count - 1)
                .Select(at => (At: at, Id: Find(pieces[ids[at]] + pieces[ids[at + 1]])))
                .Where(pair => pair.Id >= 0)
                .OrderByDescending(pair => scores[pair.Id])
                .FirstOrDefault((-1, -1));
            if (best.Item1 < 0)
                return [.. ids];
            ids[best.Item1] = best.Item2;
            ids.RemoveAt(best.Item1 + 1);
        }
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
    private static (string[] Pieces, float[] Scores) Vocabulary(string path, int size)
    {
        using var reader = new BinaryReader(File.OpenRead(path));
        reader.ReadInt32();
        var (pieces, scores) = (new string[size], new float[size]);
        for (var i = 0; i < size; i++)
        {
            scores[i] = reader.ReadSingle();
            pieces[i] = Encoding.UTF8.GetString(reader.ReadBytes(reader.ReadInt32()));
        }
        return (pieces, scores);
    }
}
