using System.Text.Json;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Files;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class FileProblemsTests
{
    private readonly string folder = Directory.CreateTempSubdirectory("g2rl-jsonlines").FullName;

    [TestCleanup]
    public void Clean() => Directory.Delete(folder, recursive: true);

    [TestMethod]
    public void Addition10_ExactWholeText_JudgesWithoutAnEndToken()
    {
        var set = new FileProblems(new FileProblemsSettings
        {
            Train = SharedFolder.Require("data", "addition10", "train.jsonl"),
            HeldOut = SharedFolder.Require("data", "addition10", "test.jsonl"),
            RequireFinished = false,
        });
        Assert.AreEqual(20_000, set.TrainCount);
        Assert.AreEqual(1_000, set.HeldOutCount);
        var problem = set.HeldOut(1)[0];
        Assert.AreEqual("test.jsonl:1", problem.Id);
        // 4941881351 + 38926724 = 4980808075, least significant digit first, 11 digits.
        Assert.AreEqual("57080808940", problem.Answer);
        Assert.AreEqual(Outcome.Judged(true), set.Judge(problem, "57080808940", finished: false));
        Assert.AreEqual(Outcome.Judged(false), set.Judge(problem, "5708080894", finished: false));
    }

    [TestMethod]
    public void Gsm8k_NumericAnswers_ReadsItsFields()
    {
        var set = new FileProblems(new FileProblemsSettings
        {
            Train = SharedFolder.Require("data", "gsm8k_train.jsonl"),
            HeldOut = SharedFolder.Require("data", "gsm8k_test.jsonl"),
            PromptField = "problem",
            Template = "Q: {prompt}\nA:",
            Answer = AnswerPlace.Marker,
            Match = AnswerMatch.Numeric,
        });
        Assert.AreEqual(1_319, set.HeldOutCount);
        var problem = set.HeldOut(1)[0];
        StringAssert.StartsWith(problem.Prompt, "Q: Janet");
        Assert.AreEqual(Outcome.Judged(true), set.Judge(problem, "16 - 3 - 4 = 9, 9 * 2 = 18\n#### $18.00\nbye", finished: true));
        Assert.AreEqual(Outcome.Judged(false, wellFormed: false), set.Judge(problem, "18", finished: true));
    }

    [TestMethod]
    public void Math_BoxedAnswers_ReadsItsFieldsAndNamesTheEmptyOnes()
    {
        var settings = new FileProblemsSettings
        {
            Train = SharedFolder.Require("data", "math_train.jsonl"),
            HeldOut = SharedFolder.Require("data", "math500.jsonl"),
            PromptField = "problem",
            Answer = AnswerPlace.Boxed,
            Overlap = Overlap.DropFromTraining,
        };
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => new FileProblems(settings)).Message, "field 'answer' is empty");
        var set = new FileProblems(settings with { SkipEmpty = true });
        Assert.AreEqual(500, set.HeldOutCount);
        var problem = set.HeldOut(1)[0];
        Assert.AreEqual(
            Outcome.Judged(true),
            set.Judge(problem, "so \\boxed{x} no, \\boxed{\\left( 3, \\frac{\\pi}{2} \\right)}.", finished: true));
        Assert.AreEqual(
            Outcome.Judged(false, wellFormed: false),
            set.Judge(problem, "\\boxed{\\left( 3, \\frac{\\pi}{2} \\right)", finished: true));
    }

    [TestMethod]
    [DataRow("1,000", "1000", true)]
    [DataRow("1e3", "1000.0", true)]
    [DataRow("1/2", "0.5", true)]
    [DataRow("\\frac{1}{2}", ".5", true)]
    [DataRow("-\\frac{3}{6}", "-0.50", true)]
    [DataRow("$1,234.50", "1234.5", true)]
    [DataRow("0.1", "1/10", true)]
    [DataRow("-0", "0", true)]
    [DataRow("1e400", "1e400", true)]
    [DataRow("1e401", "1e401", false)]
    [DataRow("1e999999999", "1e999999999", false)]
    [DataRow("1/0", "1/0", false)]
    [DataRow("0.3333333333", "1/3", false)]
    [DataRow("9007199254740993", "9007199254740992", false)]
    [DataRow("1,00", "100", false)]
    [DataRow("1,0000", "10000", false)]
    [DataRow("", "", false)]
    [DataRow("--1", "1", false)]
    [DataRow("1 000", "1000", true)]
    [DataRow("1,00,000", "100000", true)]
    [DataRow("-$5", "-5", true)]
    [DataRow("3\\frac{1}{2}", "3.5", true)]
    [DataRow("18 \\text{ apples}", "18", true)]
    [DataRow("2+3", "5", false)]
    [DataRow("\\frac{2+3}{5}", "1", false)]
    [DataRow("\\frac{\\pi}{\\pi}", "1", false)]
    [DataRow("\\frac{-2}{4}", "-0.5", true)]
    [DataRow(" --1", "1", false)]
    [DataRow(" 5 ", "5", true)]
    [DataRow("٣", "3", false)]
    [DataRow("1/2/3", "1/6", false)]
    [DataRow("NaN", "NaN", false)]
    public void ExactNumber_Pairs_CompareAsRationals(string left, string right, bool equal) =>
        Assert.AreEqual(equal, ExactNumber.Equal(left, right));

    [TestMethod]
    public void ExactNumber_TooLong_IsNotANumber()
    {
        Assert.IsTrue(ExactNumber.TryParse(new string(' ', 300) + "5", out var five));
        Assert.AreEqual((5, 1), five);
        Assert.IsTrue(ExactNumber.Equal(new string('9', 200), new string('9', 200)));
        Assert.IsFalse(ExactNumber.Equal(new string('9', 201), new string('9', 201)));
    }

    [TestMethod]
    [DataRow("I get 3 then 5-3", "3")]
    [DataRow("so it is -3.", "-3")]
    [DataRow("about 1,234.5 or 3/4", "3/4")]
    [DataRow("costs $1,234,567.", "$1,234,567")]
    [DataRow("1e5 apples", "1e5")]
    [DataRow("none", null)]
    public void LastNumber_Texts_IsFound(string text, string? expected) =>
        Assert.AreEqual(expected, AnswerExtraction.Find(text, AnswerPlace.LastNumber, ""));

    [TestMethod]
    public void Judge_HostileCompletions_NeverThrows()
    {
        var path = Write("a.jsonl", Rows(20));
        foreach (var place in Enum.GetValues<AnswerPlace>())
        {
            foreach (var match in Enum.GetValues<AnswerMatch>())
            {
                var set = new FileProblems(new FileProblemsSettings { Train = path, HeldOutFraction = 0.3, Answer = place, Match = match });
                var problem = set.Batch(0, 1, 1)[0];
                foreach (var text in new[]
                {
                    "",
                    "\0",
                    "\uD800",
                    "#### ",
                    "\\boxed{",
                    "\\boxed{}",
                    "####\n",
                    new string('9', 1_000_000),
                    string.Concat(Enumerable.Repeat("\\boxed{", 100_000)),
                    string.Concat(Enumerable.Repeat("1,", 300_000)),
                    "1e99999999999999999999",
                    "/",
                    "\\frac{}{}",
                    "\\frac{1}{",
                    "-",
                    "$",
                    "\\$",
                    "e",
                    "1/",
                    ".",
                })
                {
                    var outcome = set.Judge(problem, text, finished: true);
                    Assert.AreEqual(OutcomeKind.Score, outcome.Kind);
                    Assert.AreEqual(-1.0, outcome.Score, text.Length < 50 ? text : "long");
                }

                Assert.AreEqual(-1.0, set.Judge(problem, problem.Answer, finished: false).Score);
            }
        }
    }

    [TestMethod]
    public void Batch_WithinAnEpoch_NeverRepeatsAndIsPure()
    {
        var set =
            new FileProblems(new FileProblemsSettings { Train = Write("a.jsonl", Rows(25)), HeldOut = Write("b.jsonl", Rows(5, 100)) });
        for (var epoch = 0; epoch < 3; epoch++)
            Assert.AreEqual(24, Enumerable.Range(epoch * 3, 3).SelectMany(s => set.Batch(s, 8, 3)).Distinct().Count());
        CollectionAssert.AreEqual(set.Batch(4, 8, 3).ToArray(), set.Batch(4, 8, 3).ToArray());
        CollectionAssert.AreNotEqual(set.Batch(0, 8, 3).ToArray(), set.Batch(3, 8, 3).ToArray(), "the second epoch is another shuffle");
        CollectionAssert.AreNotEqual(set.Batch(0, 8, 3).ToArray(), set.Batch(0, 8, 4).ToArray());
        Assert.AreEqual(25, set.Batch(0, 60, 1).Take(25).Distinct().Count());
        Assert.AreEqual(60, set.Batch(0, 60, 1).Count);
        Assert.AreEqual(
            25,
            Enumerable.Range(0, 50).SelectMany(s => set.Batch(s, 8, 3)).Distinct().Count(),
            "every problem is met in some epoch");
    }

    [TestMethod]
    public void HeldOutFraction_SplitsByPrompt_WithoutOverlap()
    {
        var set = new FileProblems(new FileProblemsSettings { Train = Write("a.jsonl", Rows(2000)), HeldOutFraction = 0.25 });
        Assert.AreEqual(2000, set.TrainCount + set.HeldOutCount);
        Assert.AreEqual(500, set.HeldOutCount, 80.0, "binomial: sd 19");
        Assert.AreEqual(0, set.HeldOut(2000).Intersect(set.Batch(0, set.TrainCount, 1)).Count());
    }

    // A question may stand there twice, with other options or another row's turns around it.
    [TestMethod]
    public void HeldOutFraction_ByTheQuestion_KeepsItOnOneSide()
    {
        var rows = string.Concat(Enumerable.Range(0, 40).SelectMany(i => Enumerable.Range(0, 4).Select(k =>
            $"{{\"question\":\"q{i}\",\"options\":[\"{k}\",\"x\"],\"answer\":\"A\"}}\n")));
        var set = new FileProblems(new FileProblemsSettings { Train = Write("a.jsonl", rows), HeldOutFraction = 0.5, Choice = new() });
        Assert.AreEqual(160, set.TrainCount + set.HeldOutCount);
        Assert.IsEmpty(set.Training.Select(p => p.Question).Intersect(set.HeldOut(160).Select(p => p.Question)));
        var (plain, asked) = (new FileProblemsSettings { Train = Write("b.jsonl", Rows(100)), HeldOutFraction = 0.5 }, "Q: {prompt}");
        CollectionAssert.AreEqual(
            new FileProblems(plain).HeldOut(100).Select(p => p.Question).ToArray(),
            new FileProblems(plain with { Template = asked }).HeldOut(100).Select(p => p.Question).ToArray());
    }

    [TestMethod]
    public void Overlap_BetweenTrainAndHeldOut_IsReportedOrDropped()
    {
        var settings = new FileProblemsSettings { Train = Write("a.jsonl", Rows(10)), HeldOut = Write("b.jsonl", Rows(3, 8)) };
        var error = Assert.ThrowsExactly<InputException>(() => new FileProblems(settings));
        StringAssert.Contains(error.Message, "2 prompts");
        StringAssert.Contains(error.Message, "a.jsonl:9 = b.jsonl:1");
        var set = new FileProblems(settings with { Overlap = Overlap.DropFromTraining });
        Assert.AreEqual(8, set.TrainCount);
        Assert.AreEqual($"{settings.Train}: 2 rows are held out in {settings.HeldOut} and are left out of training.", set.Notes.Single());
        var repeated = new FileProblems(new FileProblemsSettings
        {
            Train = Write("c.jsonl", Rows(4) + Rows(4)),
            HeldOut = Write("d.jsonl", Rows(3, 8)),
        });
        Assert.AreEqual(4, repeated.TrainCount);
        StringAssert.Contains(repeated.Notes[0], "4 rows repeat");
    }

    [TestMethod]
    [DataRow("{\"prompt\":\"a\",\"answer\":\"1\"}\n{oops\n", "a.jsonl:2 is not JSON")]
    [DataRow("[1]\n", "a.jsonl:1 is a JSON Number; every row must be an object")]
    [DataRow("{\"prompt\":\"a\",\"answer\":\"1\"}\n[1]\n", "a.jsonl:2 is a JSON Array")]
    [DataRow("{\"prompt\":\"a\"}\n", "has no field 'answer'")]
    [DataRow("{\"prompt\":\"\",\"answer\":\"1\"}\n", "field 'prompt' is empty")]
    [DataRow("{\"prompt\":\"a\",\"answer\":null}\n", "field 'answer' is empty or null")]
    [DataRow("{\"prompt\":7,\"answer\":\"1\"}\n", "field 'prompt' is a JSON Number")]
    [DataRow("{\"prompt\":\"\\ud800\",\"answer\":\"1\"}\n", "a.jsonl:1 holds text that is not Unicode")]
    [DataRow("{\"\\ud800\":\"\",\"answer\":\"1\"}\n", "a.jsonl:1")]
    [DataRow("{\"prompt\":\"a\",\"answer\":\"x\"}\n", "which is not a number")]
    [DataRow("", "holds no problems; it must hold one JSON object a line")]
    [DataRow("\n\n", "holds no problems")]
    public void Read_MalformedFile_NamesFileLineAndFault(string content, string expected)
    {
        var error = Assert.ThrowsExactly<InputException>(() => new FileProblems(new FileProblemsSettings
        {
            Train = Write("a.jsonl", content),
            HeldOutFraction = 0.5,
            Match = AnswerMatch.Numeric,
        }));
        StringAssert.Contains(error.Message, expected);
    }

    [TestMethod]
    public void Settings_Wrong_AreReported()
    {
        var error = Assert.ThrowsExactly<InputException>(() =>
            new FileProblems(new FileProblemsSettings { Template = "hello", Marker = "", HeldOut = "x", HeldOutFraction = 2 }));
        foreach (var part in new[] { "train is empty", "both given", "heldOutFraction is 2", "marker is empty", "template is 'hello'" })
            StringAssert.Contains(error.Message, part);
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => new FileProblems(new FileProblemsSettings
        {
            Train = Path.Combine(folder, "no.jsonl"),
            HeldOutFraction = 0.5,
        })).Message, "cannot be read");
    }

    [TestMethod]
    public void ReferenceMarker_OriginalGsm8kAnswers_TakesWhatStandsBehindIt()
    {
        var path = Write("a.jsonl", string.Concat(Enumerable.Range(0, 20)
            .Select(i => JsonSerializer.Serialize(new { question = $"q{i}", answer = $"one\n#### {i},000" }) + "\n")));
        var set = new FileProblems(new FileProblemsSettings
        {
            Train = path,
            HeldOutFraction = 0.5,
            PromptField = "question",
            ReferenceMarker = "####",
            Match = AnswerMatch.Numeric,
            Answer = AnswerPlace.LastNumber,
        });
        var problem = set.Batch(0, 1, 1)[0];
        Assert.AreEqual(1.0, set.Judge(problem, $"it is {problem.Answer.Replace(",", "")}.", finished: true).Score);
    }

    private static string Rows(int count, int from = 0) =>
        string.Concat(Enumerable.Range(from, count).Select(i => $"{{\"prompt\":\"what is {i}\",\"answer\":{i + 123456}}}\n"));

    private string Write(string name, string content)
    {
        var path = Path.Combine(folder, name);
        File.WriteAllText(path, content);
        return path;
    }
}
