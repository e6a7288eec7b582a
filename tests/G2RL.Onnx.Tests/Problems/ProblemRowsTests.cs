using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Files;
using G2RL.Onnx.Problems.Mixtures;

namespace G2RL.Onnx.Tests;

/// <summary>What a row of a file becomes, setting by setting.</summary>
[TestClass]
public sealed class ProblemRowsTests
{
    private readonly string folder = Directory.CreateTempSubdirectory("g2rl-rows").FullName;

    [TestCleanup]
    public void Clean() => Directory.Delete(folder, recursive: true);

    private string Write(string name, params string[] rows)
    {
        var path = Path.Combine(folder, name);
        File.WriteAllLines(path, rows);
        return path;
    }

    private FileProblems Set(FileProblemsSettings settings, params string[] rows) =>
        new(settings with { HeldOut = Write("rows.jsonl", rows) }, "set");

    private Problem One(FileProblemsSettings settings, string row) => Set(settings, row).HeldOut(1)[0];

    private string Refused(FileProblemsSettings settings, params string[] rows) =>
        Assert.ThrowsExactly<InputException>(() => Set(settings, rows)).Message;

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
        StringAssert.Contains(Refused(new(), """{"text": "Q", "answer": "A"}"""), "'prompt'");
        StringAssert.Contains(Refused(new(), """{"prompt": "Q", "answers": "A"}"""), "'answer'");
    }

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
        var set = Set(new() { SkipEmpty = true }, Good, """{"prompt": "", "answer": "A"}""", """{"prompt": "R", "answer": null}""");
        Assert.AreEqual(1, set.HeldOutCount);
        CollectionAssert.AreEqual(
            new[] { $"{Path.Combine(folder, "rows.jsonl")}: 2 rows have an empty prompt or answer and are left out." },
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

    [TestMethod]
    public void Judge_ExactTrimmedNumericAndChecked_AreDifferentRules()
    {
        const string Row = """{"prompt": "Q", "answer": "5"}""";
        (bool Right, bool Formed) Judged(FileProblemsSettings settings, string completion, bool finished = true)
        {
            var set = Set(settings, Row);
            var outcome = set.Judge(set.HeldOut(1)[0], completion, finished);
            return (outcome.Score > 0, outcome.WellFormed);
        }

        Assert.AreEqual((true, true), Judged(new(), " 5 "));
        Assert.AreEqual((false, true), Judged(new() { Trim = false }, " 5 "));
        Assert.AreEqual((true, true), Judged(new() { Trim = false }, "5"));
        Assert.AreEqual((false, true), Judged(new(), "5.0"));
        Assert.AreEqual((false, false), Judged(new(), ""));
        Assert.AreEqual((true, true), Judged(new() { Match = AnswerMatch.Numeric }, "5.0"));
        Assert.AreEqual((false, true), Judged(new() { Match = AnswerMatch.Numeric }, "6"));
        Assert.AreEqual((false, false), Judged(new() { Match = AnswerMatch.Numeric }, "five"));
        Assert.AreEqual((true, true), Judged(new() { Policy = "math" }, "\\boxed{5.0}"));
        Assert.AreEqual((false, true), Judged(new() { Policy = "math" }, "\\boxed{6}"));
        Assert.AreEqual((false, false), Judged(new() { Policy = "math" }, "6"));
        Assert.AreEqual((false, false), Judged(new(), "5", finished: false));
        Assert.AreEqual((true, true), Judged(new() { RequireFinished = false }, "5", finished: false));
        Assert.AreEqual((false, false), Judged(new() { Answer = AnswerPlace.Marker }, "5"));
        Assert.AreEqual((false, false), Judged(new() { Answer = AnswerPlace.Marker }, "####"));
        Assert.AreEqual((true, true), Judged(new() { Answer = AnswerPlace.LastNumber }, "5" + new string(' ', 5_000)));
        Assert.AreEqual((true, true), Judged(new(), "5".PadRight(1 << 20)));
        Assert.AreEqual((false, false), Judged(new(), "5".PadRight((1 << 20) + 1)));
    }

    [TestMethod]
    public void Answers_SpelledAndCompared_FollowTheRules()
    {
        const string Row = """{"prompt": "Q", "answer": "5"}""";
        var (exact, loose) = (Set(new() { Trim = false }, Row), Set(new(), Row));
        var numeric = Set(new() { Match = AnswerMatch.Numeric, Answer = AnswerPlace.LastNumber }, Row);
        var check = Set(new() { Policy = "math" }, Row);
        var problem = loose.HeldOut(1)[0];
        Assert.AreEqual(
            (" 5 ", "5", "1/2"),
            (exact.Spelling(problem, " 5 "), loose.Spelling(problem, " 5 "), check.Spelling(problem, "0.5")));
        Assert.AreEqual(" ", check.Spelling(problem, " "));
        Assert.AreEqual((false, true), (exact.IsSameAnswer(problem, " 5", "5"), loose.IsSameAnswer(problem, " 5", "5")));
        Assert.AreEqual(
            (false, true, true),
            (loose.IsSameAnswer(problem, "0.5", "1/2"),
                numeric.IsSameAnswer(problem, "0.5", "1/2"),
                check.IsSameAnswer(problem, "0.5", "1/2")));
        Assert.AreEqual(("5", "5"), (numeric.AnswerOf(problem, "it is 5"), check.AnswerOf(problem, "\\boxed{5}")));
        Assert.IsNull(numeric.AnswerOf(problem, "5".PadRight((1 << 20) + 1)));
    }

    [TestMethod]
    public void Sets_TooSmallOrOfOtherSize_SaySo()
    {
        string[] rows = [.. Enumerable.Range(0, 3).Select(i => $$"""{"prompt": "q{{i}}", "answer": "A"}""")];
        var set = Set(new() { HeldOutRows = [4, 5] }, rows);
        StringAssert.Contains(set.Notes.Single(), ": 3 rows; set has 4 or 5. Is it the right file, and whole?");
        Assert.IsEmpty(Set(new() { HeldOutRows = [3] }, rows).Notes);
        Assert.AreEqual((0, 3, 2), (set.TrainCount, set.HeldOutCount, set.HeldOut(2).Count));
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => set.Batch(0, 1, 1)).Message, "no training problems");
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => set.HeldOut(-1));
        var overlapping = new FileProblemsSettings { Train = Write("same.jsonl", rows), Overlap = Overlap.DropFromTraining };
        StringAssert.Contains(Refused(overlapping, rows), "0 training and 3 held-out problems are left");
        Assert.AreEqual(2, ((FileProblems)Set(new(), rows).Without(new HashSet<Problem> { Set(new(), rows).HeldOut(1)[0] })).HeldOutCount);
    }

    [TestMethod]
    public void DerivedAnswer_OfThePrompt_IsTheReference()
    {
        // From 3 by steps of 4 modulo 10, five more: 3, 7 | 1, 5, 9, 3, 7.
        Assert.AreEqual("1,5,9,3,7", One(new() { DerivedAnswer = "digitCompletion" }, """{"prompt": "3,7:10,5"}""").Answer);
        Assert.AreEqual("", One(new() { DerivedAnswer = "digitCompletion" }, """{"prompt": "3,7:10,0"}""").Answer);
        foreach (var prompt in (string[])["3,7", "3:10,5", "3,7:0,5", "3,7:10,10001", "3,7:10,5:1", "a,7:10,5", "3,-7:10,5"])
            StringAssert.Contains(
                Refused(new() { DerivedAnswer = "digitCompletion" }, $$"""{"prompt": "{{prompt}}"}"""), "has another form");
    }

    [TestMethod]
    [DataRow("minPassRate", "must be a range")]
    [DataRow("maxPassRate", "must be a range")]
    [DataRow("crossed", "must be a range")]
    [DataRow("noField", "need problems.settings.passRateField")]
    [DataRow("noFieldMax", "need problems.settings.passRateField")]
    [DataRow("policy", "policy is 'mathe'; there are: aime, choice, gsm8k")]
    [DataRow("policies", "policies names 'mathe' for 'x'; there are: aime")]
    [DataRow("derived", "derivedAnswer is 'x'; there are: digitCompletion.")]
    [DataRow("reference", "referenceMarker is empty")]
    [DataRow("prompt", "promptField is empty; it must be a text, or be left out.")]
    [DataRow("answer", "answerField is empty")]
    [DataRow("solution", "solutionField is empty")]
    [DataRow("passRate", "passRateField is empty")]
    [DataRow("marker", "marker is empty; it must be a text.")]
    [DataRow("long", "maxPromptCharacters is 0; it must be at least 1.")]
    [DataRow("enum", "has an unknown value")]
    [DataRow("enumTurns", "has an unknown value")]
    [DataRow("fraction", "both given; give exactly one of them.")]
    public void Settings_BeyondTheirRange_AreRefusedByName(string which, string words)
    {
        var settings = new FileProblemsSettings();
        settings = which switch
        {
            "minPassRate" => settings with { PassRateField = "r", MinPassRate = -0.1 },
            "maxPassRate" => settings with { PassRateField = "r", MaxPassRate = 1.1 },
            "crossed" => settings with { PassRateField = "r", MinPassRate = 0.6, MaxPassRate = 0.5 },
            "noField" => settings with { MinPassRate = 0.1 },
            "noFieldMax" => settings with { MaxPassRate = 0.9 },
            "policy" => settings with { Policy = "mathe" },
            "policies" => settings with { Policies = new Dictionary<string, string> { ["x"] = "mathe" } },
            "derived" => settings with { DerivedAnswer = "x" },
            "reference" => settings with { ReferenceMarker = "" },
            "prompt" => settings with { PromptField = "" },
            "answer" => settings with { AnswerField = "" },
            "solution" => settings with { SolutionField = "" },
            "passRate" => settings with { PassRateField = "" },
            "marker" => settings with { Marker = "" },
            "long" => settings with { MaxPromptCharacters = 0 },
            "enum" => settings with { Match = (AnswerMatch)99 },
            "enumTurns" => settings with { Turns = (TurnsKind)99 },
            _ => settings with { HeldOutFraction = 0.5 },
        };
        StringAssert.Contains(Refused(settings, """{"prompt": "Q", "answer": "A"}"""), words);
    }

    [TestMethod]
    public void Settings_EndsOfARange_AreGood()
    {
        const string Row = """{"prompt": "Q", "answer": "A"}""";
        Set(new() { MaxPromptCharacters = 1 }, """{"prompt": "Q", "answer": "A"}""");
        Set(new() { PassRateField = "r", MinPassRate = 0.5, MaxPassRate = 0.5 }, Row);
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => new FileProblems(new() { Train = "x" })).Message, "are both missing");
    }

    [TestMethod]
    public void Choices_RowsOfEachForm_BecomeQuestions()
    {
        var settings = new FileProblemsSettings { Choice = new() { Instruction = "Pick ({category})." } };
        var problem = One(
            settings, """{"question": " Q? ", "options": [" red ", "blue", "N/A", "N/A"], "answer": "B", "category": "art"}""");
        Assert.AreEqual(("B", "Q?"), (problem.Answer, problem.Question));
        Assert.AreEqual("Pick (art).\n\nQuestion: Q?\nOptions:\nA. red\nB. blue\nAnswer:", problem.Prompt);
        CollectionAssert.AreEqual(
            new[] { ("system", "Pick (art)."), ("user", "Q?\nOptions:\nA. red\nB. blue") },
            problem.Turns!.Select(t => (t.Role, t.Content)).ToArray());
        foreach (var field in (string[])["question", "Question", "prompt", "problem"])
            Assert.AreEqual("A", One(settings, $$"""{"{{field}}": "Q", "options": ["x", "y"], "answer_index": 0}""").Answer);
        Assert.AreEqual("B", One(settings, """{"question": "Q", "options": ["N/A", "N/A"], "answer": 1}""").Answer);
        Assert.AreEqual("A", One(settings with { PromptField = "p", AnswerField = "a" },
            """{"question": "x", "p": "Q", "options": ["x", "y"], "answer": "B", "a": "A"}""").Answer);
        var letters = string.Join(", ", Enumerable.Range(0, 26).Select(i => $"\"{i}\""));
        Assert.AreEqual("Z", One(settings, $$"""{"question": "Q", "options": [{{letters}}], "answer": "Z"}""").Answer);
    }

    [TestMethod]
    [DataRow("""{"question": "Q", "options": ["x"], "answer": "A"}""", "1 options, of which number 1 is right")]
    [DataRow("""{"question": "Q", "options": ["x", "y"], "answer": "C"}""", "2 options, of which number 3 is right")]
    [DataRow("""{"question": "Q", "options": ["x", "y"], "answer": 2}""", "2 options, of which number 3 is right")]
    [DataRow("""{"question": "Q", "options": ["x", "y"], "answer": -1}""", "2 options, of which number 0 is right")]
    [DataRow("""{"question": "Q", "options": ["x", "y"], "answer": "@"}""", "is '@'; it must be the right option's letter")]
    [DataRow("""{"question": "Q", "options": ["x", "y"], "answer": "["}""", "is '['; it must be the right option's letter")]
    [DataRow("""{"question": "Q", "options": ["x", "y"], "answer": "AB"}""", "is 'AB'; it must be the right option's letter")]
    [DataRow("""{"question": " ", "options": ["x", "y"], "answer": "A"}""", "the question is empty")]
    [DataRow("""{"question": null, "options": ["x", "y"], "answer": "A"}""", "the question is empty")]
    [DataRow("""{"question": 5, "options": ["x", "y"], "answer": "A"}""", "'question' is a JSON Number")]
    [DataRow("""{"text": "Q", "options": ["x", "y"], "answer": "A"}""", "'question'")]
    [DataRow("""{"question": "Q", "options": ["x", "y"]}""", "'answer'")]
    [DataRow("""{"question": "Q", "answer": "A"}""", "'options'")]
    public void Choices_BrokenRows_AreRefused(string row, string words) =>
        StringAssert.Contains(Refused(new() { Choice = new() }, row), words);

    [TestMethod]
    public void Choices_TooMany_AreRefused()
    {
        var letters = string.Join(", ", Enumerable.Range(0, 27).Select(i => $"\"{i}\""));
        StringAssert.Contains(
            Refused(new() { Choice = new() }, $$"""{"question": "Q", "options": [{{letters}}], "answer": "A"}"""), "27 options");
    }

    [TestMethod]
    public void Choices_Shots_StandBeforeTheQuestionOfTheirCategory()
    {
        var shots = Write(
            "shots.jsonl",
            """{"question": "S1", "options": ["x", "y"], "answer": "A", "category": "art", "cot_content": "A: first. "}""",
            """{"question": "S2", "options": ["x", "y"], "answer": "B", "category": "art", "cot_content": " second "}""",
            """{"question": "S3", "options": ["x", "y"], "answer": "B", "category": "art", "cot_content": "third"}""",
            """{"question": "S4", "options": ["x", "y"], "answer": "B", "category": "law", "cot_content": "fourth"}""");
        var settings = new FileProblemsSettings { Choice = new() { Shots = 2, ShotsFile = shots, Instruction = "I" } };
        var problem = One(settings, """{"question": "S2", "options": ["x", "y"], "answer": "B", "category": "art"}""");
        const string Options = "\nOptions:\nA. x\nB. y";
        Assert.AreEqual(
            $"I\n\nQuestion: S1{Options}\nAnswer: first.\n\nQuestion: S3{Options}\nAnswer: third\n\nQuestion: S2{Options}\nAnswer:",
            problem.Prompt);
        CollectionAssert.AreEqual(
            new[] { "system", "user", "assistant", "user", "assistant", "user" }, problem.Turns!.Select(t => t.Role).ToArray());
        CollectionAssert.AreEqual(
            new[] { "I", $"S1{Options}", "first.", $"S3{Options}", "third", $"S2{Options}" },
            problem.Turns!.Select(t => t.Content).ToArray());
        var second = One(settings, """{"question": "Q", "options": ["x", "y"], "answer": "B", "category": "art"}""");
        StringAssert.Contains(second.Prompt, "Answer: second\n");
        Assert.HasCount(2, One(settings, """{"question": "Q", "options": ["x", "y"], "answer": "B", "category": "none"}""").Turns!);
        var broken = Write("broken.jsonl", """{"question": "S", "options": ["x", "y"], "answer": "A", "category": "art"}""");
        StringAssert.Contains(
            Refused(settings with { Choice = settings.Choice! with { ShotsFile = broken } }, """{"question": "Q"}"""),
            "needs a worked solution");
    }

    [TestMethod]
    public void Choices_SeparateFields_AreShuffledByTheirQuestion()
    {
        var settings = new FileProblemsSettings
        {
            Choice = new() { CorrectField = "right", IncorrectFields = ["w1", "w2", "w3"], Shuffle = true },
        };
        var letters = new HashSet<string>();
        for (var i = 0; i < 40; i++)
        {
            var row = $$"""{"question": "Q{{i}}", "right": "R", "w1": "1", "w2": 2, "w3": "3"}""";
            var problem = One(settings, row);
            StringAssert.Contains(problem.Prompt, $"\n{problem.Answer}. R\n");
            Assert.AreEqual(problem, One(settings, row) with { Turns = problem.Turns });
            letters.Add(problem.Answer);
        }
        Assert.HasCount(4, letters);
        StringAssert.Contains(Refused(settings, """{"question": "Q", "right": "R", "w1": "1", "w2": "2"}"""), "'w3'");
        StringAssert.Contains(Refused(settings, """{"question": "Q", "right": "R", "w1": " ", "w2": "2", "w3": "3"}"""), "'w1' is empty");
        var plain = settings with { Choice = settings.Choice with { Shuffle = false } };
        Assert.AreEqual("A", One(plain, """{"question": "Q", "right": "R", "w1": "1", "w2": 2, "w3": "3"}""").Answer);
    }

    [TestMethod]
    public void ChoiceSettings_BeyondTheirRange_AreRefusedByName()
    {
        foreach (var (settings, words) in new (ChoiceSettings, string)[]
        {
            (new() { CorrectField = "c" }, "incorrectFields names 0 fields"),
            (new() { CorrectField = "c", IncorrectFields = new string[26] }, "incorrectFields names 26 fields"),
            (new() { IncorrectFields = ["w"] }, "incorrectFields needs problems.settings.choice.correctField"),
            (new() { Shots = -1 }, "shots is -1; it must be 0 to 100."),
            (new() { Shots = 101, ShotsFile = "x" }, "shots is 101; it must be 0 to 100."),
            (new() { Shots = 1 }, "shotsFile is empty"),
        })
            StringAssert.Contains(Refused(new() { Choice = settings }, """{"question": "Q"}"""), words);
        Assert.IsEmpty(new ChoiceSettings { Shots = 100, ShotsFile = "x" }.Faults(""));
        Assert.IsEmpty(new ChoiceSettings { CorrectField = "c", IncorrectFields = new string[25] }.Faults(""));
    }

    [TestMethod]
    public void Mixture_Sources_AnswerForTheirOwn()
    {
        string Rows(string name, int count) =>
            Write(name, [.. Enumerable.Range(0, count).Select(i => $$"""{"prompt": "{{name}}{{i}}", "answer": "5"}""")]);
        var sets = new Dictionary<string, IProblemSet>
        {
            ["a"] = new FileProblems(
                new() { Train = Rows("ta", 6), HeldOut = Rows("ha", 3), Match = AnswerMatch.Numeric, TrainRows = [7] }, "a"),
            ["b"] = new FileProblems(new() { Train = Rows("tb", 6), HeldOut = Rows("hb", 1) }, "b"),
        };
        var mixture = new Mixture(
            new() { Sources = [new() { Set = "a", Weight = 2 }, new() { Set = "x", Name = "b", Weight = 1 }] },
            source => sets[source.Label]);
        CollectionAssert.AreEqual(new[] { "a/ha:1", "b/hb:1", "a/ha:2", "a/ha:3" }, mixture.HeldOut(9).Select(p => p.Id).ToArray());
        CollectionAssert.AreEqual(new[] { "a/ha:1", "b/hb:1", "a/ha:2" }, mixture.HeldOut(3).Select(p => p.Id).ToArray());
        Assert.AreEqual(12, mixture.Training!.Count);
        Assert.AreEqual("a/ta:1", mixture.Training[0].Id);
        StringAssert.StartsWith(mixture.Notes.Single(), "a: ");
        var (inA, inB, other) = (mixture.HeldOut(1)[0], mixture.HeldOut(2)[1], new Problem("c/1", "", ""));
        Assert.AreEqual((1.0, -1.0), (mixture.Judge(inA, "5.0", true).Score, mixture.Judge(inB, "5.0", true).Score));
        Assert.AreEqual(OutcomeKind.Error, mixture.Judge(other, "5", true).Kind);
        Assert.AreEqual(("5", "5", (string?)null), (mixture.AnswerOf(inA, "5"), mixture.AnswerOf(inB, "5"), mixture.AnswerOf(other, "5")));
        Assert.AreEqual(("5", " 5"), (mixture.Spelling(inB, " 5"), mixture.Spelling(other, " 5")));
        Assert.AreEqual((true, false), (mixture.IsSameAnswer(inA, "5", "5.0"), mixture.IsSameAnswer(inB, "5", "5.0")));
        Assert.AreEqual((true, false), (mixture.IsSameAnswer(other, "5", "5"), mixture.IsSameAnswer(other, "5", "5.0")));
        // Two thirds of nine are of "a", and six of its six are all of them.
        var batch = mixture.Batch(0, 9, 1);
        Assert.AreEqual((6, 9), (batch.Count(p => p.Id.StartsWith("a/")), batch.Distinct().Count()));
        Assert.AreEqual(11, mixture.Without(new HashSet<Problem> { mixture.Training[0] }).Training!.Count);
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => mixture.Batch(-1, 1, 1));
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => mixture.Batch(0, -1, 1));
        Assert.ThrowsExactly<ArgumentOutOfRangeException>(() => mixture.HeldOut(-1));
    }

    [TestMethod]
    public void Mixture_Settings_AreRefusedByName()
    {
        foreach (var (settings, words) in new (MixtureSettings, string)[]
        {
            (new(), "sources is empty"),
            (new() { Sources = [new() { Set = "a", Weight = 0 }] }, "sources[0].weight is 0"),
            (new() { Sources = [new() { Set = "a" }, new() { Set = "b", Weight = double.PositiveInfinity }] }, "sources[1].weight is"),
            (new() { Sources = [new() { Set = "mixture" }] }, "a mixture has no mixtures within"),
            (new() { Sources = [new() { Set = "a", Name = "x/y" }] }, "must not contain '/'"),
            (new() { Sources = [new() { Set = "a" }, new() { Set = "a" }] }, "2 sources named 'a'"),
        })
            StringAssert.Contains(Assert.ThrowsExactly<InputException>(settings.Validated).Message, words);
        new MixtureSettings { Sources = [new() { Set = "a" }, new() { Set = "a", Name = "b" }] }.Validated();
    }
}
