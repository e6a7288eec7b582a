using G2RL.Onnx.Algorithms.Advantages;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rewards;
using G2RL.Onnx.Rewards.Judge;

namespace G2RL.Onnx.Tests.Rewards;

/// <summary>Several rewards of a run: how they are named, checked, added up, and what becomes of those that fail.</summary>
[TestClass]
public sealed class RewardSetTests
{
    private static readonly FunctionProblemSet Checker =
        new("p", [new("p/1", "?", "42")], [], (p, text) => Outcome.Judged(text.Contains(p.Answer, StringComparison.Ordinal)));

    [TestMethod]
    public void Default_RunWithoutRewards_IsTheCheckerAlone()
    {
        var config = RunConfigFile.Load(null, []);
        using var rewards = Set(config.Rewards);
        Assert.IsTrue(rewards.IsCheckerAlone);
        StringAssert.Contains(RunConfigFile.ToJson(config), "\"name\": \"checker\"");
        var results = rewards.Score(RewardCase.All("42", "41"));
        Assert.AreEqual("1 -1", RewardCase.Show(results.Select(r => r.Outcome)));
        Assert.AreEqual((1.0, -1.0), (results[0].Verdict, results[1].Verdict));
    }

    [TestMethod]
    public void Tally_Abstentions_AreNoFailures()
    {
        var tally = new RewardTally("style", total: 3, maxFailedShare: 0);
        tally.Add(Outcome.Abstained("no style to speak of"));
        tally.Add(Outcome.Scored(0));
        Assert.AreEqual(0, tally.Failed);
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => tally.Add(Outcome.Failed("gone"))).Message, "1 of a step's 3");
    }

    [TestMethod]
    public void Config_EveryKind_IsWrittenAndReadAgain()
    {
        var written = RunConfigFile.ToJson(new RunConfig
        {
            Rewards =
            [
                .. RewardTable.All.Values.Select(k => (RewardConfig)Activator.CreateInstance(k.Settings)!),
                new OverlongRewardConfig { Weight = -0.5, Label = "again", Scale = new() { SourceLow = -1, SourceHigh = 0 },
                    MaxFailedShare = 0.5 },
            ],
        });
        Assert.AreEqual(written, RunConfigFile.ToJson(RunConfigFile.FromJson(written, "test")));
        foreach (var name in RewardTable.All.Keys)
            StringAssert.Contains(written, $"\"name\": \"{name}\"");
    }

    [TestMethod]
    [DataRow("[]", "rewards is empty; a run needs at least one")]
    [DataRow("[null]", "rewards[0] is null")]
    [DataRow("[3]", "An entry of rewards is no object")]
    [DataRow(
        "[{}]",
        "An entry of rewards has no name: {}. There are: checker, cosine, external, format, function, judge, overlong, repetition.")]
    [DataRow("[{'name': 'length'}]", "There is no reward 'length'. There are: checker, cosine")]
    [DataRow("[{'name': 'checker', 'wieght': 2}]", "The settings of reward 'checker' are wrong")]
    [DataRow("[{'name': 'checker', 'weight': 'two'}]", "The settings of reward 'checker' are wrong at weight")]
    [DataRow("[{'name': 'checker', 'weight': 0}]", "rewards[0].weight is 0; it must be finite and not 0.")]
    [DataRow("[{'name': 'checker'}, {'name': 'checker'}]", "rewards has 2 entries called 'checker'; give each a label of its own.")]
    [DataRow("[{'name': 'checker', 'label': 'a b'}]", "rewards[0].label is 'a b'")]
    [DataRow("[{'name': 'checker', 'maxFailedShare': 2}]", "rewards[0].maxFailedShare is 2; it must be 0 to 1.")]
    [DataRow("[{'name': 'checker', 'scale': {'sourceLow': 1}}]", "rewards[0].scale.sourceHigh is 1")]
    [DataRow("[{'name': 'format', 'pattern': '(?<=a)b'}]", "rewards[0].pattern is '(?<=a)b'; look-around")]
    [DataRow("[{'name': 'format', 'pattern': '('}]", "rewards[0].pattern is '('; it is no regular expression")]
    [DataRow("[{'name': 'format', 'tags': ['<think>']}]", "rewards[0].tags holds '<think>'")]
    [DataRow("[{'name': 'overlong', 'buffer': 81}]", "rewards[0].buffer is 81; it must be 1 to the length limit (80).")]
    [DataRow("[{'name': 'repetition', 'maxPenalty': 1}]", "rewards[0].maxPenalty is 1")]
    [DataRow("[{'name': 'external'}]", "rewards[0].command is empty")]
    [DataRow("[{'name': 'external', 'command': ['x'], 'workers': 0}]", "rewards[0].workers is 0")]
    [DataRow("[{'name': 'judge'}]", "rewards[0].endpoint is ''")]
    [DataRow("[{'name': 'judge', 'endpoint': 'http://me:secret@host/v1', 'model': 'm'}]", "rewards[0].endpoint holds a password")]
    [DataRow("[{'name': 'judge', 'endpoint': 'http://h/v1'}]", "rewards[0].model is empty")]
    [DataRow("[{'name': 'judge', 'endpoint': 'http://h/v1', 'model': 'm', 'template': 'hi'}]", "does not mention {completion}")]
    [DataRow("[{'name': 'judge', 'endpoint': 'http://h/v1', 'model': 'm', 'pattern': '[0-9]+'}]", "it must have exactly one group")]
    [DataRow("[{'name': 'function'}]", "rewards[0].function is empty")]
    public void Faults_BadRewards_SayWhatToDo(string rewards, string message) => StringAssert.Contains(
        Assert.ThrowsExactly<InputException>(() => RunConfigFile.Load(null, ["rewards=" + rewards.Replace('\'', '"')])).Message, message);

    [TestMethod]
    public void Faults_PasswordInTheEndpoint_IsNotRepeated()
    {
        var message = Assert.ThrowsExactly<InputException>(() =>
            RunConfigFile.Load(null, ["""rewards=[{"name": "judge", "endpoint": "http://me:secret@host/v1", "model": "m"}]"""])).Message;
        Assert.IsFalse(message.Contains("secret", StringComparison.Ordinal), message);
    }

    [TestMethod]
    public void Score_SeveralRewards_AreWeightedAndTheVerdictStaysTheCheckers()
    {
        // 2 x (+1) - .5 x 3 tokens; wrong and long: -2 - 1.5.
        using var rewards = Set([new CheckerConfig { Weight = 2 }, new FunctionConfig { Function = "length", Weight = -0.5 }]);
        var results = rewards.Score(RewardCase.All("42", "no"));
        Assert.AreEqual("0.5 -3.5", RewardCase.Show(results.Select(r => r.Outcome)));
        Assert.AreEqual((1.0, -1.0), (results[0].Verdict, results[1].Verdict));
        CollectionAssert.AreEqual(new[] { -1.0, 3 }, results[1].Parts);
    }

    [TestMethod]
    public void Score_RewardThatFails_TakesTheRolloutOutAndOneThatAbstainsDoesNot()
    {
        using var rewards = Set([new CheckerConfig(), new FunctionConfig { Function = "moody" }]);
        var results = rewards.Score(RewardCase.All("42 fine", "42 none", "42 late", "42 bad"));
        // 1 + .25; 1 alone; a timeout; an error.
        Assert.AreEqual("1.25 1 Timeout Error", RewardCase.Show(results.Select(r => r.Outcome)));
        StringAssert.Contains(results[3].Outcome.Message, "reward function: function 'moody' failed on p/1");
    }

    [TestMethod]
    public void Score_NoRewardApplies_IsAnAbstention()
    {
        using var rewards = Set([new FunctionConfig { Function = "moody" }]);
        Assert.AreEqual("Abstain", RewardCase.Show(rewards.Score(RewardCase.All("none")).Select(r => r.Outcome)));
    }

    [TestMethod]
    public void Score_MoreFailuresThanAllowed_NamesTheLabel()
    {
        using var rewards = Set([new FunctionConfig { Function = "moody", Label = "mine", MaxFailedShare = 0.25 }]);
        var e = Assert.ThrowsExactly<InputException>(() => rewards.Score(RewardCase.All("bad", "fine", "bad", "fine")));
        StringAssert.Contains(e.Message, "Reward mine: 2 of a step's 4 completions failed, and its maxFailedShare is 0.25");
    }

    [TestMethod]
    public void Score_Scale_MapsBeforeTheWeight()
    {
        // 3 tokens on [0, 6] to [-1, 1] is 0; weight 4 keeps it.
        using var rewards = Set([new FunctionConfig { Function = "length", Weight = 4, Scale = new() { SourceHigh = 6 } }]);
        Assert.AreEqual("0", RewardCase.Show(rewards.Score(RewardCase.All("x")).Select(r => r.Outcome)));
    }

    [TestMethod]
    public void Open_JudgeWithoutItsKey_IsSaidBeforeAnythingRuns() => StringAssert.Contains(
        Assert.ThrowsExactly<InputException>(() =>
            Set([new JudgeConfig { Endpoint = "http://localhost/v1", Model = "m", KeyVariable = "G2RL_TEST_UNSET" }])).Message,
        "G2RL_TEST_UNSET, which is not set");

    [TestMethod]
    public void Gdpo_TwoRewardsOfDifferentSize_CountAlike()
    {
        // One group of 4; r1 = 1, 0, 1, 0: mean .5, sd sqrt(1/3); r2 = 0, 100, 100, 0: mean 50, sd sqrt(10000/3). With eps 0 either z is
        // +-sqrt(3)/2, so the
        // sums are 0, 0, sqrt(3), -sqrt(3) and their sd over the batch is sqrt(6/3) = sqrt(2).
        double[][] parts = [[1, 0], [0, 100], [1, 100], [0, 0]];
        var advantages = new double[4];
        var batch = new AdvantageBatch([1, 100, 101, 0], [0, 0, 0, 0], [1, 1, 1, 1]) { Parts = parts, Weights = [1, 1] };
        AdvantageTable.All["gdpo"](batch, new(1e-12, LoneKeepsReward: false), advantages);
        double[] expected = [0, 0, Math.Sqrt(1.5), -Math.Sqrt(1.5)];
        for (var i = 0; i < 4; i++)
            Assert.AreEqual(expected[i], advantages[i], 1e-9);
        // verl whitens over tokens; with one token each that is the same but for its 1e-8.
        AdvantageTable.All["gdpo"](batch, new(1e-12, LoneKeepsReward: true) { WhitensTokens = true }, advantages);
        for (var i = 0; i < 4; i++)
            Assert.AreEqual(expected[i], advantages[i], 1e-6);
    }

    [TestMethod]
    public void Gdpo_ArmThatShapes_IsRefused() => StringAssert.Contains(
        Assert.ThrowsExactly<InputException>(() => RunConfigFile.Load(null, ["algorithm.advantage=gdpo"])).Message,
        "algorithm.advantage is gdpo with algorithm.name g2rl");

    private static RewardSet Set(IReadOnlyList<RewardConfig> configs) =>
        new(configs, Checker, 80, new Dictionary<string, RewardFunction>(StringComparer.Ordinal)
        {
            ["length"] = c => Outcome.Scored(c.Tokens.Count),
            ["moody"] = c => c.Text.Split(' ')[^1] switch
            {
                "none" => Outcome.Abstained("not mine"),
                "late" => Outcome.TimedOut("late"),
                "bad" => throw new InvalidOperationException("bad"),
                _ => Outcome.Scored(0.25),
            },
        });
}
