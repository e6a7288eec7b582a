using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Reports;
using G2RL.Onnx.Rewards;
using G2RL.Onnx.Rewards.External;
using G2RL.Onnx.Rewards.Judge;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests.Rewards;

/// <summary>Rewards in whole runs.</summary>
[TestClass]
public sealed class RewardRunTests
{
    [TestMethod]
    public void Run_SeveralRewards_AreMetricsRolloutsAndACurve()
    {
        using var model = new TinyModel();
        var config = model.Config with
        {
            Rewards = [new CheckerConfig(), new OverlongRewardConfig { Buffer = 6, Weight = 0.5 }, new RepetitionConfig { NgramSize = 1 }],
            Algorithm = new() { Name = "grpo", Advantage = "gdpo" },
            Logging = new() { RolloutsEvery = 1 },
        };
        using var trainer = new Trainer(config, TinyModel.Problems());
        using var run = RunDirectory.Create(config, TimeProvider.System);
        Assert.IsTrue(trainer.Train(run).Completed);
        var row = (JsonObject)JsonNode.Parse(File.ReadLines(run.MetricsPath).First())!;
        double Of(string name) => row[name]!.GetValue<double>();
        Assert.AreEqual(Of("reward/mean"),
            Of("rewards/checker_mean") + (0.5 * Of("rewards/overlong_mean")) + Of("rewards/repetition_mean"), 1e-12);
        Assert.AreEqual((Of("rewards/checker_mean") + 1) / 2, Of("reward/right_share"), 1e-12);
        Assert.AreEqual(0, Of("rewards/overlong_error_count"));
        var rollout = (JsonObject)JsonNode.Parse(File.ReadLines(Directory.EnumerateFiles(Path.Combine(run.Folder,
            "rollouts")).First()).First())!;
        var parts = (JsonObject)rollout["rewards"]!;
        Assert.AreEqual(rollout["reward"]!.GetValue<double>(), parts["checker"]!.GetValue<double>()
            + (0.5 * parts["overlong"]!.GetValue<double>()) + parts["repetition"]!.GetValue<double>(), 1e-12);
        StringAssert.Contains(File.ReadAllText(HtmlReport.Write(run.Folder)), "Rewards apart");
    }

    [TestMethod]
    public void Run_CheckerByNameOrByDefault_GivesTheSameBytes()
    {
        using var model = new TinyModel();
        var problems = TinyModel.Problems();
        var plain = ArmRunTests.Train(model.Config, problems);
        var own = new Dictionary<string,
            RewardFunction>(StringComparer.Ordinal)
        { ["even"] = c => problems.Judge(c.Problem, c.Text, c.Finished) };
        var config = model.Config with { Rewards = [new FunctionConfig { Function = "even" }] };
        using var trainer = new Trainer(config, problems, functions: own);
        using var run = RunDirectory.Create(config, TimeProvider.System);
        Assert.IsTrue(trainer.Train(run).Completed);
        Assert.AreEqual(plain.Hash, trainer.Policy.Hash());
        Assert.IsFalse(plain.Metrics[0].Contains("rewards/", StringComparison.Ordinal));
    }

    [TestMethod]
    public void Run_JudgeThatDies_StopsAndResumesToTheBytesOfARunLeftAlone()
    {
        using var model = new TinyModel();
        var port = JudgeServer.FreePort();
        RunConfig With(string cache) => model.Config with
        {
            Steps = 4,
            Training = model.Config.Training with { CheckpointEvery = 100 },
            Rewards =
            [
                new CheckerConfig(),
                new JudgeConfig
                {
                    Endpoint = $"http://127.0.0.1:{port}/v1",
                    Model = "judge",
                    Template = "{completion}",
                    Retries = 0,
                    Cache = Path.Combine(model.Root, cache),
                    // A failure that is allowed would take its rollout out, and the bytes would differ.
                    MaxFailedShare = 0,
                },
            ],
        };
        // The mark is a function of the text, as a model's at temperature 0 is.
        static JudgeReply Mark(string said) => JudgeReply.Text($"Score: {said.Length % 11}");
        string whole;
        var asked = 0;
        using (new JudgeServer((n, said) => Mark(said), port))
            whole = Train(With("a"), out _);
        string folder;
        using (var server = new JudgeServer((n, said) => (asked = n) > 30 ? new(500, "gone") : Mark(said), port))
        {
            using var trainer = new Trainer(With("b"), TinyModel.Problems());
            using var run = RunDirectory.Create(With("b"), TimeProvider.System);
            folder = run.Folder;
            var e = Assert.ThrowsExactly<InputException>(() => trainer.Train(run));
            StringAssert.Contains(e.Message, "Reward judge: ");
            StringAssert.Contains(e.Message, "completions failed, and its maxFailedShare is 0;");
            StringAssert.Contains(e.Message, "says 500");
            StringAssert.Contains(e.Message, "--resume");
        }
        using (var server = new JudgeServer((n, said) => Mark(said), port))
        {
            using var trainer = new Trainer(With("b"), TinyModel.Problems());
            using var run = RunDirectory.Resume(folder, With("b"));
            Assert.IsTrue(trainer.Train(run).Completed);
            Assert.AreEqual(whole, trainer.Policy.Hash());
            Assert.HasCount(4, File.ReadLines(run.MetricsPath).ToArray());
        }
        // And once more from the cache alone, with nobody there.
        Assert.AreEqual(whole, Train(With("a"), out var metrics));
        StringAssert.Contains(metrics, "\"rewards/judge_error_count\":0");
    }

    [TestMethod]
    [DataRow("exit 1", "the program ended (exit code 1)")]
    [DataRow("sleep 600", "did not answer within")]
    [DataRow("cat /dev/zero", "more than 4096 bytes")]
    public void Run_ExternalRewardThatMisbehaves_StopsAndResumes(string misdeed, string message)
    {
        if (!File.Exists("/bin/sh"))
            Assert.Inconclusive("The programs of these tests are scripts of /bin/sh.");
        using var model = new TinyModel();
        var script = Path.Combine(model.Root, "judge.sh");
        // What is behind the mark decides from the third step on.
        var state = Path.Combine(model.Root, "broken");
        File.WriteAllText(script, $$"""
            while IFS= read -r line; do
              if [ -e "{{state}}" ]; then {{misdeed}}; fi
              id=${line#*\"id\":}; id=${id%%,*}
              echo "{\"id\": $id, \"score\": 1}"
            done
            """);
        var config = model.Config with
        {
            Rewards =
            [
                new CheckerConfig(),
                new ExternalConfig { Command = ["/bin/sh", script], TimeoutSeconds = 3, StartSeconds = 3, MaxAnswerBytes = 4096,
                    MaxFailedShare = 0.05 },
            ],
        };
        var whole = Train(config, out _);
        using var folder = RunDirectory.Create(config, TimeProvider.System);
        using (var trainer = new Trainer(config, TinyModel.Problems(), new() { Step = m => File.WriteAllText(state, "") }))
        {
            var e = Assert.ThrowsExactly<InputException>(() => trainer.Train(folder));
            StringAssert.Contains(e.Message, "Reward external: 2 of a step's 24 completions failed, and its maxFailedShare is 0.05");
            StringAssert.Contains(e.Message, message);
        }
        Assert.AreEqual(1, folder.Checkpoints.Latest()!.Value.Step);
        File.Delete(state);
        using var again = new Trainer(config, TinyModel.Problems());
        Assert.IsTrue(again.Train(folder).Completed);
        Assert.AreEqual(whole, again.Policy.Hash());
    }

    private static string Train(RunConfig config, out string metrics)
    {
        using var trainer = new Trainer(config, TinyModel.Problems());
        using var run = RunDirectory.Create(config, TimeProvider.System);
        Assert.IsTrue(trainer.Train(run).Completed);
        metrics = File.ReadAllText(run.MetricsPath);
        return trainer.Policy.Hash();
    }
}
