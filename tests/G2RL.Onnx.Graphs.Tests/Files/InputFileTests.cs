using System.Text;
using G2RL.Onnx.Graphs.Tests.Checkpoints;

namespace G2RL.Onnx.Graphs.Tests.Files;

[TestClass]
public sealed class InputFileTests
{
    private static readonly UTF8Encoding Marked = new(encoderShouldEmitUTF8Identifier: true);

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void Text_WithOrWithoutByteOrderMark_IsTheText(bool marked)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["t"], "ä\r\nb\n", marked ? Marked : new UTF8Encoding(false));
        Assert.AreEqual("ä\r\nb\n", InputFile.Text(folder["t"]));
        CollectionAssert.AreEqual(new[] { "ä", "b" }, InputFile.Lines(folder["t"]).ToArray());
    }

    // What Notepad and older PowerShells call Unicode.
    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void Text_InUtf16WithItsMark_IsTheText(bool bigEndian)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["t"], "ä€\nb", new UnicodeEncoding(bigEndian, byteOrderMark: true));
        Assert.AreEqual("ä€\nb", InputFile.Text(folder["t"]));
        CollectionAssert.AreEqual(new[] { "ä€", "b" }, InputFile.Lines(folder["t"]).ToArray());
        File.WriteAllBytes(folder["odd"], [.. File.ReadAllBytes(folder["t"]), 0x41]);
        Refuses(folder["odd"], "cannot be read");
    }

    [TestMethod]
    public void Text_NotUtf8_NamesFileLineAndByte()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["t"], [.. "ab\näöc"u8, 0xE9, .. "x\n"u8]);
        // Two letters of two bytes and one of one: the sixth.
        Refuses(folder["t"], $"{folder["t"]}:2: byte 6 of the line is 0xE9, which is not UTF-8 (offset 8 of the file).");
        // A character that the file's end cuts off.
        File.WriteAllBytes(folder["t"], [.. "\uFEFFab\n"u8, 0xC3]);
        Refuses(folder["t"], $"{folder["t"]}:2: byte 1 of the line is 0xC3, which is not UTF-8 (offset 6 of the file).");
        // Behind a border of what is read at once.
        File.WriteAllBytes(folder["t"], [.. new byte[70_000], .. "\n"u8, .. new byte[70_000], 0xFF]);
        Refuses(folder["t"], $"{folder["t"]}:2: byte 70001 of the line is 0xFF, which is not UTF-8 (offset 140001 of the file).");
    }

    // The reader takes 64 KiB at a time: lines that end before, at and behind a border, and one over several.
    [TestMethod]
    public void Lines_OfEveryLength_AreThoseOfTheFramework()
    {
        using var folder = new TemporaryFolder();
        var text = new StringBuilder();
        foreach (var length in new[] { 0, 1, 65533, 0, 1, 65534, 65535, 65536, 65537, 200_000, 3 })
            text.Append('x', length).Append(length % 2 == 0 ? "\n" : "\r\n");
        foreach (var end in new[] { "", "last", "\n", "ä" })
        {
            File.WriteAllText(folder["t"], text + end);
            CollectionAssert.AreEqual(File.ReadAllLines(folder["t"]), InputFile.Lines(folder["t"]).ToArray());
        }
        File.WriteAllText(folder["t"], "");
        Assert.IsEmpty(InputFile.Lines(folder["t"]));
    }

    [TestMethod]
    public void Bytes_MoreThanExpected_AreRefusedUnread()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["b"], new byte[11]);
        Assert.HasCount(11, InputFile.Bytes(folder["b"], 11));
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => InputFile.Bytes(folder["b"], 10, "It is a letter.")).Message,
            "has 11 bytes; at most 10 are expected. Is it the right file? It is a letter.");
    }

    [TestMethod]
    [DataRow("/dev/zero")]
    [DataRow("/dev/urandom")]
    [DataRow("/dev/full")]
    public void Device_ThatNeverEnds_IsRefused(string path)
    {
        if (!File.Exists(path))
            Assert.Inconclusive($"needs {path}");
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => InputFile.Bytes(path, 1000)).Message,
            $"{path} is no ordinary file and goes on beyond 1000 bytes");
        foreach (var read in new Func<object>[] { () => InputFile.Text(path), () => InputFile.Lines(path).Count() })
            StringAssert.Contains(Assert.ThrowsExactly<InputException>(read).Message, path);
    }

    [TestMethod]
    public void WhatIsNoFile_IsNamed()
    {
        using var folder = new TemporaryFolder();
        Refuses(folder["none"], "cannot be read: it does not exist");
        Refuses(folder.Path, "is a folder; a file is expected");
        Refuses("a\0b", "cannot be read");
        Refuses("", "cannot be read");
    }

    private static void Refuses(string path, string what)
    {
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => InputFile.Text(path)).Message, what);
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => InputFile.Lines(path).Count()).Message, what);
    }
}
