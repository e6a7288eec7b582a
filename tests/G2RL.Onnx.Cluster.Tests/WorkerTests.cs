using System.Text.Json;
using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Cluster.Workers;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Tests;
using G2RL.Onnx.Training.Backends;

namespace G2RL.Onnx.Cluster.Tests;

/// <summary>A worker's thread, what it makes ready, and what a trainer remembers of its probe.</summary>
[TestClass]
public sealed class WorkerTests
{
    [TestMethod]
    public async Task Thread_JobsAndOneGivenUp_RunInOrderAndTheOneNever()
    {
        using var thread = new WorkThread();
        using var hold = new ManualResetEventSlim();
        using var giveUp = new CancellationTokenSource();
        var order = new List<int>();
        var first = thread.Run(
            () =>
            {
                hold.Wait(CancellationToken.None);
                order.Add(1);
                return 1;
            },
            CancellationToken.None);
        var second = thread.Run<int>(() => throw new InvalidOperationException("never"), giveUp.Token);
        var third = thread.Run(
            () =>
            {
                order.Add(3);
                return Environment.CurrentManagedThreadId;
            },
            CancellationToken.None);
        await giveUp.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(() => second);
        hold.Set();
        Assert.AreEqual(1, await first);
        Assert.AreNotEqual(Environment.CurrentManagedThreadId, await third);
        CollectionAssert.AreEqual(new[] { 1, 3 }, order);
        Assert.AreEqual("broken", (await Assert.ThrowsExactlyAsync<InvalidOperationException>(
            () => thread.Run<int>(() => throw new InvalidOperationException("broken"), CancellationToken.None))).Message);
    }

    // Before its weights are known, then with everything that a run may ask for, then for another run.
    [TestMethod]
    public async Task Prepare_ConfigurationThenRun_LoadsTheModelOnceAndWarmsIt()
    {
        using var tiny = new TinyModel();
        var opened = 0;
        using var desk = new WorkerDesk(new(null, new() { Threads = 1 }), _ =>
        {
            opened++;
            return new CpuBackend(1);
        });
        var json = RunConfigFile.ToJson(tiny.Config);
        using var model = new G2RL.Onnx.Training.RunModel(tiny.Config);
        var sampler = JsonSerializer.Serialize(model.TrainingSampler());
        Task<Fault?> Prepare(string config, string origin, params string[] share) => desk.Prepare(
            new("", config, origin, 0),
            loaded => loaded.Warm(share.Length == 0 ? [] : [sampler], share),
            CancellationToken.None);
        Assert.IsNull(await Prepare(json, ""));
        Assert.IsNull(await Prepare(json, model.Policy.Version.Origin, "scores", "gradients"));
        Assert.AreEqual(1, opened);
        Assert.Contains("holds the weights", (await Prepare(json, "0123456789abcdef"))!.Message);
        Assert.IsNull(await Prepare(RunConfigFile.ToJson(tiny.Config with { Seed = 5 }), ""));
        Assert.AreEqual(0, desk.Done, "none of it is a piece");
    }

    [TestMethod]
    public void Probe_RememberedOnceForWhatItDependsOn_AndMadeAgainWhereThatIsOtherOrBroken()
    {
        var folder = Directory.CreateTempSubdirectory("g2rl-probe-").FullName;
        try
        {
            var made = 0;
            string Of(string identity) => ProbeMemory.Of(folder, identity, () => $"{++made:x32}");
            Assert.AreEqual($"{1:x32}", Of("one"));
            Assert.AreEqual($"{1:x32}", Of("one"));
            Assert.AreEqual($"{2:x32}", Of("other"));
            foreach (var file in Directory.GetFiles(folder))
                File.WriteAllText(file, "broken");
            Assert.AreEqual($"{3:x32}", Of("one"));
            // Where nothing can be kept it is made each time.
            Assert.AreEqual(
                $"{4:x32}",
                ProbeMemory.Of(Path.Combine(Directory.GetFiles(folder)[0], "in-a-file"), "one", () => $"{++made:x32}"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
        Assert.AreEqual(Passports.Here, Passports.Remembered);
    }
}
