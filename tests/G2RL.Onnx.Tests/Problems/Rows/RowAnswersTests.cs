using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Files;

namespace G2RL.Onnx.Tests;

/// <summary>How the answers of a row are judged and compared.</summary>
[TestClass]
public sealed class RowAnswersTests : RowFiles
{
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
        Assert.AreEqual("5", check.AnswerOf(problem, "\\boxed{5}".PadLeft(1 << 20)));
        Assert.IsNull(check.AnswerOf(problem, "\\boxed{5}".PadLeft((1 << 20) + 1)));
        Assert.IsTrue(loose.IsSameAnswer(problem, "5", " 5 "));
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
        Assert.AreEqual(19_999, One(new() { DerivedAnswer = "digitCompletion" }, """{"prompt": "0,0:1,10000"}""").Answer.Length);
        Assert.AreEqual("0,0", One(new() { DerivedAnswer = "digitCompletion" }, """{"prompt": "2,5:1,2"}""").Answer);
        foreach (var prompt in (string[])["3,7", "3:10,5", "3,7:0,5", "3,7:10,10001", "3,7:10,5:1", "a,7:10,5", "3,-7:10,5"])
            StringAssert.Contains(
                Refused(new() { DerivedAnswer = "digitCompletion" }, $$"""{"prompt": "{{prompt}}"}"""), "has another form");
    }
}
