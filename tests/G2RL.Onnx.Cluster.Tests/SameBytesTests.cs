using System.Runtime.InteropServices;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Cluster.Tests;

/// <summary>A run gives the same bytes whoever computes it: weights, moments, metrics, evaluations, rollouts.</summary>
[TestClass]
public sealed class SameBytesTests
{
    [TestMethod]
    [DataRow(1, "grpo", "sampling")]
    [DataRow(2, "g2rl", "sampling")]
    [DataRow(3, "g2rl", "scoring")]
    public void Run_WithWorkers_GivesTheBytesOfOneProcess(int count, string algorithm, string features)
    {
        using var run = new ClusterRun(change: c => c["algorithm"] = new JsonObject { ["name"] = algorithm, ["features"] = features });
        var expected = run.Alone();
        for (var i = 0; i < count; i++)
            run.Worker();
        CollectionAssert.AreEqual(expected, run.Results(run.Start("--set", $"distribution.workers={count}")));
        run.AssertAccountsAddUp();
        Assert.AreEqual(0, run.Sum("here"));
        Assert.HasCount(count, run.Contributors(), "every worker had a part");
    }

    [TestMethod]
    [DataRow(1, "")]
    [DataRow(3, "lora")]
    public void Gradients_OfShardsAtWorkers_GiveTheBytesOfOneProcess(int count, string adapter)
    {
        using var run = new ClusterRun(steps: 4, change: c =>
        {
            c["training"]!["gradientShards"] = 4;
            c["training"]!["minibatchesPerBatch"] = 2;
            c["training"]!["tokensPerMicrobatch"] = 20;
            if (adapter.Length > 0)
                c["adapter"] = new JsonObject { ["type"] = adapter, ["rank"] = 2 };
        });
        var expected = run.Alone();
        for (var i = 0; i < count; i++)
            run.Worker();
        CollectionAssert.AreEqual(expected, run.Results(run.Start(
            "--set", $"distribution.workers={count}", "--set", "distribution.share=[\"gradients\"]")));
        run.AssertAccountsAddUp();
        Assert.AreEqual(4 * 2 * 4, run.Sum("pieces"), "four shards of each of two updates of four steps");
        Assert.AreEqual(0, run.Sum("here"));
        Assert.HasCount(count, run.Contributors(), "every worker had a part");
    }

    [TestMethod]
    [DataRow(1, "grpo")]
    [DataRow(2, "g2rl")]
    public void Lag_DrawnAheadByWorkersKilledAndResumed_GivesTheBytesOfOneProcess(int lag, string algorithm)
    {
        using var run = new ClusterRun(steps: 5, change: c =>
        {
            c["sampling"]!["lag"] = lag;
            c["algorithm"] = new JsonObject { ["name"] = algorithm, ["correction"] = new JsonObject { ["weights"] = "tis" } };
        });
        var expected = run.Alone();
        var first = run.Worker();
        run.Worker();
        using (var trainer = run.Start("--set", "distribution.workers=2"))
        {
            trainer.WaitFor(() => run.Accounts().Length >= 5);
            first.Kill();
            trainer.WaitFor(() => run.Accounts().Length >= 7);
            trainer.Kill();
        }
        using var again = run.Resume();
        CollectionAssert.AreEqual(expected, run.Results(again));
        run.AssertAccountsAddUp();
    }

    [TestMethod]
    [DataRow("float32", 0)]
    [DataRow("bfloat16", 1)]
    public void Weights_AsDifferences_GiveTheBytesOfOneProcess(string weights, int lag)
    {
        using var run = new ClusterRun(steps: 5, change: c =>
        {
            c["sampling"]!["weights"] = weights;
            c["sampling"]!["lag"] = lag;
            c["training"]!["learningRate"] = 1e-6;
            c["algorithm"] = new JsonObject { ["correction"] = new JsonObject { ["weights"] = "tis" } };
        });
        var expected = run.Alone();
        run.Worker();
        CollectionAssert.AreEqual(expected, run.Results(run.Start(
            "--set", "distribution.weights=delta", "--set", "distribution.fullEvery=3")));
        run.AssertAccountsAddUp();
        Assert.AreEqual(0, run.Sum("failures"));
    }

    [TestMethod]
    public void Gradients_WorkerKilledInTheMiddle_IsNotMissed()
    {
        using var run = new ClusterRun(steps: 6, prompts: 12, change: c =>
        {
            c["sampling"]!["groupSize"] = 32;
            c["training"]!["gradientShards"] = 5;
        });
        var expected = run.Alone();
        var first = run.Worker();
        run.Worker();
        using var trainer = run.Start(
            "--set", "distribution.workers=2", "--set", "distribution.share=[\"rollouts\",\"gradients\"]");
        trainer.WaitFor(() => run.Accounts().Length >= 4);
        first.Kill();
        CollectionAssert.AreEqual(expected, run.Results(trainer));
        run.AssertAccountsAddUp();
    }

    [TestMethod]
    public void Worker_KilledInTheMiddle_IsNotMissed()
    {
        using var run = new ClusterRun(steps: 6, prompts: 12, change: c => c["sampling"]!["groupSize"] = 64);
        var expected = run.Alone();
        var first = run.Worker();
        run.Worker();
        using var trainer = run.Start("--set", "distribution.workers=2", "--set", "distribution.auditShare=0.2");
        trainer.WaitFor(() => run.Accounts().Length >= 5);
        first.Kill();
        CollectionAssert.AreEqual(expected, run.Results(trainer));
        run.AssertAccountsAddUp();
    }

    [TestMethod]
    public void Worker_JoiningLate_TakesPart()
    {
        using var run = new ClusterRun(steps: 8, prompts: 8, change: c => c["sampling"]!["groupSize"] = 48);
        var expected = run.Alone();
        run.Worker();
        using var trainer = run.Start();
        trainer.WaitFor(() => run.Accounts().Length >= 2);
        // It stays until the end, which it may not live to see on a fast machine.
        run.Worker();
        CollectionAssert.AreEqual(expected, run.Results(trainer));
        run.AssertAccountsAddUp();
    }

    [TestMethod]
    public void Trainer_KilledAndResumedWhileWorkersStay_EndsInTheSameBytes()
    {
        using var run = new ClusterRun(steps: 6);
        var expected = run.Alone();
        run.Worker();
        using (var trainer = run.Start())
        {
            trainer.WaitFor(() => run.Accounts().Length >= 6);
            trainer.Kill();
        }
        using var again = run.Resume();
        CollectionAssert.AreEqual(expected, run.Results(again));
        run.AssertAccountsAddUp();
    }

    [TestMethod]
    public void Workers_AllGone_TrainerComputesHere()
    {
        using var run = new ClusterRun(steps: 6);
        var expected = run.Alone();
        var worker = run.Worker();
        using var trainer = run.Start("--set", "distribution.aloneSeconds=0.2");
        trainer.WaitFor(() => run.Accounts().Length >= 6);
        worker.Kill();
        CollectionAssert.AreEqual(expected, run.Results(trainer));
        run.AssertAccountsAddUp();
        Assert.IsGreaterThan(0, run.Sum("here"));
    }

    [TestMethod]
    public void Workers_AllGoneAndTheTrainerIsToStop_ItSavesAndGoesOnLater()
    {
        using var run = new ClusterRun(steps: 6);
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

    [TestMethod]
    public void Worker_Suspended_IsPassedOver()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Inconclusive("SIGSTOP");
        using var run = new ClusterRun(steps: 6);
        var expected = run.Alone();
        var stopped = run.Worker();
        run.Worker();
        using var trainer = run.Start("--set", "distribution.workers=2");
        trainer.WaitFor(() => run.Accounts().Length >= 4);
        stopped.Suspend();
        var results = run.Results(trainer);
        stopped.GoOn();
        CollectionAssert.AreEqual(expected, results);
        run.AssertAccountsAddUp();
    }
}
