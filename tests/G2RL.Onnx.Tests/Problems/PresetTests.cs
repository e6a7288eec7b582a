using System.Text.Json;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Files;
using G2RL.Onnx.Problems.Presets;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class PresetTests
{
    private readonly string folder = Directory.CreateTempSubdirectory("g2rl-presets").FullName;

    [TestCleanup]
    public void Clean() => Directory.Delete(folder, recursive: true);

    [TestMethod]
    public void Preset_RealFile_HasItsRowsAndJudgesTheFirst()
    {
        HasItsRowsAndJudgesTheFirst("math500", "math500.jsonl", 500, "Thus \\boxed{\\left(3, \\tfrac{\\pi}{2}\\right)}.");
        HasItsRowsAndJudgesTheFirst("gsm8k", "gsm8k_test.jsonl", 1319, "She makes $18.\n#### 18");
        HasItsRowsAndJudgesTheFirst("amc", "amc83.jsonl", 83, "\\boxed{142}");
        HasItsRowsAndJudgesTheFirst("amc", "amc23_40.jsonl", 40, "\\boxed{27}");
        HasItsRowsAndJudgesTheFirst("aime24", "aime24.jsonl", 30, "\\boxed{204}");
        HasItsRowsAndJudgesTheFirst("aime25", "aime25.jsonl", 30, "\\boxed{70}");
        HasItsRowsAndJudgesTheFirst("mmlu-pro", "mmlu_pro_test.jsonl", 12032, "Let me think. The answer is (I).");
    }

    private static void HasItsRowsAndJudgesTheFirst(string name, string file, int rows, string right)
    {
        var set = ProblemSets.Create(name, Settings(new { heldOut = SharedFolder.Require("data", file) }));
        var problems = set.HeldOut(int.MaxValue);
        Assert.AreEqual(rows, problems.Count, "repeated questions are asked as often as the benchmark asks them");
        Assert.IsFalse(set.Notes.Any(n => n.Contains("Is it the right file")), string.Join("\n", set.Notes));
        Assert.AreEqual(1.0, set.Judge(problems[0], right, finished: true).Score, problems[0].Answer);
        Assert.AreEqual(-1.0, set.Judge(
            problems[0],
            right.Replace("I", "B").Replace("18", "19").Replace("\\pi", "e").Replace("2", "5").Replace("7", "8"),
            finished: true).Score);
        Assert.IsFalse(set.Judge(problems[0], "I do not know.", finished: true).WellFormed);
    }

    // Rows of our own in each benchmark's fields, a right answer as the benchmark asks for it, and a wrong one.
    [TestMethod]
    [DataRow("math500", """{"problem": "Half of $\\pi$?", "answer": "\\frac{\\pi}{2}", "solution": "", "level": 1}""",
        "\\boxed{\\tfrac{\\pi}{2}}", "\\boxed{\\pi}")]
    [DataRow("gsm8k", """{"question": "Two nets of nine balls?", "answer": "9 + 9 = <<9+9=18>>18\n#### 18"}""", "So 18.\n#### 18", "#### 19")]
    [DataRow("gsm8k", """{"problem": "Two nets of nine balls?", "answer": "18"}""", "So 18.\n#### 18", "#### 19")]
    [DataRow("amc", """{"problem": "12 dozen less 2?", "answer": "142"}""", "\\boxed{142}", "\\boxed{144}")]
    [DataRow("aime24", """{"problem": "4 times 51?", "answer": "204"}""", "\\boxed{204}", "\\boxed{203}")]
    [DataRow("aime25", """{"problem": "7 times 10?", "answer": "70"}""", "\\boxed{070}", "\\boxed{71}")]
    [DataRow(
        "mmlu-pro",
        """{"question": "Which is even?", "options": ["1", "3", "4"], "answer": "C", "answer_index": 2, "category": "math"}""",
        "The answer is (C).",
        "The answer is (B).")]
    public void Preset_OwnRow_IsReadAndJudged(string name, string row, string right, string wrong)
    {
        File.WriteAllText(At("own.jsonl"), row + "\n");
        var set = ProblemSets.Create(name, Settings(new { heldOut = At("own.jsonl") }));
        var problem = set.HeldOut(1).Single();
        Assert.AreEqual(1.0, set.Judge(problem, right, finished: true).Score);
        Assert.AreEqual(-1.0, set.Judge(problem, wrong, finished: true).Score);
        Assert.IsFalse(set.Judge(problem, "I do not know.", finished: true).WellFormed);
    }

    [TestMethod]
    public void Preset_OtherRowCount_Warns()
    {
        File.WriteAllText(At("a.jsonl"), "{\"problem\":\"1+1\",\"answer\":\"2\"}\n");
        StringAssert.Contains(ProblemSets.Create("math500", Settings(new { heldOut = At("a.jsonl") })).Notes[0], "1 rows; math500 has 500");
        foreach (var name in (string[])["file", "jsonl", "math500"])
            Assert.AreEqual(name, ProblemSets.Create(name, Settings(new { heldOut = At("a.jsonl") })).Name);
    }

    [TestMethod]
    public void Gpqa_OwnFixture_ShufflesAsAFunctionOfTheQuestion()
    {
        File.WriteAllText(At("g.csv"), "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3,Subdomain\n"
            + string.Concat(Enumerable.Range(0, 64)
                .Select(i => $"\"Which, of these, is number {i}?\",right {i},wrong a,wrong b,wrong c,x\n")));
        var set = ProblemSets.Create("gpqa-diamond", Settings(new { heldOut = At("g.csv") }));
        var problems = set.HeldOut(100);
        var letters = problems.GroupBy(p => p.Answer).ToDictionary(g => g.Key, g => g.Count());
        Assert.AreEqual("ABCD", string.Concat(letters.Keys.Order()), "every place occurs");
        Assert.IsTrue(letters.Values.All(n => n is > 5 and < 30), "and none too often: 16 expected, sd 3.5");
        foreach (var (problem, i) in problems.Select((p, i) => (p, i)))
        {
            StringAssert.Contains(problem.Prompt, $"\n{problem.Answer}. right {i}\n".TrimEnd('\n'));
            Assert.AreEqual(1.0, set.Judge(problem, $"So the answer is ({problem.Answer}).", finished: true).Score);
        }
        // What is given of multiple choice lies over the preset's, name by name.
        var picked = ProblemSets.Create("gpqa-diamond", Settings(new { heldOut = At("g.csv"), choice = new { instruction = "Pick." } }));
        Assert.AreEqual(problems[0].Answer, picked.HeldOut(1)[0].Answer);
        StringAssert.StartsWith(picked.HeldOut(1)[0].Prompt, "Pick.\n\nQuestion: Which, of these, is number 0?\n");
        // The order is the question's, not the row's.
        File.WriteAllLines(At("h.csv"), File.ReadAllLines(At("g.csv")).Take(1).Concat(File.ReadAllLines(At("g.csv")).Skip(1).Reverse()));
        var reversed = ProblemSets.Create("gpqa-diamond", Settings(new { heldOut = At("h.csv") })).HeldOut(100);
        CollectionAssert.AreEqual(problems.Select(p => p.Prompt).ToArray(), reversed.Reverse().Select(p => p.Prompt).ToArray());
    }

    [TestMethod]
    public void MmluPro_FiveShots_TakesThoseOfTheCategory()
    {
        string Row(string category, int i, string? solution) => JsonSerializer.Serialize(new
        {
            question = $"{category} {i}?",
            options = new[] { "x", "y", "N/A" },
            answer = "B",
            answer_index = 1,
            category,
            cot_content = solution,
        }) + "\n";
        File.WriteAllText(At("v.jsonl"), string.Concat(new[] { "law", "art" }
            .SelectMany(c => Enumerable.Range(0, 7).Select(i => Row(c, i, $"A: Let's see. {c} {i}. The answer is (B).")))));
        File.WriteAllText(At("t.jsonl"), Row("art", 99, null));
        var set = ProblemSets.Create(
            "mmlu-pro",
            Settings(new { heldOut = At("t.jsonl"), choice = new { shots = 5, shotsFile = At("v.jsonl") } }));
        var problem = set.HeldOut(1)[0];
        Assert.AreEqual("B", problem.Answer);
        Assert.AreEqual(5, problem.Prompt.Split("The answer is (B)").Length - 1);
        Assert.IsFalse(problem.Prompt.Contains("law") || problem.Prompt.Contains("N/A") || problem.Prompt.Contains("A: "));
        StringAssert.EndsWith(problem.Prompt, "Question: art 99?\nOptions:\nA. x\nB. y\nAnswer:");
        Assert.AreEqual(
            "system user assistant user assistant user assistant user assistant user assistant user",
            string.Join(' ', problem.Turns!.Select(t => t.Role)));
        var none = ProblemSets.Create("mmlu-pro", Settings(new { heldOut = At("t.jsonl") })).HeldOut(1)[0];
        Assert.IsFalse(none.Prompt.Contains("Let's see"));
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => ProblemSets.Create(
                "mmlu-pro",
                Settings(new { heldOut = At("t.jsonl"), choice = new { shots = 5 } }))).Message, "choice.shotsFile is empty");
    }

    [TestMethod]
    // 8,3:9,4: steps of -5, modulo 9: -2 -> 7, 2, -3 -> 6, 1.
    [DataRow("8,3:9,4", "7,2,6,1")]
    [DataRow("2,5:9,2", "8,2")]
    [DataRow("0,3:9,0", "")]
    [DataRow("1,2,3", null)]
    [DataRow("1,2:0,3", null)]
    public void DigitCompletion_ByHand_ContinuesTheSequence(string prompt, string? expected) =>
        Assert.AreEqual(expected, DerivedAnswers.DigitCompletion(prompt));

    [TestMethod]
    public void Verl_RealFiles_AreProblems()
    {
        var digits = ProblemSets.Create("verl-digits", Settings(new
        {
            train = SharedFolder.Require("data", "verl_arith_train.parquet"),
            heldOut = SharedFolder.Require("data", "verl_arith_test.parquet"),
            overlap = "dropFromTraining",
        }));
        var first = digits.HeldOut(1)[0];
        Assert.AreEqual("7,7:9,4", first.Prompt);
        Assert.AreEqual(1.0, digits.Judge(first, "7,7,7,7", finished: true).Score);
        var dsr = ProblemSets.Create(
            "verl",
            Settings(new { train = SharedFolder.Require("data", "oneshot_dsr_sub.parquet"), heldOutFraction = 0.1 }));
        Assert.IsTrue(dsr.Training!.Count > 1000);
        Assert.IsTrue(dsr.Training.All(p => p.Turns is { Count: 1 } && p.Conversation == TurnsKind.Auto));
        var plain = ProblemSets.Create("jsonl", Settings(new
        {
            train = SharedFolder.Require(
            "data",
            "oneshot_dsr_sub.parquet"),
            heldOutFraction = 0.1,
            policy = "math",
            skipEmpty = true
        }));
        CollectionAssert.AreEqual(
            dsr.Training.Select(p => p.Answer).ToArray(),
            plain.Training!.Select(p => p.Answer).ToArray(),
            "found without naming its fields");
    }

    [TestMethod]
    public void Turns_LastOneTheAssistants_IsTheReference()
    {
        File.WriteAllText(At("m.jsonl"), "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\","
            + "\"content\":[{\"type\":\"text\",\"text\":\"q\"}]},{\"role\":\"assistant\",\"content\":\"42\"}]}\n");
        var problem = ProblemSets.Create("jsonl", Settings(new { heldOut = At("m.jsonl") })).HeldOut(1)[0];
        Assert.AreEqual(("s\n\nq", "42", 2), (problem.Prompt, problem.Answer, problem.Turns!.Count));
        File.WriteAllText(At("n.jsonl"), "{\"prompt\":[{\"role\":\"user\"}],\"answer\":\"1\"}\n");
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => ProblemSets.Create("jsonl", Settings(new { heldOut = At("n.jsonl") }))).Message,
            "n.jsonl:1: field 'prompt' is a list, but turn 0 of it is no object with a role and a content");
    }

    [TestMethod]
    public void Mixture_Weights_AreKeptAndEachJudgeJudges()
    {
        File.WriteAllText(
            At("a.jsonl"),
            string.Concat(Enumerable.Range(0, 40).Select(i => $"{{\"prompt\":\"a{i}\",\"answer\":\"{i}\"}}\n")));
        File.WriteAllText(
            At("b.jsonl"),
            string.Concat(Enumerable.Range(0, 40).Select(i => $"{{\"problem\":\"b{i}\",\"answer\":\"{i}/2\"}}\n")));
        var settings = Settings(new
        {
            sources = new object[]
            {
                new { name = "plain", set = "jsonl", weight = 3, settings = new { train = At("a.jsonl"), heldOutFraction = 0.2 } },
                new { name = "exact", set = "math", weight = 1, settings = new { train = At("b.jsonl"), heldOutFraction = 0.2 } },
            },
        });
        var set = ProblemSets.Create("mixture", settings);
        for (var step = 0; step < 8; step++)
        {
            var batch = set.Batch(step, 8, 5);
            Assert.AreEqual(6, batch.Count(p => p.Id.StartsWith("plain/")));
            Assert.AreEqual(8, batch.Select(p => p.Id).Distinct().Count());
            CollectionAssert.AreEqual(
                batch.Select(p => p.Id).ToArray(),
                ProblemSets.Create("mixture", settings).Batch(step, 8, 5).Select(p => p.Id).ToArray(),
                "pure");
        }
        var odd = Enumerable.Range(0, 200).SelectMany(s => set.Batch(s, 3, 1)).Count(p => p.Id.StartsWith("plain/"));
        Assert.AreEqual(450, odd, 40.0, "2.25 of 3 on average; 200 draws of a quarter: sd 6");
        var exact = set.HeldOut(100).First(p => p.Id.StartsWith("exact/"));
        Assert.AreEqual(1.0, set.Judge(exact, $"\\boxed{{{exact.Answer.Split('/')[0]}/2.0}}", finished: true).Score);
        Assert.AreEqual(-1.0, set.Judge(set.HeldOut(100).First(p => p.Id.StartsWith("plain/")), "\\boxed{1}", finished: true).Score);
        var spoiled = Settings(new
        {
            sources = new object[]
        {
            new { name = "x", set = "jsonl", settings = new { train = At("a.jsonl"), heldOutFraction = 0.2 } },
            new { name = "y", set = "jsonl", settings = new { heldOut = At("a.jsonl") } },
        }
        });
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => ProblemSets.Create("mixture", spoiled)).Message,
            "are held out in another source");
    }

    [TestMethod]
    public void Presets_AllOfThem_StandInTheTableOfTheDocumentation()
    {
        var page = File.ReadAllText(SharedFolder.InRepository("docs", "benchmarks.md"));
        foreach (var preset in ProblemPresets.All.Values)
            StringAssert.Contains(page, $"| `{preset.Name}` |");
    }

    private static JsonElement Settings(object value) => JsonSerializer.SerializeToElement(value);

    private string At(string name) => Path.Combine(folder, name);
}
