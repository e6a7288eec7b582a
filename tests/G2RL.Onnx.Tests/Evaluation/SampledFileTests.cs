using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Tests;

/// <summary>Completions that others made, in the forms in which they come.</summary>
[TestClass]
public sealed class SampledFileTests : IDisposable
{
    private static readonly Problem[] Problems =
    [
        new("p0", "Q: a", "1") { Question = "a" },
        new("p1", "Q: b", "2") { Question = "b" },
        new("p2", "Q: c", "3") { Question = "c" },
    ];

    private readonly Scratch scratch = new();

    public void Dispose() => scratch.Dispose();

    [TestMethod]
    [DataRow("""{"id":"p1","completion":"x"}""")]
    [DataRow("""{"index":1,"response":"x"}""")]
    [DataRow("""{"question":"b","output":"x"}""")]
    [DataRow("""{"problem":"b","text":"x"}""")]
    [DataRow("""{"prompt":"Q: b","completions":["x"]}""")]
    [DataRow("""{"prompt":"Q: b","responses":["x"]}""")]
    [DataRow("""{"id":"unknown","index":1,"outputs":["x"]}""")]
    [DataRow("""{"id":"unknown","index":9,"question":"b","outputs":["x"]}""")]
    [DataRow("""{"id":"unknown","index":-1,"question":"b","outputs":["x"]}""")]
    [DataRow("""{"index":"0","question":"b","outputs":["x"]}""")]
    [DataRow("""{"id":"p1","completion":null,"response":"x"}""")]
    public void Read_RowOfAnyForm_FindsItsProblem(string row)
    {
        var (problems, completions) = Read(row)["set"];
        Assert.AreSame(Problems[1], problems.Single());
        Assert.AreEqual(new Completion("x", null, true), completions.Single().Single());
    }

    [TestMethod]
    public void Read_Borders_OfTheIndexAreTheProblems()
    {
        CollectionAssert.AreEqual(
            new[] { Problems[0], Problems[2] },
            Read("""{"index":0,"text":"x"}""", """{"index":2,"text":"x"}""")["set"].Problems);
        Refuses("""{"index":3,"text":"x"}""", "answers no problem that is asked: by id (such as p0), index (0 to 2) or problem.");
    }

    [TestMethod]
    public void Read_SeveralOfAProblem_KeepTheirOrderLengthAndEnd()
    {
        var (problems, completions) = Read(
            """{"samples_of":"g2rl evaluate"}""",
            """{"id":"p2","completion":"first","tokens":7,"finished":false}""",
            """{"id":"p0","completions":["u","v"],"tokens":3}""",
            """{"id":"p2","completion":5,"tokens":1.5,"finished":true}""",
            """{"id":"p2","completion":"last","tokens":"9","finished":null}""")["set"];
        CollectionAssert.AreEqual(new[] { Problems[0], Problems[2] }, problems);
        CollectionAssert.AreEqual(new Completion[] { new("u", 3, true), new("v", 3, true) }, completions[0]);
        CollectionAssert.AreEqual(
            new Completion[] { new("first", 7, false), new("5", null, true), new("last", null, true) },
            completions[1]);
    }

    [TestMethod]
    public void Read_SeveralBenchmarks_GoByTheRowsName()
    {
        (string, IReadOnlyList<Problem>)[] both = [("one", Problems), ("two", Problems)];
        var file = Write("""{"benchmark":"two","id":"p1","text":"x"}""");
        var found = SampledFile.Read(file, both);
        Assert.IsEmpty(found["one"].Problems);
        Assert.IsEmpty(found["one"].Completions);
        Assert.HasCount(1, found["two"].Completions);
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => SampledFile.Read(Write("""{"id":"p1","text":"x"}"""), both)).Message,
            "There are several benchmarks, so each row must name its own.");
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => SampledFile.Read(Write("""{"benchmark":"three","text":"x"}"""), both)).Message,
            "there is no benchmark 'three'; there are one, two.");
    }

    [TestMethod]
    public void Read_RowsWithFaults_AreAllNamed()
    {
        var file = Write("""{"id":"p1"}""", """{"id":"p0","text":"x"}""", """{"id":"p9","text":"x"}""");
        var message = Assert.ThrowsExactly<InputException>(() => SampledFile.Read(file, [("set", Problems)])).Message;
        StringAssert.Contains(message, $"{file}:1");
        StringAssert.Contains(message, "'completion'");
        StringAssert.Contains(message, $"{file}:3 answers no problem");
    }

    [TestMethod]
    [DataRow("""{"id":"p1","completion":null,"text":null}""", "completion")]
    [DataRow("""{"id":"p1","completions":["a",null]}""", "completions")]
    public void Read_CompletionThatIsNull_IsRefused(string row, string field) =>
        Refuses(row, $"has null as its {field}; write \"\" where nothing was said, or leave it out.");

    [TestMethod]
    public void Read_NoCompletion_IsRefused() => Refuses("""{"samples_of":"g2rl evaluate"}""", "holds no completions.");

    private void Refuses(string row, string part) =>
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => Read(row)).Message, part);

    private IReadOnlyDictionary<string, (List<Problem> Problems, List<Completion[]> Completions)> Read(params string[] rows) =>
        SampledFile.Read(Write(rows), [("set", Problems)]);

    private string Write(params string[] rows)
    {
        var path = Path.Combine(scratch.Path, "samples.jsonl");
        File.WriteAllLines(path, rows);
        return path;
    }
}
