using System.Text.Json.Nodes;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Tests;

/// <summary>What a killed evaluation leaves behind, and where it goes on.</summary>
[TestClass]
public sealed class SampleLogTests : IDisposable
{
    private static readonly Problem[] Problems = [new("p0", "a", "1"), new("p1", "b", "2"), new("p2", "c", "3")];

    private static readonly FunctionProblemSet Set = new(
        "set",
        [new("t", "t", "0")],
        Problems,
        (p, c) => c == "?" ? Outcome.Failed("no") : Outcome.Judged(c == p.Answer, c.Length > 0));

    private static readonly JsonObject Header = new() { ["samples_of"] = "g2rl evaluate", ["weights"] = "w" };

    private readonly Scratch scratch = new();

    private string File_ => Path.Combine(scratch.Path, "made", "samples.jsonl");

    public void Dispose() => scratch.Dispose();

    [TestMethod]
    public void Append_Samples_AreRowsBehindTheHeader()
    {
        using (var log = Open())
        {
            Assert.IsNull(log.Find("x", Problems[0]));
            log.Append("x", Set, Problems[0], [new("1", 2, true), new("=7", null, false), new("", 1, true), new("?", 1, true)]);
        }
        CollectionAssert.AreEqual(
            new[]
            {
                """{"samples_of":"g2rl evaluate","weights":"w"}""",
                Row(0, "1", "2", "true", "\"1\"", "right"),
                Row(1, "=7", "null", "false", "\"7\"", "wrong"),
                Row(2, "", "1", "true", "\"\"", "unparseable"),
                Row(3, "?", "1", "true", "\"?\"", "failed"),
            },
            File.ReadAllLines(File_));

        static string Row(int sample, string text, string tokens, string finished, string extracted, string outcome) =>
            $$"""{"benchmark":"x","id":"p0","sample":{{sample}},"completion":"{{text}}","tokens":{{tokens}},"finished":{{finished}},"""
                + $$""" "extracted":{{extracted}},"outcome":"{{outcome}}"}""".TrimStart();
    }

    [TestMethod]
    public void Open_AfterAKill_KeepsWholeProblemsAndCutsTheRest()
    {
        Completion[] first = [new("1", 2, true), new("8", null, false)];
        using (var log = Open())
        {
            log.Append("x", Set, Problems[0], first);
            log.Append("x", Set, Problems[1], [new("2", 1, true)]);
        }
        var whole = File.ReadAllLines(File_);
        File.AppendAllText(File_, """{"benchmark":"x","id":"p1","sam""");
        using (var log = Open())
        {
            CollectionAssert.AreEqual(first, log.Find("x", Problems[0]));
            Assert.IsNull(log.Find("x", Problems[1]), "one of two samples is there");
            Assert.IsNull(log.Find("y", Problems[0]));
            log.Append("x", Set, Problems[1], [new("2", 1, true), new("3", 1, true)]);
        }
        var rows = File.ReadAllLines(File_);
        CollectionAssert.AreEqual(whole[..3], rows[..3]);
        CollectionAssert.AreEqual(new[] { "2", "3" }, rows[3..].Select(r => (string?)JsonNode.Parse(r)!["completion"]).ToArray());
        using var last = Open();
        Assert.HasCount(2, last.Find("x", Problems[1])!);
    }

    [TestMethod]
    public void Open_WhileAnotherWrites_IsRefusedAndReadersAreNot()
    {
        using (var log = Open())
        {
            log.Append("x", Set, Problems[0], [new("1", 2, true)]);
            var message = Assert.ThrowsExactly<InputException>(() => Open().Dispose()).Message;
            StringAssert.Contains(message, $"Another process writes samples to {File_}");
            Assert.HasCount(2, File.ReadAllLines(File_));
        }
        Open().Dispose();
        Assert.HasCount(1, Directory.GetFileSystemEntries(Path.GetDirectoryName(File_)!), "the lock's file goes with the lock");
    }

    [TestMethod]
    public void Open_OfTheSameAgain_ChangesNoByte()
    {
        using (var log = Open())
            foreach (var problem in Problems)
                log.Append("x", Set, problem, [new("1", 2, true), new("ä\n", 2, true)]);
        var before = File.ReadAllBytes(File_);
        Open().Dispose();
        CollectionAssert.AreEqual(before, File.ReadAllBytes(File_));
    }

    [TestMethod]
    [DataRow("benchmark")]
    [DataRow("id")]
    [DataRow("sample")]
    [DataRow("finished")]
    [DataRow("completion")]
    public void Open_RowOfSomethingElse_EndsWhatIsTaken(string field)
    {
        using (var log = Open())
            foreach (var problem in Problems)
                log.Append("x", Set, problem, [new("1", 2, true), new("2", 2, true)]);
        var rows = File.ReadAllLines(File_);
        // The second sample of p1.
        var row = JsonNode.Parse(rows[4])!;
        row[field] = field == "sample" ? 7 : field is "finished" or "completion" ? null : "other";
        rows[4] = row.ToJsonString();
        File.WriteAllLines(File_, rows);
        using (var log = Open())
            Assert.AreEqual((true, false, false), (
                log.Find("x", Problems[0]) is not null, log.Find("x", Problems[1]) is not null, log.Find("x", Problems[2]) is not null));
        Assert.HasCount(3, File.ReadAllLines(File_));
    }

    [TestMethod]
    public void Open_RowThatIsNoJson_EndsWhatIsTaken()
    {
        using (var log = Open())
            log.Append("x", Set, Problems[0], [new("1", 2, true), new("2", 2, true)]);
        File.AppendAllText(File_, "not json\n[]\n");
        using var again = Open();
        Assert.IsNotNull(again.Find("x", Problems[0]));
        Assert.IsNull(again.Find("x", Problems[1]));
    }

    [TestMethod]
    public void Open_OfAnotherEvaluation_IsRefusedAndLeftAsItWas()
    {
        using (var log = Open())
            log.Append("x", Set, Problems[0], [new("1", 2, true), new("2", 2, true)]);
        var before = File.ReadAllText(File_);
        var e = Assert.ThrowsExactly<InputException>(() => SampleLog.Open(File_, new() { ["samples_of"] = "other" }, []));
        StringAssert.StartsWith(e.Message, $"{File_} holds something else, or the samples of another evaluation");
        Assert.AreEqual(before, File.ReadAllText(File_));
        // The refused one has let go of it.
        Open().Dispose();
    }

    [TestMethod]
    public void Open_LineWithoutItsEnd_BeginsAnew()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(File_)!);
        File.WriteAllText(File_, """{"samples_of":"g2rl eva""");
        Open().Dispose();
        Assert.AreEqual("{\"samples_of\":\"g2rl evaluate\",\"weights\":\"w\"}\n", File.ReadAllText(File_));
    }

    private SampleLog Open() => SampleLog.Open(File_, Header, Problems.Select(p => ("x", p.Id, 2)));
}
