using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>Where one value ends and the next begins: names, groups, ends, roundings and budgets.</summary>
[TestClass]
public sealed class ComparisonTests
{
    private static readonly AnswerPolicy Exact = AnswerPolicy.All["math"];

    [TestMethod]
    public void Lists_OfNamesAndGroups_KeepThemApart() => AnswerTable.Holds(Exact, """
        x=1, y=2 !! x=2, z=1
        x=1, y=2 :: a=1, b=2
        x=1, y=2 :: 1, 2
        p=5,q=2; p=7,q=3 :: (5,2),(7,3)
        p=5,q=2; p=7,q=3 !! (2,5),(3,7)
        p=5,q=2; p=7,q=3 :: \{5,2\},\{7,3\}
        1 \pm 2 :: 3, -1
        30^\circ+60^\circ :: 90
        \sin 30^\circ+30^\circ :: 30.5
        [5]+1 :: 6
        [1,2]+1 !! 2
        \emptyset+1 !! 1+\emptyset
        \ldots+1 !! 1+\ldots
        twenty ten !! 30
        4:20 !! 2:10
        5 \text{ million} + 3 \text{ million} :: 8000000
        \frac{5 \text{ million}}{2} :: 2500000
        2:05 !! 4:10
        2:05 :: 2:05
        2:4 :: 1:2
        \frac13<0.4<\frac12 !! 1<2<3
        1<2<4 :: 4>2>1
        x\in\{\pm3\} :: \{-3,3\}
        S=\{\pm3\} :: \pm3
        \{\pm1\}\cup\{2\} :: \{1,-1,2\}
        x=\pm1, x=\pm2 :: 1,-1,2,-2
        x=\pm1,\pm2 :: \pm1,\pm2
        1:0 !! 0
        0:1 :: 0
        3.141592653589793 !! \pi
        1.4142135623730951 !! \sqrt2
        """);

    // As reference and answer stand: Equivalent tries both ways.
    [TestMethod]
    [DataRow("math", "(1,2),(3,4)", "x=1,y=2; x=3,y=4", true)]
    [DataRow("math", "x=1,y=2; x=3,y=4", "(1,2),(3,4)", true)]
    [DataRow("math", "\\frac12", "1:2", true)]
    [DataRow("math", "1:2", "\\frac12", true)]
    [DataRow("math", "50\\%", "0.5", true)]
    [DataRow("math", "0.5", "50\\%", true)]
    [DataRow("math_verify", "x>1 \\text{ and } x<3", "1<x<3", true)]
    [DataRow("math_verify", "\\{5\\}", "5\\le x\\le5", false)]
    [DataRow("lighteval", "\\{5\\}", "5\\le x\\le5", true)]
    public void Check_OneWayRound_IsDecided(string policy, string gold, string answer, bool isRight) =>
        Assert.AreEqual(isRight, AnswerPolicy.All[policy].Check($"\\boxed{{{answer}}}", gold).IsRight);
    [TestMethod]
    public void Lists_UpToABound_AreComparedInAnyOrder()
    {
        Assert.IsTrue(Exact.Equivalent(Numbers(64, false), Numbers(64, true)));
        Assert.IsFalse(Exact.Equivalent(Numbers(65, false), Numbers(65, true)));
        Assert.IsTrue(Exact.Equivalent(Numbers(65, false), Numbers(65, false) + ".0"));

        static string Numbers(int count, bool isTurned) =>
            string.Join(", ", Enumerable.Range(1, count).Select(i => isTurned ? count + 1 - i : i));
    }

    [TestMethod]
    public void Names_OfEachKind_NameTheirValue()
    {
        foreach (var name in new[]
        {
            "x", "x_1", "f(x)", "f'(x)", "f_1(x)", "f^{-1}(x)", "g(x)", "h(x)", "P(x)", "W(2)", "AB", "|AB|",
            "\\overline{AB}", "\\vec v", "\\hat v", "\\det A", "\\arg z", "\\max(a,b)", "\\min(a,b)", "\\gcd(a,b)", "\\lcm(a,b)",
            "\\frac{AB}{CD}", "S_1:S_2", "\\text{Area}",
        })
            AnswerTable.Holds(Exact, $"{name} = 5 :: 5\n5 = {name} :: 5");
        AnswerTable.Holds(Exact, "\\sin x = 5 !! 5\nx+1 = 5 !! 5\nx^2 = 5 !! 5\n2x = 5 !! 5\n(p,q) = (1,2) :: (1,2)\n2+3=5=x :: 5");
        var strict = Exact with { Rules = new() { StrictNames = true } };
        AnswerTable.Holds(strict, "(p,q)=(1,2) !! (r,s)=(1,2)\n\\text{Area}=5 !! \\text{Side}=5\nx=5 :: 5\nf(x)=5 !! f(y)=5");
    }

    [TestMethod]
    public void Equations_WithQuotientsAndRoots_SayTheSameUpToAFactor() => AnswerTable.Holds(Exact, """
        x+\frac{1}{y+1}=1 :: 1=x+\frac{1}{y+1}
        x+\frac{1}{y+1}=1 :: 2x+\frac{2}{y+1}=2
        \frac{1}{x+1}+\frac{1}{y+1}=1 :: 1=\frac{1}{y+1}+\frac{1}{x+1}
        \frac{1}{x+1}+\frac{1}{y+1}=1 !! \frac{1}{x+1}+\frac{1}{y+1}=2
        \frac{1}{x+1}+y<1 :: 1>y+\frac{1}{x+1}
        \frac{1}{x+1}+y<1 !! \frac{1}{x+1}+y>1
        x+y=y+x !! x+y=1
        x+y=1 !! x+y=y+x
        \pi x+y=1 :: x+\frac{y}{\pi}=\frac1\pi
        \sqrt2 x+\sqrt2 y=2 :: x+y=\sqrt2
        \sqrt2 x+\sqrt2 y=2 !! x+y=\sqrt3
        (1-\sqrt2)x<(1-\sqrt2)y^2 :: x>y^2
        -\pi x<y^2 :: y^2>-\pi x
        """);

    [TestMethod]
    public void Intervals_TheirEnds_AreClosedOrOpen() => AnswerTable.Holds(Exact, """
        (1,3)\cap[2,3] :: [2,3)
        [1,3]\cap[2,3) :: [2,3)
        [1,3)\cap[1,3] :: [1,3)
        [1,3)\cup[2,3] :: [1,3]
        [1,3]\cup[2,3) :: [1,3]
        [1,3)\cup[2,3) !! [1,3]
        |1-2x|<3 :: (-1,2)
        |3-x|>1 :: (-\infty,2)\cup(4,\infty)
        |3-x|\ge1 :: (-\infty,2]\cup[4,\infty)
        |-2x|\le4 :: [-2,2]
        1\le|2-x|<3 :: (-1,1]\cup[3,5)
        1\le|2-x|<3 !! (-1,1)\cup[3,5)
        |x|<0 :: \emptyset
        |x|\le0 :: \{0\}
        2-x<0 :: (2,\infty)
        2-x\ge0 :: (-\infty,2]
        """);

    [TestMethod]
    [DataRow("nemo_skills", "(0.3333, 1) :: 1/3 < x < 1\n(0.333, 1) !! 1/3 < x < 1\n(33333/100000, 1) !! 1/3 < x < 1\n\\infty !! 0.5")]
    [DataRow("nemo_skills", "1 33333/100000 !! 4/3\n\\frac{0.3333}{x+1} !! \\frac{1}{3x+3}")]
    [DataRow("nemo_skills", "0.3333x+y :: \\frac x3+y\n0.3333x !! \\frac x3+y")]
    [DataRow("math_verify", "\\{1,2\\} !! (1,2)\n0,5 :: 0.5\n1,0 !! 1\n1,333333 :: 4/3\n1,33333 !! 4/3\n-2,5 :: -2.5")]
    [DataRow("math_verify", "1,05 :: 1.05\n1,05 !! 1.5\n-0,5 :: -0.5\n-0,5 !! 0.5")]
    [DataRow("tinker", "1 \\pm 2 :: 3, -1\n1 \\pm 2 !! -1, 3\n1 \\mp 2 :: -1, 3\n\\pm 2 :: 2, -2")]
    public void Policies_AtTheirBorders_KeepTheirRules(string policy, string table) => AnswerTable.Holds(AnswerPolicy.All[policy], table);

    [TestMethod]
    public void Check_OfWhatIsNotThere_SaysSo()
    {
        var own = new AnswerPolicy { Name = "own" };
        Assert.IsTrue(own.Check("\\boxed{2/4}", "1/2").IsRight);
        Assert.IsTrue(own.Check("\\boxed{1<x<3}", "(1,3)").IsRight);
        Assert.IsTrue(own.Check("\\boxed{five}", "5").IsRight);
        Assert.IsTrue(own.Check("\\boxed{5\\,\\mathrm{m}}", "5").IsRight);
        Assert.AreEqual(Verdict.Unparseable, own.Check("1/2", "1/2").Verdict);
        Assert.AreEqual(Verdict.Unparseable, own.Check(null, "1/2").Verdict);
        Assert.AreEqual(Verdict.Unparseable, own.Check("\\boxed{1/2}", " ").Verdict);
        Assert.IsFalse(own.Check("\\boxed{1/2}", " ").GoldReadable);
        Assert.IsTrue(own.Check("\\boxed{1/2}", "1/2").GoldReadable);
        Assert.IsTrue(own.Check("nothing", "1/2").GoldReadable);
        Assert.IsFalse(own.Check("\\boxed{3}", "(1 +").GoldReadable);
        Assert.IsTrue(own.Check("\\boxed{(1 +}", "(1 +").GoldReadable);
        Assert.IsTrue(AnswerPolicy.All["hendrycks"].Check("3", "(1 +").GoldReadable);
        Assert.IsTrue(AnswerPolicy.All["trl_reasoning"].Check("</think>\\boxed{5}", "$5$").IsRight);
        Assert.IsFalse(AnswerPolicy.All["trl_reasoning"].Check("\\boxed{5}", "$5$").IsRight);
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => AnswerPolicy.Named("x")).Message, "There are: aime, choice, ");
        Assert.IsNull(Exact.Canonical(" "));
        Assert.IsFalse(Exact.Equivalent(" ", " "));
        Assert.AreEqual("21", Exact.Canonical("twenty-one"));
        Assert.AreEqual("'twentyone'", AnswerPolicy.All["math_verify"].Canonical("twenty-one"));
    }

    [TestMethod]
    public void Check_ItsBudget_IsSplitInThirds()
    {
        // A binomial costs 8,000 steps.
        var policy = Exact with { MaxSteps = 24_600 };
        var twice = policy.Check("\\boxed{\\binom91+0}", "\\binom91");
        Assert.AreEqual(Verdict.Right, twice.Verdict);
        Assert.IsInRange(16_000, 16_400, twice.Steps);
        Assert.AreEqual(Verdict.OverBudget, policy.Check("\\boxed{18}", "\\binom91+\\binom91").Verdict);
        Assert.AreEqual(Verdict.OverBudget, policy.Check("\\boxed{\\binom91+\\binom91}", "18").Verdict);
        Assert.AreEqual(Verdict.Right, (policy with { MaxSteps = 49_000 }).Check("\\boxed{\\binom91+\\binom91}", "18").Verdict);
    }

    [TestMethod]
    [DataRow("so \\boxed", null)]
    [DataRow("so \\boxed ", null)]
    [DataRow("so \\boxed{", null)]
    [DataRow("\\boxed{1\\\\}", "1\\\\")]
    [DataRow("\\boxed{\\boxed{5}}", "\\boxed{5}")]
    [DataRow("\\fbox{5}", "5")]
    [DataRow("\\boxed{28}$ %", "28\\%")]
    [DataRow("28} \\boxed{28} percent", "28\\%")]
    [DataRow("\\boxed5, or so", "5")]
    public void Extract_BoxesOfEachForm_AreFound(string text, string? found) => Assert.AreEqual(found, Exact.Extract(text));

    [TestMethod]
    [DataRow("\\boxed{1}\\text{ or}\\text{ }\\boxed{2}", "1, 2")]
    [DataRow("\\boxed{1}, y_2 = \\boxed{2}", "1, 2")]
    [DataRow("\\boxed{1} \\quad\\text{and}\\quad \\boxed{2}", "1, 2")]
    [DataRow("\\boxed{1}\\text \\boxed{2}", "2")]
    [DataRow("\\boxed{1} not \\boxed{2}", "2")]
    [DataRow("\\boxed{1} order \\boxed{2}", "2")]
    [DataRow("\\boxed{1}, \\boxed{1}", "1")]
    public void Extract_BoxesThatAreJoined_AreAList(string text, string found) =>
        Assert.AreEqual(found, AnswerPolicy.All["math_verify"].Extract(text));

    [TestMethod]
    public void Normalize_LongOrPrefixedTexts_AreCut()
    {
        Assert.AreEqual(10_000, MathSpelling.Normalize(new string('x', 10_001)).Length);
        Assert.AreEqual("5", MathSpelling.Normalize("5\\text{ a}\\text{ b}"));
        Assert.AreEqual("", MathSpelling.Normalize("\\text{ a}"));
        Assert.AreEqual("5", MathSpelling.Normalize("x =\t5"));
    }
}
