using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>
/// The verdict on whole completions: a line a case, "policy | reference >> completion => verdict". "unread" behind it says that the
/// reference cannot be read, ↵ is a new line, ⇥ a tab.
/// </summary>
[TestClass]
public sealed class VerdictTests
{
    // The place that a policy looks at first decides, whatever stands in it; of sentences the first that says a value does.
    [TestMethod]
    public void Check_PlacesOfAnAnswer_DecideInTheirOrder() => Holds("""
        math | 5 >> The answer is 5. \boxed{\text{odd}} => Wrong
        math | 5 >> The final answer is unclear. The answer is 5. => Right
        math | five >> The final answer is unclear. The answer is 5. => Right
        math | unclear >> The final answer is unclear. The answer is unknown. => Right
        math | unknown >> The final answer is unclear. The answer is unknown. => Wrong
        gsm8k | 5 >> The answer is 5.↵#### unknown => Wrong
        gsm8k | 5 >> The answer is not 5. => Wrong
        gsm8k | 18 >> #### 5↵#### 18 => Right
        gsm8k | 18 >> #### 18↵That is↵all => Right
        open_r1 | 5 >> $5$ \boxed{\text{odd}} => Wrong
        open_r1 | odd >> \boxed{odd} => Unparseable unread
        trl_reasoning | 5 >> a</think> \boxed{5} </think> I do not know => Unparseable
        trl_reasoning | 5 >> a</think> b </think> \boxed{5} => Right
        math_verify | x+5 >> So \boxed{x+5 => Right
        math_verify_latex | $x+5$ >> So \boxed{x+5 => Right
        lighteval | x+5 >> So \boxed{x+5 => Right
        math | x+5 >> So \boxed{x+5 => Unparseable
        """);

    [TestMethod]
    public void Check_WordsAndSigns_AreReadAndTold() => Holds("""
        math | \ldots >> \boxed{5} => Unparseable unread
        math | the (big) dog >> \boxed{5} => Wrong
        math | the (big) dog >> \boxed{the big dog} => Right
        math | \text{?} >> \boxed{\text{-}} => Wrong
        math | . >> \boxed{\,} => Unparseable unread
        math | 1,234 >> \boxed{1, 234} => Right
        math | 1, 234 >> \boxed{1,234} => Right
        lighteval | (1,3) >> \boxed{1<x<3} => Right
        math_verify | (1,3) >> \boxed{1<x<3} => Wrong
        math_verify | 1<x<3 >> \boxed{(1,3)} => Right
        hendrycks | 5 >> \boxed{=5} => Right
        hendrycks | 5 >> \boxed{x==5} => Wrong
        hendrycks | 0.5 >> \boxed{⇥.5} => Right
        hendrycks | \frac{\frac{1}{2}}{3} >> \boxed{\frac{\frac12}{3}} => Right
        hendrycks | AB = 5 >> \boxed{5} => Wrong
        """);

    // What is too large is never called wrong or unreadable, on either side.
    [TestMethod]
    public void Check_TooLarge_IsOverBudget()
    {
        string Sum(string name, int count) => string.Join('+', Enumerable.Range(1, count).Select(i => $"{name}_{{{i}}}"));
        Holds("""
            math | 5 >> \boxed{SEVENS} => OverBudget
            math | 2001! >> I do not know. => OverBudget unread
            math | 5 >> \boxed{x^{10^{50}}} => OverBudget
            math | 5 >> \boxed{\sqrt{210}^{10000}} => OverBudget
            math | 5 >> \boxed{(1+x)^{400}} => OverBudget
            math | 5 >> \boxed{(1+x)^{401}} => OverBudget
            math | 5 >> \boxed{(1+x)^{10^{20}}} => OverBudget
            math | 5 >> \boxed{(1+x)^{30}(1+x)^{30}(1+x)^{30}(1+x)^{30}} => OverBudget
            math | 5 >> \boxed{\sin(LONG)} => OverBudget
            math | 5 >> \boxed{\sqrt{LONG}} => OverBudget
            math | 5 >> \boxed{\sin(SHORT)} => Wrong
            """.Replace("SEVENS", new string('7', 5_000)).Replace("LONG", Sum("x", 200)).Replace("SHORT", Sum("x", 100)));
        var sines = "abcdghjk".Select(name => $"\\sin({Sum($"{name}", 44)})").ToArray();
        Holds($"math | {string.Join('+', sines)} >> \\boxed{{{string.Join('+', sines.Reverse())}}} => Right");
        var (up, down) = (string.Join(", ", Enumerable.Range(1, 40)), string.Join(", ", Enumerable.Range(1, 40).Reverse()));
        // Some 370 steps to read either side, some 4,900 to compare them.
        Assert.AreEqual(Verdict.OverBudget, (AnswerPolicy.All["math"] with { MaxSteps = 3_000 }).Check($"\\boxed{{{down}}}", up).Verdict);
        Assert.AreEqual(Verdict.Right, (AnswerPolicy.All["math"] with { MaxSteps = 18_000 }).Check($"\\boxed{{{down}}}", up).Verdict);
    }

    [TestMethod]
    public void Check_APolicyOfOnesOwn_HasTheDefaultsThatAreWritten()
    {
        var own = new AnswerPolicy { Name = "own", Sources = [AnswerSource.Marker] };
        Assert.AreEqual(Verdict.Right, own.Check("17\n#### 18", "18").Verdict);
        Assert.AreEqual("unclear", AnswerPolicy.All["math"].Extract("The final answer is unclear. The answer is 2001!"));
        Assert.AreEqual("unclear", AnswerPolicy.All["math"].Extract("The final answer is unclear. The answer is unknown."));
    }

    // Twelve texts are looked at, and no more: what has no answer may have very many.
    [TestMethod]
    public void Check_CandidatesWithoutAnEnd_AreTwelve()
    {
        AnswerPolicy Policy(int words) => AnswerPolicy.All["math_verify"] with
        {
            Sources = [.. Enumerable.Repeat(AnswerSource.Whole, words), AnswerSource.Number],
        };
        Assert.AreEqual("5", Policy(11).Extract("unclear then 5"));
        Assert.AreEqual("unclear then 5", Policy(12).Extract("unclear then 5"));
    }

    [TestMethod]
    public void Steps_OfACheck_AreThoseOfReadingAndComparing()
    {
        var math = AnswerPolicy.All["math"];
        Assert.IsGreaterThan(math.Check("\\boxed{x+1}", "x+1").Steps, math.Check("\\boxed{1+x}", "x+1").Steps);
    }

    private static void Holds(string table)
    {
        var faults = new List<string>();
        foreach (var line in table.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var (bar, arrows, end) = (line.IndexOf(" | "), line.IndexOf(" >> "), line.LastIndexOf(" => "));
            var completion = line[(arrows + 4)..end].Replace('↵', '\n').Replace('⇥', '\t');
            var result = AnswerPolicy.All[line[..bar]].Check(completion, line[(bar + 3)..arrows]);
            var found = $"{result.Verdict}{(result.GoldReadable ? "" : " unread")}";
            if (found != line[(end + 4)..])
                faults.Add($"{line}   gives {found}");
        }
        Assert.IsEmpty(faults, string.Join('\n', faults));
    }
}
