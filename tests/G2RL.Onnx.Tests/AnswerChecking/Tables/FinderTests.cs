using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>What each place of an answer finds in a text: a line a case, "text => found"; ~ is none, and ↵ a new line.</summary>
[TestClass]
public sealed class FinderTests
{
    private static readonly AnswerPolicy Math = AnswerPolicy.All["math"];

    [TestMethod]
    public void Numbers_LastOne_IsFoundWhole() => Finds(t => NumberFinder.Last(t), """
        nothing => ~
        3 then 4 => 4
        it is -3. => -3
        it is +3. => +3
        it is - 3 => - 3
        it is −3 => −3
        x - 3 => 3
        5-3 => 3
        5 - 3 => 3
        (a) - 3 => 3
        [a]-3 => 3
        {a}-3 => 3
        50% -3 => 3
        a-3 => 3
        --3 => 3
        list:↵- 3 => 3
        list:↵-3 => -3
        - 3 => - 3
        for n - 3 => 3
        n - 3 => 3
        is n -3 => -3
        $5 => $5
        -$5 => -$5
        $-5 => $-5
        $ 5 => $ 5
        \$5 => \$5
        \$ 5 => \$ 5
        €5 => €5
        £5 => £5
        word5 => ~
        x_5 => ~
        1.2.3 => 1.2
        .5 => .5
        1.5e-3 x => 1.5e-3
        1,234 => 1,234
        1,00,000 => 1,00,000
        12,34 => 34
        1/2 => 1/2
        1/x => 1
        3 1/2 => 3 1/2
        3 1/x => 1
        3 12 => 12
        3.5 1/2 => 1/2
        \frac{10}{2} => \frac{10}{2}
        \frac12 => \frac12
        \dfrac 1 2 => \dfrac 1 2
        \tfrac{1}2 => \tfrac{1}2
        \cfrac1{2} => \cfrac1{2}
        \frac{1} x => 1
        \sfrac12 => ~
        3\frac12 => 3\frac12
        3 \frac12 => 3 \frac12
        -\frac12 => -\frac12
        50% => 50%
        50 % => 50 %
        50\% => 50\%
        50 percent of it => 50 percent
        50 pct => 50 pct
        50\text{ percent} => 50\text{ percent}
        $50$ % => $50$ %
        50    % => 50
        18 (step 2) => 18
        18 (2) => 2
        18 (x 2) => 2
        18 (step 2 => 2
        18 (step↵2) => 2
        18 (step (2)) => 2
        (step 2) => 2
        1e999 => 1e999
        1e999.5 => 1e999.5
        1e+999 x => 1e+999
        0 => 0
        """);

    [TestMethod]
    public void Numbers_DecimalComma_IsPartOfThem() => Finds(t => NumberFinder.Last(t, decimalComma: true), """
        2,74 => 2,74
        -2,74 => -2,74
        2,745 => 2,745
        (2,74) => 74
        [2,74] => 74
        2,74,5 => 5
        1,2,74 => 74
        2.5,74 => 74
        2, 74 => 74
        2, => 2
        """);

    [TestMethod]
    public void Numbers_FarFromTheEnd_AreNotLookedFor()
    {
        Assert.AreEqual("5", NumberFinder.Last("5" + new string(' ', 8_000)));
        Assert.IsNull(NumberFinder.Last("5" + new string(' ', 9_000)));
        Assert.AreEqual("5", NumberFinder.Last("18 (" + new string('x', 250) + " 5)"));
    }

    [TestMethod]
    [DataRow("%", 1)]
    [DataRow(" \\%", 3)]
    [DataRow("$ %", 3)]
    [DataRow("   %", 4)]
    [DataRow("    %", 0)]
    [DataRow("per", 0)]
    [DataRow("", 0)]
    public void Percent_Behind_IsMeasured(string rest, int length) => Assert.AreEqual(length, NumberFinder.Percent(rest));

    [TestMethod]
    public void Boxes_LastOne_IsFound() => Finds(t => BoxFinder.Last(t), """
        \boxed{5} => 5
        \fbox{5} => 5
        \boxed{1} \boxed{2} => 2
        \boxed{\boxed{5}} => \boxed{5}
        \boxed{\frac{1}{2}} => \frac{1}{2}
        \boxed{\{1\}} => \{1\}
        \boxed{5 => ~
        \boxed{1} \boxed{5 => 1
        \boxed 5 => 5
        \boxed 5. => 5
        \boxed 5$ => 5
        \boxed 5, 6 => 5
        \boxed 5; 6 => 5
        {\boxed 5} => 5
        \boxed  ↵{5} => 5
        \\boxed{5} => 5
        \boxedx{5} => ~
        \boxed => ~
        {{\boxed{5}}} => 5
        }}} \boxed{5} => 5
        {\boxed{5} } \boxed{6} => 6
        boxed{5} => ~
        \\{ \boxed{5} => 5
        {{{ \boxed{5} \boxed{6} => 6
        """);

    [TestMethod]
    public void Boxes_CutOff_CountWhereTheyMay()
    {
        Finds(t => BoxFinder.Last(t, unclosed: true), "\\boxed{5 => 5\n\\boxed{\\frac{1}{2 => \\frac{1}{2\n\\boxed{1} \\boxed{5 => 5");
        Assert.AreEqual(new string('5', 400), BoxFinder.Last("\\boxed{" + new string('5', 400), unclosed: true));
        Assert.IsNull(BoxFinder.Last("\\boxed{" + new string('5', 401), unclosed: true));
    }

    [TestMethod]
    public void Boxes_LastRun_IsJoined() => Finds(t => BoxFinder.LastRun(t, unclosed: false), """
        no box => ~
        \boxed{1} and \boxed{2} => 1, 2
        \boxed{1} or \boxed{2} => 1, 2
        \boxed{1}, \boxed{2}; \boxed{3} => 1, 2, 3
        \boxed{1} \boxed{1} => 1
        $\boxed{1}$ \quad $\boxed{2}$ => 1, 2
        \boxed{1} \qquad \boxed{2} => 1, 2
        \(\boxed{1}\)\(\boxed{2}\) => 1, 2
        \[\boxed{1}\]\[\boxed{2}\] => 1, 2
        \boxed{1}\,\;\ \\&\boxed{2} => 1, 2
        \boxed{1} \text{ with } \boxed{2} => 1, 2
        \boxed{1} \text \boxed{2} => 2
        \boxed{1} then \boxed{2} => 2
        \boxed{1} andx \boxed{2} => 2
        \boxed{1}, y_2 = \boxed{2} => 1, 2
        \boxed{1}, f(x) = \boxed{2} => 1, 2
        \boxed{1}, sum = \boxed{2} => 2
        \boxed{1}, = \boxed{2} => 2
        \boxed{1} then \boxed{2} and \boxed{3} => 2, 3
        """);

    [TestMethod]
    public void Boxes_FarApartOrMany_AreNoRun()
    {
        Assert.AreEqual("1, 2", BoxFinder.LastRun("\\boxed{1}" + new string(' ', 120) + "\\boxed{2}", unclosed: false));
        Assert.AreEqual("2", BoxFinder.LastRun("\\boxed{1}" + new string(' ', 121) + "\\boxed{2}", unclosed: false));
        var many = string.Join(" ", Enumerable.Range(1, 40).Select(i => $"\\boxed{{{i}}}"));
        Assert.AreEqual(string.Join(", ", Enumerable.Range(9, 32)), BoxFinder.LastRun(many, unclosed: false));
    }

    [TestMethod]
    public void Formulas_LastOnes_AreFound() => Finds(t => string.Join(" | ", FormulaFinder.Last(t, 2).Select(f => f.Content)), """
        $1$ then $2$ then $3$ => 3 | 2
        $$1$$ then \(2\) => 2 | 1
        \[1\] then $2$ => 2 | 1
        $1$ and $2$ => 1, 2
        $1$, $2$ or $3$ => 1, 2, 3
        $1$ $2$ => 2 | 1
        $1\$2$ => 1\$2
        $1↵2$ => ~
        \[1↵2\] => 1↵2
        \(1↵2\) => ~
        \(1\\\) => 1\\
        \(1\\) => ~
        \(1\(2\) => 1\(2
        $5 is more than the $6 he has$ => ~
        $\text{so it is}$ => \text{so it is}
        $\mbox{so it is}$ => \mbox{so it is}
        $x or y$ => x or y
        $x and of y$ => x and of y
        $is$ => is
        $$ x => ~
        $1$ and then $2$ => 2 | 1
        \$5 $6$ => 6
        \(1\) \[2 \(3\) => 3 | 1
        \(1 \(2 \[3\] => 3
        """);

    [TestMethod]
    public void Formulas_Positions_AreWhereTheyStand()
    {
        Assert.AreEqual((2, 5, "1"), FormulaFinder.Last("a $1$", 1).Single());
        Assert.AreEqual((2, 7, "1"), FormulaFinder.Last("a $$1$$ b", 1).Single());
        Assert.AreEqual((2, 7, "1"), FormulaFinder.Last("a \\(1\\) b", 1).Single());
        Assert.AreEqual((7, 12, "1, 2"), FormulaFinder.Last("$1$ or $2$ .", 1).Select(f => (f.Start + 7, f.End + 2, f.Content)).Single());
    }

    [TestMethod]
    public void Phrases_WhatFollows_EndsWithTheSentence() => Finds(t => PhraseFinder.After(t, ["answer is", "answer:"]), """
        none => ~
        The answer is 5. Bye => 5
        The ANSWER IS 5 => 5
        answer: 4. answer is 5. => 5
        answer is 5. answer: 4. => 4
        answer is is 5 => 5
        answer is is: 5 => 5
        answer is: **5** => 5
        answer is↵5 => 5
        answer is 5↵6 => 5
        answer is 1.5. => 1.5
        answer is "5". => 5
        answer is $1. 2$. => $1. 2$
        answer is \(1. 2\). => \(1. 2\)
        answer is \[1↵2\]. => \[1↵2\]
        answer is $1↵2$. => $1↵2$
        answer is 5。6 => 5
        answer is 5.<b> => 5
        answer is 5.** ok => 5
        answer is 5.6 => 5.6
        answer is \. => \.
        """);

    [TestMethod]
    public void Phrases_LongClause_IsCutOff() =>
        Assert.AreEqual(601, PhraseFinder.After("answer is " + new string('5', 1_000), ["answer is"])!.Length);

    [TestMethod]
    public void Phrases_Qualified_SayWhatItIsNot()
    {
        string[] qualifiers =
        [
            "at least", "at most", "less than", "more than", "greater than", "fewer than", "larger than", "smaller than", "not", "n't",
            "between", "either", "neither", "under", "over", "above", "below", "up to", "no", "one of", "somewhere", "any", "anything",
        ];
        foreach (var words in qualifiers)
        {
            Assert.IsTrue(PhraseFinder.IsQualified(words + " 5"), words);
            Assert.IsTrue(PhraseFinder.IsQualified(words.ToUpperInvariant() + " 5"), words);
            Assert.IsFalse(PhraseFinder.IsQualified("5 " + words + " "), words);
            Assert.IsFalse(Math.Check($"The answer is {words} 5.", "5").IsRight, words);
        }

        Assert.IsFalse(PhraseFinder.IsQualified("nothing 5"));
    }

    [TestMethod]
    public void Marker_WhatFollows_EndsWithTheLine() => Finds(t => PhraseFinder.AfterMarker(t, "####"), """
        none => ~
        #### 5 => 5
        #### 4↵#### 5 ↵6 => 5
        ####: 5 => 5
        #### ↵5 =>
        """);

    [TestMethod]
    public void Tag_LastOne_GivesItsContent() => Finds(t => PhraseFinder.Tag(t, "answer"), """
        none => ~
        <answer> 5 </answer> => 5
        <ANSWER>5</Answer> => 5
        <answer>4</answer><answer>5</answer> => 5
        <answer>5 => ~
        </answer><answer>5 => ~
        """);

    [TestMethod]
    public void Choices_TheLetter_IsFound() => Finds(t => ChoiceFinder.Letter(t, 10), """
        \boxed{C} => C
        \boxed{\text{C}} => C
        \boxed{(C)} => C
        \boxed{C. red} => C
        \boxed{\textbf{(C)}} => C
        \boxed{A, B} => ~
        \boxed{A and B} => ~
        \boxed{A \text{ or } B} => ~
        \boxed{red} so C. => C
        The final answer is (C). => C
        The final answer is (C) or (D). => ~
        The correct option is C => C
        The answer is C. The final answer is D. => D
        The final answer is D. The answer is C. => D
        Answer: C => C
        The answer would be definitely C => C
        The option is **C** => C
        The answer is A or B => ~
        The answer is Z => ~
        Z => ~
        C => C
        (C) => C
        C. red => C
        so↵C) red => C
        it says (C) => C
        it is B => B
        A cat => ~
        I think => ~
        it is A. => A
        red => ~
        The answer is C. The answer is Z. => C
        """);

    [TestMethod]
    public void Choices_BeyondTheirNumber_AreNone()
    {
        Assert.AreEqual("D", ChoiceFinder.Letter("D", 4));
        Assert.IsNull(ChoiceFinder.Letter("E", 4));
        Assert.AreEqual("Z", ChoiceFinder.Letter("Z", 26));
        Assert.AreEqual("C", ChoiceFinder.Letter(new string('x', 5_000) + " The answer is C", 4));
        Assert.IsNull(ChoiceFinder.Letter("The answer is C" + new string('x', 5_000), 4));
    }

    [TestMethod]
    public void Extract_Math_TakesBoxThenPhrases() => Finds(t => Math.Extract(t), """
        \boxed{5}% => 5\%
        \boxed{28}$ % => 28\%
        \boxed{20} percent => 20\%
        \boxed{5} and 20 => 5
        The final answer is $10$ because it is so. => 10
        The final answer is 3, not 4. => 3
        The final answer is 3, 4. => 3, 4
        The final answer is 3 and nothing more. => 3 and nothing more
        The final answer is $5$. => 5
        The final answer is \(5\) apples => 5
        The final answer is x = 5. => x = 5
        The answer is \boxed{5}. => 5
        answer: 5 => 5
        answer = 5 => 5
        answer**: 5 => 5
        answer:** 5 => 5
        The answer is: 5 => 5
        The final answer: 5 => 5
        The answer is 4. The final answer: 5. => 5
        It is 5 => ~
        """);

    [TestMethod]
    public void Find_EachSource_GivesItsCandidates()
    {
        var verify = AnswerPolicy.All["math_verify"];
        Finds(t => Found(AnswerSource.Stated, t, verify), """
            \boxed{4} The final answer is $5$. => 5 | 4
            The final answer is $5$. \boxed{4} => 4
            The final answer is $5$. => 5
            none =>
            """);
        Finds(t => Found(AnswerSource.Bare, t, verify), """
            5 => 5
            this is it =>
            """);
        Finds(t => Found(AnswerSource.FormulaOrNumber, t, verify), """
            $4$ then 5 => 5 | 4
            5 then $4$ => 4
            $4$ percent => 4\%
            $1$, $2$ then $3$ => 3 | 1, 2
            $x$ 5% => $ 5% | x
            """);
        Finds(t => Found(AnswerSource.Formula, t, verify), "$1$ a $2$ a $3$ a $4$ a $5$ => 5 | 4 | 3 | 2");
        Finds(t => Found(AnswerSource.Number, t, verify), "$4$ then 5 => 5\n1,5 => 1,5");
        Finds(t => Found(AnswerSource.Whole, t, verify), "a 5 => a 5");
        Finds(t => Found(AnswerSource.Tag, t, verify), "<answer>5</answer> => 5");
        Finds(t => Found(AnswerSource.Letter, t, verify), "C => C");
        Assert.AreEqual("", Found(AnswerSource.Bare, new string('5', 301), verify));
        Assert.AreEqual(300, Found(AnswerSource.Bare, new string('5', 300), verify).Length);
    }

    [TestMethod]
    public void Normalize_MathSpelling_IsThatOfTheScript() => Finds(MathSpelling.Normalize, """
        \dfrac12 => \frac{1}{2}
        \tfrac 1 2 => \frac{1}{2}
        \frac1{72} => \frac{1}{72}
        \frac{3}4 => \frac{3}{4}
        \sqrt3 => \sqrt{3}
        \sqrt {3} => \sqrt{3}
        \sqrt 3x => \sqrt{3}x
        \left(1, 2\right) => (1,2)
        90^\circ => 90
        90^{\circ} => 90
        \$5 => 5
        $5$ => 5
        5\text{ apples} => 5
        5\text{apples} => 5\text{apples}
        50\% => 50
        50% => 50
        .5 => \frac{1}{2}
        {.5} => {0.5}
        1 .5 => 10.5
        0.5 => \frac{1}{2}
        x = 5 => 5
        xy = 5 => 5
        xyz = 5 => xyz=5
        a=b=c => a=b=c
        1/2 => \frac{1}{2}
        -1/2 => \frac{-1}{2}
        1/-2 => \frac{1}{-2}
        x/2 => x/2
        1/2/3 => 1/2/3
        /2 => /2
        1\!000 => 1000
        \\frac12 => \frac{1}{2}
        1↵2 => 12
        \frac => \frac
        \frac1 => \frac{1}
        \sqrt => \sqrt
        """);

    [TestMethod]
    public void Undouble_BackslashesBeforeCommands_AreSingle() => Finds(Escapes.Undouble, """
        \\frac12 => \frac12
        \frac12 => \frac12
        a\\frac12+\\sqrt2 => a\frac12+\sqrt2
        \\{1\\} => \{1\}
        5\\% => 5\%
        \\$5 => \$5
        1\\,000\\!0 => 1\,000\!0
        1\\2 => 1\\2
        1\\ => 1\\
        1\\nowhere => 1\\nowhere
        1\\\frac12 => 1\\\frac12
        \begin{matrix}1\\\pi\end{matrix} => \begin{matrix}1\\\pi\end{matrix}
        \begin{matrix}1\\pi\end{matrix} => \begin{matrix}1\\pi\end{matrix}
        2+\begin{matrix}1\\pi\end{matrix} => 2+\begin{matrix}1\\pi\end{matrix}
        \\begin{matrix}1\\pi\\end{matrix} => \begin{matrix}1\pi\end{matrix}
        \\displaystyleabcdefghijklmnop => \displaystyleabcdefghijklmnop
        \\x => \\x
        plain => plain
        """);

    private const string Verify = "math_verify math_verify_latex math_verify_expr lighteval";

    // Which policies take 5 for the answer: their sources, one text for each.
    [TestMethod]
    [DataRow("\\boxed{5}", "math " + Verify + " nemo_skills hendrycks open_instruct tinker open_r1 trl gsm8k aime")]
    [DataRow("\\boxed{5", Verify + " gsm8k")]
    [DataRow("The final answer is 5.", "math " + Verify + " gsm8k aime")]
    [DataRow("The answer is 5.", "math " + Verify + " gsm8k aime")]
    [DataRow("4 apples #### 5", "math_verify math_verify_expr lighteval gsm8k")]
    [DataRow("so 4 then 5 apples", "math_verify math_verify_expr lighteval gsm8k")]
    [DataRow("so it must be $5$ or so 4 apples", "math_verify_latex open_r1 trl")]
    [DataRow("5", "math_verify math_verify_expr lighteval nemo_skills hendrycks open_instruct tinker gsm8k")]
    [DataRow(
        "<think>\\boxed{4}</think>\\boxed{5}",
        "math " + Verify + " nemo_skills hendrycks open_instruct tinker open_r1 trl trl_reasoning gsm8k aime")]
    public void Check_EachPolicy_LooksInItsPlaces(string completion, string policies) => CollectionAssert.AreEquivalent(
        policies.Split(' '),
        AnswerPolicy.All.Values.Where(p => p.Check(completion, "$5$").IsRight).Select(p => p.Name).ToArray(),
        string.Join(' ', AnswerPolicy.All.Values.Where(p => p.Check(completion, "$5$").IsRight).Select(p => p.Name).Order()));

    // Which policies hold two answers for the same: their rules, one pair for each.
    [TestMethod]
    [DataRow("10\\%", "0.1", "math " + Verify + " open_r1 trl trl_reasoning gsm8k aime")]
    [DataRow("10\\%", "10", "math nemo_skills hendrycks open_instruct tinker gsm8k aime")]
    [DataRow("2, 1", "1, 2", "math " + Verify + " nemo_skills open_r1 trl trl_reasoning gsm8k aime")]
    [DataRow("1, 1, 2", "1, 2", Verify + " open_r1 trl trl_reasoning")]
    [DataRow("1, 2", "(1, 2)", Verify + " open_r1 trl trl_reasoning")]
    [DataRow("1,22", "1.22", Verify + " open_r1 trl trl_reasoning")]
    [DataRow("0.333333", "1/3", Verify + " nemo_skills open_r1 trl trl_reasoning")]
    [DataRow("0.3333", "1/3", "nemo_skills")]
    [DataRow("2/4", "1/2", "math " + Verify + " nemo_skills open_r1 trl trl_reasoning gsm8k aime choice")]
    [DataRow("five", "5", "math gsm8k aime choice")]
    public void Equivalent_EachPolicy_HasItsRules(string left, string right, string policies) => CollectionAssert.AreEquivalent(
        policies.Split(' ').Except(["choice"]).ToArray(),
        AnswerPolicy.All.Values.Where(p => p.Name != "choice" && p.Equivalent(left, right)).Select(p => p.Name).ToArray(),
        string.Join(' ', AnswerPolicy.All.Values.Where(p => p.Equivalent(left, right)).Select(p => p.Name).Order()));

    [TestMethod]
    public void Canonical_EachKindOfValue_HasOneSpelling() => Finds(t => Math.Canonical(t), """
        2/4 => 1/2
        0.5 => 1/2
        50\% => 50%
        x = 5 => 5
        \text{Red Dog} => 'reddog'
        3, 1, 2 => {1, 2, 3}
        \{3, 1\} => {1, 3}
        (3, 1) => (3, 1)
        [3, 4) => [3, 4)
        1:2 => 1:2
        1 < x \le 3 => 1*$x in (1, 3]
        x \in (1, 3] => (1, 3]
        5 cm => 1/20 length^1
        50 mm => 1/20 length^1
        5 apples => 5
        5\% \text{ of apples} => 5%
        2:30 \text{ pm} => 2:30 pm
        2:30 \text{ p.m.} => 2:30 pm
        2:30 \text{ am} => 2:30 am
        x = 1, x = 2 => {1, 2}
        y = 1, x = 2 => {1*$x = 2, 1*$y = 1}
        ABC => name abc
        CAB => name cab
        AB => 1*$A*$B
        [1, 2) \cup (3, 4) => [1, 2) u (3, 4)
        \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} => matrix 1, 2; 3, 4
        x + y = 1 => 0 = 1*$x+1*$y+-1
        x^2 < y => 1*$x^2+-1*$y < 0
        y > x^2 => 1*$x^2+-1*$y < 0
        (1 + => spelled (1+
        """);

    private static string Found(AnswerSource source, string text, AnswerPolicy policy) =>
        string.Join(" | ", Extractor.Find(source, text, policy));

    private static void Finds(Func<string, string?> find, string table)
    {
        var faults = new List<string>();
        foreach (var line in table.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var at = line.LastIndexOf("=>", StringComparison.Ordinal);
            var (text, expected) = (line[..at].TrimEnd().Replace('↵', '\n'), line[(at + 2)..].Trim().Replace('↵', '\n'));
            var found = find(text);
            if ((found ?? "~") != expected && !(expected == "~" && found == ""))
                faults.Add($"{line}   gives {found ?? "none"}");
        }
        Assert.IsEmpty(faults, string.Join('\n', faults));
    }
}
