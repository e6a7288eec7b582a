using System.Diagnostics;
using G2RL.Onnx.Rewards;
using G2RL.Onnx.Rewards.External;

namespace G2RL.Onnx.Tests.Rewards;

/// <summary>Programs that judge, and programs that misbehave: shell scripts, one answer each.</summary>
[TestClass]
public sealed class ExternalRewardTests
{
    // Reads requests; $id and $text are theirs. What a script does for a text stands in between.
    private const string Loop = """
        while IFS= read -r line; do
          id=${line#*\"id\":}; id=${id%%,*}
          text=${line#*\"completion\":\"}; text=${text%%\"*}
          case "$text" in
            CASES
            *) echo "{\"id\": $id, \"score\": $text}";;
          esac
        done
        """;

    [TestMethod]
    public void Score_ManyWorkers_GivesOutcomesInOrder()
    {
        using var reward = Open("", workers: 3);
        string[] texts = [.. Enumerable.Range(0, 40).Select(i => $"{i}")];
        Assert.AreEqual(string.Join(' ', texts), RewardCase.Show(RewardCase.Score(reward, RewardCase.All(texts))));
        // The same programs serve the next step.
        Assert.AreEqual("7 8", RewardCase.Show(RewardCase.Score(reward, RewardCase.All("7", "8"))));
    }

    [TestMethod]
    public void Score_ProgramThatExits_IsAnErrorOfThatCompletionAlone()
    {
        using var reward = Open("die) echo 'no such file: x' >&2; exit 3;;");
        var outcomes = RewardCase.Score(reward, RewardCase.All("1", "die", "2"));
        Assert.AreEqual("1 Error 2", RewardCase.Show(outcomes));
        StringAssert.Contains(outcomes[1].Message, "the program ended (exit code 3) without an answer");
        StringAssert.Contains(outcomes[1].Message, "no such file: x");
    }

    [TestMethod]
    public void Score_ProgramThatEndsAfterEveryAnswer_IsStartedAnew()
    {
        using var reward = Open("*) echo \"{\\\"id\\\": $id, \\\"score\\\": $text}\"; exit 0;;");
        Assert.AreEqual("1 2 3", RewardCase.Show(RewardCase.Score(reward, RewardCase.All("1", "2", "3"))));
    }

    [TestMethod]
    public void Score_ProgramThatHangs_TimesOutAndIsEndedWithItsChildren()
    {
        // The script names its child, which would run for a day.
        using var reward = Open("hang) sleep 86400 & echo \"child $!\" >&2; wait;;", timeout: 0.5);
        var watch = Stopwatch.StartNew();
        var outcomes = RewardCase.Score(reward, RewardCase.All("1", "hang", "2"));
        Assert.AreEqual("1 Timeout 2", RewardCase.Show(outcomes));
        StringAssert.Contains(outcomes[1].Message, "did not answer within 0.5 s");
        Assert.IsLessThan(20, watch.Elapsed.TotalSeconds);
        var child = int.Parse(outcomes[1].Message!.Split("child ")[1].Trim(), System.Globalization.CultureInfo.InvariantCulture);
        Assert.IsTrue(SpinWait.SpinUntil(() => IsGone(child), TimeSpan.FromMinutes(2)), $"process {child} is still there");
    }

    [TestMethod]
    [DataRow("flood) cat /dev/zero;;", "more than 4096 bytes")]
    [DataRow("flood) yes;;", "wrote 'y' where")]
    [DataRow("flood) echo \"{\\\"id\\\": 999, \\\"score\\\": 1}\";;", "where {\"id\": 2, \"score\": NUMBER} was due")]
    [DataRow("flood) echo \"{\\\"id\\\": $id, \\\"score\\\": \\\"high\\\"}\";;", "was due")]
    [DataRow("flood) echo \"[$id]\";;", "was due")]
    public void Score_ProgramThatWritesWhatItShouldNot_IsEndedAndSaidSo(string script, string message)
    {
        using var reward = Open(script, timeout: 20, maxBytes: 4096);
        var before = GC.GetTotalAllocatedBytes();
        var outcomes = RewardCase.Score(reward, RewardCase.All("1", "flood", "2"));
        Assert.AreEqual("1 Error 2", RewardCase.Show(outcomes));
        StringAssert.Contains(outcomes[1].Message, message);
        Assert.IsLessThan(16 << 20, GC.GetTotalAllocatedBytes() - before);
    }

    [TestMethod]
    public void Score_ProgramThatFloodsItsStandardError_IsNotHeldUp()
    {
        using var reward = Open("loud) head -c 3000000 /dev/zero >&2; echo \"{\\\"id\\\": $id, \\\"score\\\": 9}\";;");
        Assert.AreEqual("9 2", RewardCase.Show(RewardCase.Score(reward, RewardCase.All("loud", "2"))));
    }

    [TestMethod]
    public void Score_ProgramThatDoesNotRead_TimesOut()
    {
        // More than a pipe holds.
        using var reward = new ExternalReward(Config("sleep 86400", timeout: 0.3), Nothing);
        Assert.AreEqual("Timeout", RewardCase.Show(RewardCase.Score(reward, [RewardCase.Of(new string('x', 1 << 20))])));
    }

    [TestMethod]
    public void Score_AbstentionsErrorsAndForm_ArePassedOn()
    {
        using var reward = Open("""
            a) echo "{\"id\": $id, \"abstain\": \"no tests\"}";;
                e) echo "{\"id\": $id, \"error\": \"compiler missing\"}";;
                f) echo "{\"id\": $id, \"score\": -1, \"wellFormed\": false, \"log\": [1]}";;
                n) echo "{\"id\": $id, \"score\": 1e999}";;
            """);
        var outcomes = RewardCase.Score(reward, RewardCase.All("a", "e", "f", "n"));
        Assert.AreEqual("Abstain Error -1 Error", RewardCase.Show(outcomes));
        Assert.AreEqual(("no tests", false), (outcomes[0].Message, outcomes[2].WellFormed));
        StringAssert.Contains(outcomes[1].Message, "compiler missing");
    }

    [TestMethod]
    public void Score_MoreFailuresThanAllowed_StopsAtOnce()
    {
        using var reward = Open("bad) exit 1;;");
        string[] texts = [.. Enumerable.Repeat("1", 6), .. Enumerable.Repeat("bad", 4)];
        var e = Assert.ThrowsExactly<InputException>(() => RewardCase.Score(reward, RewardCase.All(texts), maxFailedShare: 0.2));
        StringAssert.Contains(e.Message, "Reward test: 3 of a step's 10 completions failed, and its maxFailedShare is 0.2");
        StringAssert.Contains(e.Message, "exit code 1");
        StringAssert.Contains(e.Message, "--resume");
    }

    [TestMethod]
    public void Score_Cancelled_EndsTheProgramAndSaysSo()
    {
        using var reward = Open("hang) sleep 86400;;", timeout: 600);
        using var cancel = new CancellationTokenSource(TimeSpan.FromSeconds(0.3));
        var completions = RewardCase.All("1", "hang");
        Assert.Throws<OperationCanceledException>(() => reward.Score(completions, new RewardTally("test", 2, 1), cancel.Token));
    }

    [TestMethod]
    public void Open_ProgramThatIsNotThere_IsSaidBeforeAnythingRuns()
    {
        var e = Assert.ThrowsExactly<InputException>(() => new ExternalReward(new() { Command = ["/no/such/judge", "x"] }, Nothing));
        StringAssert.Contains(e.Message, "'/no/such/judge x' cannot be started");
    }

    [TestMethod]
    public void Open_KeyOfAJudge_IsNotGivenToTheProgram()
    {
        Environment.SetEnvironmentVariable("G2RL_TEST_SECRET", "1");
        RequireShell();
        using var reward = new ExternalReward(
            Config(Loop.Replace("CASES", "env) echo \"{\\\"id\\\": $id, \\\"score\\\": ${G2RL_TEST_SECRET:-0}}\";;",
                StringComparison.Ordinal)),
            new HashSet<string>(StringComparer.Ordinal) { "G2RL_TEST_SECRET" });
        Assert.AreEqual("0", RewardCase.Show(RewardCase.Score(reward, RewardCase.All("env"))));
    }

    private static readonly IReadOnlySet<string> Nothing = new HashSet<string>(StringComparer.Ordinal);

    private static ExternalReward Open(string cases, int workers = 1, double timeout = 20, int maxBytes = 1 << 20)
    {
        RequireShell();
        return new(Config(Loop.Replace("CASES", cases, StringComparison.Ordinal), timeout) with
        {
            Workers = workers,
            MaxAnswerBytes = maxBytes
        }, Nothing);
    }

    private static ExternalConfig Config(string script, double timeout = 20) =>
        new() { Command = ["/bin/sh", "-c", script], TimeoutSeconds = timeout, StartSeconds = 0 };

    private static void RequireShell()
    {
        if (!File.Exists("/bin/sh"))
            Assert.Inconclusive("The programs of these tests are scripts of /bin/sh.");
    }

    private static bool IsGone(int id)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            return process.HasExited;
        }
        catch (ArgumentException)
        {
            return true;
        }
    }
}
