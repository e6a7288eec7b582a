using System.Globalization;
using System.Text;
using System.Text.Json;
using G2RL.Onnx.Problems.Files;
using G2RL.Onnx.Problems.Sources;
using Parquet.Schema;
using Parquet.Serialization;

namespace G2RL.Onnx.Tests;

/// <summary>Columns of each type, and which files a path names.</summary>
[TestClass]
public sealed class SourceFormTests
{
    private readonly string folder = Directory.CreateTempSubdirectory("g2rl-forms").FullName;

    [TestCleanup]
    public void Clean() => Directory.Delete(folder, recursive: true);

    [TestMethod]
    public async Task Parquet_ColumnsOfEachType_AreJson()
    {
        var schema = new ParquetSchema(
            new DataField<string>("text"), new DataField<bool>("truth"), new DataField<sbyte>("a"), new DataField<byte>("b"),
            new DataField<short>("c"), new DataField<ushort>("d"), new DataField<int>("e"), new DataField<uint>("f"),
            new DataField<long>("g"), new DataField<ulong>("h"), new DataField<float>("i"), new DataField<double>("j"),
            new DataField<byte[]>("bytes"), new DataField<double>("none"));
        object[] values =
        [
            "ä\"b", true, (sbyte)-1, (byte)2, (short)-3, (ushort)4, -5, 6u, -7L, 8UL, 0.5f, -0.25,
            new ReadOnlyMemory<byte>(Encoding.UTF8.GetBytes("ö")), double.NaN,
        ];
        IDictionary<string, object?> row = schema.Fields.Zip(values).ToDictionary(p => p.First.Name, object? (p) => p.Second);
        var path = At("a.parquet");
        await using (var stream = File.Create(path))
            await ParquetSerializer.SerializeUntypedAsync([row, row], schema, stream);
        var found = SourceReader.Rows(path, new RowFaults()).ToArray();
        Assert.HasCount(2, found);
        foreach (var (name, kind) in schema.Fields.Select(f => (f.Name, found[0].Find(f.Name)!.Value.ValueKind)))
            Assert.AreEqual(
                name.Length == 1 ? JsonValueKind.Number
                : name is "text" or "bytes" ? JsonValueKind.String
                : name == "none" ? JsonValueKind.Null : JsonValueKind.True,
                kind,
                name);
        Assert.AreEqual(
            "ä\"b|true|-1|2|-3|4|-5|6|-7|8|0.5|-0.25|ö|null",
            string.Join('|', schema.Fields.Select(f => found[1].Find(f.Name)!.Value)
                .Select(v => v.ValueKind == JsonValueKind.String ? v.GetString() : v.GetRawText())));
    }

    // Texts within lists and maps come from the reader in another form than texts of a column.
    [TestMethod]
    public async Task Parquet_ListsMapsAndOtherTypes_AreJson()
    {
        var schema = new ParquetSchema(
            new ListField("options", new DataField<string>("element", nullable: false)),
            new ListField("raw", new DataField<byte[]>("element", nullable: false)),
            new ListField("numbers", new DataField<int>("element")),
            new MapField("map", new DataField<string>("key", nullable: false), new DataField<string>("value", nullable: false)),
            new DecimalDataField("price", 10, 2),
            new DataField<DateTime>("time"),
            new DataField<Guid>("id"));
        var row = new Dictionary<string, object?>
        {
            ["options"] = new List<ReadOnlyMemory<char>> { "ä".AsMemory(), "b".AsMemory() },
            ["raw"] = new List<ReadOnlyMemory<byte>> { Encoding.UTF8.GetBytes("ö") },
            ["numbers"] = new List<int> { 5, -6 },
            ["map"] = new Dictionary<ReadOnlyMemory<char>, ReadOnlyMemory<char>> { ["k".AsMemory()] = "v".AsMemory() },
            ["price"] = 1.25m,
            ["time"] = new DateTime(2024, 1, 2, 3, 4, 5, DateTimeKind.Unspecified),
            ["id"] = Guid.Empty,
        };
        await using (var stream = File.Create(At("a.parquet")))
            await ParquetSerializer.SerializeUntypedAsync([row], schema, stream);
        var found = SourceReader.Rows(At("a.parquet"), new RowFaults()).Single();
        Assert.AreEqual("options, raw, numbers, map.k, price, time, id", found.Names());
        CollectionAssert.AreEqual(new[] { "ä", "b" }, SourceRow.Texts("options", found.Find("options")!.Value).ToArray());
        CollectionAssert.AreEqual(new[] { "ö" }, SourceRow.Texts("raw", found.Find("raw")!.Value).ToArray());
        Assert.AreEqual("[5,-6]", found.Find("numbers")!.Value.GetRawText());
        Assert.AreEqual("v", found.Find("map.k")!.Value.GetString());
        Assert.AreEqual(1.25m, found.Find("price")!.Value.GetDecimal());
        // As JSON has dates: year, month, day.
        Assert.AreEqual("2024-01-02T03:04:05", found.Find("time")!.Value.GetString());
        Assert.AreEqual("00000000-0000-0000-0000-000000000000", found.Find("id")!.Value.GetString());
    }

    // Settings of a machine where a number is written with a comma.
    [TestMethod]
    public async Task Numbers_WhereACommaSeparatesDecimals_AreReadAlike()
    {
        var culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        (culture.NumberFormat.NumberDecimalSeparator, culture.NumberFormat.NumberGroupSeparator) = (",", ".");
        var schema = new ParquetSchema(new DataField<double>("rate"));
        await using (var stream = File.Create(At("a.parquet")))
            await ParquetSerializer.SerializeUntypedAsync(
                [(IDictionary<string, object?>)new Dictionary<string, object?> { ["rate"] = 0.5 }], schema, stream);
        File.WriteAllLines(At("t.jsonl"), ["{\"prompt\":\"a\",\"answer\":\"1\",\"rate\":\"0.25\"}"]);
        File.WriteAllLines(At("h.jsonl"), ["{\"prompt\":\"b\",\"answer\":\"1\"}"]);
        var before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = culture;
            Assert.AreEqual(0.5, SourceReader.Rows(At("a.parquet"), new RowFaults()).Single().Find("rate")!.Value.GetDouble());
            var set = new FileProblems(
                new() { Train = At("t.jsonl"), HeldOut = At("h.jsonl"), PassRateField = "rate", MinPassRate = 0.2, MaxPassRate = 0.3 });
            Assert.AreEqual(1, set.TrainCount);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [TestMethod]
    public void Resolve_QuestionMarkInAFolder_IsOneCharacter()
    {
        foreach (var name in (string[])["data", "data1", "data10", "data1/in", "data2/in/deep"])
        {
            Directory.CreateDirectory(At(name));
            File.WriteAllText(At(name + "/a.jsonl"), "");
        }
        File.WriteAllText(At("data1/in/ab.jsonl"), "");
        foreach (var (glob, expected) in new[]
        {
            ("data?/a.jsonl", "data1/a.jsonl"),
            ("d?ta1?/?.jsonl", "data10/a.jsonl"),
            ("data?/**/a.jsonl", "data1/a.jsonl data1/in/a.jsonl data2/in/deep/a.jsonl"),
            ("data?/*/?.jsonl", "data1/in/a.jsonl"),
            ("data?/./a.jsonl", "data1/a.jsonl"),
            ("data*/**/?.jsonl", "data/a.jsonl data1/a.jsonl data1/in/a.jsonl data10/a.jsonl data2/in/deep/a.jsonl"),
        })
            Assert.AreEqual(
                expected,
                string.Join(' ', SourceFiles.Resolve(At(glob)).Select(f => Path.GetRelativePath(folder, f).Replace('\\', '/'))),
                glob);
    }

    [TestMethod]
    [DataRow("train-1.jsonl validation-1.jsonl", "train, validation")]
    [DataRow("train.jsonl valid.jsonl.gz", "train, valid")]
    [DataRow("val_1.json test-1.CSV", "test, val")]
    [DataRow("dev.tsv Train-1.parquet", "dev, Train")]
    [DataRow("gsm8k_train.jsonl gsm8k_test.jsonl trainer.jsonl", "test, train")]
    public void Resolve_FolderOfSeveralSplits_IsRefused(string files, string splits)
    {
        foreach (var name in files.Split(' '))
            File.WriteAllText(At(name), "");
        var message = Assert.ThrowsExactly<InputException>(() => SourceFiles.Resolve(folder)).Message;
        CollectionAssert.AreEquivalent(splits.Split(", "), message.Split('(')[1].Split(')')[0].Split(", "));
        // What it says to give is one of them.
        var glob = message.Split("for example ")[1].TrimEnd('.');
        Assert.HasCount(1, SourceFiles.Resolve(glob).Where(f => !f.EndsWith("trainer.jsonl", StringComparison.Ordinal)));
    }

    [TestMethod]
    public void Resolve_FolderOfOneSplit_GivesItsFilesInOrder()
    {
        foreach (var name in (string[])["trainer-2.jsonl", "train-1.jsonl.gz", "train-0.ndjson", "notes.txt", "latest.jsonl", "b.gz"])
            File.WriteAllText(At(name), "");
        Assert.AreEqual("latest.jsonl train-0.ndjson train-1.jsonl.gz trainer-2.jsonl", Names(folder));
        Assert.AreEqual("train-0.ndjson", Names(At("train-?.ndjson")));
        Assert.AreEqual("train-0.ndjson train-1.jsonl.gz", Names(At("train-*")));
        Assert.AreEqual("train-0.ndjson train-1.jsonl.gz", Names(At("t????-*")));
        Directory.CreateDirectory(At("inner"));
        File.WriteAllText(At("inner/train-3.jsonl"), "");
        Assert.AreEqual("train-3.jsonl train-0.ndjson train-1.jsonl.gz", Names(At("**/train-?.*")));
        foreach (var missing in (string[])["train-?.csv", "no/*.jsonl", "t?-0.ndjson"])
            StringAssert.Contains(
                Assert.ThrowsExactly<InputException>(() => SourceFiles.Resolve(At(missing))).Message, $"{At(missing)} matches no file");
        // A part of the test split, by its first word.
        Directory.CreateDirectory(At("parts"));
        foreach (var name in (string[])["parts/test-dev-1.jsonl", "parts/test-2.jsonl"])
            File.WriteAllText(At(name), "");
        Assert.AreEqual("test-2.jsonl test-dev-1.jsonl", Names(At("parts")));
        var empty = Directory.CreateDirectory(At("empty")).FullName;
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => SourceFiles.Resolve(empty)).Message, "holds no file of problems");

        string Names(string path) => string.Join(' ', SourceFiles.Resolve(path).Select(Path.GetFileName));
    }

    // A bare name stays one; nothing is put in front of it.
    [TestMethod]
    public void Resolve_GlobWithoutAFolder_IsOfTheCurrentOne()
    {
        var name = $"g2rl-{Guid.NewGuid():N}";
        File.WriteAllText($"{name}-1.jsonl", "");
        try
        {
            Assert.AreEqual($"{name}-1.jsonl", SourceFiles.Resolve($"{name}*").Single());
        }
        finally
        {
            File.Delete($"{name}-1.jsonl");
        }
    }

    [TestMethod]
    public void Resolve_GlobBelowTheRoot_GivesFullPaths()
    {
        if (OperatingSystem.IsWindows())
            Assert.Inconclusive("Windows has a root a drive.");
        File.WriteAllText(At("train-1.jsonl"), "");
        // Of the first folder all but its last character: /tm*/..., where only folders that match are looked into.
        var second = folder.IndexOf('/', 1);
        var glob = $"{folder[..(second - 1)]}*{folder[second..]}/train-*";
        Assert.AreEqual(At("train-1.jsonl"), SourceFiles.Resolve(glob).Single());
    }

    private string At(string name) => Path.Combine(folder, name);
}
