using G2RL.Onnx.Problems.Files;

namespace G2RL.Onnx.Tests;

/// <summary>What a row of a question with options becomes.</summary>
[TestClass]
public sealed class ChoiceRowsTests : RowFiles
{
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
        StringAssert.Contains(
            One(settings, """{"question": "Q", "options": [1, 2.50], "answer": "A"}""").Prompt, "\nOptions:\nA. 1\nB. 2.50\n");
        Assert.AreEqual("B", One(settings, """{"question": "Q", "options": ["N/A", "N/A"], "answer": 1}""").Answer);
        Assert.AreEqual("A", One(settings with { PromptField = "p", AnswerField = "a" },
            """{"question": "x", "p": "Q", "options": ["x", "y"], "answer": "B", "a": "A"}""").Answer);
        Assert.AreEqual("Q", One(settings with { PromptField = "ask" },
            """{"question": "x", "ask": "Q", "options": ["x", "y"], "answer": "B"}""").Question);
        StringAssert.EndsWith(One(settings, """{"question": "Q", "options": ["a", "b", "N/A "], "answer": 0}""").Prompt, "B. b\nAnswer:");
        foreach (var (category, instruction) in new[] { ("null", "Pick ()."), ("3", "Pick (3).") })
            Assert.AreEqual(instruction, One(settings, """{"question": "Q", "options": ["x", "y"], "answer": 0, "category": @}"""
                .Replace("@", category)).Turns![0].Content);
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
    [DataRow("""{"question": "Q", "options": ["x", null], "answer": "A"}""", "option 2 of field 'options' is empty")]
    [DataRow("""{"question": "Q", "options": ["x", "y", null], "answer": "A"}""", "option 3 of field 'options' is empty")]
    [DataRow("""{"question": "Q", "options": ["", "x", "y"], "answer": "B"}""", "option 1 of field 'options' is empty")]
    [DataRow("""{"question": "Q", "answer": "A"}""", ":1 has no field 'options'")]
    public void Choices_BrokenRows_AreRefused(string row, string words) =>
        StringAssert.Contains(Refused(new() { Choice = new() }, row), words);

    [TestMethod]
    public void Choices_FieldsOfOnesOwn_AreNamedWhereTheyAreMissing()
    {
        var settings = new FileProblemsSettings { Choice = new() { Shuffle = true }, PromptField = "ask", AnswerField = "gold" };
        StringAssert.Contains(Refused(settings, """{"question": "Q", "options": ["x", "y"], "gold": "A"}"""), "has no field 'ask'");
        StringAssert.Contains(Refused(settings, """{"ask": "Q", "options": ["x", "y"], "answer": "A"}"""), "has no field 'gold'");
        StringAssert.Contains(
            Refused(settings, """{"ask": null, "options": ["x", "y"], "gold": "A"}"""), "rows.jsonl:1: the question is empty.");
        Assert.AreEqual(
            "Answer the following multiple-choice question. Think step by step, and end with \"The answer is (X)\", where X is the "
                + "letter of the right option.",
            new ChoiceSettings().Instruction);
    }

    [TestMethod]
    public void Choices_NoOptions_SayWhatThereIs() =>
        StringAssert.EndsWith(
            Refused(new() { Choice = new() }, """{"question": "Q", "answer": "A"}"""),
            "rows.jsonl:1 has no field 'options'; it has question, answer.");

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
}
