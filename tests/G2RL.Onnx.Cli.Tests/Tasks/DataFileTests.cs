using System.Text;
using Parquet.Schema;
using Parquet.Serialization;

namespace G2RL.Onnx.Cli.Tests.Tasks;

/// <summary>Files that are not what a run was told they are, through the commands: what is there is said, and nothing begins.</summary>
[TestClass]
public sealed class DataFileTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("g2rl-data-").FullName;
    private readonly string model;
    private string lastRun = "";
    private int runs;

    public DataFileTests() => model = TextModel.Write(root);

    public void Dispose() => Directory.Delete(root, recursive: true);

    [TestMethod]
    public async Task Train_ParquetOfAnotherSchema_TellsTheFieldsThatAreThere()
    {
        var file = Path.Combine(root, "other.parquet");
        await Parquet(
            file,
            new ParquetSchema(
                new DataField<string>("instruction"),
                new StructField("meta", new DataField<string>("topic"), new DataField<int>("level"))),
            i => new() { ["instruction"] = $"say {i}", ["meta"] = new Dictionary<string, object?> { ["topic"] = "t", ["level"] = i } });
        // The prompt is found nowhere; then the answer, with a nested field named in vain.
        Train(file).Refuses("other.parquet:1", "has no field", "instruction, meta.topic, meta.level", "problems.settings.promptField");
        Train(file, "problems.settings.promptField=instruction", "problems.settings.answerField=meta.answer")
            .Refuses("other.parquet:1", "has no field 'meta.answer'", "instruction, meta.topic, meta.level", "The same in 2, 3");
        // The verl preset asks for its own names.
        Run("evaluate", "--model", model, "--benchmark", $"verl={file}").Refuses("other.parquet:1", "prompt", "instruction, meta.topic");
        // With the right names the same file trains.
        Train(file, "problems.settings.promptField=instruction", "problems.settings.answerField=meta.level").Exits(0);
    }

    [TestMethod]
    public async Task Train_ParquetWithEmptyAndWrongCells_NamesTheRows()
    {
        var file = Path.Combine(root, "holes.parquet");
        await Parquet(
            file,
            new ParquetSchema(new DataField<string>("prompt"), new DataField<string>("answer")),
            i => new() { ["prompt"] = i == 3 ? null : $"p{i}", ["answer"] = i == 5 ? " " : $"{i}" });
        Train(file).Refuses("holes.parquet:4", "'prompt' is empty or null", "holes.parquet:6", "'answer' is empty or null");
        Train(file, "problems.settings.skipEmpty=true").Exits(0);
        // Not Parquet at all, half of it, and text under its name.
        var half = Path.Combine(root, "half.parquet");
        File.WriteAllBytes(half, File.ReadAllBytes(file)[..200]);
        Train(half).Refuses("half.parquet", "cannot be read as Parquet");
        File.WriteAllText(half, "{\"prompt\": \"a\", \"answer\": \"1\"}\n");
        Train(half).Refuses("half.parquet is no Parquet file", "PAR1");
    }

    [TestMethod]
    [DataRow("jsonl")]
    [DataRow("json")]
    [DataRow("csv")]
    public void Train_WrongFieldNames_TellsThoseThatAreThere(string kind)
    {
        var file = Path.Combine(root, "fields." + kind);
        var rows = Enumerable.Range(0, 12).ToArray();
        string[] objects = [.. rows.Select(i => $$"""{"quest": "q{{i}}", "label": "{{i}}"}""")];
        File.WriteAllText(file, kind switch
        {
            "csv" => "quest,label\n" + string.Concat(rows.Select(i => $"q{i},{i}\n")),
            "json" => $"[{string.Join(',', objects)}]",
            _ => string.Join('\n', objects),
        });
        Train(file).Refuses("fields." + kind, "has no field", "it has quest, label", "problems.settings.promptField");
        Train(file, "problems.settings.promptField=quest").Refuses("it has quest, label", "problems.settings.answerField");
        Train(file, "problems.settings.promptField=quest", "problems.settings.answerField=label").Exits(0);
    }

    [TestMethod]
    public void Train_BrokenRows_AreToldTogetherWithTheirLines()
    {
        var file = Path.Combine(root, "broken.jsonl");
        var wrongKind = """{"prompt": {"a": 1}, "answer": "1"}""";
        File.WriteAllLines(file, [Row(0), "{\"prompt\": \"p\"", Row(1), "[1, 2]", "", Row(2), wrongKind]);
        Train(file).Refuses("broken.jsonl:2", "broken.jsonl:4", "broken.jsonl:7");
        File.WriteAllText(file, "prompt,answer\np0,0\np1\np2,2,2\n");
        File.Move(file, file = Path.ChangeExtension(file, ".csv"));
        Train(file).Refuses("broken.csv:3", "broken.csv:4", "prompt, answer");
    }

    [TestMethod]
    public void Train_MixedEncodingsAndByteOrderMarks_AreReadOrNamed()
    {
        string[] rows = [.. Enumerable.Range(0, 8).Select(Row)];
        var text = string.Join('\n', rows) + "\n";
        var plain = Path.Combine(root, "plain.jsonl");
        File.WriteAllText(plain, text);
        Train(plain).Exits(0);
        var expected = TinyRun.Hash(Path.Combine(lastRun, "model", "model.safetensors"));
        // The same rows with a mark, in UTF-16 of both orders: the same run.
        foreach (var encoding in new Encoding[] { new UTF8Encoding(true), Encoding.Unicode, Encoding.BigEndianUnicode })
        {
            var marked = Path.Combine(root, $"{encoding.WebName}{encoding.Preamble.Length}.jsonl");
            File.WriteAllText(marked, text, encoding);
            Train(marked).Exits(0);
            Assert.AreEqual(expected, TinyRun.Hash(Path.Combine(lastRun, "model", "model.safetensors")), encoding.WebName);
        }
        // One Latin-1 line among those of UTF-8, and a file of UTF-16 glued behind one of UTF-8.
        var mixed = Path.Combine(root, "mixed.jsonl");
        File.WriteAllBytes(mixed, [.. Encoding.UTF8.GetBytes(Row(0) + "\n"), .. Encoding.Latin1.GetBytes(Row(1).Replace("p1", "caf\u00E9")
            + "\n"), .. Encoding.UTF8.GetBytes(Row(2) + "\n")]);
        Train(mixed).Refuses("mixed.jsonl:2", "0xE9", "not UTF-8");
        File.WriteAllBytes(mixed, [.. Encoding.UTF8.GetBytes(Row(0) + "\n"), .. Encoding.Unicode.GetPreamble(),
            .. Encoding.Unicode.GetBytes(Row(1) + "\n")]);
        Train(mixed).Refuses("mixed.jsonl:2");
        // A mark in the middle, where two files were joined, belongs to nothing.
        File.WriteAllText(mixed, rows[0] + "\n\uFEFF" + rows[1] + "\n");
        Assert.IsTrue(Train(mixed).ExitCode is 0 or 2, "read or named");
    }

    private static string Row(int i) => $$"""{"prompt": "p{{i}}", "answer": "{{i}}"}""";

    private static async Task Parquet(string file, ParquetSchema schema, Func<int, Dictionary<string, object?>> row)
    {
        var rows = Enumerable.Range(0, 12).Select(i => (IDictionary<string, object?>)row(i)).ToList();
        await using var stream = File.Create(file);
        await ParquetSerializer.SerializeUntypedAsync(rows!, schema, stream);
    }

    private CommandResult Train(string file, params string[] settings)
    {
        lastRun = Path.Combine(root, $"run-{++runs}");
        var result = Run(["export-and-train", "--run", lastRun, .. Settings(file).Concat(settings).SelectMany(s => new[] { "--set", s })]);
        Assert.AreEqual(result.ExitCode == 0, Directory.Exists(lastRun), "a run that was refused leaves no folder");
        return result;
    }

    private static CommandResult Run(params string[] arguments) => G2rlProcess.Call(arguments);

    private string[] Settings(string file) =>
    [
        $"model={model}", "steps=1", "problems.set=file", $"problems.settings.train={file}", "problems.settings.heldOutFraction=0.5",
        "problems.settings.requireFinished=false", "sampling.promptsPerStep=1", "sampling.groupSize=2", "sampling.maxNewTokens=2",
        "evaluation.problems=2", "evaluation.samples=1", "execution.threads=1",
    ];
}
