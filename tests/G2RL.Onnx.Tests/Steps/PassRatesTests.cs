using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Curriculum;
using G2RL.Onnx.Training.Logging;
using G2RL.Onnx.Training.Steps;

namespace G2RL.Onnx.Tests.Steps;

/// <summary>What a curriculum remembers of a step.</summary>
[TestClass]
public sealed class PassRatesTests
{
    [TestMethod]
    public void Record_GroupsOfAStep_LeavesOutWhatWasAlwaysRightAmongTheJudged()
    {
        var problems = Enumerable.Range(0, 6).Select(i => new Problem($"p{i}", $"{i}", "")).ToArray();
        var set = new FunctionProblemSet("six", problems, [], (_, _) => Outcome.Judged(true));
        var curriculum = new PassRateFilter(set, new() { Low = 0, High = 1, Window = 2 });
        var metrics = new StepMetrics(3);
        // Right in all that were judged; half; none judged at all, of which nothing is known.
        PassRates.Record(
            curriculum,
            [
                Group(problems[0], Outcome.Scored(1), Outcome.Failed("no")),
                Group(problems[1], Outcome.Scored(1), Outcome.Scored(-1)),
                Group(problems[2], Outcome.Failed("no")),
            ],
            metrics);
        Assert.AreEqual((0, 1), (metrics.Values["curriculum/replaced"], metrics.Values["curriculum/left_out"]));
        var batch = curriculum.Batch(4, 5, 0).Select(p => p.Id).ToArray();
        Assert.HasCount(5, batch);
        CollectionAssert.DoesNotContain(batch, "p0");
        // Of that batch the place of p0 was taken, if it had one; what was not judged is not remembered.
        var next = new StepMetrics(4);
        PassRates.Record(curriculum, [], next);
        Assert.AreEqual(set.Batch(4, 5, 0).Count(p => p.Id == "p0"), next.Values["curriculum/replaced"]);
        using var scratch = new Scratch();
        curriculum.Save(scratch.Path);
        Assert.AreEqual(
            """{"p0":{"Step":2,"Rate":1},"p1":{"Step":2,"Rate":0.5}}""",
            File.ReadAllText(Path.Combine(scratch.Path, "curriculum.json")).Trim());
    }

    // Right is what lies above 0: one of three that is not is below the band, and a score of 0 is as wrong as one of -1.
    [TestMethod]
    [DataRow(0.6, 1.0, 1.0, -1.0, 1)]
    [DataRow(1.0, 0.0, -1.0, 0.0, 1)]
    [DataRow(1.0, 1.0, -1.0, 0.0, 0)]
    public void Record_ScoresOfThree_CountsThoseAboveZero(double high, double first, double second, double third, int left)
    {
        Problem[] problems = [new("p0", "0", ""), new("p1", "1", "")];
        var set = new FunctionProblemSet("two", problems, [], (_, _) => Outcome.Judged(true));
        var (curriculum, metrics) = (new PassRateFilter(set, new() { Low = 0, High = high, Window = 2 }), new StepMetrics(3));
        PassRates.Record(curriculum, [Group(problems[0], Outcome.Scored(first), Outcome.Scored(second), Outcome.Scored(third))], metrics);
        Assert.AreEqual(left, metrics.Values["curriculum/left_out"]);
    }

    // Rewards say nothing of right and wrong: a wrong response may be well formed (-0.2 + 1), a right one too long (1 - 2).
    [TestMethod]
    [DataRow(0.8, -1.0, -1.0, 1.0)]
    [DataRow(0.8, 0.8, 1.0, -1.0)]
    [DataRow(-1.0, -1.0, -1.0, 1.0)]
    public void Record_RewardsBesideTheChecker_AsksTheCheckerAlone(double first, double second, double one, double other)
    {
        var problems = Enumerable.Range(0, 6).Select(i => new Problem($"p{i}", $"{i}", "")).ToArray();
        var set = new FunctionProblemSet("six", problems, [], (_, _) => Outcome.Judged(true));
        var (curriculum, metrics) = (new PassRateFilter(set, new() { Low = 0, High = 1, Window = 2 }), new StepMetrics(3));
        var rollouts = Group(problems[0], Outcome.Scored(1), Outcome.Scored(1)).Group.Rollouts;
        ScoredGroup Judged(Problem problem, params double[] verdicts) =>
            new(new(problem, rollouts), [Outcome.Scored(first), Outcome.Scored(second)], verdicts);
        PassRates.Record(curriculum, [Judged(problems[0], one, other), Judged(problems[1], 1, 1)], metrics);
        // Half of p0 is right, all of p1.
        Assert.AreEqual(1, metrics.Values["curriculum/left_out"]);
        var batch = curriculum.Batch(4, 5, 0).Select(p => p.Id).ToArray();
        CollectionAssert.Contains(batch, "p0");
        CollectionAssert.DoesNotContain(batch, "p1");
    }

    private static ScoredGroup Group(Problem problem, params Outcome[] outcomes) =>
        new(new(problem, new FakeSource((_, _, _) => "x").Draw(new([[1]], outcomes.Length, 0, 0))[0]), outcomes);
}
