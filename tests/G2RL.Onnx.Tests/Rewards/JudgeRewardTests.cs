using System.Collections.Concurrent;
using System.Text.Json;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rewards;
using G2RL.Onnx.Rewards.Judge;

namespace G2RL.Onnx.Tests.Rewards;

/// <summary>A judge on loopback: one that works, and ones that are dead, slow, rate-limited, or answer nonsense.</summary>
[TestClass]
public sealed class JudgeRewardTests
{
    private readonly string cache = Path.Combine(Path.GetTempPath(), $"g2rl-judge-{Guid.NewGuid():N}");
    private readonly ConcurrentQueue<double> waits = [];

    [TestCleanup]
    public void RemoveCache()
    {
        if (Directory.Exists(cache))
            Directory.Delete(cache, recursive: true);
    }

    [TestMethod]
    public void Score_Replies_AreReadAndSentWithWhatTheConfigurationSays()
    {
        using var server = new JudgeServer((_, said) =>
            JudgeReply.Text(said.Contains("[good]", StringComparison.Ordinal) ? "Score: 3. No: Score: **9**" : "Score: 2.5"));
        using var reward = Open(server.Endpoint, c =>
            c with { Template = "{prompt}|{answer}|{completion}", MaxTokens = 77, Temperature = 0.5 });
        Assert.AreEqual("0.9 0.25", RewardCase.Show(RewardCase.Score(reward, RewardCase.All("[good] {answer}", "bad"))));
        using var last = JsonDocument.Parse(server.Body);
        Assert.AreEqual("judge", last.RootElement.GetProperty("model").GetString());
        Assert.AreEqual(0.5, last.RootElement.GetProperty("temperature").GetDouble());
        StringAssert.Contains(server.Body, "77");
    }

    [TestMethod]
    public void Ask_TextsThatLookLikePlaceholders_StayWhatTheyAre() =>
        Assert.AreEqual("What is 6 x 7?|42|a {prompt} $1 {answer}",
            new JudgeConfig { Template = "{prompt}|{answer}|{completion}" }.Ask(RewardCase.Of("a {prompt} $1 {answer}")));

    [TestMethod]
    public void Score_SameRequestAgain_IsReadFromDiskWithoutTheJudge()
    {
        string first;
        var port = 0;
        using (var server = new JudgeServer((n, _) => JudgeReply.Text($"Score: {n}")))
        {
            port = server.Port;
            using var reward = Open(server.Endpoint, c => c with { Concurrency = 1 });
            // Equal responses are one request.
            first = RewardCase.Show(RewardCase.Score(reward, RewardCase.All("a", "b", "a")));
            Assert.AreEqual(("0.1 0.2 0.1", 2), (first, server.Requests));
        }
        using var again = Open($"http://127.0.0.1:{port}/v1", c => c with { Retries = 0 });
        Assert.AreEqual(first, RewardCase.Show(RewardCase.Score(again, RewardCase.All("a", "b", "a"))));
        // Another model, or another question, is another request; a file that is broken is none.
        using var other = Open($"http://127.0.0.1:{port}/v1", c => c with { Retries = 0, Model = "other" });
        Assert.AreEqual("Error", RewardCase.Show(RewardCase.Score(other, RewardCase.All("a"))));
        foreach (var file in Directory.EnumerateFiles(cache, "*.json", SearchOption.AllDirectories))
            File.WriteAllText(file, "{\"reply\": ");
        Assert.AreEqual("Error", RewardCase.Show(RewardCase.Score(again, RewardCase.All("a"))));
    }

    [TestMethod]
    public void Score_DeadJudge_FailsAfterItsTriesAndStopsTheStepEarly()
    {
        var port = JudgeServer.FreePort();
        using var reward = Open($"http://127.0.0.1:{port}/v1", c => c with { Retries = 2, Concurrency = 1 });
        var outcomes = RewardCase.Score(reward, RewardCase.All("a"));
        Assert.AreEqual(OutcomeKind.Error, outcomes[0].Kind);
        StringAssert.Contains(outcomes[0].Message, $"the judge at http://127.0.0.1:{port}/v1 cannot be reached");
        StringAssert.Contains(outcomes[0].Message, "after 3 tries");
        // Each wait is twice the one before.
        Assert.AreEqual("1 2", string.Join(' ', waits));
        string[] many = [.. Enumerable.Range(0, 50).Select(i => $"{i}")];
        var e = Assert.ThrowsExactly<InputException>(() => RewardCase.Score(reward, RewardCase.All(many), maxFailedShare: 0.1));
        StringAssert.Contains(e.Message, "6 of a step's 50 completions failed");
        Assert.HasCount(2 + (6 * 2), waits);
    }

    [TestMethod]
    public void Score_SlowJudge_TimesOut()
    {
        using var server = new JudgeServer((n, _) => JudgeReply.Text("Score: 5") with { Delay = TimeSpan.FromSeconds(n == 1 ? 20 : 0) });
        using var once = Open(server.Endpoint, c => c with { Retries = 0, TimeoutSeconds = 0.3 });
        var outcome = RewardCase.Score(once, RewardCase.All("a"))[0];
        Assert.AreEqual(OutcomeKind.Timeout, outcome.Kind);
        StringAssert.Contains(outcome.Message, "did not reply within 0.3 s");
        using var twice = Open(server.Endpoint, c => c with { Retries = 1, TimeoutSeconds = 20 });
        Assert.AreEqual("0.5", RewardCase.Show(RewardCase.Score(twice, RewardCase.All("a"))));
    }

    [TestMethod]
    public void Score_RateLimitedJudge_WaitsAsLongAsItSays()
    {
        using var server = new JudgeServer((n, _) => n switch
        {
            1 => new(429, "{\"error\": {\"message\": \"slow down\"}}", RetryAfter: "7"),
            2 => new(503, "busy"),
            _ => JudgeReply.Text("Score: 10"),
        });
        using var reward = Open(server.Endpoint);
        Assert.AreEqual("1", RewardCase.Show(RewardCase.Score(reward, RewardCase.All("a"))));
        Assert.AreEqual("7 2", string.Join(' ', waits));
    }

    [TestMethod]
    public void Score_JudgeThatAsksForAnHour_IsNotWaitedFor()
    {
        using var server = new JudgeServer((_, _) => new(429, "{}", RetryAfter: "3600"));
        using var reward = Open(server.Endpoint);
        StringAssert.Contains(RewardCase.Score(reward, RewardCase.All("a"))[0].Message,
            "the next try is to wait 3600 s, and maxWaitSeconds is 120");
        Assert.IsTrue(waits.IsEmpty);
    }

    [TestMethod]
    [DataRow("I cannot say.", "holds no mark")]
    [DataRow("Score: 11", "marks go from 0 to 10")]
    [DataRow("Score: -1", "marks go from 0 to 10")]
    [DataRow("", "holds no mark")]
    public void Score_ReplyWithoutAMark_IsAnErrorNotAZero(string reply, string message)
    {
        using var server = new JudgeServer((_, _) => JudgeReply.Text(reply));
        using var reward = Open(server.Endpoint);
        var outcome = RewardCase.Score(reward, RewardCase.All("a"))[0];
        Assert.AreEqual(OutcomeKind.Error, outcome.Kind);
        StringAssert.Contains(outcome.Message, message);
    }

    [TestMethod]
    [DataRow("<html>502</html>")]
    [DataRow("")]
    [DataRow("{}")]
    [DataRow("{\"choices\": []}")]
    [DataRow("{\"choices\": null, \"object\": 3}")]
    public void Score_BodyThatIsNoReply_IsAnError(string body)
    {
        using var server = new JudgeServer((_, _) => new(200, body));
        using var reward = Open(server.Endpoint, c => c with { Retries = 0 });
        Assert.AreEqual("Error", RewardCase.Show(RewardCase.Score(reward, RewardCase.All("a"))));
    }

    [TestMethod]
    public void Score_BodyWithoutEnd_IsCutOff()
    {
        using var server = new JudgeServer((_, _) => new(200, new string(' ', 20 << 20)));
        using var reward = Open(server.Endpoint, c => c with { Retries = 0 });
        Assert.AreEqual("Error", RewardCase.Show(RewardCase.Score(reward, RewardCase.All("a"))));
    }

    [TestMethod]
    public void Score_KeyThatIsRefused_IsNeverShownNorKept()
    {
        const string Key = "sk-test-0123456789";
        Environment.SetEnvironmentVariable("G2RL_TEST_JUDGE_KEY", Key);
        using var server = new JudgeServer((n, _) =>
            n > 1 ? JudgeReply.Text("Score: 1") : new(401, $"{{\"error\": {{\"message\": \"wrong key {Key}\"}}}}"));
        using var reward = Open(server.Endpoint, c => c with { KeyVariable = "G2RL_TEST_JUDGE_KEY" });
        var outcome = RewardCase.Score(reward, RewardCase.All("a"))[0];
        Assert.AreEqual(($"Bearer {Key}", 1), (server.Authorization, server.Requests));
        StringAssert.Contains(outcome.Message, "refuses with 401");
        StringAssert.Contains(outcome.Message, "G2RL_TEST_JUDGE_KEY");
        Assert.IsFalse(outcome.Message!.Contains(Key, StringComparison.Ordinal), outcome.Message);
        RewardCase.Score(reward, RewardCase.All("a"));
        foreach (var file in Directory.EnumerateFiles(cache, "*", SearchOption.AllDirectories))
            Assert.IsFalse(File.ReadAllText(file).Contains(Key, StringComparison.Ordinal));
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() =>
            JudgeClient.Open(Config("http://localhost") with { KeyVariable = "G2RL_TEST_UNSET" })).Message,
            "G2RL_TEST_UNSET, which is not set");
    }

    [TestMethod]
    public void Score_ManyQuestions_AreUnderWayAtOnceUpToTheLimit()
    {
        using var server = new JudgeServer((_, _) => JudgeReply.Text("Score: 5") with { Delay = TimeSpan.FromMilliseconds(200) });
        using var reward = Open(server.Endpoint, c => c with { Concurrency = 4 });
        string[] texts = [.. Enumerable.Range(0, 16).Select(i => $"{i}")];
        RewardCase.Score(reward, RewardCase.All(texts));
        Assert.IsInRange(2, 4, server.MostUnderWay);
    }

    [TestMethod]
    public void Score_Cancelled_Stops()
    {
        using var server = new JudgeServer((_, _) => JudgeReply.Text("Score: 5") with { Delay = TimeSpan.FromSeconds(30) });
        using var reward = Open(server.Endpoint);
        using var cancel = new CancellationTokenSource(TimeSpan.FromSeconds(0.3));
        Assert.Throws<OperationCanceledException>(() => reward.Score(RewardCase.All("a"), new RewardTally("judge", 1, 1), cancel.Token));
    }

    private JudgeConfig Config(string endpoint) => new() { Endpoint = endpoint, Model = "judge", Cache = cache, TimeoutSeconds = 20 };

    // Waits are written down, not waited.
    private JudgeReward Open(string endpoint, Func<JudgeConfig, JudgeConfig>? change = null)
    {
        var config = (change ?? (c => c))(Config(endpoint));
        return new(config, JudgeClient.Open(config, (pause, cancel) =>
        {
            cancel.ThrowIfCancellationRequested();
            waits.Enqueue(pause.TotalSeconds);
            return Task.CompletedTask;
        }));
    }
}
