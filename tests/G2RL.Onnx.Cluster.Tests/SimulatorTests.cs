using G2RL.Onnx.Cluster.Planning;

namespace G2RL.Onnx.Cluster.Tests;

/// <summary>Simulated steps against times that a pencil gives.</summary>
[TestClass]
public sealed class SimulatorTests
{
    // 1.2 s drawing and 0.6 scoring in four pieces shared by two, 0.3 of the trainer: 0.6 + 0.3 + 0.3.
    [TestMethod]
    public void Step_OfTwoWorkers_IsTheirHalvesAndTheTrainersOwn()
    {
        var said = ClusterSimulator.Run(new() { Draw = 1.2, Score = 0.6, ScorePieces = 4, Own = 0.3 }, new() { Workers = 2 });
        Assert.AreEqual(1.2, said.StepSeconds, 1e-9);
        Assert.AreEqual(0.25, said.Idle, 1e-9, "while the trainer is at work");
        Assert.AreEqual(0.75, said.TrainerIdle, 1e-9);
        Assert.AreEqual("draw", said.Bottleneck);
    }

    // Drawn ahead, whichever takes longer counts: 0.5 drawing beside 0.9 of the trainer, or 2.0 beside it.
    [TestMethod]
    [DataRow(0.5, 0.9, "trainer")]
    [DataRow(2.0, 2.0, "draw")]
    public void Step_DrawnAhead_TakesTheLongerOfBoth(double draw, double expected, string bottleneck)
    {
        var said = ClusterSimulator.Run(new() { Draw = draw, Own = 0.9 }, new() { Workers = 1, Lag = 1 });
        Assert.AreEqual(expected, said.StepSeconds, 1e-9);
        Assert.AreEqual(bottleneck, said.Bottleneck);
        Assert.AreEqual(draw + 0.9, ClusterSimulator.Run(new() { Draw = draw, Own = 0.9 }, new() { Workers = 1 }).StepSeconds, 1e-9);
    }

    // 8 workers fetch 1 GB each over a line of 2 GB/s: 4 s, or 0.5 where a host of eight shares a copy.
    [TestMethod]
    [DataRow(1, 4.0)]
    [DataRow(8, 0.5)]
    public void Weights_OfEveryCopy_GoOverOneLine(int workersPerCopy, double expected)
    {
        var said = ClusterSimulator.Run(
            new() { Draw = 0.08, Own = 0, WeightBytes = 1e9 },
            new() { Workers = 8, Bandwidth = 2e9, WorkersPerCopy = workersPerCopy });
        Assert.AreEqual(expected + 0.01, said.StepSeconds, 1e-9);
        Assert.AreEqual("weights", said.Bottleneck);
    }

    // Two updates of four shards at two workers: twice two pieces one after the other, and 8 sums of 0.1 GB over 1 GB/s, of which those of
    // the last pieces are waited for.
    [TestMethod]
    public void Gradients_InShards_AreSharedAndTheirSumsTravel()
    {
        var said = ClusterSimulator.Run(
            new() { Draw = 1e-9, Gradients = 8, Shards = 4, Versions = 2, SumBytes = 1e8, Own = 0 },
            new() { Workers = 2, Bandwidth = 1e9 });
        Assert.AreEqual(2 * (2 + 0.2), said.StepSeconds, 1e-6);
    }

    // Steps 4 to 8: 0.3 s drawing and 0.2 scoring by the only worker in works of 0.32 and 0.21 s, and 0.47 s of the trainer; evaluations
    // of 9 s before and after are none of it.
    [TestMethod]
    public void Run_WithEvaluations_CostsWhatTrainingTook()
    {
        var folder = Directory.CreateTempSubdirectory("g2rl-sim-").FullName;
        string Work(string kind, int step, int ms, int work) => $$"""
            {"kind":"{{kind}}","step":{{step}},"pieces":3,"ms":{{ms}},"weight_bytes":0,"weight_ms":0,"work_ms":{{work}},
            "shares":[{"name":"w","work_ms":{{work}}}]}
            """.ReplaceLineEndings("");
        File.WriteAllLines(
            Path.Combine(folder, "metrics.jsonl"),
            Enumerable.Range(1, 8).Select(step => $$"""{"step":{{step}},"time/step_s":1}"""));
        File.WriteAllLines(
            Path.Combine(folder, "distribution.jsonl"),
            [
                Work("rollouts", 1, 9000, 9000),
                .. Enumerable.Range(1, 8).SelectMany(step => new[] { Work("rollouts", step, 320, 300), Work("scores", -1, 210, 200) }),
                Work("rollouts", 1, 9000, 9000),
            ]);
        var (costs, seconds, workers) = MeasuredRun.Read(folder);
        Directory.Delete(folder, recursive: true);
        Assert.AreEqual((1, 1), (seconds, workers));
        Assert.AreEqual(0.3, costs.Draw, 1e-9);
        Assert.AreEqual(0.2, costs.Score, 1e-9);
        Assert.AreEqual(0.47, costs.Own, 1e-9);
        Assert.AreEqual(0.015, costs.Overhead, 1e-9);
        Assert.AreEqual(1, ClusterSimulator.Run(costs, new() { Workers = 1 }).StepSeconds, 1e-9);
    }

    [TestMethod]
    public void Run_ThatWasNotShared_IsRefused()
    {
        var folder = Directory.CreateTempSubdirectory("g2rl-sim-").FullName;
        Assert.Contains("is not there", Assert.ThrowsExactly<InputException>(() => MeasuredRun.Read(folder)).Message);
        File.WriteAllText(Path.Combine(folder, "metrics.jsonl"), "[]\n");
        Assert.Contains("no JSON object", Assert.ThrowsExactly<InputException>(() => MeasuredRun.Read(folder)).Message);
        Directory.Delete(folder, recursive: true);
    }
}
