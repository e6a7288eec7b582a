using System.Runtime.InteropServices;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Cluster.Tests;

/// <summary>A run gives the same bytes whoever computes it: weights, moments, metrics, evaluations, rollouts.</summary>
[TestClass]
public sealed class SameBytesTests
{
    private const string All = "distribution.share=[\"rollouts\",\"scores\",\"gradients\"]";

    // tools/ClusterTrials runs all of one to three workers, both algorithms, features from sampling and from scoring.
    [TestMethod]
    [DataRow(2, "g2rl", "sampling")]
    [DataRow(3, "grpo", "scoring")]
    public void Run_WithWorkers_GivesTheBytesOfOneProcess(int count, string algorithm, string features)
    {
        using var run = new ClusterRun(
            steps: 4,
            change: c => c["algorithm"] = new JsonObject { ["name"] = algorithm, ["features"] = features },
            isShared: true);
        var expected = run.Alone();
        var third = count == 3 ? run.Worker() : null;
        CollectionAssert.AreEqual(expected, run.Results(run.Start("--set", $"distribution.workers={count}")));
        run.AssertAccountsAddUp();
        Assert.AreEqual(0, run.Sum("here"));
        Assert.HasCount(count, run.Contributors(), "every worker had a part");
        // Others share the cluster.
        third?.Leave();
    }

    [TestMethod]
    [DataRow("", "file")]
    [DataRow("lora", "message")]
    public void Gradients_OfShardsAtWorkers_GiveTheBytesOfOneProcess(string adapter, string way)
    {
        using var run = new ClusterRun(steps: 3, change: c =>
        {
            c["training"]!["gradientShards"] = 4;
            c["training"]!["minibatchesPerBatch"] = 2;
            c["training"]!["tokensPerMicrobatch"] = 20;
            if (adapter.Length > 0)
                c["adapter"] = new JsonObject { ["type"] = adapter, ["rank"] = 2 };
        }, isShared: true);
        var expected = run.Alone();
        CollectionAssert.AreEqual(expected, run.Results(run.Start(
            "--set", "distribution.workers=2", "--set", "distribution.share=[\"gradients\"]",
            "--set", $"distribution.weights={way}", "--set", $"distribution.weightsFolder={run.Folder("weights")}")));
        if (way == "file")
            Assert.IsEmpty(Directory.EnumerateFiles(run.Folder("weights")), "sums and weights are removed");
        run.AssertAccountsAddUp();
        Assert.AreEqual(4 * 2 * 3, run.Sum("pieces"), "four shards of each of two updates of three steps");
        Assert.AreEqual(0, run.Sum("here"));
        Assert.HasCount(2, run.Contributors(), "every worker had a part");
    }

    // Rounded to bfloat16, with differences of weights, too: what of it goes wrong gives other bytes.
    [TestMethod]
    public void Lag_DrawnAheadByWorkersKilledAndResumed_GivesTheBytesOfOneProcess()
    {
        using var run = new ClusterRun(steps: 5, change: c =>
        {
            c["sampling"]!["lag"] = 2;
            c["sampling"]!["weights"] = "bfloat16";
            c["training"]!["learningRate"] = 1e-6;
            c["algorithm"] = new JsonObject { ["name"] = "g2rl", ["correction"] = new JsonObject { ["weights"] = "tis" } };
        });
        var expected = run.Alone();
        var first = run.Worker();
        run.Worker();
        using (var trainer = run.Start(
            "--set", "distribution.workers=2", "--set", "distribution.weights=delta", "--set", "distribution.fullEvery=3"))
        {
            trainer.WaitFor(() => run.Accounts().Length >= 5);
            first.Kill();
            trainer.WaitFor(() => run.Accounts().Length >= 7);
            trainer.Kill();
        }
        // One of the two is gone for good.
        using var again = run.Resume("--set", "distribution.workers=1");
        CollectionAssert.AreEqual(expected, run.Results(again));
        run.AssertAccountsAddUp();
    }

    // One after the other: first the other worker does all of it, then the trainer itself.
    [TestMethod]
    public void Workers_KilledInTheMiddle_AreNotMissed()
    {
        using var run = ClusterRun.Long();
        var expected = run.Alone();
        var first = run.Worker();
        var second = run.Worker();
        using var trainer = run.Start("--set", "distribution.workers=2", "--set", All, "--set", "distribution.auditShare=0.2");
        trainer.WaitFor(() => run.Accounts().Length >= 5);
        first.Kill();
        trainer.WaitFor(() => run.Accounts().Length >= 9);
        Assert.AreEqual(0, run.Sum("here"));
        second.Kill();
        CollectionAssert.AreEqual(expected, run.Results(trainer));
        run.AssertAccountsAddUp();
        Assert.IsGreaterThan(0, run.Sum("here"));
    }

    [TestMethod]
    public void Worker_SuspendedWhileAnotherJoins_IsPassedOver()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Inconclusive("SIGSTOP");
        using var run = ClusterRun.Long();
        var expected = run.Alone();
        var stopped = run.Worker();
        using var trainer = run.Start("--set", All);
        trainer.WaitFor(() => run.Accounts().Length >= 5);
        stopped.Suspend();
        run.Worker();
        var results = run.Results(trainer);
        stopped.GoOn();
        CollectionAssert.AreEqual(expected, results);
        run.AssertAccountsAddUp();
        Assert.HasCount(2, run.Contributors(), "who came late had a part");
    }

    [TestMethod]
    public void Trainer_KilledAndResumedWhileWorkersStay_EndsInTheSameBytes()
    {
        using var run = ClusterRun.Long(isShared: true);
        var expected = run.Alone();
        using (var trainer = run.Start("--set", "distribution.workers=2", "--set", All))
        {
            trainer.WaitFor(() => run.Accounts().Length >= 6);
            trainer.Kill();
        }
        using var again = run.Resume();
        CollectionAssert.AreEqual(expected, run.Results(again));
        run.AssertAccountsAddUp();
    }

    [TestMethod]
    public void Workers_AllGoneAndTheTrainerIsToStop_ItSavesAndGoesOnLater()
    {
        using var run = ClusterRun.Long();
        var expected = run.Alone();
        var worker = run.Worker();
        using (var trainer = run.Start("--set", "distribution.whenAlone=stop", "--set", "distribution.aloneSeconds=0.2"))
        {
            trainer.WaitFor(() => run.Accounts().Length >= 6);
            worker.Send(PosixSignal.SIGTERM);
            worker.End().Exits(0);
            var ended = trainer.End().Exits(1);
            Assert.Contains("No worker of the cluster 'g2rl' is left", ended.Error);
            Assert.Contains("--resume", ended.Error);
            Assert.DoesNotContain("   at G2RL", ended.Error);
        }
        using var alone = run.Resume("--set", "distribution.membership=");
        CollectionAssert.AreEqual(expected, run.Results(alone));
    }
}
