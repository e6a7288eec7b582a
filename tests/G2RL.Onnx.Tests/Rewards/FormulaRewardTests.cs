using G2RL.Onnx.Problems;
using G2RL.Onnx.Rewards;

namespace G2RL.Onnx.Tests.Rewards;

/// <summary>Rewards that are a formula, by hand.</summary>
[TestClass]
public sealed class FormulaRewardTests
{
    private const double Exact = 1e-12;

    [TestMethod]
    // Right: 1 at 0, .5 at 100; half way cos(pi / 2) = 0, so the middle. Wrong: -1 at 0, -.5 at 100.
    [DataRow(true, 0, 1.0)]
    [DataRow(true, 50, 0.75)]
    [DataRow(true, 100, 0.5)]
    [DataRow(true, 1000, 0.5)]
    [DataRow(false, 0, -1.0)]
    [DataRow(false, 50, -0.75)]
    [DataRow(false, 200, -0.5)]
    public void Cosine_Length_FallsAlongHalfAWave(bool right, int length, double expected) =>
        Assert.AreEqual(expected, CosineReward.Of(new() { MaxLength = 100 }, right, length), Exact);

    [TestMethod]
    public void Cosine_VerdictThatIsNone_StaysNone()
    {
        var reward = CosineReward.Create(new());
        Assert.AreEqual(OutcomeKind.Timeout, reward(RewardCase.Of("x", verdict: Outcome.TimedOut("late"))).Kind);
        Assert.AreEqual(OutcomeKind.Abstain, reward(RewardCase.Of("x", verdict: Outcome.Abstained("no"))).Kind);
    }

    [TestMethod]
    // Bigrams 55 55 55 55: 1 of 4 differs. 12 23 31 12 23: 3 of 5 differ. A trigram of 2 tokens is none.
    [DataRow(new[] { 5, 5, 5, 5, 5 }, 2, -1.0, -0.75)]
    [DataRow(new[] { 1, 2, 3, 1, 2, 3 }, 2, -1.0, -0.4)]
    [DataRow(new[] { 1, 2, 3, 1, 2, 3 }, 2, -0.5, -0.2)]
    [DataRow(new[] { 1, 2 }, 3, -1.0, 0.0)]
    [DataRow(new int[0], 1, -1.0, 0.0)]
    public void Repetition_Tokens_CountsWhatWasThere(int[] tokens, int size, double most, double expected) =>
        Assert.AreEqual(expected, RepetitionReward.Of(tokens, size, most), Exact);

    [TestMethod]
    public void Repetition_HugeResponse_AgreesWithASet()
    {
        // 200,000 tokens of three kinds, drawn by a linear congruence: what is compared most often is what repeats.
        var (tokens, state) = (new int[200_000], 1u);
        for (var i = 0; i < tokens.Length; i++)
            tokens[i] = (int)((state = (state * 1664525) + 1013904223) >> 30) % 3;
        var different = Enumerable.Range(0, tokens.Length - 7).Select(i => string.Join(',', tokens[i..(i + 8)]))
            .ToHashSet(StringComparer.Ordinal).Count;
        Assert.AreEqual(-(1 - (different / (double)(tokens.Length - 7))), RepetitionReward.Of(tokens, 8, -1), Exact);
    }

    [TestMethod]
    [DataRow("<think>a</think><answer>b</answer>", true)]
    [DataRow(" \n<think>a\nb</think>\n\n<answer></answer> ", true)]
    [DataRow("<think>a</think> so <answer>b</answer>", false)]
    [DataRow("<answer>b</answer><think>a</think>", false)]
    [DataRow("<think>a</think><answer>b</answer><answer>c</answer>", false)]
    [DataRow("<think>a<think></think><answer>b</answer>", false)]
    [DataRow("<think>a</think><answer>b", false)]
    [DataRow("<think>a</think><answer>b</answer> more", false)]
    [DataRow("", false)]
    public void Format_Tags_AskForEachOnceAndNothingElse(string text, bool fits)
    {
        var reward = FormatReward.Create(new() { Tags = ["think", "answer"], Match = 2, Otherwise = -1 });
        Assert.AreEqual(fits ? 2 : -1, reward(RewardCase.Of(text)).Score);
    }

    [TestMethod]
    public void Format_PatternOrNone_ReadsTextOrVerdict()
    {
        var pattern = FormatReward.Create(new() { Pattern = @"\\boxed\{.+\}" });
        Assert.AreEqual((1.0, 0.0), (pattern(RewardCase.Of("a \\boxed{4\n2}")).Score, pattern(RewardCase.Of("42")).Score));
        // What would take a backtracking engine centuries takes no time.
        Assert.AreEqual(0, FormatReward.Create(new() { Pattern = "^(a+)+$" })(RewardCase.Of(new string('a', 50_000) + "b")).Score);
        var own = FormatReward.Create(new());
        Assert.AreEqual(1, own(RewardCase.Of("x", verdict: Outcome.Judged(correct: false))).Score);
        Assert.AreEqual(0, own(RewardCase.Of("x", verdict: Outcome.Judged(correct: false, wellFormed: false))).Score);
    }

    [TestMethod]
    // Limit 20, buffer 4: -(18 - 16) / 4 = -.5; beyond the limit the linear one goes on, -(25 - 16) / 4, and the bounded one stays.
    [DataRow(16, false, 0.0)]
    [DataRow(18, false, -0.5)]
    [DataRow(25, false, -2.25)]
    [DataRow(18, true, -0.5)]
    [DataRow(25, true, -1.0)]
    public void Overlong_Length_IsPenalised(int length, bool bounded, double expected)
    {
        using var reward = OverlongReward.Create(new() { Buffer = 4, Bounded = bounded }, Context(20));
        Assert.AreEqual(expected, RewardCase.Score(reward, [RewardCase.Of("x", tokens: length)])[0].Score, Exact);
    }

    [TestMethod]
    // -2.8 is clamped to -2, which becomes -1; -.25 -> -1 + (1.75 / 4) 2 = -.125.
    [DataRow(-2.8, -1.0)]
    [DataRow(-0.25, -0.125)]
    [DataRow(2.5, 1.0)]
    public void Scale_Score_IsClampedAndMapped(double score, double expected) =>
        Assert.AreEqual(expected, new ScaleConfig { SourceLow = -2, SourceHigh = 2 }.Apply(score), Exact);

    [TestMethod]
    public void Function_ThatThrowsOrGivesNaN_IsAnErrorNotAScore()
    {
        var functions = new Dictionary<string, RewardFunction>(StringComparer.Ordinal)
        {
            ["own"] = c => c.Text switch
            {
                "throw" => throw new InvalidOperationException("no"),
                "nan" => new(OutcomeKind.Score, double.NaN, true, null),
                _ => Outcome.Scored(3),
            },
        };
        using var reward = FunctionReward.Create(new() { Function = "own" }, Context(10, functions));
        Assert.AreEqual("3 Error Error 3", RewardCase.Show(RewardCase.Score(reward, RewardCase.All("a", "throw", "nan", "b"))));
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() =>
            FunctionReward.Create(new() { Function = "other" }, Context(10, functions))).Message, "only own");
    }

    private static RewardContext Context(int most, IReadOnlyDictionary<string, RewardFunction>? functions = null) =>
        new(most, functions ?? new Dictionary<string, RewardFunction>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
}
