using System.Text.Json.Nodes;
using G2RL.Onnx.Tests.Rewards;

namespace G2RL.Onnx.Cli.Tests.Tasks;

/// <summary>Rewards from elsewhere, as a user's command meets them when they misbehave: the message, and a folder that goes on.</summary>
[TestClass]
public sealed class RewardCommandTests : IDisposable
{
    private readonly TinyRun tiny = new();

    public void Dispose() => tiny.Dispose();

    [TestMethod]
    public void Judge_ThatDies_StopsTheRunWhichGoesOnWithAnother()
    {
        var port = JudgeServer.FreePort();
        // The second step's requests find nobody.
        var asked = 0;
        var run = tiny.Folder("run");
        using (var server = new JudgeServer((_, _) => Interlocked.Increment(ref asked) <= 12 ? Mark() : new JudgeReply(500, "gone"), port))
        {
            Write(Judge(port));
            G2rlProcess.Call(tiny.Train(run)).Refuses("of a step's 8 completions failed", $"http://127.0.0.1:{port}/v1", "--resume");
        }
        Assert.IsTrue(File.Exists(Path.Combine(run, "config.json")));
        using (new JudgeServer((_, _) => Mark(), port))
            G2rlProcess.Call("export-and-train", "--resume", run).Exits(0);
        Assert.HasCount(3, File.ReadAllLines(Path.Combine(run, "metrics.jsonl")));
        // What was asked is in no file with a key, for there was none, and the replies are kept.
        Assert.IsTrue(Directory.EnumerateFiles(tiny.Folder("cache"), "*.json", SearchOption.AllDirectories).Any());
    }

    [TestMethod]
    public void Judge_Dead_SaysThatItCannotBeReached()
    {
        var port = JudgeServer.FreePort();
        Write(Judge(port));
        G2rlProcess.Call(tiny.Train(tiny.Folder("run"))).Refuses($"the judge at http://127.0.0.1:{port}/v1 cannot be reached");
    }

    [TestMethod]
    public void Judge_Slow_SaysHowLongItWaited()
    {
        using var server = new JudgeServer((_, _) => Mark() with { Delay = TimeSpan.FromSeconds(30) });
        var judge = Judge(server.Port);
        judge["timeoutSeconds"] = 0.2;
        Write(judge);
        G2rlProcess.Call(tiny.Train(tiny.Folder("run"))).Refuses("0.2 s");
    }

    [TestMethod]
    public void Judge_RateLimited_IsAskedAgainAndTrains()
    {
        using var server = new JudgeServer((n, _) => n % 3 == 1 ? new JudgeReply(429, "{}", RetryAfter: "0") : Mark());
        var judge = Judge(server.Port);
        judge["retries"] = 8;
        Write(judge);
        G2rlProcess.Call(tiny.Train(tiny.Folder("run"))).Exits(0);
        Assert.HasCount(3, File.ReadAllLines(Path.Combine(tiny.Folder("run"), "metrics.jsonl")));
    }

    [TestMethod]
    public void Judge_Nonsense_ShowsWhatItSaid()
    {
        using var server = new JudgeServer((_, _) => JudgeReply.Text("I like turtles."));
        Write(Judge(server.Port));
        G2rlProcess.Call(tiny.Train(tiny.Folder("run"))).Refuses("I like turtles.", "of a step's 8 completions failed");
    }

    [TestMethod]
    [DataRow("echo 'no compiler' >&2; exit 3", "no compiler")]
    [DataRow("sleep 600", "0.5 s")]
    [DataRow("while :; do printf 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'; done", "maxAnswerBytes")]
    public void Program_ThatExitsHangsOrFloods_StopsTheRunWhichGoesOnWhenMended(string misbehaves, string message)
    {
        if (OperatingSystem.IsWindows())
            Assert.Inconclusive("The programs are shell scripts.");
        var script = tiny.Folder("judge.sh");
        var run = tiny.Folder("run");
        // It answers the eight completions of the first step; then it misbehaves, however often it is started.
        File.WriteAllText(script, $$"""
            while IFS= read -r line; do
              id=${line#*\"id\":}; id=${id%%,*}
              n=$(( $(cat {{tiny.Folder("count")}} 2>/dev/null || echo 0) + 1 )); echo $n > {{tiny.Folder("count")}}
              if [ $n -gt 8 ] && [ ! -e {{tiny.Folder("mended")}} ]; then {{misbehaves}}; fi
              echo "{\"id\": $id, \"score\": $((n % 2))}"
            done
            """);
        Write(new()
        {
            ["name"] = "external",
            ["command"] = new JsonArray("/bin/sh", script),
            ["workers"] = 1,
            ["timeoutSeconds"] = 0.5,
            ["startSeconds"] = 5,
            ["maxAnswerBytes"] = 4096,
        });
        G2rlProcess.Call(tiny.Train(run)).Refuses(message, "--resume");
        Assert.HasCount(1, File.ReadAllLines(Path.Combine(run, "metrics.jsonl")));
        File.WriteAllText(tiny.Folder("mended"), "");
        G2rlProcess.Call("export-and-train", "--resume", run).Exits(0);
        Assert.HasCount(3, File.ReadAllLines(Path.Combine(run, "metrics.jsonl")));
    }

    private static JudgeReply Mark() => JudgeReply.Text("Score: 7");

    private JsonObject Judge(int port) => new()
    {
        ["name"] = "judge",
        ["endpoint"] = $"http://127.0.0.1:{port}/v1",
        ["model"] = "judge",
        ["retries"] = 1,
        ["backoffSeconds"] = 0.01,
        ["concurrency"] = 2,
        ["cache"] = tiny.Folder("cache"),
    };

    private void Write(JsonObject reward)
    {
        var config = tiny.Default;
        config["steps"] = 3;
        config["rewards"] = new JsonArray(new JsonObject { ["name"] = "checker" }, reward);
        config["sampling"] = new JsonObject { ["promptsPerStep"] = 2, ["groupSize"] = 4, ["maxPromptTokens"] = 12, ["maxNewTokens"] = 6 };
        config["evaluation"] = new JsonObject { ["problems"] = 2, ["samples"] = 1, ["rewards"] = false };
        config["training"] = new JsonObject { ["learningRate"] = 1e-2, ["checkpointEvery"] = 1 };
        tiny.Write(config);
    }
}
