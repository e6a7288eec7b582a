using System.Text.Json.Nodes;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Cuda.Tests.Interpreter;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Tests;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Cuda.Tests.Backend;

/// <summary>Whole runs, from sampling to AdamW, on the interpreter, held against the same runs on the host.</summary>
[TestClass]
public sealed class BackendTrainingTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [DataRow("g2rl", FeatureSource.Sampling, 10, 0)]
    [DataRow("g2rl", FeatureSource.Scoring, 4, 0)]
    [DataRow("grpo", FeatureSource.Sampling, 4, 0)]
    [DataRow("g2rl", FeatureSource.Sampling, 3, 2)]
    [DataRow("g2rl-hidden", FeatureSource.Sampling, 2, 0)]
    [DataRow("remax", FeatureSource.Sampling, 3, 0)]
    public void Run_OnTheDevice_EqualsTheHost(string algorithm, FeatureSource source, int steps, int resampleRounds)
    {
        using var model = new TinyModel();
        var config = Config(model, steps) with { Algorithm = new() { Name = algorithm, Features = source } };
        config = config with { Sampling = config.Sampling with { ResampleRounds = resampleRounds } };
        var host = Train(config, Path.Combine(model.Root, "host"), backend: null);
        // The short runs take another order of threads, and what approximate instructions may be wrong by.
        using var driver = new InterpreterDriver(steps < 10 ? new() { Order = ThreadOrder.Shuffled, Noise = 1 } : null);
        var device = Train(config, Path.Combine(model.Root, "device"), driver);

        // The same tokens were drawn in every step: the texts are equal, and so their rewards.
        CollectionAssert.AreEqual(host.Texts, device.Texts);
        var novelty = algorithm.StartsWith("g2rl", StringComparison.Ordinal) ? new[] { ("g2rl/nu_mean", Tolerances.Novelty) } : [];
        foreach (var (name, tolerance) in new[]
        {
            ("reward/mean", 0.0),
            ("policy/entropy_nats", Tolerances.LogProbs),
            ("policy/gradient_norm", Tolerances.Novelty),
        }.Concat(novelty))
            for (var step = 0; step < config.Steps; step++)
                Assert.AreEqual(
                    JsonNode.Parse(host.Metrics[step])![name]!.GetValue<double>(),
                    JsonNode.Parse(device.Metrics[step])![name]!.GetValue<double>(),
                    tolerance,
                    $"step {step}: {name}");
        if (resampleRounds > 0)
            Assert.IsTrue(
                Enumerable.Range(0, steps).Any(s => host.Metrics[s].Contains("resampl", StringComparison.Ordinal)),
                host.Metrics[0]);
        Compare(host.Weights, device.Weights, config);
        var kernels = driver.Launches.Keys.ToHashSet(StringComparer.Ordinal);
        foreach (var kernel in new[] { "sample_tokens_f32", "token_stats_f32", "kv_share", "global_norm_partial", "global_norm_finish", "a"
            + "damw_f32" })
            Assert.Contains(kernel, kernels);
        if (algorithm == "g2rl")
            foreach (var kernel in new[] { "accumulate_features_f32", "scale_rows", "inverse_norms", "gram", "exploration_scores" })
                Assert.Contains(kernel, kernels);
    }

    // Objectives that look for the greatest covariances of a micro-batch (TopK). The penalty |lp - old| of kl-cov has the gradient
    // +-1 of any rounding: it is 0, as on the host, only where the old log-probs are those of the same pass to the bit.
    [TestMethod]
    [DataRow("clip-cov", 1)]
    [DataRow("kl-cov", 1)]
    [DataRow("kl-cov", 2)]
    public void Run_WithALossOfCovariances_EqualsTheHost(string loss, int epochs)
    {
        using var model = new TinyModel();
        var config = Config(model, steps: 2) with { Algorithm = new() { Name = "grpo", Loss = loss, CovarianceShare = 0.25 } };
        config = config with { Training = config.Training with { EpochsPerBatch = epochs } };
        var host = Train(config, Path.Combine(model.Root, "host"), backend: null);
        using var driver = new InterpreterDriver();
        var device = Train(config, Path.Combine(model.Root, "device"), driver);
        CollectionAssert.AreEqual(host.Texts, device.Texts);
        Compare(host.Weights, device.Weights, config);
    }

    // A bonus that adapts weighs entropies by themselves, which what fills a micro-batch up must not lose.
    [TestMethod]
    public void Run_WithAnEntropyBonusThatAdapts_EqualsTheHost()
    {
        using var model = new TinyModel();
        var algorithm = new AlgorithmConfig { Name = "grpo", AdaptiveEntropy = new() { Target = 5, Delta = 2 } };
        var config = Config(model, steps: 2) with { Algorithm = algorithm };
        var host = Train(config, Path.Combine(model.Root, "host"), backend: null);
        using var driver = new InterpreterDriver();
        var device = Train(config, Path.Combine(model.Root, "device"), driver);
        Compare(host.Weights, device.Weights, config);
    }

    // Sampled, scored against a reference and trained on with our attention asked for: packed, prompts once. On the interpreter graphs
    // run on the host, whose operators take the same segments; those of the device have their own tests.
    [TestMethod]
    public void Run_Packed_EqualsTheHost()
    {
        using var model = new TinyModel();
        var algorithm = new AlgorithmConfig { Name = "g2rl", Features = FeatureSource.Scoring, KlCoefficient = 0.1 };
        var config = Config(model, steps: 2) with { Algorithm = algorithm };
        config = config with { Training = config.Training with { TokensPerMicrobatch = 60 } };
        var host = Train(config, Path.Combine(model.Root, "host"), backend: null);
        using var driver = new InterpreterDriver();
        var ours = new CudaSettings { Kernels = KernelChoice.Fused };
        var device = Train(config, Path.Combine(model.Root, "device"), driver, settings: ours);
        CollectionAssert.AreEqual(host.Texts, device.Texts);
        Compare(host.Weights, device.Weights, config);
        foreach (var (a, b) in host.Metrics.Zip(device.Metrics))
        {
            // Work that packing saved is the same share; without it there is none.
            const string Saved = "packing/saved_flops_share";
            Assert.AreEqual(JsonNode.Parse(a)![Saved]!.GetValue<double>(), JsonNode.Parse(b)![Saved]!.GetValue<double>(), 1e-9);
            Assert.IsGreaterThan(0.2, JsonNode.Parse(b)![Saved]!.GetValue<double>());
        }
    }

    [TestMethod]
    public void Run_WithAdapters_EqualsTheHost_AndTheReferenceReadsTheSameBase()
    {
        using var model = new TinyModel();
        var config = Config(model, steps: 3) with { Adapter = new() { Type = AdapterKind.Lora, Rank = 4, Alpha = 8 } };
        var host = Train(config, Path.Combine(model.Root, "host"), backend: null);
        using var driver = new InterpreterDriver();
        var device = Train(config, Path.Combine(model.Root, "device"), driver);
        CollectionAssert.AreEqual(host.Texts, device.Texts);
        Compare(host.Weights, device.Weights, config);
    }

    [TestMethod]
    [DataRow(MomentStorage.Float32)]
    [DataRow(MomentStorage.BFloat16)]
    public void Resume_OnTheDevice_EqualsTheUninterruptedRunToTheBit(MomentStorage moments)
    {
        using var model = new TinyModel();
        var training = model.Config.Training with { CheckpointEvery = 1, KeepCheckpoints = 9 };
        var config = Config(model, steps: 4) with
        {
            Training = training with { Optimizer = training.Optimizer with { Moments = moments } },
        };
        using var driver = new InterpreterDriver();
        var folder = Path.Combine(model.Root, "run");
        var whole = Train(config, folder, driver);
        // As after a kill: the newer checkpoints are gone.
        foreach (var step in new[] { 3, 4 })
            Directory.Delete(Path.Combine(folder, "checkpoints", $"step-{step:D6}"), recursive: true);
        using var second = new InterpreterDriver();
        var resumed = Train(config, folder, second, resume: true);
        CollectionAssert.AreEqual(whole.Weights, resumed.Weights);
        // The host goes on from the device's checkpoint, within rounding.
        foreach (var step in new[] { 3, 4 })
            Directory.Delete(Path.Combine(folder, "checkpoints", $"step-{step:D6}"), recursive: true);
        CopyOf(folder, Path.Combine(model.Root, "moved"), config with { Execution = config.Execution with { Device = "cpu" } });
        Compare(whole.Weights, Train(config, Path.Combine(model.Root, "moved"), backend: null, resume: true).Weights, config);
    }

    private static RunConfig Config(TinyModel model, int steps) => model.Config with
    {
        Steps = steps,
        Sampling = new() { PromptsPerStep = 3, GroupSize = 4, MaxPromptTokens = 12, MaxNewTokens = 10 },
        Training = model.Config.Training with { CheckpointEvery = 100 },
        Evaluation = new() { Problems = 2, Samples = 1 },
        Execution = new() { Threads = 1 },
        Logging = new() { RolloutsEvery = 1 },
    };

    private static (string[] Metrics, string[] Texts, float[] Weights) Train(
        RunConfig config,
        string folder,
        InterpreterDriver? backend,
        bool resume = false,
        CudaSettings? settings = null)
    {
        using var device = backend is null ? null : new CudaBackend(backend, settings);
        config = config with { Execution = config.Execution with { Device = device?.Name ?? "cpu" } };
        // As a run on hardware must be; the interpreter's products are in float32 all the same.
        if (settings?.Kernels == KernelChoice.Fused)
            config = config with { Execution = config.Execution with { Precision = "bfloat16", Kernels = KernelChoice.Fused } };
        using var trainer = new Trainer(config, TinyModel.Problems(), backend: device);
        using var run = resume ? RunDirectory.Resume(folder, config) : RunDirectory.Create(config, TimeProvider.System, folder);
        Assert.IsTrue(trainer.Run(run).Completed);
        device?.Fetch(trainer.Policy);
        var texts = Directory.EnumerateFiles(Path.Combine(folder, "rollouts"))
            .Order(StringComparer.Ordinal)
            .SelectMany(File.ReadAllLines)
            .Select(line => JsonNode.Parse(line)!["text"]?.GetValue<string>() ?? throw new AssertFailedException(line))
            .ToArray();
        return (File.ReadAllLines(Path.Combine(folder, "metrics.jsonl")), texts,
            [.. trainer.Policy.Parameters.SelectMany(p => p.Buffer.Span.ToArray())]);
    }

    private static void CopyOf(string from, string to, RunConfig config)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
        File.WriteAllText(Path.Combine(to, "config.json"), RunConfigFile.ToJson(config));
    }

    private void Compare(float[] host, float[] device, RunConfig config)
    {
        Assert.HasCount(host.Length, device);
        var differences = host.Zip(device, (a, b) => Math.Abs((double)a - b)).Order().ToArray();
        TestContext.WriteLine($"{host.Length} weights: {differences.Count(d => d > Tolerances.Weights)} beyond {Tolerances.Weights:E0}, "
            + $"the largest difference {differences[^1]:E1}");
        Assert.IsLessThanOrEqualTo(Tolerances.Weights, differences[(int)(0.999 * differences.Length)]);
        Assert.IsLessThanOrEqualTo(2 * config.Training.LearningRate * config.Steps, differences[^1]);
    }
}
