using System.IO.Compression;
using System.Text;
using G2RL.Onnx.Problems.Sources;

namespace G2RL.Onnx.Tests;

/// <summary>Rows of JSON and CSV: what a row is, and what is said of files that hold none.</summary>
[TestClass]
public sealed class TextRowsTests : RowFiles
{
    private const string Turn = """{"role": "user", "content": "q"}""";

    [TestMethod]
    // A list of objects is a list of rows, a conversation is a row's.
    [DataRow("a.json", """{"data": [{"content": "x", "answer": "1"}]}""", "1: content, answer")]
    [DataRow("a.json", """{"data": [{"role": "x", "answer": "1"}]}""", "1: role, answer")]
    [DataRow("a.json", $$"""{"messages": [{{Turn}}], "answer": "1"}""", "1: messages, answer")]
    [DataRow("a.json", $$"""{"messages": [{{Turn}}, {"x": 1}], "answer": "1"}""", "1: messages, answer")]
    [DataRow("a.json", """{"data": [{"x": 1}, 5], "answer": "1"}""", "1: data, answer")]
    [DataRow("a.json", """{"data": [1, 2], "answer": "1"}""", "1: data, answer")]
    [DataRow("a.json", """[{"x": 1}, {"y": 2}]""", "1: x|2: y")]
    [DataRow("a.json", "{\"x\": 1}\n\n{\"y\": 2}\n", "1: x|3: y")]
    [DataRow("a.jsonl", """ [{"x": 1}, {"y": 2}]""", "1: x|2: y")]
    [DataRow("a.csv", "prompt , answer\np1,1\n", "2: prompt, answer")]
    public void Rows_OfAForm_AreNumberedAndHaveTheirFields(string name, string text, string expected) =>
        Assert.AreEqual(expected, Read(Write(name, text)));

    [TestMethod]
    [DataRow("a.json", "{\"prompt\":\"p\"}\n{oops\n", "a.json:2 is not JSON")]
    [DataRow("a.json", "5", "a.json is a JSON Number; it must be a list of objects, or hold one object a line.")]
    [DataRow("a.json", "[{\"x\": 1}, 5]", "a.json:2 is a JSON Number; every row must be an object.")]
    [DataRow("a.jsonl", """{"prompt": "a", "prompt": "b", "answer": "1"}""", "a.jsonl:1 is not JSON")]
    [DataRow("a.jsonl", "5", "a.jsonl:1 is a JSON Number; every line must be an object.")]
    [DataRow("a.csv", "a,b\n\n3\n", "a.csv:3 has 1 fields")]
    [DataRow("a.csv", "a,b\n1,2\n3,4\n5\n", "a.csv:4 has 1 fields")]
    // Only the first line that is not blank can begin a list.
    [DataRow("a.jsonl", "{\"x\": 1}\n[1]", "a.jsonl:2 is a JSON Array; every line must be an object.")]
    [DataRow("a.jsonl", "{\"x\": 1}\n\n[1]", "a.jsonl:3 is a JSON Array; every line must be an object.")]
    [DataRow("a.csv", "a,b\nx\"y,1\n3,4\n", "a.csv:2 has a double quote")]
    [DataRow("a.jsonl", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "a.jsonl is a Git LFS pointer")]
    [DataRow("c.parquet", "hello", "it does not begin with PAR1. Was it fetched whole")]
    public void Rows_ThatAreNone_AreRefusedByTheirPlace(string name, string text, string expected)
    {
        var path = Path.Combine(Folder, name);
        File.WriteAllText(path, text);
        var message = Assert.ThrowsExactly<InputException>(() => Read(path)).Message;
        StringAssert.Contains(message, expected);
        Assert.HasCount(1, message.Split(Environment.NewLine));
        Assert.DoesNotContain("LineNumber", message, "a place within a row that only its reader knows");
    }

    [TestMethod]
    public void Rows_FaultInOneLine_LeavesTheOthers()
    {
        var faults = new RowFaults();
        var path = Write("a.csv", "a,b", "x\"y,1", "3,4");
        Assert.AreEqual(3, SourceReader.Rows(path, faults).Single().Number);
        Assert.AreEqual(1, faults.Count);
    }

    [TestMethod]
    public void Rows_OfAListInLatin1_AreRefusedByTheirByte()
    {
        var path = Path.Combine(Folder, "a.json");
        File.WriteAllBytes(path, Encoding.Latin1.GetBytes("{\"prompt\": \"ä\"}"));
        StringAssert.StartsWith(
            Assert.ThrowsExactly<InputException>(() => Read(path)).Message,
            $"{path}:1: byte 13 of the line is 0xE4, which is not UTF-8");
    }

    [TestMethod]
    // What is no text may have held anything: a list that begins behind it is none, a quote that it opened is no fault of its own.
    [DataRow("a.jsonl", "ä\n[1]", "a.jsonl:1: byte 1 of the line is 0xE4", "a.jsonl:2 is a JSON Array; every line must be an object.")]
    [DataRow("a.csv", "a,b\nä\"x,1\n3,4\n", "a.csv:2: byte 1 of the line is 0xE4", null)]
    public void Rows_BehindALineThatIsNoText_AreReadByThemselves(string name, string text, string first, string? second)
    {
        var path = Path.Combine(Folder, name);
        File.WriteAllBytes(path, Encoding.Latin1.GetBytes(text));
        var message = Assert.ThrowsExactly<InputException>(() => Read(path)).Message.Split(Environment.NewLine);
        Assert.HasCount(second is null ? 1 : 2, message);
        StringAssert.Contains(message[0], first);
        if (second is not null)
            StringAssert.Contains(message[1], second);
    }

    [TestMethod]
    public void Rows_PackedFiles_AreReadOrRefused()
    {
        Assert.AreEqual("1: x", Read(Packed("wide.jsonl.gz", [0xFF, 0xFE, .. Encoding.Unicode.GetBytes("{\"x\": 1}\n")])));
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => Read(Packed("c.parquet", "hello"u8))).Message,
            "it does not begin with PAR1, it is compressed by gzip. Was it fetched whole");
        var stump = Path.Combine(Folder, "stump.jsonl.gz");
        File.WriteAllBytes(stump, [0x1F, 0x8B, 0x08]);
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => Read(stump)).Message, "stump.jsonl.gz is no whole gzip file");
    }

    private string Packed(string name, ReadOnlySpan<byte> plain)
    {
        var path = Path.Combine(Folder, name);
        using var file = File.Create(path);
        using var zip = new GZipStream(file, CompressionLevel.Fastest);
        zip.Write(plain);
        return path;
    }

    private static string Read(string path)
    {
        var faults = new RowFaults();
        var rows = SourceReader.Rows(path, faults).Select(r => $"{r.Number}: {r.Names()}").ToArray();
        faults.ThrowIfAny();
        return string.Join('|', rows);
    }
}
