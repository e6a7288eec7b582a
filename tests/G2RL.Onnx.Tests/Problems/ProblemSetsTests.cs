using System.Text.Json;
using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class ProblemSetsTests
{
    [TestMethod]
    public void Create_Arithmetic_BindsCamelCaseSettings()
    {
        var set = ProblemSets.Create("arithmetic", Json("""{ "maxOperands": 2, "maxOperand": 9, "operators": "+", "heldOutCount": 3 }"""));
        Assert.AreEqual("arithmetic", set.Name);
        Assert.AreEqual(3, set.HeldOut(100).Count);
        Assert.AreEqual("arithmetic", ProblemSets.Create("arithmetic").Name);
    }

    [TestMethod]
    [DataRow("arithmetics", "{}", "there are arithmetic, jsonl, file, countdown, mixture, math")]
    [DataRow("arithmetic", """{ "maxOperand": 9, "colour": 1 }""", "colour")]
    [DataRow("arithmetic", """{ "colour": 1 }""", "The settings of problem set 'arithmetic' are wrong")]
    [DataRow("countdown", """{ "colour": 1 }""", "The settings of problem set 'countdown' are wrong")]
    [DataRow("file", """{ "colour": 1 }""", "The settings of problem set 'file' are wrong")]
    [DataRow("jsonl", """{ "colour": 1 }""", "The settings of problem set 'jsonl' are wrong")]
    [DataRow("mixture", """{ "colour": 1 }""", "The settings of problem set 'mixture' are wrong")]
    [DataRow("arithmetic", """{ "MaxOperand": 9 }""", "MaxOperand")]
    [DataRow("arithmetic", """{ "maxOperand": "many" }""", "$.maxOperand")]
    [DataRow("arithmetic", """{ "maxOperand": 9, "maxOperand": 8 }""", "maxOperand")]
    [DataRow("arithmetic", """{ "operators": null }""", "operators")]
    [DataRow("arithmetic", "[]", "must be an object")]
    [DataRow("math", "[]", "must be an object")]
    [DataRow("math", """{ "heldOut": "a", "heldOut": "b" }""", "heldOut")]
    [DataRow("mixture", """{ "sources": [null] }""", "problems.settings.sources[0] is null")]
    [DataRow("file", """{ "train": "x", "heldOut": "y", "policies": { "x": null } }""", "names 'null' for 'x'")]
    // Named as a run's configuration has them.
    [DataRow("arithmetic", """{ "maxOperands": 9 }""", "problems.settings.maxOperands is 9; it must be at most 8.")]
    [DataRow("countdown", """{ "maxCount": 9 }""", "problems.settings.maxCount is 9; it must be at most 8.")]
    [DataRow("countdown", """{ "minTarget": 9999, "maxTarget": 9999, "maxNumber": 1 }""", "problems.settings.minTarget")]
    [DataRow("countdown", """{ "maxOperand": 9 }""", "maxOperand")]
    [DataRow("countdown", """{ "useAll": 1 }""", "$.useAll")]
    [DataRow("jsonl", """{ "train": "x", "heldOut": "y", "match": "fuzzy" }""", "$.match")]
    [DataRow("jsonl", """{ "train": "x", "heldOut": "y", "match": 1 }""", "$.match")]
    [DataRow(
        "jsonl",
        """{ "train": "no/such/file.jsonl", "heldOutFraction": 0.5, "match": "numeric", "answer": "lastNumber" }""",
        "no/such/file.jsonl cannot be read")]
    public void Create_WrongNameOrSettings_SaysWhat(string name, string settings, string expected) =>
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => ProblemSets.Create(name, Json(settings))).Message, expected);

    [TestMethod]
    public void Outcome_WithoutAScore_IsNotWellFormedAndSaysWhy()
    {
        Assert.AreEqual(new Outcome(OutcomeKind.Abstain, 0, false, "w"), Outcome.Abstained("w"));
        Assert.AreEqual(new Outcome(OutcomeKind.Error, 0, false, "w"), Outcome.Failed("w"));
        Assert.AreEqual(new Outcome(OutcomeKind.Timeout, 0, false, "w"), Outcome.TimedOut("w"));
        Assert.AreEqual(new Outcome(OutcomeKind.Error, 0, true, "the reward is NaN; it must be finite"), Outcome.Scored(double.NaN));
    }

    [TestMethod]
    public void Question_UnlessASetKnowsBetter_IsThePrompt()
    {
        Assert.AreEqual("P", new Problem("a", "P", "").Question);
        Assert.AreEqual("Q", new Problem("a", "P", "") { Question = "Q" }.Question);
    }

    [TestMethod]
    public void IsSameAnswer_ByDefault_IsTheSameSpelling()
    {
        IProblemSet set = Make((_, _) => Outcome.Judged(true));
        var problem = set.HeldOut(1)[0];
        Assert.IsTrue(set.IsSameAnswer(problem, "1", "1"));
        Assert.IsFalse(set.IsSameAnswer(problem, "1", "1.0"));
    }

    [TestMethod]
    public void FunctionProblemSet_OwnReward_IsAsked()
    {
        var set = Make((problem, text) => Outcome.Scored(text.Length - problem.Answer.Length));
        Assert.AreEqual(2.0, set.Judge(set.HeldOut(1)[0], "abc", finished: true).Score);
        Assert.AreEqual(8, set.Batch(0, 8, 1).Distinct().Count());
    }

    [TestMethod]
    [DataRow("42", "42")]
    [DataRow("42\n", "42")]
    [DataRow("1+1=2\n41 + 1 = 42 \r\n\n", "42")]
    [DataRow("so\n 42 ", "42")]
    [DataRow("a=", "")]
    [DataRow(" \n", "")]
    public void AnswerOf_ByDefault_IsTheLastLineOrSideThatSaysSomething(string completion, string expected)
    {
        IProblemSet set = Make((_, _) => Outcome.Judged(true));
        Assert.AreEqual(expected, set.AnswerOf(set.HeldOut(1)[0], completion));
    }

    [TestMethod]
    public void FunctionProblemSet_FailingReward_IsAnErrorAndNotAScore()
    {
        var problem = new Problem("p", "q", "a");
        var failing = Make((_, _) => throw new InvalidOperationException("broken"));
        var outcome = failing.Judge(problem, "x", finished: true);
        Assert.AreEqual(OutcomeKind.Error, outcome.Kind);
        StringAssert.Contains(outcome.Message, "broken");
        Assert.AreEqual(
            OutcomeKind.Error,
            Make((_, _) => new Outcome(OutcomeKind.Score, double.NaN, true, null)).Judge(problem, "x", true).Kind);
    }

    [TestMethod]
    public void FunctionProblemSet_EndlessReward_TimesOutAndDoesNotPileUp()
    {
        using var release = new ManualResetEventSlim();
        var set = Make((_, text) =>
        {
            if (text == "slow")
                release.Wait();
            return Outcome.Judged(true);
        }, TimeSpan.FromMilliseconds(20));
        var problem = set.HeldOut(1)[0];
        for (var i = 0; i < 16 + Environment.ProcessorCount; i++)
        {
            var outcome = set.Judge(problem, "slow", finished: true);
            Assert.AreEqual(OutcomeKind.Timeout, outcome.Kind);
            Assert.AreEqual("problem set 'own': judging problem 'h0' took longer than 0.02 s", outcome.Message);
        }
        StringAssert.Contains(set.Judge(problem, "fast", finished: true).Message, "no more are started");
        release.Set();
        // What has ended makes room.
        var patient = Make((_, _) => Outcome.Judged(true), TimeSpan.FromMinutes(5));
        for (var i = 0; i < 17 + Environment.ProcessorCount; i++)
            Assert.AreEqual(1.0, patient.Judge(problem, "fast", finished: true).Score);
    }

    [TestMethod]
    public void FunctionProblemSet_JudgementsOfEachKind_AreHandedOn()
    {
        foreach (var outcome in new[] { Outcome.Judged(true, wellFormed: false), Outcome.Abstained("why"), Outcome.Scored(0.5) })
            Assert.AreEqual(outcome, Make((_, _) => outcome).Judge(new("p", "q", "a"), "x", finished: true));
    }

    [TestMethod]
    public void FunctionProblemSet_Without_LacksWhatIsNamed()
    {
        var set = Make((_, _) => Outcome.Judged(true));
        var less = set.Without(new HashSet<Problem> { set.Training[3] });
        CollectionAssert.AreEqual(set.Training.Where((_, i) => i != 3).ToArray(), less.Training!.ToArray());
        Assert.HasCount(1, less.HeldOut(5));
        Assert.IsEmpty(set.Without(new HashSet<Problem> { set.HeldOut(1)[0] }).HeldOut(5));
    }

    [TestMethod]
    public void FunctionProblemSet_NumbersBelowZero_AreRefused()
    {
        var set = Make((_, _) => Outcome.Judged(true));
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => set.HeldOut(-1));
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => set.Batch(0, -1, 0));
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => set.Batch(-1, 1, 0));
        Assert.IsEmpty(set.Batch(0, 0, 0));
    }

    [TestMethod]
    public void FunctionProblemSet_JudgeUnfinishedOff_CountsCutOffAsWrong()
    {
        var set = Make((_, _) => Outcome.Judged(true), judgeUnfinished: false);
        Assert.AreEqual(Outcome.Judged(false, wellFormed: false), set.Judge(set.HeldOut(1)[0], "x", finished: false));
        Assert.AreEqual(1.0, set.Judge(set.HeldOut(1)[0], "x", finished: true).Score);
    }

    [TestMethod]
    public void FunctionProblemSet_BadProblems_AreRefused()
    {
        Problem a = new("a", "A", "1"), b = new("b", "A", "1");
        static Outcome Judge(Problem p, string t) => Outcome.Judged(true);
        Assert.ThrowsExactly<InputException>(() => new FunctionProblemSet("x", [], [a], Judge));
        Assert.ThrowsExactly<InputException>(() => new FunctionProblemSet("x", [a], [a], Judge));
        Assert.ThrowsExactly<InputException>(() => new FunctionProblemSet("x", [a], [b], Judge));
        foreach (var (train, heldOut) in new (Problem[], Problem[])[] { ([a, new("a", "B", "1")], []), ([a], [new("a", "B", "1")]) })
            StringAssert.Contains(
                Assert.ThrowsExactly<InputException>(() => new FunctionProblemSet("x", train, heldOut, Judge)).Message,
                "has two problems with the id 'a'");
        Assert.ThrowsExactly<InputException>(() => new FunctionProblemSet("x", [a], [], Judge, TimeSpan.Zero));
    }

    private static FunctionProblemSet Make(Func<Problem, string, Outcome> judge, TimeSpan? limit = null, bool judgeUnfinished = true) =>
        new(
            "own",
            [.. Enumerable.Range(0, 10).Select(i => new Problem($"t{i}", $"train {i}", "a"))],
            [new Problem("h0", "held out", "a")],
            judge, limit, judgeUnfinished);

    private static JsonElement Json(string text)
    {
        using var json = JsonDocument.Parse(text);
        return json.RootElement.Clone();
    }
}
