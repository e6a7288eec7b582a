using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Files;

namespace G2RL.Onnx.Tests;

/// <summary>What the fields of a row become, setting by setting.</summary>
[TestClass]
public sealed class RowFieldsTests : RowFiles
{
    [TestMethod]
    public void Read_FieldsByDefaultOrByName_AreTaken()
    {
        foreach (var prompt in (string[])["prompt", "problem", "question"])
            foreach (var answer in (string[])["answer", "ground_truth", "solution"])
            {
                var problem = One(new(), $$"""{"{{prompt}}": "Q", "{{answer}}": "A"}""");
                Assert.AreEqual(("rows.jsonl:1", "Q", "Q", "A"), (problem.Id, problem.Prompt, problem.Question, problem.Answer));
            }
        Assert.AreEqual("A", One(new(), """{"prompt": "Q", "reward_model": {"ground_truth": "A"}}""").Answer);
        var named = new FileProblemsSettings { PromptField = "p", AnswerField = "a.b" };
        var own = One(named, """{"p": "Q", "a": {"b": 7}, "prompt": "x", "answer": "y"}""");
        Assert.AreEqual(("Q", "7"), (own.Prompt, own.Answer));
        StringAssert.Contains(Refused(named, """{"prompt": "Q", "answer": "A"}"""), "'p'");
        StringAssert.Contains(Refused(named, """{"p": "Q", "answer": "A"}"""), "has no field 'a.b'");
        StringAssert.Contains(Refused(new(), """{"text": "Q", "answer": "A"}"""), "'prompt'");
        StringAssert.Contains(Refused(new(), """{"prompt": "Q", "answers": "A"}"""), "'answer'");
    }

    // Tables of several sources have a column for each, null where it is another's.
    [TestMethod]
    public void Read_FieldsThatAreNull_AreNotThere()
    {
        var problem = One(new(), """{"prompt": null, "problem": "Q", "answer": null, "ground_truth": null, "solution": "A"}""");
        Assert.AreEqual(("Q", "A"), (problem.Prompt, problem.Answer));
        StringAssert.Contains(Refused(new(), """{"prompt": null, "problem": null, "answer": "A"}"""), "field 'prompt' is empty or null");
        StringAssert.Contains(Refused(new(), """{"prompt": "Q", "answer": null, "solution": null}"""), "field 'answer' is empty or null");
    }

    [TestMethod]
    [DataRow("""{"prompt": "Q"}""", ":1 has no field 'answer'; it has prompt. Set problems.settings.")]
    [DataRow("""{}""", ":1 has no field 'prompt'; it has none. Set problems.settings.promptField")]
    [DataRow("""{"prompt": 5, "answer": "1"}""", ":1: field 'prompt' is a JSON Number; it must be a text.")]
    [DataRow("""{"prompt": "Q", "answer": {}}""", ":1: field 'answer' is a JSON Object; it must be a text or a number.")]
    [DataRow("""{"prompt": [], "answer": "1"}""", ":1: field 'prompt' is a list without a turn; a conversation needs at least one.")]
    [DataRow(
        """{"prompt": [{"role": "user", "content": 5}], "answer": "1"}""",
        ":1: field 'prompt', turn 0: the content is a JSON Number; it must be a text.")]
    public void Read_FieldThatIsNoneOrOther_SaysWhatThereIs(string row, string words) =>
        StringAssert.Contains(Refused(new(), row), words);

    [TestMethod]
    [DataRow(24, "f23. Set")]
    [DataRow(26, "f23 and 2 more. Set")]
    public void Read_ManyFieldsAndNoPrompt_NamesTheFirst(int count, string end) =>
        StringAssert.Contains(
            Refused(new(), $"{{{string.Join(", ", Enumerable.Range(0, count).Select(i => $"\"f{i}\": 1"))}}}"),
            $"it has {string.Join(", ", Enumerable.Range(0, 23).Select(i => $"f{i}"))}, {end}");

    [TestMethod]
    public void Read_TemplateAndSystem_StandAroundTheQuestion()
    {
        var problem = One(new() { Template = "Q: {prompt} A:", System = "Be brief" }, """{"prompt": "1+1", "answer": "2"}""");
        Assert.AreEqual(("Q: 1+1 A:", "1+1"), (problem.Prompt, problem.Question));
        CollectionAssert.AreEqual(
            new[] { ("system", "Be brief"), ("user", "1+1") }, problem.Turns!.Select(t => (t.Role, t.Content)).ToArray());
        Assert.IsNull(problem.Conversation);
        var text = One(new() { System = "Be brief", Turns = TurnsKind.Text }, """{"prompt": "1+1", "answer": "2"}""");
        Assert.IsNull(text.Turns);
        Assert.IsNull(One(new(), """{"prompt": "1+1", "answer": "2"}""").Turns);
    }

    [TestMethod]
    public void Read_Conversations_EndBeforeTheLastReply()
    {
        const string Row = """
            {"messages": [{"role": "user", "content": "1+1"}, {"role": "assistant", "content": "2"}, {"role": "user", "content": "+1"},
             {"role": "assistant", "content": "3"}]}
            """;
        var problem = One(new() { Template = "x{prompt}" }, Row.ReplaceLineEndings(""));
        Assert.AreEqual(("1+1\n\n2\n\n+1", "3"), (problem.Prompt, problem.Answer));
        CollectionAssert.AreEqual(new[] { "1+1", "2", "+1" }, problem.Turns!.Select(t => t.Content).ToArray());
        Assert.AreEqual(TurnsKind.Auto, problem.Conversation);
        var text = One(new() { Turns = TurnsKind.Text }, Row.ReplaceLineEndings(""));
        Assert.IsNull(text.Turns);
        Assert.IsNull(text.Conversation);
        StringAssert.Contains(Refused(new(), """{"messages": [{"role": "assistant", "content": "3"}]}"""), "holds an answer alone");
        Assert.AreEqual("7", One(new(), """{"messages": [{"role": "user", "content": "Q"}], "answer": "7"}""").Answer);
    }

    [TestMethod]
    public void Read_EmptyRows_AreRefusedOrSkipped()
    {
        const string Good = """{"prompt": "Q", "answer": "A"}""";
        StringAssert.Contains(Refused(new(), Good, """{"prompt": " ", "answer": "A"}"""), "field 'prompt' is empty");
        StringAssert.Contains(Refused(new(), Good, """{"prompt": "R", "answer": " "}"""), "field 'answer' is empty");
        const string Silent = """{"messages": [{"role": "user", "content": "R"}, {"role": "assistant", "content": ""}]}""";
        StringAssert.Contains(Refused(new(), Good, Silent), "field 'messages' is empty");
        const string NoAnswer = """{"prompt": "R", "answer": ""}""";
        var marked = new FileProblemsSettings { ReferenceMarker = "####", SkipEmpty = true };
        Assert.AreEqual(1, Set(marked, """{"prompt": "Q", "answer": "#### 5"}""", NoAnswer).HeldOutCount);
        var derived = new FileProblemsSettings { DerivedAnswer = "digitCompletion", SkipEmpty = true };
        Assert.AreEqual(1, Set(derived, """{"prompt": "2,5:1,2"}""", """{"prompt": ""}""", """{"prompt": null}""").HeldOutCount);
        StringAssert.Contains(Refused(derived with { SkipEmpty = false }, """{"prompt": null}"""), "field 'prompt' is empty");
        var set = Set(new() { SkipEmpty = true }, Good, """{"prompt": "", "answer": "A"}""", """{"prompt": "R", "answer": null}""");
        Assert.AreEqual(1, set.HeldOutCount);
        CollectionAssert.AreEqual(
            new[] { $"{Path.Combine(Folder, "rows.jsonl")}: 2 rows have an empty prompt or answer and are left out." },
            set.Notes.ToArray());
    }

    [TestMethod]
    public void Read_LongPrompts_AreLeftOut()
    {
        string[] rows = ["""{"prompt": "12345", "answer": "A"}""", """{"prompt": "123456", "answer": "A"}"""];
        var set = Set(new() { MaxPromptCharacters = 5 }, rows);
        Assert.AreEqual("12345", set.HeldOut(5).Single().Prompt);
        StringAssert.Contains(set.Notes.Single(), ": 1 rows have a prompt of more than 5 characters and are left out.");
        StringAssert.Contains(Refused(new() { MaxPromptCharacters = 4 }, rows), "all 2 rows are left out");
    }

    [TestMethod]
    public void Read_Repeats_CountOnceUnlessKept()
    {
        string[] rows = ["""{"prompt": "Q", "answer": "A"}""", """{"prompt": "Q", "answer": "B"}""", """{"prompt": "R", "answer": "B"}"""];
        Assert.AreEqual(2, Set(new(), rows).HeldOutCount);
        StringAssert.Contains(Set(new(), rows).Notes.Single(), ": 1 rows repeat an earlier prompt and are left out.");
        Assert.AreEqual(3, Set(new() { KeepRepeated = true }, rows).HeldOutCount);
        var train = Write("train.jsonl", [.. rows.Select(r => r.Replace("\"Q", "\"q").Replace("\"R", "\"r"))]);
        Assert.AreEqual(2, Set(new() { KeepRepeated = true, Train = train }, rows).TrainCount);
    }

    [TestMethod]
    public void Read_PassRates_AreARangeOfTraining()
    {
        string[] rates = ["0", "\"0.25\"", "0.5", "\"0.75\"", "1"];
        string[] rows = [.. rates.Select((rate, i) => $$"""{"prompt": "t{{i}}", "answer": "A", "rate": {{rate}}}""")];
        var settings = new FileProblemsSettings
        {
            Train = Write("train.jsonl", rows),
            PassRateField = "rate",
            MinPassRate = 0.25,
            MaxPassRate = 0.75,
        };
        var set = Set(settings, """{"prompt": "Q", "answer": "A", "rate": 1}""");
        CollectionAssert.AreEqual(new[] { "t1", "t2", "t3" }, set.Training.Select(p => p.Prompt).ToArray());
        Assert.AreEqual(1, set.HeldOutCount);
        StringAssert.Contains(set.Notes.Single(), ": 2 rows have a pass rate outside of [0.25, 0.75] and are left out.");
        Assert.AreEqual(5, Set(settings with { MinPassRate = 0, MaxPassRate = 1 }, """{"prompt": "Q", "answer": "A"}""").TrainCount);
        foreach (var bad in (string[])["1.5", "-0.1", "\"x\"", "true"])
        {
            var train = Write("bad.jsonl", $$"""{"prompt": "t", "answer": "A", "rate": {{bad}}}""");
            StringAssert.Contains(Refused(settings with { Train = train }, """{"prompt": "Q", "answer": "A"}"""), "in [0, 1]");
        }
    }

    [TestMethod]
    public void Read_SolutionsAndPolicies_AreThoseOfTheRow()
    {
        string[] train =
        [
            """{"prompt": "a", "answer": "so\n#### 5", "source": "x"}""",
            """{"prompt": "b", "answer": "6", "solution": "it is 6", "source": "y"}""",
        ];
        var settings = new FileProblemsSettings
        {
            Train = Write("train.jsonl", train),
            ReferenceMarker = "####",
            Policy = "math",
            PolicyField = "source",
            Policies = new Dictionary<string, string> { ["x"] = "gsm8k" },
        };
        var set = Set(settings, """{"prompt": "c", "answer": "so\n#### 7", "source": "x", "solution": "s"}""");
        CollectionAssert.AreEqual(new[] { "so\n#### 5", "it is 6" }, set.Training.Select(p => p.Solution).ToArray());
        CollectionAssert.AreEqual(new[] { "gsm8k", null }, set.Training.Select(p => p.Policy).ToArray());
        CollectionAssert.AreEqual(new[] { "5", "6" }, set.Training.Select(p => p.Answer).ToArray());
        var worked = new FileProblemsSettings
        {
            Train = Write("worked.jsonl", """{"prompt": "p", "worked": "w #### 5 ", "answer": "#### 6"}"""),
            AnswerField = "worked",
            ReferenceMarker = "####",
        };
        var own = Set(worked, """{"prompt": "c", "worked": "#### 7"}""").Training[0];
        Assert.AreEqual(("5", "w #### 5 "), (own.Answer, own.Solution));
        Assert.AreEqual((null, "gsm8k", "7"), set.HeldOut(1)[0] is var p ? (p.Solution, p.Policy, p.Answer) : default);
        // Its own policy reads a number in prose, the set's does not.
        Assert.IsTrue(set.Judge(set.Training[0], "it is 5", finished: true).Score > 0);
        Assert.IsFalse(set.Judge(set.Training[1], "it is 6", finished: true).Score > 0);
        Assert.AreEqual("5", set.AnswerOf(set.Training[0], "it is 5"));
        Assert.IsNull(set.AnswerOf(set.Training[1], "it is 6"));
        StringAssert.Contains(
            Refused(new() { ReferenceMarker = "####" }, """{"prompt": "c", "answer": "7"}"""), "field 'answer' lacks the marker '####'");
        var named = settings with { SolutionField = "why", Train = Write("why.jsonl", """{"prompt": "a", "answer": "1", "why": 3}""") };
        Assert.AreEqual("3", Set(named, """{"prompt": "c", "answer": "7"}""").Training[0].Solution);
        StringAssert.Contains(Refused(named with { SolutionField = "how" }, """{"prompt": "c", "answer": "7"}"""), "'how'");
    }
}
