using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Tests;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Cuda.Tests.Driver;

/// <summary>
/// A run through the backend, the driver and its binding onto the stand-in: the launch path of the cuda flavour from sampling to AdamW.
/// </summary>
[TestClass]
[DoNotParallelize]
public sealed class StandInTrainingTests
{
    [TestMethod]
    public void Run_ThroughTheDriver_EqualsTheHost()
    {
        StandIn.Require();
        var leaked = StandIn.Count("leaked");
        using var model = new TinyModel();
        var config = model.Config with
        {
            Steps = 2,
            Algorithm = new() { Name = "g2rl" },
            Sampling = new() { PromptsPerStep = 2, GroupSize = 4, MaxPromptTokens = 12, MaxNewTokens = 8 },
            Evaluation = new() { Problems = 2, Samples = 1 },
            Execution = new() { Threads = 1 },
        };
        var host = Weights(config, Path.Combine(model.Root, "host"), null);
        var driver = new HostSideDriver(new CudaDriver(0));
        float[] device;
        using (var backend = new CudaBackend(driver))
            device = Weights(
                config with { Execution = config.Execution with { Device = backend.Name } },
                Path.Combine(model.Root, "device"),
                backend);
        var differences = host.Zip(device, (a, b) => Math.Abs((double)a - b)).Order().ToArray();
        Assert.IsLessThanOrEqualTo(Backend.Tolerances.Weights, differences[(int)(0.999 * differences.Length)]);
        Assert.IsLessThanOrEqualTo(2 * config.Training.LearningRate * config.Steps, differences[^1]);
        foreach (var kernel in new[] { "sample_tokens_f32", "token_stats_f32", "kv_share", "accumulate_features_f32", "gram", "exploration"
            + "_scores", "global_norm_partial", "adamw_f32" })
            Assert.IsGreaterThan(0, driver.Launches.GetValueOrDefault(kernel), kernel);
        Assert.AreEqual(leaked, StandIn.Count("leaked"), "device memory that nobody gave back");
        foreach (var held in new[] { "page_locked", "streams", "events" })
            Assert.AreEqual(0, StandIn.Count(held), held);
    }

    private static float[] Weights(Configuration.RunConfig config, string folder, CudaBackend? backend)
    {
        using var trainer = new Trainer(config, TinyModel.Problems(), backend: backend);
        using var run = RunDirectory.Create(config, TimeProvider.System, folder);
        Assert.IsTrue(trainer.Run(run).Completed);
        backend?.Fetch(trainer.Policy);
        return [.. trainer.Policy.Parameters.SelectMany(p => p.Buffer.Span.ToArray())];
    }
}
