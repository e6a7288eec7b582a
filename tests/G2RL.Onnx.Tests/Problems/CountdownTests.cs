using System.Text;
using System.Text.Json;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Generated;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class CountdownTests
{
    private static readonly Countdown Default = new(new CountdownSettings());

    [TestMethod]
    [DataRow("(9-3)*7", true, true, true)]
    [DataRow("7*(9-3)", true, true, true)]
    [DataRow("7 * ( 9 - 3 )", true, true, true)]
    [DataRow("((7))*((9-3))", true, true, true)]
    [DataRow("9*3+8+7", true, true, true)]
    [DataRow("7*(9-8/4)", true, false, true)]
    [DataRow("9*3+7", true, false, true)]
    [DataRow("42", true, false, true)]
    [DataRow("6*7", true, false, true)]
    [DataRow("(9-3)*7+7-7", true, false, true)]
    [DataRow("(9-3)*7*8/8", true, false, true)]
    [DataRow("7*9/(3-3)", true, false, true)]
    [DataRow("(9-3)*7", false, false, false)]
    [DataRow("(9-3)*7=42", true, false, false)]
    [DataRow("(9-3)7", true, false, false)]
    [DataRow("-(3-9)*7", true, false, false)]
    [DataRow("(9-3)*07", true, false, false)]
    [DataRow("(9-3)×7", true, false, false)]
    [DataRow("(9-3)*٧", true, false, false)]
    [DataRow("", true, false, false)]
    [DataRow("\uD800", true, false, false)]
    public void Judge_Completions_EveryValidWayToTheTargetIsRight(string completion, bool finished, bool correct, bool wellFormed) =>
        Assert.AreEqual(
            new Outcome(OutcomeKind.Score, correct ? 1 : -1, wellFormed, null),
            Default.Judge(new Problem("x", "3,7,9,8:42=", ""), completion, finished));

    [TestMethod]
    public void Judge_FractionsOnTheWay_AreExact()
    {
        Assert.AreEqual(1.0, Default.Judge(new Problem("x", "8,3,8,3:24=", ""), "8/(3-8/3)", true).Score);
        Assert.AreEqual(1.0, Default.Judge(new Problem("x", "1,3,9:3=", ""), "9*(1/3)", true).Score);
        // 0.999... is not 1: ten digits are not enough to tell these apart.
        Assert.AreEqual(
            -1.0,
            Default.Judge(new Problem("x", "9999,9998,9997,9996,9995:1=", ""), "9999/9998*9997/9996*9995/9995", true).Score);
        Assert.AreEqual(-1.0, Default.Judge(new Problem("x", "7,2:3=", ""), "7/2", true).Score, "no integer division");
        Assert.AreEqual(1.0, Default.Judge(new Problem("x", "5,5:10=", ""), "5+5", true).Score, "a number given twice may be used twice");
        Assert.AreEqual(-1.0, Default.Judge(new Problem("x", "5,5:15=", ""), "5+5+5", true).Score);
    }

    [TestMethod]
    public void Judge_SettingsOfTheRun_AreKept()
    {
        var problem = new Problem("x", "8,4,2:4=", "");
        Assert.AreEqual(1.0, Default.Judge(problem, "8-4", true).Score);
        Assert.AreEqual(-1.0, new Countdown(new CountdownSettings { UseAll = true }).Judge(problem, "8-4", true).Score);
        Assert.AreEqual(1.0, new Countdown(new CountdownSettings { UseAll = true }).Judge(problem, "8/4*2", true).Score);
        Assert.AreEqual(
            -1.0,
            new Countdown(new CountdownSettings { UseAll = true, Operators = "+-*" }).Judge(problem, "8/4*2", true).Score);
    }

    [TestMethod]
    public void Judge_PromptOfAnotherSet_IsAFailureAndNoScore()
    {
        foreach (var prompt in new[]
        {
            "", "1+2=", "=", ":=", "1,2:=", "1,,2:3=", "1,2:3", "-1,2:3=", "1,2:3=4=", "9999999999,1:2=", "1, 2:3=",
        })
            Assert.AreEqual(
                Outcome.Failed("problem 'x' is not a countdown problem; its prompt must look like 3,7,9:42="),
                Default.Judge(new Problem("x", prompt, ""), "1+2", true),
                prompt);
    }

    [TestMethod]
    public void Judge_TwentyThousandMutations_NeverThrowsAndAgreesWithAnotherReading()
    {
        const string Alphabet = "0123456789+-*/()=,: \0\n٣a\uD800";
        var random = new ProblemRandom(2026, 2);
        var problems = Default.Batch(0, 200, 1);
        var right = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var problem = problems[i % problems.Count];
            var text = new StringBuilder(problem.Answer);
            for (var n = random.Below(3); n > 0; n--)
            {
                var at = random.Below(text.Length + 1);
                switch (random.Below(5))
                {
                    case 0: text.Insert(at, Alphabet[random.Below(Alphabet.Length)]); break;
                    case 1 when at < text.Length: text.Remove(at, 1); break;
                    case 2: text.Insert(at, new string("(-=*9"[random.Below(5)], random.Below(600))); break;
                    case 3: text.Insert(0, '(').Append(')'); break;
                    default: text.Length = at; break;
                }
            }

            var completion = text.ToString();
            var outcome = Default.Judge(problem, completion, finished: true);
            var expected = IsRight(problem, completion);
            Assert.AreEqual(
                new Outcome(OutcomeKind.Score, expected ? 1 : -1, outcome.WellFormed, null),
                outcome,
                $"{problem.Prompt}{completion}");
            Assert.AreEqual(RationalExpression.TryParse(completion) is not null, outcome.WellFormed);
            right += expected ? 1 : 0;
        }

        Assert.IsTrue(right is > 4000 and < 16_000, $"{right} right: the mutations must reach both sides");
    }

    [TestMethod]
    [DataRow(3, 3, 9, 50, "+-*/", false)]
    [DataRow(3, 6, 25, 999, "+-*/", true)]
    [DataRow(2, 4, 9, 20, "+-", false)]
    [DataRow(4, 4, 13, 24, "*/+-", true)]
    public void Batch_ManySteps_HasASolutionThatKeepsTheRules(
        int minCount,
        int maxCount,
        int maxNumber,
        int maxTarget,
        string operators,
        bool useAll)
    {
        var set = new Countdown(new CountdownSettings
        {
            MinCount = minCount,
            MaxCount = maxCount,
            MaxNumber = maxNumber,
            MaxTarget = maxTarget,
            Operators = operators,
            UseAll = useAll,
        });
        for (var step = 0; step < 40; step++)
        {
            foreach (var problem in set.Batch(step, 16, 5))
            {
                Assert.IsTrue(IsRight(problem, problem.Answer), $"{problem.Prompt}{problem.Answer}");
                Assert.AreEqual(
                    new Outcome(OutcomeKind.Score, 1, true, null),
                    set.Judge(problem, problem.Answer, finished: true),
                    $"{problem.Prompt}{problem.Answer}");
                var (numbers, target) = Read(problem);
                Assert.IsTrue(numbers.Length >= minCount
                    && numbers.Length <= maxCount
                    && numbers.All(n => n >= 1 && n <= maxNumber)
                    && target >= 1
                    && target <= maxTarget, problem.Prompt);
                Assert.DoesNotContain(target, numbers, "a target that is one of the numbers needs no work");
                Assert.IsTrue(
                    problem.Answer.Where(c => !char.IsAsciiDigit(c) && c is not ('(' or ')')).All(operators.Contains),
                    problem.Answer);
            }
        }
    }

    [TestMethod]
    public void Batch_DefaultSettings_MostProblemsHaveSeveralSolutions()
    {
        // Trying everything takes too long with five numbers; those have more solutions, not fewer.
        var solutions = Default.HeldOut(100)
            .Select(Read)
            .Where(p => p.Numbers.Length == 4)
            .Select(p => CountdownSolutions.Of(p.Numbers, p.Target).Count)
            .ToArray();
        Assert.IsGreaterThan(30, solutions.Length);
        Assert.IsTrue(solutions.All(s => s >= 1));
        Assert.IsGreaterThan(
            solutions.Length * 0.8,
            solutions.Count(s => s >= 2),
            "two solutions that differ by more than the order of two terms or factors");
    }

    [TestMethod]
    public void Batch_SameArguments_IsTheSameAndOtherwiseDiffers()
    {
        var first = Default.Batch(3, 64, 7);
        CollectionAssert.AreEqual(first.ToArray(), new Countdown(new CountdownSettings()).Batch(3, 64, 7).ToArray());
        Assert.AreEqual(64, first.Select(p => p.Id).Distinct().Count());
        Assert.IsLessThan(8, first.Intersect(Default.Batch(4, 64, 7)).Count());
        Assert.IsLessThan(8, first.Intersect(Default.Batch(3, 64, 8)).Count());
    }

    [TestMethod]
    public void HeldOut_AnySeedAndSettings_NeverMeetsTraining()
    {
        var set = new Countdown(new CountdownSettings { MinCount = 3, MaxCount = 3, HeldOutCount = 200, ErrorRate = 0.2 });
        var heldOut = set.HeldOut(200).Select(Key).ToHashSet();
        Assert.AreEqual(200, heldOut.Count, "whatever the order of the numbers");
        CollectionAssert.AreEqual(set.HeldOut(50).ToArray(), set.HeldOut(200).Take(50).ToArray());
        for (var step = 0; step < 50; step++)
            Assert.IsFalse(set.Batch(step, 20, 9).Any(p => heldOut.Contains(Key(p))));
        for (var i = 0L; i < 5000; i++)
            Assert.DoesNotContain(Key(new Problem("", set.Example(11, i).Prompt, "")), heldOut);
        Assert.AreEqual(Countdown.IsHeldOut([9, 3, 7], 42), Countdown.IsHeldOut([3, 7, 9], 42));

        static string Key(Problem problem)
        {
            var (numbers, target) = Read(problem);
            return $"{string.Join(',', numbers.Order())}:{target}";
        }
    }

    [TestMethod]
    public void HeldOut_SmallSpace_GivesWhatThereIs()
    {
        var set = new Countdown(new CountdownSettings { MinCount = 2, MaxCount = 2, MaxNumber = 9, Operators = "+" });
        // 45 sums a+b with a <= b, about a tenth of them held out.
        var expected = Enumerable.Range(0, 81)
            .Select(i => (A: 1 + (i / 9), B: 1 + (i % 9)))
            .Count(p => p.A <= p.B && Countdown.IsHeldOut([p.A, p.B], p.A + p.B));
        Assert.AreEqual(expected, set.HeldOut(500).Count);
        Assert.AreEqual(200, set.Batch(0, 200, 1).Count, "a batch larger than the space repeats");
    }

    [TestMethod]
    public void Example_ErrorRate_ChangesOneOperator()
    {
        var noisy = new Countdown(new CountdownSettings { ErrorRate = 0.4 });
        int wrong = 0, cleanWrong = 0;
        for (var i = 0L; i < 3000; i++)
        {
            var (prompt, solution) = Default.Example(3, i);
            cleanWrong += IsRight(new Problem("", prompt, ""), solution) ? 0 : 1;
            Assert.IsTrue((prompt + solution).All(Default.Characters.Contains));
            (prompt, solution) = noisy.Example(3, i);
            var judged = noisy.Judge(new Problem("", prompt, ""), solution, finished: true);
            Assert.IsTrue(judged.WellFormed, prompt + solution);
            wrong += judged.Score > 0 ? 0 : 1;
        }

        Assert.AreEqual(0, cleanWrong);
        // A quarter of the replacements draw the operator that was there; few of the others reach the target all the same.
        Assert.AreEqual(0.4 * 0.75, wrong / 3000.0, 0.04, "binomial: sd 0.0084, and up to 0.02 of lucky misses");
        Assert.AreEqual(Default.Example(3, 17), new Countdown(new CountdownSettings()).Example(3, 17));
        Assert.AreNotEqual(Default.Example(3, 17), Default.Example(3, 18));
        Assert.AreNotEqual(Default.Example(3, 17), Default.Example(4, 17));
    }

    [TestMethod]
    public void Settings_OutOfRange_AreAllReported()
    {
        var error = Assert.ThrowsExactly<InputException>(() => new Countdown(new CountdownSettings
        {
            MinCount = 1,
            MaxCount = 9,
            MinNumber = 0,
            MaxNumber = 10_000,
            MinTarget = -1,
            MaxTarget = 1_000_000,
            Operators = "+%",
            HeldOutCount = 0,
            ErrorRate = double.NaN,
        }));
        string[] faults =
        [
            "minCount is 1; it must be 2 to maxCount (9).", "maxCount is 9; it must be at most 8.",
            "minNumber is 0; it must be 1 to maxNumber (10000).", "maxNumber is 10000; it must be at most 9999.",
            "minTarget is -1; it must be 0 to maxTarget (1000000).", "maxTarget is 1000000; it must be at most 999999.",
            "operators is '+%'; it must be 1 to 32 of the characters + - * /.", "heldOutCount is 0; it must be at least 1.",
            "errorRate is NaN; it must be 0 to 1.",
        ];
        CollectionAssert.AreEqual(
            faults.Select(f => "problems.settings." + f).ToArray(), error.Message.Split(Environment.NewLine));
        var none = Assert.ThrowsExactly<InputException>(() => new Countdown(
            new CountdownSettings { MinCount = 4, MinNumber = 9, Operators = "*", UseAll = true })).Message;
        StringAssert.StartsWith(none, "No problem with 4 to 5 numbers");
        StringAssert.Contains(none, "Widen the targets");
    }

    [TestMethod]
    public void Judge_SolutionsOfPublicProblems_AreRight()
    {
        SolutionsAreRight("train");
        SolutionsAreRight("validation");
        SolutionsAreRight("test_in_dist");
        SolutionsAreRight("test_ood_division");
        SolutionsAreRight("test_ood_long");
    }

    private static void SolutionsAreRight(string file)
    {
        var rows = 0;
        foreach (var line in File.ReadLines(SharedFolder.Require("data", "countdown", file + ".jsonl")))
        {
            using var row = JsonDocument.Parse(line);
            var numbers = row.RootElement.GetProperty("numbers").EnumerateArray().Select(n => n.GetInt32()).ToArray();
            var (target, solution) =
                (row.RootElement.GetProperty("target").GetInt32(), row.RootElement.GetProperty("solution").GetString()!);
            var set = new Countdown(new CountdownSettings
            {
                UseAll = true,
                Operators = string.Concat(row.RootElement.GetProperty("allowed_ops").EnumerateArray().Select(o => o.GetString())),
            });
            var problem = new Problem("x", $"{string.Join(',', numbers)}:{target}=", solution);
            Assert.AreEqual(new Outcome(OutcomeKind.Score, 1, true, null), set.Judge(problem, solution, finished: true), line);
            Assert.AreEqual(
                -1.0,
                set.Judge(problem with { Prompt = $"{string.Join(',', numbers)}:{target + 1}=" }, solution, finished: true).Score,
                line);
            rows++;
        }

        Assert.IsGreaterThan(100, rows);
    }

    private static (int[] Numbers, int Target) Read(Problem problem)
    {
        var parts = problem.Prompt.TrimEnd('=').Split(':');
        return (parts[0].Split(',').Select(int.Parse).ToArray(), int.Parse(parts[1]));
    }

    // By another reading of the rules: the oracle's value, and the numbers as they stand in the text, crossed off one by one.
    private static bool IsRight(Problem problem, string completion)
    {
        var (numbers, target) = Read(problem);
        var left = numbers.Select(n => n.ToString()).ToList();
        return completion.Length <= RationalExpression.MaxLength
            && RationalOracle.Work(completion) is { Kind: RationalOracle.Kind.Value, Denominator.IsOne: true } value
            && value.Numerator == target
                && completion.Split('+', '-', '*', '/', '(', ')', ' ').Where(p => p.Length > 0).All(left.Remove);
    }
}
