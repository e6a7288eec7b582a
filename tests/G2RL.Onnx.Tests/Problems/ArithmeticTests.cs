using System.Data;
using System.Globalization;
using System.Text;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Generated;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class ArithmeticTests
{
    private static readonly Arithmetic Default = new(new ArithmeticSettings());

    [TestMethod]
    public void Solution_HandWorkedExpressions_ReducesOneOperationAtATime()
    {
        Assert.AreEqual("17+5*6=17+30=47", Solve("17+5*(9-3)="));
        Assert.AreEqual("5+4*5=5+20=25", Solve("2+3+4*5="));
        Assert.AreEqual("5*-6=-30", Solve("5*(3-9)="));
        Assert.AreEqual("1--1=2", Solve("1-(2-3)="));
        Assert.AreEqual("20-(-1+4)=20-3=17", Solve("20-(3-4+4)="));
        Assert.AreEqual("-6+5=-1", Solve("3-9+5="));
        Assert.AreEqual("9", Solve("4+5="));
    }

    [TestMethod]
    public void Solution_PromptOutsideTheGrammar_IsRefused()
    {
        foreach (var prompt in new[]
        {
            "",
            "=",
            "1+",
            "1+2",
            "a=",
            "01+2=",
            "(1+2=",
            "1+2)=",
            "1++2=",
            "--1=",
            "9999999999=",
            new string('(', 300) + "1" + new string(')', 300) + "=",
        })
            Assert.ThrowsExactly<InputException>(() => Solve(prompt), prompt);
    }

    [TestMethod]
    [DataRow("+-*", true)]
    [DataRow("+-*", false)]
    [DataRow("**+", true)]
    public void Batch_ManySteps_AgreesWithAnIndependentEvaluation(string operators, bool parentheses)
    {
        var set =
            new Arithmetic(new ArithmeticSettings { Operators = operators, Parentheses = parentheses, MaxOperands = 6, MaxOperand = 20 });
        using var table = new DataTable { Locale = CultureInfo.InvariantCulture };
        for (var step = 0; step < 40; step++)
        {
            foreach (var problem in set.Batch(step, 16, 5))
            {
                // DataTable has an expression parser of its own.
                var expected = Convert.ToInt64(table.Compute(problem.Prompt.TrimEnd('='), null), CultureInfo.InvariantCulture)
                    .ToString(CultureInfo.InvariantCulture);
                Assert.AreEqual(expected, problem.Answer, problem.Prompt);
                Assert.IsTrue(parentheses || !problem.Prompt.Contains('('), problem.Prompt);
                foreach (var written in Arithmetic.Solution(problem).Split('='))
                    Assert.AreEqual(expected, Convert.ToInt64(table.Compute(written.Replace("--", "+"), null), CultureInfo.InvariantCulture)
                        .ToString(CultureInfo.InvariantCulture), $"{problem.Prompt}{written}");
                Assert.AreEqual(
                    new Outcome(OutcomeKind.Score, 1, true, null),
                    set.Judge(problem, Arithmetic.Solution(problem), finished: true));
            }
        }
    }

    [TestMethod]
    public void Batch_SameArguments_IsTheSameAndOtherwiseDiffers()
    {
        var first = Default.Batch(3, 64, 7);
        CollectionAssert.AreEqual(first.ToArray(), new Arithmetic(new ArithmeticSettings()).Batch(3, 64, 7).ToArray());
        Assert.AreEqual(64, first.Select(p => p.Prompt).Distinct().Count());
        Assert.AreEqual(64, first.Select(p => p.Id).Distinct().Count());
        Assert.IsLessThan(8, first.Intersect(Default.Batch(4, 64, 7)).Count());
        Assert.IsLessThan(8, first.Intersect(Default.Batch(3, 64, 8)).Count());
    }

    [TestMethod]
    public void HeldOut_AnySeedAndSettings_NeverMeetsTraining()
    {
        var set = new Arithmetic(new ArithmeticSettings { MaxOperands = 3, MaxOperand = 9, HeldOutCount = 300, ErrorRate = 0.2 });
        var heldOut = set.HeldOut(300).Select(p => p.Prompt).ToHashSet();
        Assert.AreEqual(300, heldOut.Count);
        CollectionAssert.AreEqual(set.HeldOut(50).ToArray(), set.HeldOut(300).Take(50).ToArray());
        Assert.IsTrue(heldOut.All(p => Arithmetic.IsHeldOut(p.TrimEnd('='))));
        for (var step = 0; step < 50; step++)
            Assert.IsFalse(set.Batch(step, 20, 9).Any(p => heldOut.Contains(p.Prompt)));
        for (var i = 0L; i < 3000; i++)
        {
            var (prompt, solution) = set.Example(11, i);
            foreach (var written in (prompt + solution).Split('=', StringSplitOptions.RemoveEmptyEntries))
                Assert.IsFalse(heldOut.Contains(written + "="), prompt + solution);
        }
    }

    [TestMethod]
    public void HeldOut_SmallSpace_GivesWhatThereIs()
    {
        var set = new Arithmetic(new ArithmeticSettings { MaxOperands = 2, MaxOperand = 9, Operators = "+" });
        var heldOut = set.HeldOut(500);
        // 100 expressions a+b, about a tenth of them held out.
        Assert.AreEqual(heldOut.Count, Enumerable.Range(0, 100).Count(i => Arithmetic.IsHeldOut($"{i / 10}+{i % 10}")));
        Assert.AreEqual(200, set.Batch(0, 200, 1).Count, "a batch larger than the space repeats");
    }

    [TestMethod]
    public void Example_ErrorRate_AppearsInTheTextAndIsCarriedOn()
    {
        var clean = new Arithmetic(new ArithmeticSettings());
        var noisy = new Arithmetic(new ArithmeticSettings { ErrorRate = 0.1 });
        int cleanWrong = 0, wrong = 0, steps = 0, wrongSteps = 0;
        for (var i = 0L; i < 3000; i++)
        {
            cleanWrong += IsRight(clean.Example(3, i)) ? 0 : 1;
            var (prompt, solution) = noisy.Example(3, i);
            wrong += IsRight((prompt, solution)) ? 0 : 1;
            Assert.IsTrue((prompt + solution).All(c => Arithmetic.Characters.Contains(c)));
            var texts = (prompt + solution).Split('=');
            for (var s = 0; s + 1 < texts.Length; s++, steps++)
            {
                // Each step is right or wrong on its own: the mistake before is carried on.
                var from = Solve(texts[s] + "=").Split('=')[0];
                if (from != texts[s + 1])
                    wrongSteps++;
            }
        }

        Assert.AreEqual(0, cleanWrong);
        Assert.AreEqual(
            0.1,
            wrongSteps / (double)steps,
            0.02,
            "binomial: sd 0.0037 at 6,000 steps, less the mistakes rejected for leaving the bound");
        Assert.IsGreaterThan(wrongSteps / 2, wrong);
        Assert.AreEqual(clean.Example(3, 17), new Arithmetic(new ArithmeticSettings()).Example(3, 17));
        Assert.AreNotEqual(clean.Example(3, 17), clean.Example(3, 18));
        Assert.AreNotEqual(clean.Example(3, 17), clean.Example(4, 17));

        static bool IsRight((string Prompt, string Solution) example) => Solve(example.Prompt) == example.Solution;
    }

    [TestMethod]
    [DataRow("47", true, true, true)]
    [DataRow("17+30=47", true, true, true)]
    [DataRow("17+30=46", true, false, true)]
    [DataRow("garbage=47", true, true, false)]
    [DataRow("17+30=47", false, false, false)]
    [DataRow("17+30=047", true, false, false)]
    [DataRow("17+30=+47", true, false, false)]
    [DataRow("17+30=47 ", true, false, false)]
    [DataRow("17+30=47=", true, false, false)]
    [DataRow("17+30", true, false, false)]
    [DataRow("=47", true, true, false)]
    [DataRow("==47", true, true, false)]
    [DataRow("٤٧", true, false, false)]
    [DataRow("-0", true, false, false)]
    [DataRow("", true, false, false)]
    public void Judge_Completions_LooksAtTheLastResult(string completion, bool finished, bool correct, bool wellFormed)
    {
        var outcome = Default.Judge(new Problem("x", "17+5*(9-3)=", "47"), completion, finished);
        Assert.AreEqual(new Outcome(OutcomeKind.Score, correct ? 1 : -1, wellFormed, null), outcome);
    }

    [TestMethod]
    public void Judge_TwentyThousandMutations_NeverThrowsAndAgreesWithAPlainReading()
    {
        const string Alphabet = "0123456789+-*()==\0\n ٣a\uD800\U0001D7CF";
        var random = new ProblemRandom(2024, 1);
        var problems = Default.Batch(0, 200, 1);
        var right = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var problem = problems[i % problems.Count];
            var text = new StringBuilder(Arithmetic.Solution(problem));
            for (var n = random.Below(4); n > 0; n--)
            {
                var at = random.Below(text.Length + 1);
                switch (random.Below(4))
                {
                    case 0: text.Insert(at, Alphabet[random.Below(Alphabet.Length)]); break;
                    case 1 when at < text.Length: text.Remove(at, 1); break;
                    case 2: text.Insert(at, new string("(-=*9"[random.Below(5)], random.Below(3000))); break;
                    default: text.Length = at; break;
                }
            }

            var completion = text.ToString();
            var outcome = Default.Judge(problem, completion, finished: true);
            var expected = completion.Length <= 16_384 && completion.Split('=')[^1] == problem.Answer;
            Assert.AreEqual(OutcomeKind.Score, outcome.Kind);
            Assert.AreEqual(expected ? 1.0 : -1.0, outcome.Score, completion);
            right += expected ? 1 : 0;
        }

        Assert.IsTrue(right is > 4000 and < 16_000, $"{right} right: the mutations must reach both sides");
    }

    [TestMethod]
    public void Settings_OutOfRange_AreAllReported()
    {
        var error = Assert.ThrowsExactly<InputException>(() => new Arithmetic(new ArithmeticSettings
        {
            MinOperands = 1,
            MaxOperands = 9,
            MinOperand = -1,
            MaxOperand = 5000,
            Operators = "+/",
            HeldOutCount = 0,
            ErrorRate = double.NaN,
        }));
        foreach (var name in new[]
        {
            "minOperands is 1",
            "maxOperands is 9",
            "minOperand is -1",
            "maxOperand is 5000",
            "operators is '+/'",
            "heldOutCount is 0",
            "errorRate is NaN",
        })
            StringAssert.Contains(error.Message, name);
        Assert.ThrowsExactly<InputException>(() =>
            new Arithmetic(new ArithmeticSettings { Operators = "*", MinOperand = 90, MinOperands = 4 }));
    }

    private static string Solve(string prompt) => Arithmetic.Solution(new Problem("x", prompt, ""));
}
