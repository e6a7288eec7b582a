using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Artifacts.Training;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Conformance.Models;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Problems;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests.Interop;

/// <summary>
/// Writes the cases that tests/ort-training-interop runs in ONNX Runtime's real training runtime. Here they only have to be written, and
/// the stock path has to train on them; the comparison is there.
/// </summary>
[TestClass]
public sealed class InteropCaseTests
{
    private const int Steps = 20;
    private const int Cut = 8;

    /// <summary>
    /// A schedule with every part, decay, clipping, divergence and entropy: all that the optimizer model and the objective can hold.
    /// </summary>
    private static RunConfig Config => new()
    {
        Steps = Steps,
        Algorithm = new() { Name = "grpo", KlCoefficient = 0.01, EntropyCoefficient = 0.003, ClipHigh = 0.28 },
        Training = new()
        {
            LearningRate = 3e-4,
            Optimizer = new() { Beta2 = 0.95, WeightDecay = 0.1 },
            Schedule = new() { Kind = ScheduleKind.Cosine, WarmupSteps = 4, FinalFraction = 0.1 },
        },
    };

    // With one update a batch the host takes the old log-probs from its own forward pass; recorded batches bring others.
    private static RunConfig OffPolicy(RunConfig config) => config with { Training = config.Training with { EpochsPerBatch = 2 } };

    [TestMethod]
    [DataRow("golden-qwen3-a")]
    [DataRow("golden-qwen2-a")]
    [DataRow("golden-mistral-a")]
    [DataRow("golden-phi3-a")]
    [DataRow("golden-gemma3-a")]
    [DataRow("golden-llama-a")]
    public void Write_RecordedRollouts_TrainsInTheStockPath(string model)
    {
        using var policy = Policy.Load(OwnModels.OrShared(model), 64);
        using var stock = (StockOptimizer)PolicyOptimizers.All["graph"](policy, InRows(OffPolicy(Config)), 2);
        Record(model, policy, Config, stock, stock.AdamW, trainable: null);
    }

    [TestMethod]
    public void Write_FrozenWeights_TrainsTheOthersInTheStockPath()
    {
        using var policy = Policy.Load(OwnModels.OrShared("golden-llama-a"), 64);
        static bool Trainable(string name) =>
            !name.Contains("norm", StringComparison.Ordinal) && !name.Contains("embed", StringComparison.Ordinal);
        using var stock = new PartlyFrozen(policy, Config, Trainable);
        Record("golden-llama-a.frozen", policy, Config, stock, optimizer: null, Trainable);
    }

    [TestMethod]
    public void Write_GoldenObjective_CarriesTheGoldenParameters()
    {
        foreach (var model in (string[])
            ["golden-qwen3-a", "golden-qwen2-a", "golden-mistral-a", "golden-phi3-a", "golden-gemma3-a", "golden-llama-a"])
            WriteGolden(model);
    }

    private static void WriteGolden(string model)
    {
        using var golden = Golden.Open(model);
        var config = Config with
        {
            Steps = 3,
            Algorithm = new() { Name = "grpo", KlCoefficient = 0.01, EntropyCoefficient = 0.003 },
            Training = new() { LearningRate = 1e-3, Optimizer = new() { Beta2 = 0.95, WeightDecay = 0.1 } },
        };
        using var written = new InteropCase(model + ".golden");
        OrtTraining.Write(written.Folder, golden.Policy, config);
        using var stock = (StockOptimizer)PolicyOptimizers.All["graph"](golden.Policy, InRows(OffPolicy(config)), 2);
        var micro = GoldenTraining.Batch(golden, "old");
        for (var step = 1; step <= config.Steps; step++)
        {
            stock.Clear();
            var loss = stock.Add(micro);
            written.Feed(micro, 1, config.Algorithm, loss);
            var norm = stock.GradientNorm()!.Value;
            stock.Step(1e-3);
            written.Step(1e-3);
            var path = Path.Combine(golden.Folder, $"params_step{step}.safetensors");
            if (!File.Exists(path))
                path = Path.Combine(golden.Folder + "-adamw", $"params_step{step}.safetensors");
            if (step == 2)
                continue;
            using var parameters = SafeTensorsFile.Open(path);
            written.Expect(
                "transformers and torch",
                golden.Policy.Parameters.Select(p => Values(parameters, p)),
                Tolerances.Parameters,
                step == 1 ? Significant(golden, norm) : null);
        }
        written.Done(1e-3);
    }

    [TestMethod]
    public void Write_MainJobOnATinyModel_CarriesItsUpdates()
    {
        using var model = new TinyModel();
        WriteMainJob(
            "tiny",
            model.Config with { Steps = 6, Training = Config.Training with { TokensPerMicrobatch = 200 } },
            TinyModel.Problems());
    }

    [TestMethod]
    public void Write_MainJobOnTheBaseModel_CarriesItsUpdates()
    {
        var folder = SharedFolder.InRepository("models", "arithmetic-base");
        if (!Directory.Exists(folder))
            Assert.Inconclusive("models/arithmetic-base is not in this checkout");
        using var scratch = new TinyModel();
        WriteMainJob("arithmetic-base", new RunConfig
        {
            Model = folder,
            Output = Path.Combine(scratch.Root, "runs"),
            Steps = Steps,
            Sampling = new() { PromptsPerStep = 4, GroupSize = 4 },
            Training = new() { CheckpointEvery = 1000, TokensPerMicrobatch = 1024 },
            Evaluation = new() { Problems = 1, Samples = 1 },
            Execution = new() { Threads = 2 },
        }, problems: null);
    }

    [TestMethod]
    public void Write_LargeCheckpointOutside_IsThereForTheRuntimeToName()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 24);
        var folder = Path.Combine(InteropCase.Root, "external");
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        var options = OrtTraining.Options(policy, model.Config, scheduled: true);
        OrtTraining.Write(folder, policy, options, moments: null);
        File.Delete(Path.Combine(folder, OrtTrainingArtifacts.Checkpoint));
        OrtCheckpointWriter.Write(
            Path.Combine(folder, OrtTrainingArtifacts.Checkpoint),
            OrtTraining.Content(policy, options, null),
            largestInline: 0);
        Assert.IsTrue(File.Exists(Path.Combine(folder, "checkpoint.data")));
    }

    [TestMethod]
    public void Write_InferenceGraphs_AreThereForTheOlderRuntime()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 24);
        var folder = Path.Combine(InteropCase.Root, "graphs");
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        GraphArtifacts.Write(folder, policy, model.Config, warning => Assert.Fail(warning));
        foreach (var file in new[] { "training_model.onnx", "eval_model.onnx", "optimizer_model.onnx", "checkpoint" })
            Assert.IsTrue(File.Exists(Path.Combine(folder, "training", file)), file);
    }

    // Twenty steps on rollouts that are recorded as they are made; then the same from a checkpoint in the middle.
    private static void Record(
        string name,
        Policy policy,
        RunConfig config,
        IPolicyOptimizer stock,
        AdamW? optimizer,
        Func<string, bool>? trainable)
    {
        using var reference = policy.Freeze();
        using var scorer = new Scorer(policy.Spec, 2);
        using var whole = new InteropCase(name);
        using var resumed = optimizer is null ? null : new InteropCase(name + ".resumed");
        OrtTraining.Write(whole.Folder, policy, OrtTraining.Options(policy, config, scheduled: true, trainable), moments: null);
        for (var step = 0; step < config.Steps; step++)
        {
            var sequences = Rollouts(policy.Spec, step);
            if (step == Cut && resumed is not null)
                OrtTraining.Write(
                    resumed.Folder,
                    policy,
                    OrtTraining.Options(policy, config, scheduled: true),
                    OrtTraining.MomentsOf(optimizer!));
            var old = scorer.Score(policy, sequences, config.Sampling.Temperature, 2048);
            var frozen = scorer.Score(reference, sequences, config.Sampling.Temperature, 2048);
            if (step == 0)
                whole.ExpectScores(old[..4]);
            if (step == Cut)
                resumed?.ExpectScores(old[..4]);
            stock.Clear();
            // Two micro-batches, so that the runtime's accumulation across calls counts too.
            foreach (var part in new[] { 0..4, 4..8 })
            {
                var micro = Fill(sequences, old, frozen, part, step);
                var loss = stock.Add(micro);
                whole.Feed(micro, config.Sampling.Temperature, config.Algorithm, loss);
                if (step >= Cut)
                    resumed?.Feed(micro, config.Sampling.Temperature, config.Algorithm, loss);
            }
            var rate = Schedules.LearningRate(config.Training.Schedule, config.Training.LearningRate, step, config.Steps);
            stock.Step(rate);
            whole.Step(rate);
            if (step >= Cut)
                resumed?.Step(rate);
        }
        var values = policy.Parameters.Where(p => trainable?.Invoke(p.Name) != false).Select(p => p.Buffer.Span.ToArray()).ToArray();
        foreach (var made in new[] { whole, resumed })
        {
            made?.Expect("the stock path", values, Tolerances.BetweenRuntimes);
            made?.Done(config.Training.LearningRate);
        }
    }

    private static void WriteMainJob(string name, RunConfig config, IProblemSet? problems)
    {
        using var written = new InteropCase(name, onPolicy: true);
        var warnings = new List<string>();
        using var trainer = new Trainer(InRows(config), problems, new() { Warning = warnings.Add }, (policy, c, threads) =>
        {
            OrtTraining.Write(written.Folder, policy, c);
            return new RecordingOptimizer(
                PolicyOptimizers.All["graph"](policy, c, threads),
                c,
                (micro, loss) => written.Feed(micro, c.Sampling.Temperature, c.Algorithm, loss),
                written.Step);
        });
        using (var run = RunDirectory.Create(InRows(config), TimeProvider.System))
            Assert.IsTrue(trainer.Run(run).Completed);
        // The schedule inside the optimizer model counts optimizer steps; a mini-batch without tokens would be none.
        Assert.AreEqual(config.Steps, written.Steps);
        written.Expect("the stock path", trainer.Policy.Parameters.Select(p => p.Buffer.Span.ToArray()), Tolerances.BetweenRuntimes);
        written.Done(config.Training.LearningRate);
    }

    // The training runtime knows padded rows alone.
    private static RunConfig InRows(RunConfig config) =>
        config with { Training = config.Training with { Packing = Packing.None } };

    // Prompts and responses of varied length, any tokens.
    private static Sequence[] Rollouts(DecoderSpec spec, int step)
    {
        var random = new Random(100 + step);
        int[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(spec.VocabularySize))];
        return [.. Enumerable.Range(0, 8).Select(_ => new Sequence(Tokens(random.Next(2, 7)), Tokens(random.Next(3, 12))))];
    }

    // Two groups of four; old log-probs a little off, as after an earlier update, so that clipping acts.
    private static Microbatch Fill(Sequence[] sequences, Scores[] old, Scores[] frozen, Range part, int step)
    {
        var random = new Random(500 + step);
        // Right is what is long: then the loss is no small difference of large terms, and a relative error of it means something.
        var rewards = sequences.Select((s, i) =>
            s.Response.Length >= sequences.Skip(i / 4 * 4).Take(4).Average(o => o.Response.Length) ? 1.0 : -1.0).ToArray();
        var advantages = new double[rewards.Length];
        GroupAdvantage.Compute(rewards.AsSpan(0, 4), 1e-6, advantages.AsSpan(0, 4));
        GroupAdvantage.Compute(rewards.AsSpan(4, 4), 1e-6, advantages.AsSpan(4, 4));
        var tokens = sequences.Sum(s => s.Response.Length);
        var micro = new Microbatch(new SequenceBatch(sequences[part]));
        var next = 0;
        var (first, count) = part.GetOffsetAndLength(sequences.Length);
        for (var i = first; i < first + count; i++)
            for (var t = 0; t < sequences[i].Response.Length; t++, next++)
            {
                micro.Weights[next] = 1f / tokens;
                micro.Advantages[next] = (float)advantages[i];
                micro.OldLogProbs[next] = old[i].LogProbs[t] + (0.5f * (random.NextSingle() - 0.5f));
                micro.ReferenceLogProbs[next] = frozen[i].LogProbs[t];
            }
        return micro;
    }

    private static float[] Values(SafeTensorsFile file, Parameter parameter)
    {
        var values = new float[parameter.Buffer.Length];
        file.ReadFloats(parameter.Name, values);
        return values;
    }

    // 1 where the clipped gradient of the first step is so large that Adam's division by it loses nothing.
    private static byte[] Significant(GoldenModel golden, double norm)
    {
        using var gradients = SafeTensorsFile.Open(Path.Combine(golden.Folder, "grads.safetensors"));
        var scale = Math.Min(1, 1 / (norm + 1e-6));
        return [.. golden.Policy.Parameters.SelectMany(p => Values(gradients, p))
            .Select(g => Math.Abs(g * scale) > 1e-6 ? (byte)1 : (byte)0)];
    }

    // The stock path with some parameters left as they are.
    private sealed class PartlyFrozen : IPolicyOptimizer
    {
        private readonly GradientAccumulator gradients;
        private readonly AdamW optimizer;

        public PartlyFrozen(Policy policy, RunConfig config, Func<string, bool> trainable)
        {
            gradients = new GradientAccumulator(
                policy,
                PolicyLoss.Objective(PolicyLossSettings.Of(config.Algorithm)),
                config.Sampling.Temperature,
                2);
            optimizer = new AdamW(
                [.. policy.Parameters.Where(p => trainable(p.Name))],
                [.. gradients.Gradients.Where(p => trainable(p.Name))],
                config.Training.Optimizer,
                2);
        }

        public bool Packs => false;

        public void Clear() => gradients.Clear();

        public double Add(Microbatch micro) => gradients.Add(micro);

        public double? GradientNorm() => optimizer.GradientNorm();

        public void Step(double learningRate) => optimizer.Step(learningRate, optimizer.GradientNorm());

        public void Save(string folder) => throw new NotSupportedException();

        public void Load(string folder) => throw new NotSupportedException();

        public void Dispose()
        {
            optimizer.Dispose();
            gradients.Dispose();
        }
    }
}
