using System.Text.Json.Nodes;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Cuda.Several;
using G2RL.Onnx.Cuda.Tests.Interpreter;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tests;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Backends;

namespace G2RL.Onnx.Cuda.Tests.Several;

/// <summary>Devices of one machine: whatever their number, the run has the same bytes.</summary>
[TestClass]
public sealed class SeveralDevicesTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    [DataRow("g2rl", FeatureSource.Sampling, 0)]
    [DataRow("g2rl", FeatureSource.Scoring, 0)]
    [DataRow("g2rl", FeatureSource.Sampling, 2)]
    [DataRow("remax", FeatureSource.Sampling, 0)]
    public void Run_OnOneTwoOrThreeDevices_WritesTheSameBytes(string algorithm, FeatureSource source, int resampleRounds)
    {
        using var model = new TinyModel();
        var config = Config(model) with { Algorithm = new() { Name = algorithm, Features = source, KlCoefficient = 0.01 } };
        config = config with { Sampling = config.Sampling with { ResampleRounds = resampleRounds } };
        if (AlgorithmTable.All[algorithm].Features != FeatureKind.Gradient)
            config = config with { Algorithm = config.Algorithm with { Features = FeatureSource.Sampling } };
        var one = Train(config, Path.Combine(model.Root, "1"), out _, 1);
        foreach (var count in new[] { 2, 3 })
        {
            var several = Train(config, Path.Combine(model.Root, $"{count}"), out var launches, count);
            CollectionAssert.AreEqual(one.Rollouts, several.Rollouts, $"{count} devices");
            CollectionAssert.AreEqual(one.Metrics, several.Metrics, $"{count} devices");
            CollectionAssert.AreEqual(one.Weights, several.Weights, $"{count} devices");
            for (var i = 0; i < count; i++)
            {
                Assert.IsTrue(launches[i].ContainsKey("sample_tokens_f32"), $"cuda:{i} draws");
                Assert.AreEqual(i == 0, launches[i].ContainsKey("adamw_f32"), $"cuda:0 alone updates, not cuda:{i}");
            }
        }
    }

    [TestMethod]
    public void Resume_OnTwoDevices_EqualsTheUninterruptedRunToTheBit()
    {
        using var model = new TinyModel();
        var config = Config(model);
        config = config with { Training = config.Training with { CheckpointEvery = 1, KeepCheckpoints = 9 } };
        var folder = Path.Combine(model.Root, "run");
        var whole = Train(config, folder, out _, 2);
        Directory.Delete(Path.Combine(folder, "checkpoints", "step-000003"), recursive: true);
        CollectionAssert.AreEqual(whole.Weights, Train(config, folder, out _, 2, resume: true).Weights);
    }

    [TestMethod]
    public void Score_OnThreeDevices_GivesTheBitsOfOne()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 64);
        var tokenizer = Tokenizer.Load(model.Folder);
        Sequence[] sequences = [.. Enumerable.Range(1, 17)
            .Select(i => new Sequence(tokenizer.Encode($"{i * i}+2="), tokenizer.Encode($"{i}-{i * 7}+1")))];
        Scores[] Of(IBackend backend)
        {
            using var scorer = backend.Scorer(policy.Spec);
            using var projector = backend.Features(policy.Spec);
            var scores = scorer.Score(
                policy,
                sequences,
                new ScoreRequest(0.7, 64) { WithHidden = true, WithFeatures = true, WithMeanHidden = true });
            // A device alone projects later; those of several are projected.
            var features = projector.Project(policy, [.. scores.Select(s => s.Features).Where(f => f.Projected is null)]);
            return [.. scores.Select((s, i) => s with { Feature = s.Feature ?? features[i], FeatureRow = -1 })];
        }
        using var alone = new CudaBackend(new InterpreterDriver());
        using var three = new SeveralDevices([.. Enumerable.Range(0, 3).Select(i => new CudaBackend(new InterpreterDriver(ordinal: i)))]);
        var (expected, found) = (Of(alone), Of(three));
        for (var i = 0; i < sequences.Length; i++)
        {
            CollectionAssert.AreEqual(expected[i].LogProbs, found[i].LogProbs);
            CollectionAssert.AreEqual(expected[i].Entropies, found[i].Entropies);
            CollectionAssert.AreEqual(expected[i].HiddenStates, found[i].HiddenStates);
            CollectionAssert.AreEqual(expected[i].MeanHidden, found[i].MeanHidden);
            CollectionAssert.AreEqual(expected[i].Feature, found[i].Feature);
        }
    }

    [TestMethod]
    public void Draw_OneDeviceHasNaN_NamesItAndThePromptOfTheWholeDraw()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 64);
        var tokenizer = Tokenizer.Load(model.Folder);
        CudaBackend[] devices = [.. Enumerable.Range(0, 3).Select(i => new CudaBackend(new InterpreterDriver(ordinal: i)))];
        using var three = new SeveralDevices(devices);
        using var sampler = three.Rollouts(policy, tokenizer, new SamplerSettings { MaxNewTokens = 6, MaxRows = 4 });
        using var scorer = three.Scorer(policy.Spec);
        var request = new DrawRequest([.. Enumerable.Range(1, 6).Select(i => tokenizer.Encode($"{i}+1="))], 2, Seed: 1, Step: 0);
        var whole = sampler.Draw(request);
        var embeddings = devices[1].Invoke(() => devices[1].Of(policy).Parameters[0]);
        var before = new float[embeddings.Count];
        devices[1].Invoke(() => embeddings.Buffer.Read<float>(before));
        devices[1].Invoke(() => embeddings.Buffer.Write<float>(Enumerable.Repeat(float.NaN, before.Length).ToArray()));
        // Prompt 1 is the first of the second device.
        StringAssert.StartsWith(
            Assert.ThrowsExactly<NonFiniteException>(() => sampler.Draw(request)).Message,
            "cuda:1: Prompt 1, rollout 0, token 0: a logit is NaN");
        Sequence[] sequences = [.. Enumerable.Range(1, 6).Select(i => new Sequence([i], [i + 1, i + 2]))];
        StringAssert.StartsWith(
            Assert.ThrowsExactly<NonFiniteException>(() => scorer.Score(policy, sequences, 1, 4)).Message, "cuda:1: Response ");
        // The others go on with what they have.
        devices[1].Invoke(() => embeddings.Buffer.Write<float>(before));
        CollectionAssert.AreEqual(
            whole.SelectMany(g => g).SelectMany(r => r.Tokens).ToArray(),
            sampler.Draw(request).SelectMany(g => g).SelectMany(r => r.Tokens).ToArray());
    }

    [TestMethod]
    public void Rollouts_SecondDeviceTooSmall_NamesIt()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 64);
        using var two = new SeveralDevices(
            [new CudaBackend(new InterpreterDriver()), new CudaBackend(new InterpreterDriver(memoryBytes: 3 << 20, ordinal: 1))]);
        StringAssert.StartsWith(
            Assert.ThrowsExactly<CudaMemoryException>(() =>
                two.Rollouts(policy, Tokenizer.Load(model.Folder), new SamplerSettings { MaxRows = 256 })).Message,
            "cuda:1 (PTX interpreter)");
    }

    [TestMethod]
    public void Draw_Cancelled_StopsEveryDeviceAndLeavesThemUsable()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 64);
        var tokenizer = Tokenizer.Load(model.Folder);
        using var two = new SeveralDevices([new CudaBackend(new InterpreterDriver()), new CudaBackend(new InterpreterDriver(ordinal: 1))]);
        using var sampler = two.Rollouts(policy, tokenizer, new SamplerSettings { MaxNewTokens = 12, MaxRows = 4 });
        var request = new DrawRequest([tokenizer.Encode("1+1="), tokenizer.Encode("2=")], 6, Seed: 1, Step: 0);
        var (whole, ended) = (sampler.Draw(request), 0);
        using var cancel = new CancellationTokenSource();
        Assert.ThrowsExactly<OperationCanceledException>(() => sampler.Draw(request, _ => cancel.Cancel(), cancel.Token));
        CollectionAssert.AreEqual(
            whole.SelectMany(g => g).SelectMany(r => r.Tokens).ToArray(),
            sampler.Draw(request, n => ended = n).SelectMany(g => g).SelectMany(r => r.Tokens).ToArray());
        Assert.AreEqual(12, ended);
    }

    [TestMethod]
    public void Devices_OneTwice_IsRefused()
    {
        using var first = new CudaBackend(new InterpreterDriver());
        using var second = new CudaBackend(new InterpreterDriver());
        StringAssert.Contains(
            Assert.ThrowsExactly<ArgumentException>(() => new SeveralDevices([first, second])).Message, "cuda:0 is named 2 times");
    }

    private static RunConfig Config(TinyModel model) => model.Config with
    {
        Steps = 3,
        Sampling = new() { PromptsPerStep = 5, GroupSize = 4, MaxPromptTokens = 12, MaxNewTokens = 8 },
        Training = model.Config.Training with { CheckpointEvery = 100, TokensPerMicrobatch = 64 },
        Evaluation = new() { Problems = 2, Samples = 1 },
        Execution = new() { Threads = 1 },
        Logging = new() { RolloutsEvery = 1 },
    };

    private static (string[] Metrics, string[] Rollouts, float[] Weights) Train(
        RunConfig config, string folder, out IReadOnlyDictionary<string, long>[] launches, int count, bool resume = false)
    {
        InterpreterDriver[] drivers = [.. Enumerable.Range(0, count).Select(i => new InterpreterDriver(ordinal: i))];
        CudaBackend[] devices = [.. drivers.Select((d, i) => new CudaBackend(d, new() { Updates = i == 0 }))];
        using IBackend backend = count == 1 ? devices[0] : new SeveralDevices(devices);
        config = config with
        {
            Execution = config.Execution with { Device = "cuda:0", Devices = count == 1 ? [] : [.. devices.Select(d => d.Name)] },
        };
        using var trainer = new Trainer(config, TinyModel.Problems(), backend: backend);
        using var run = resume ? RunDirectory.Resume(folder, config) : RunDirectory.Create(config, TimeProvider.System, folder);
        Assert.IsTrue(trainer.Run(run).Completed);
        backend.Fetch(trainer.Policy);
        launches = [.. drivers.Select(d => d.Launches)];
        return (
            [.. File.ReadLines(Path.Combine(folder, "metrics.jsonl")).Select(WithoutTimes)],
            [.. Directory.EnumerateFiles(Path.Combine(folder, "rollouts")).Order(StringComparer.Ordinal).SelectMany(File.ReadAllLines)],
            [.. trainer.Policy.Parameters.SelectMany(p => p.Buffer.Span.ToArray())]);
    }

    private static string WithoutTimes(string line)
    {
        var row = JsonNode.Parse(line)!.AsObject();
        foreach (var name in row.Select(p => p.Key)
            .Where(k => k.StartsWith("time/", StringComparison.Ordinal) || k.StartsWith("speed/", StringComparison.Ordinal)
                || k.StartsWith("memory/", StringComparison.Ordinal)).ToArray())
            row.Remove(name);
        return row.ToJsonString();
    }
}
