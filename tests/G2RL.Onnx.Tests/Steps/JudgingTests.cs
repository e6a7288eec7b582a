using G2RL.Onnx.Configuration;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Curriculum;
using G2RL.Onnx.Rewards;
using G2RL.Onnx.Rewards.Judge;
using G2RL.Onnx.Tests.Rewards;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Steps;

namespace G2RL.Onnx.Tests.Steps;

/// <summary>Phase 2: rollouts to scored groups.</summary>
[TestClass]
public sealed class JudgingTests
{
    private readonly List<string> words = [];

    [TestMethod]
    public void Run_RightWrongAndFailed_ScoresTheJudgedAndWarnsOncePerGroup()
    {
        var (groups, first, step) = Run(rounds: 0, (_, _, sample) => $"{sample}");
        // Texts 0 to 3: 0 is right, 1 wrong, 2 and 3 fail.
        foreach (var group in groups)
        {
            CollectionAssert.AreEqual(new[] { 0, 1 }, group.Members);
            CollectionAssert.AreEqual(new[] { 1d, -1 }, group.Rewards);
        }
        CollectionAssert.AreEqual(groups, first);
        // The checker alone is the reward: it has no parts.
        Assert.IsTrue(groups.All(g => g.Parts is null));
        CollectionAssert.AreEqual(
            new[] { "step 5, p0: Error: no 2", "step 5, p1: Error: no 2" },
            words.Where(w => w.StartsWith("step", StringComparison.Ordinal)).ToArray());
        Assert.AreEqual(
            (0d, 0.5, 4d),
            (step.Metrics.Values["reward/mean"], step.Metrics.Values["reward/right_share"], step.Metrics.Values["reward/error_count"]));
        Assert.IsFalse(step.Metrics.Values.ContainsKey("time/resample_s"));
    }

    [TestMethod]
    public void Run_GroupWithoutSignal_IsDrawnAnewAndTheFirstIsGivenToo()
    {
        // The second group is all right at first, and mixed when drawn anew.
        var (groups, first, step) = Run(rounds: 1, (draw, prompt, sample) => draw == 0 && prompt == 1 ? "0" : $"{sample % 2}");
        Assert.AreSame(first[0], groups[0]);
        Assert.AreNotSame(first[1], groups[1]);
        Assert.IsTrue(first[1].IsHomogeneous);
        CollectionAssert.AreEqual(new[] { 1d, -1, 1, -1 }, groups[1].Rewards);
        Assert.AreEqual(1, step.Metrics.Values["sampling/resampled_groups"]);
        // The metrics of rewards are those of what was drawn first: the policy's, not the choice's.
        Assert.AreEqual(0.5, step.Metrics.Values["reward/mean"]);
        CollectionAssert.Contains(words, "resample 4/4");
    }

    [TestMethod]
    public void Run_GroupsOfMiddleRounds_AreRememberedByTheCurriculum()
    {
        // The second place: all right, all wrong, then mixed. The curriculum must know the problem of the middle round, too.
        var (groups, drawn, step) = Run(rounds: 3, (draw, prompt, sample) =>
            (draw, prompt) switch { (0, 1) => "0", (1, _) => "1", _ => $"{sample % 2}" });
        Assert.HasCount(4, drawn, "two first, one of each round that was needed");
        Assert.AreSame(groups[1], drawn[3]);
        var curriculum = new PassRateFilter(
            new FunctionProblemSet("none", [new Problem("p0", "0", "")], [], (_, _) => Outcome.Judged(true)),
            new() { Window = 9 });
        PassRates.Record(curriculum, drawn, step.Metrics);
        var dull = drawn.GroupBy(g => g.Group.Problem.Id)
            .Count(p => p.SelectMany(g => g.Outcomes).Select(o => o.Score > 0).Distinct().Count() == 1);
        Assert.AreEqual(dull, step.Metrics.Values["curriculum/left_out"]);
        Assert.AreEqual(0, drawn[2].Outcomes.Count(o => o.Score > 0));
        // Drawn twice, all right and all wrong: half of it is right, and it stays.
        var wrong = new Algorithms.ScoredGroup(drawn[1].Group, [.. drawn[1].Outcomes.Select(_ => Outcome.Judged(false))]);
        var (again, metrics) = (new PassRateFilter(curriculum, new() { Window = 9 }), new Step(4).Metrics);
        PassRates.Record(again, [drawn[1], wrong], metrics);
        Assert.AreEqual(0, metrics.Values["curriculum/left_out"]);
    }

    // Of what others compute each completion is asked for once, though the first group had ended before its step did.
    [TestMethod]
    public void Run_RewardsElsewhere_AskForEachCompletionOnce()
    {
        using var server = new JudgeServer((_, _) => JudgeReply.Text("Score: 7"));
        using var scratch = new Scratch();
        var problems = Enumerable.Range(0, 2).Select(i => new Problem($"p{i}", $"{i}", "")).ToArray();
        var set = new FunctionProblemSet("texts", problems, [], (_, _) => Outcome.Judged(true));
        var config = new RunConfig
        {
            Rewards = [new JudgeConfig { Endpoint = server.Endpoint, Model = "judge", Cache = scratch.Path, TimeoutSeconds = 300 }],
            Sampling = new() { GroupSize = 3 },
        };
        var events = new TrainingEvents();
        var drawing = new Drawing(new FakeSource((_, prompt, sample) => $"{prompt}{sample}"), _ => [1], config, features: null, events);
        using var rewards = new RewardSet(config.Rewards, set, 8);
        var (judging, step) = (new Judging(rewards, drawing, set, config, events), new Step(4));
        using var early = judging.Begin(step, problems);
        Assert.IsNotNull(early);
        var drawn = drawing.Run(step, problems);
        early.Ended(0, drawn[0]);
        Assert.IsTrue(SpinWait.SpinUntil(() => server.Requests == 3, TimeSpan.FromMinutes(5)));
        var (groups, _) = judging.Run(step, problems, drawn, early);
        Assert.AreEqual(6, server.Requests);
        Assert.IsTrue(groups.SelectMany(g => g.Rewards).All(r => r == 0.7));
        Assert.AreEqual(early.HiddenSeconds, step.Metrics.Values["time/reward_while_sampling_s"]);
        Assert.IsGreaterThan(0, early.HiddenSeconds);
    }

    [TestMethod]
    public void Greedy_ResponseThatCannotBeJudged_LeavesItsGroupWithoutABaseline()
    {
        var (groups, _, step) = Run(rounds: 0, (_, _, sample) => $"{sample % 2}");
        var set = new FunctionProblemSet("texts", [new Problem("p", "", "")], [], (_, t) => t == "1"
            ? Outcome.Judged(true)
            : Outcome.Failed("no verdict"));
        var (config, events) = (new RunConfig(), new TrainingEvents());
        var source = new FakeSource((_, prompt, _) => prompt == 0 ? "1" : "?");
        using var rewards = new RewardSet(config.Rewards, set, 8);
        var judging = new Judging(rewards, new Drawing(source, _ => [1], config, features: null, events), set, config, events);
        using var greedy = new GreedyBaseline(source, _ => [1], judging, events);
        greedy.Run(step, groups);
        Assert.AreEqual(1, groups[0].Baseline);
        Assert.AreEqual(double.NaN, groups[1].Baseline);
        Assert.AreEqual(1, step.Metrics.Values["reward/greedy_mean"]);
    }

    private (Algorithms.ScoredGroup[] Groups, Algorithms.ScoredGroup[] First, Step Step) Run(int rounds, Func<int, int, int, string> text)
    {
        var problems = Enumerable.Range(0, 4).Select(i => new Problem($"p{i}", $"{i}", "")).ToArray();
        var set = new FunctionProblemSet("texts", problems, [], (_, t) => t is "0" or "1"
            ? Outcome.Judged(t == "0")
            : Outcome.Failed($"no {t}"));
        var config = new RunConfig { Sampling = new() { GroupSize = 4, ResampleRounds = rounds } };
        var events = new TrainingEvents { Warning = words.Add, Progress = (phase, done, of) => words.Add($"{phase} {done}/{of}") };
        var drawing = new Drawing(new FakeSource(text), _ => [1], config, features: null, events);
        using var rewards = new RewardSet(config.Rewards, set, 8);
        var step = new Step(4);
        var (groups, first) = new Judging(rewards, drawing, set, config, events).Run(step, problems[..2], drawing.Run(step, problems[..2]));
        return (groups, first, step);
    }
}
