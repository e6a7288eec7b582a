using System.IO.Compression;
using System.Text;
using G2RL.Onnx.Problems.Files;
using G2RL.Onnx.Problems.Sources;
using G2RL.Onnx.TestSupport;
using Parquet.Schema;
using Parquet.Serialization;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class SourceTests
{
    private readonly string folder = Directory.CreateTempSubdirectory("g2rl-sources").FullName;

    [TestCleanup]
    public void Clean() => Directory.Delete(folder, recursive: true);

    [TestMethod]
    [DataRow("a.jsonl", "{\"prompt\":\"p1\",\"answer\":\"1\"}\n\n{\"prompt\":\"p2\",\"answer\":2}\n", "p1=1 p2=2")]
    [DataRow("a.jsonl", "[{\"prompt\":\"p1\",\"answer\":\"1\"},\n{\"prompt\":\"p2\",\"answer\":2}]", "p1=1 p2=2")]
    [DataRow("a.jsonl", "\n[{\"prompt\":\"p1\",\"answer\":\"1\"},\n{\"prompt\":\"p2\",\"answer\":2}]", "p1=1 p2=2")]
    [DataRow("a.json", "[{\"prompt\":\"p1\",\"answer\":\"1\"},{\"prompt\":\"p2\",\"answer\":2}]", "p1=1 p2=2")]
    [DataRow("a.json", "{\"version\":1,\"data\":[{\"prompt\":\"p1\",\"answer\":\"1\"}]}", "p1=1")]
    [DataRow("a.json", "{\"prompt\":\"p1\",\"answer\":\"1\"}\n{\"prompt\":\"p2\",\"answer\":2}\n", "p1=1 p2=2")]
    [DataRow("a.json", "{\"prompt\":\"p1\",\"answer\":\"1\",\"tags\":[]}", "p1=1")]
    [DataRow("a.csv", "prompt,answer\np1,1\n\"p\n2, \"\"x\"\"\",2\n", "p1=1 p\n2, \"x\"=2")]
    [DataRow("a.tsv", "prompt\tanswer\r\np1\t1\r\n", "p1=1")]
    public void Rows_EveryTextForm_GiveTheSame(string name, string text, string expected)
    {
        byte[] plain = Encoding.UTF8.GetBytes(text);
        File.WriteAllBytes(At(name), plain);
        Assert.AreEqual(expected, Read(At(name)));
        File.WriteAllBytes(At(name), [0xEF, 0xBB, 0xBF, .. plain]);
        Assert.AreEqual(expected, Read(At(name)), "with a byte order mark");
        File.WriteAllBytes(At(name), [0xFF, 0xFE, .. Encoding.Unicode.GetBytes(text)]);
        Assert.AreEqual(expected, Read(At(name)), "UTF-16");
        File.WriteAllBytes(At(name + ".gz"), Zip(plain));
        Assert.AreEqual(expected, Read(At(name + ".gz")), "gzip");
    }

    [TestMethod]
    public void Rows_TruncatedGzip_IsRefusedWhereverItEnds()
    {
        var whole = Zip(Encoding.UTF8.GetBytes(
            string.Concat(Enumerable.Range(0, 500).Select(i => $"{{\"prompt\":\"p{i * 7919}\",\"answer\":{i}}}\n"))));
        File.WriteAllBytes(At("two.jsonl.gz"), [.. whole, .. whole]);
        Assert.AreEqual(1000, Read(At("two.jsonl.gz")).Split(' ').Length, "members behind each other are one text");
        foreach (var length in new[] { whole.Length - 1, whole.Length - 4, whole.Length - 8, whole.Length / 2, 12 })
        {
            File.WriteAllBytes(At("a.jsonl.gz"), whole[..length]);
            StringAssert.Contains(
                Assert.ThrowsExactly<InputException>(() => Read(At("a.jsonl.gz"))).Message,
                "no whole gzip file",
                $"{length} of {whole.Length}");
        }
    }

    [TestMethod]
    public void Rows_BrokenOnes_AreAllToldWithTheirLinesUpToTwenty()
    {
        var lines = Enumerable.Range(1, 60).Select(i => i % 2 == 0 ? $"{{\"prompt\":\"p{i}\",\"answer\":\"1\"}}" : $"{{oops{i}").ToArray();
        File.WriteAllText(At("a.jsonl"), string.Join('\n', lines));
        var message = Assert.ThrowsExactly<InputException>(() => Read(At("a.jsonl"))).Message;
        StringAssert.Contains(message, "a.jsonl:1 is not JSON");
        StringAssert.Contains(message, "39.");
        StringAssert.Contains(message, "and 10 more rows");
        File.WriteAllBytes(At("b.jsonl"), [.. "{\"prompt\":\"ä\",\"answer\":\"1\"}\n"u8, .. Encoding.Latin1.GetBytes("{\"prompt\":\"ä\","
            + "\"answer\":\"2\"}\n{\"prompt\":\"b\",\"answer\":\"3\"}\n{\"prompt\":\"ö\",\"answer\":\"4\"}\n")]);
        message = Assert.ThrowsExactly<InputException>(() => Read(At("b.jsonl"))).Message;
        StringAssert.StartsWith(message, $"{At("b.jsonl")}:2: byte 12 of the line is 0xE4, which is not UTF-8");
        StringAssert.Contains(message, "b.jsonl:4: byte 12");
        File.WriteAllBytes(At("c.jsonl.gz"), Zip(File.ReadAllBytes(At("b.jsonl"))));
        message = Assert.ThrowsExactly<InputException>(() => Read(At("c.jsonl.gz"))).Message;
        StringAssert.Contains(message, "c.jsonl.gz:2: byte 12 of the line is 0xE4, which is not UTF-8");
        StringAssert.Contains(message, "c.jsonl.gz:4: byte 12");
    }

    [TestMethod]
    [DataRow("a.json")]
    [DataRow("a.jsonl")]
    public void Rows_NameOfHalfACharacter_IsRefused(string name)
    {
        File.WriteAllText(At(name), "[{\"\\ud800\":\"\",\"answer\":\"1\"}]");
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => Read(At(name))).Message, $"{name} holds text that is not Unicode");
    }

    [TestMethod]
    [DataRow("a,b\n1,2\n3\n", "a.csv:3 has 1 fields; the header names 2: a, b")]
    [DataRow("a,b\n\"1,2\n3,4\n", "a.csv:2 has a double quote")]
    [DataRow("\"a,b\n1,2\n", "a.csv:1 has a double quote")]
    [DataRow("a\"x,b\n1,2\n", "a.csv:1 has a double quote")]
    [DataRow("a,a\n1,2\n", "names the column 'a' 2 times")]
    public void Rows_BrokenCsv_NamesTheLine(string text, string expected)
    {
        File.WriteAllText(At("a.csv"), text);
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => Read(At("a.csv"))).Message, expected);
    }

    [TestMethod]
    public void Resolve_FolderAndGlob_GiveShardsInOrder()
    {
        foreach (var name in new[] { "train-2.jsonl", "train-1.jsonl", "readme.md" })
            File.WriteAllText(At(name), $"{{\"prompt\":\"{name}\",\"answer\":\"1\"}}\n");
        Assert.AreEqual("train-1.jsonl=1 train-2.jsonl=1", Read(folder));
        Assert.AreEqual("train-1.jsonl=1 train-2.jsonl=1", Read(Path.Combine(folder, "train-?.jsonl")));
        Assert.AreEqual("train-2.jsonl=1", Read(Path.Combine(folder, "*2.jsonl")));
        File.WriteAllText(At("test-1.jsonl"), "{}");
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => Read(folder)).Message, "several splits (test, train)");
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => Read(Path.Combine(folder, "no*.jsonl"))).Message,
            "matches no file");
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => Read(At("no.jsonl"))).Message, "does not exist");
    }

    [TestMethod]
    public async Task Parquet_NestedColumns_AreReadAsVerlWritesThem()
    {
        var schema = new ParquetSchema(
            new DataField<string>("data_source"),
            new ListField("prompt", new StructField("element", new DataField<string>("role"), new DataField<string>("content"))),
            new StructField("reward_model", new DataField<string>("ground_truth"), new DataField<string>("style")),
            new DataField<double>("rate"));
        var rows = Enumerable.Range(0, 40).Select(i => (IDictionary<string, object?>)new Dictionary<string, object?>
        {
            ["data_source"] = i == 1 ? null : "d",
            ["prompt"] = new List<IDictionary<string, object?>>
            {
                new Dictionary<string, object?> { ["role"] = "user", ["content"] = $"what is {i}?" },
            },
            ["reward_model"] = new Dictionary<string, object?> { ["ground_truth"] = $"{i}", ["style"] = "rule" },
            ["rate"] = i / 40.0,
        }).ToList();
        await using (var stream = File.Create(At("a.parquet")))
            await ParquetSerializer.SerializeUntypedAsync(rows!, schema, stream);
        var found = SourceReader.Rows(At("a.parquet"), new RowFaults()).ToArray();
        Assert.HasCount(40, found);
        Assert.AreEqual("2", found[2].Find("reward_model.ground_truth")!.Value.GetString());
        Assert.AreEqual("what is 2?", SourceRow.Turns("prompt", found[2].Find("prompt")!.Value)[0].Content);
        foreach (var row in found)
            Assert.AreEqual(
                "data_source, prompt, reward_model.ground_truth, reward_model.style, rate",
                row.Names(),
                "a null is there, too");
        var set = new FileProblems(
            new() { Train = At("a.parquet"), HeldOutFraction = 0.5, PassRateField = "rate", MinPassRate = 0.099, PromptField = "prompt" });
        Assert.AreEqual(36, set.TrainCount + set.HeldOutCount, "rates 4/40 to 39/40");
        var other = Assert.ThrowsExactly<InputException>(() =>
            new FileProblems(new() { Train = At("a.parquet"), HeldOutFraction = 0.5, AnswerField = "answer" })).Message;
        StringAssert.Contains(other, "has no field 'answer'; it has data_source, prompt, reward_model.ground_truth");
        StringAssert.Contains(other, "The same in 2, 3");
        var bytes = File.ReadAllBytes(At("a.parquet"));
        File.WriteAllBytes(At("b.parquet"), bytes[..(bytes.Length / 2)]);
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => Read(At("b.parquet"))).Message, "cannot be read as Parquet");
        File.WriteAllText(At("c.parquet"), "version https://git-lfs.github.com/spec/v1\n");
        Assert.ThrowsExactly<InputException>(() => Read(At("c.parquet")));
        // A column alone is not named twice.
        var alone = new ParquetSchema(new DataField<string>("prompt"));
        await using (var stream = File.Create(At("d.parquet")))
            await ParquetSerializer.SerializeUntypedAsync(
                [(IDictionary<string, object?>)new Dictionary<string, object?> { ["prompt"] = "p" }], alone, stream);
        Assert.AreEqual("prompt", SourceReader.Rows(At("d.parquet"), new RowFaults()).Single().Names());
    }

    [TestMethod]
    public void Parquet_ForeignFiles_AreReadWhole()
    {
        Assert.AreEqual(1209, SourceReader.Rows(SharedFolder.Require("data", "oneshot_dsr_sub.parquet"), new RowFaults()).Count());
        Assert.AreEqual(800, SourceReader.Rows(SharedFolder.Require("data", "verl_arith_train.parquet"), new RowFaults()).Count());
    }

    [TestMethod]
    public void Parquet_MutatedFiles_AreReadOrRefused()
    {
        var whole = File.ReadAllBytes(SharedFolder.Require("data", "verl_arith_test.parquet"));
        var random = new Random(7);
        for (var round = 0; round < 300; round++)
        {
            var bytes = (byte[])whole.Clone();
            for (var change = 0; change < 1 + (round % 4); change++)
                bytes[random.Next(4, bytes.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(At("m.parquet"), bytes);
            try
            {
                _ = SourceReader.Rows(At("m.parquet"), new RowFaults()).Count();
            }
            catch (InputException)
            {
                // Refused.
            }
        }
    }

    private static byte[] Zip(byte[] plain)
    {
        using var packed = new MemoryStream();
        using (var zip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
            zip.Write(plain);
        return packed.ToArray();
    }

    private static string Read(string path)
    {
        var faults = new RowFaults();
        var rows = SourceReader.Rows(path, faults).Select(r => $"{r.Find("prompt")?.GetString()}={r.Find("answer")}").ToArray();
        faults.ThrowIfAny();
        return string.Join(' ', rows);
    }

    private string At(string name) => Path.Combine(folder, name);
}
