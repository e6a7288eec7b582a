using System.Collections.Concurrent;
using System.Diagnostics;
using G2RL.Onnx.Cli.Tests;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Cluster.Tests;

/// <summary>What is seen of a work while it goes on and afterwards: groups that ended, spans, and both signals at a collector.</summary>
[TestClass]
public sealed class MonitorTests
{
    private const string Calls = "Microsoft.Orleans.Application";

    [TestMethod]
    public void Draw_OverWorkers_TellsEveryGroupOnceAsItEnds()
    {
        using var cluster = new LoopbackCluster(d => d with { GroupsPerPiece = 1, PiecesPerWorker = 1 });
        using var trainer = cluster.Trainer();
        cluster.Worker();
        var ended = new ConcurrentQueue<(int Prompt, Rollout[] Rollouts)>();
        var early = 0;
        cluster.Draw(trainer, (prompt, rollouts) =>
        {
            ended.Enqueue((prompt, rollouts));
            // The accounts are told when all is done.
            early += cluster.Accounts.Count == 0 ? 1 : 0;
        });
        CollectionAssert.AreEqual(new[] { 0, 1, 2, 3 }, ended.Select(e => e.Prompt).Order().ToArray());
        Assert.AreEqual(4, early);
        int[] lengths = [3, 2, 1, 2];
        Assert.IsTrue(ended.All(e => e.Rollouts.Length == 4 && e.Rollouts.All(r => r.PromptTokens.Length == lengths[e.Prompt])));
    }

    [TestMethod]
    public void Spans_OfAWorkersWork_LieWithinItsPieceAndThatWithinTheDraw()
    {
        var spans = new ConcurrentBag<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = s => s.Name is "G2RL.Onnx.Cluster" or Calls,
            Sample = (ref _) => ActivitySamplingResult.AllData,
            ActivityStopped = spans.Add,
        };
        ActivitySource.AddActivityListener(listener);
        using var cluster = new LoopbackCluster(d => d with { GroupsPerPiece = 2 });
        using var trainer = cluster.Trainer();
        cluster.Worker();
        using var own = new Activity("test").Start();
        cluster.Draw(trainer);
        var mine = spans.Where(s => s.TraceId == own.TraceId).ToArray();
        var draw = mine.Single(s => s.OperationName == "rollouts");
        var pieces = mine.Where(s => s.OperationName == "piece").ToArray();
        var works = mine.Where(s => s.OperationName == "work").ToArray();
        Assert.AreEqual(own.SpanId, draw.ParentSpanId);
        Assert.HasCount(2, pieces);
        Assert.IsTrue(pieces.All(p => p.ParentSpanId == draw.SpanId));
        Assert.IsTrue(pieces.All(p => ((string)p.GetTagItem("g2rl.subject")!).StartsWith("worker-", StringComparison.Ordinal)));
        // Between a piece and its work lie the calls of the cluster, here and there.
        CollectionAssert.AreEquivalent(
            pieces.Select(p => p.SpanId).ToArray(),
            works.Select(w => Above(mine, w).First(s => s.OperationName == "piece").SpanId).ToArray());
    }

    [TestMethod]
    public async Task Run_OverAWorkerWithACollector_SendsSpansAndCounts()
    {
        using var run = new ClusterRun(steps: 1);
        using var collector = new OtlpCollector();
        var worker = run.Worker(collector.Environment);
        using var trainer = run.Start(collector.Environment);
        trainer.End().Exits(0);
        worker.Send(System.Runtime.InteropServices.PosixSignal.SIGTERM);
        worker.End().Exits(0);
        var posts = await collector.Received();
        foreach (var part in new[]
        {
            "POST /v1/metrics ", "POST /v1/traces ", "G2RL.Onnx.Cluster", "rollouts", "piece", "work", "g2rl.pieces.sent",
            "g2rl.workers.idle_share", "reward/mean",
        })
            Assert.Contains(part, posts);
    }

    private static IEnumerable<Activity> Above(Activity[] all, Activity span)
    {
        for (var at = span; at is not null; at = all.FirstOrDefault(s => s.SpanId == at.ParentSpanId))
            yield return at;
    }
}
