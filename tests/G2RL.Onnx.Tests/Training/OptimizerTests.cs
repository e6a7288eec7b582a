using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests;

/// <summary>Muon, and AdamW with moments in fewer bits. AdamW itself: <see cref="AdamWTests"/>.</summary>
[TestClass]
public sealed class OptimizerTests
{
    [TestMethod]
    [DataRow(1)]
    [DataRow(3)]
    public void Muon_ThreeUpdates_AreThoseOfThePublishedFormula(int threads)
    {
        var fixture = JsonNode.Parse(File.ReadAllText(SharedFolder.InRepository("tests", "fixtures", "muon.json")))!;
        double Number(string name) => fixture[name]!.GetValue<double>();
        foreach (var one in fixture["cases"]!.AsArray())
        {
            // A model whose only matrix of that shape is one projection: up_proj is [intermediate, hidden].
            var (rows, columns) = (one!["rows"]!.GetValue<int>(), one["columns"]!.GetValue<int>());
            using var policy = Policy.Create(Spec(hidden: columns, intermediate: rows), 8, (p, span) => span.Fill(0.5f));
            var gradients = policy.Parameters.Select(p => new Parameter(p.Name, [.. p.Shape])).ToArray();
            var place = policy.Parameters.ToList().FindIndex(p => p.Name == "model.layers.0.mlp.up_proj.weight");
            Floats(one["start"]!).CopyTo(policy.Parameters[place].Buffer.Span);
            var settings = new AdamWSettings
            {
                Kind = OptimizerKind.Muon,
                Momentum = Number("momentum"),
                WeightDecay = Number("decay"),
                MaxGradientNorm = 0,
            };
            using (var muon = new Muon(policy, gradients, settings, threads))
                foreach (var gradient in one["gradients"]!.AsArray())
                {
                    Floats(gradient!).CopyTo(gradients[place].Buffer.Span);
                    muon.Step(Number("rate"), muon.GradientNorm());
                }
            var expected = Floats(one["end"]!);
            var actual = policy.Parameters[place].Buffer.Span;
            for (var i = 0; i < expected.Length; i++)
                Assert.AreEqual(expected[i], actual[i], Tolerances.Parameters, $"[{rows}, {columns}] {i}");
            foreach (var gradient in gradients)
                gradient.Dispose();
        }
    }

    [TestMethod]
    public void Muon_LeavesEmbeddingsHeadAndNormsToAdamW()
    {
        using var model = new TinyModel();
        using var muon = new Optimized(model.Folder, new() { Kind = OptimizerKind.Muon });
        using var adam = new Optimized(model.Folder, new());
        using var start = Policy.Load(model.Folder, 16);
        for (var i = 0; i < start.Parameters.Count; i++)
        {
            var (a, b, before) = (muon.Policy.Parameters[i], adam.Policy.Parameters[i], start.Parameters[i].Buffer.Span.ToArray());
            CollectionAssert.AreNotEqual(before, a.Buffer.Span.ToArray(), a.Name);
            if (a.Name.Contains("proj", StringComparison.Ordinal))
                CollectionAssert.AreNotEqual(b.Buffer.Span.ToArray(), a.Buffer.Span.ToArray(), a.Name);
            else
                CollectionAssert.AreEqual(b.Buffer.Span.ToArray(), a.Buffer.Span.ToArray(), a.Name);
        }
    }

    [TestMethod]
    public void Muon_GradientThatIsNotFinite_IsNamed()
    {
        using var policy = Policy.Create(Spec(hidden: 4, intermediate: 6), 8, (p, span) => span.Fill(0.5f));
        var gradients = policy.Parameters.Select(p => new Parameter(p.Name, [.. p.Shape])).ToArray();
        using var muon = new Muon(policy, gradients, new() { Kind = OptimizerKind.Muon }, threads: 1);
        gradients.Single(g => g.Name == "model.layers.0.mlp.up_proj.weight").Buffer.Span[3] = float.NaN;
        Assert.AreEqual(
            "The gradient of 'model.layers.0.mlp.up_proj.weight' is not finite.",
            Assert.ThrowsExactly<NonFiniteException>(() => muon.GradientNorm()).Message);
        foreach (var gradient in gradients)
            gradient.Dispose();
    }

    // Of adapters all that learns is a matrix.
    [TestMethod]
    public void Muon_OfAdapters_HasAMomentumOfEach()
    {
        var spec = Spec(hidden: 4, intermediate: 6) with { Adapter = new() { Rank = 2, Alpha = 4, Targets = ["all-linear"] } };
        using var policy = Policy.Create(spec, 8, (p, span) => span.Fill(0.5f));
        var gradients = policy.Trainable.Select(p => new Parameter(p.Name, [.. p.Shape])).ToArray();
        using var muon = new Muon(policy, gradients, new() { Kind = OptimizerKind.Muon }, threads: 1);
        // Two of each of seven projections.
        Assert.HasCount(14, policy.Trainable);
        CollectionAssert.AreEquivalent(
            policy.Trainable.Select(p => p.Name + ".momentum").ToArray(), muon.State().Select(t => t.Name).ToArray());
        foreach (var gradient in gradients)
            gradient.Dispose();
    }

    [TestMethod]
    [DataRow(MomentStorage.BFloat16, false, 1 / 128.0)]
    [DataRow(MomentStorage.BFloat16, true, 1 / 128.0)]
    [DataRow(MomentStorage.Int8, false, 1 / 8.0)]
    [DataRow(MomentStorage.Int8, true, 1 / 3.5)]
    public void PackedMoment_WrittenAndRead_IsNearAndUnbiased(MomentStorage storage, bool second, double step)
    {
        using var parameter = new Parameter("w", 1000);
        using var moment = new PackedMoment(parameter, storage, second, index: 3);
        var values = new float[1000];
        Seeds.Normal(5, 0, values);
        if (second)
            for (var i = 0; i < values.Length; i++)
                values[i] *= values[i];
        var (sums, read) = (new double[1000], new float[1000]);
        float[] largest = [.. values.Chunk(256).SelectMany(c => Enumerable.Repeat(c.Max(Math.Abs), c.Length))];
        const int Times = 400;
        for (var t = 0; t < Times; t++)
        {
            moment.Write(0, [.. values], t);
            moment.Read(0, read);
            for (var i = 0; i < values.Length; i++)
            {
                sums[i] += read[i];
                Assert.AreEqual(values[i], read[i], (step * Math.Abs(values[i])) + (largest[i] * 4e-5), $"{i}");
            }
        }
        // Of the second moment the root is unbiased, so its square is a little too large.
        var error = Enumerable.Range(0, 1000).Sum(i => (sums[i] / Times) - values[i]) / values.Sum(v => Math.Abs((double)v));
        Assert.AreEqual(0, error, second && storage == MomentStorage.Int8 ? 3e-3 : 3e-4);
        // The same step gives the same bits, another one others.
        var (a, b, c) = (new float[1000], new float[1000], new float[1000]);
        moment.Write(0, [.. values], 7);
        moment.Read(0, a);
        moment.Write(256, [.. values[256..512]], 7);
        moment.Read(0, b);
        moment.Write(0, [.. values], 8);
        moment.Read(0, c);
        CollectionAssert.AreEqual(a, b);
        CollectionAssert.AreNotEqual(a, c);
    }

    [TestMethod]
    public void PackedMoment_SmallSecondMoments_NeverBecomeNothing()
    {
        using var parameter = new Parameter("w", 300);
        using var moment = new PackedMoment(parameter, MomentStorage.Int8, isSecond: true, index: 0);
        var values = new float[300];
        (values[0], values[1], values[3], values[299]) = (1, 1e-30f, 1e-10f, 0);
        moment.Write(0, [.. values], 1);
        var read = new float[300];
        moment.Read(0, read);
        Assert.AreEqual(1f, read[0]);
        Assert.IsGreaterThan(0f, read[1]);
        // The root of a share of 1e-10 is within 2^-31 to 1: three bits of fraction are kept.
        Assert.AreEqual(1e-10f, read[3], 0.3e-10f);
        Assert.AreEqual(0f, read[2]);
        Assert.AreEqual(0f, read[299]);
    }

    [TestMethod]
    [DataRow(OptimizerKind.AdamW, MomentStorage.BFloat16, false)]
    [DataRow(OptimizerKind.AdamW, MomentStorage.Int8, false)]
    [DataRow(OptimizerKind.Muon, MomentStorage.Float32, false)]
    [DataRow(OptimizerKind.Muon, MomentStorage.Int8, true)]
    public void Run_WithOtherOptimizers_ResumesBitForBit(OptimizerKind kind, MomentStorage moments, bool adapters)
    {
        using var model = new TinyModel();
        var config =
            model.Config with { Steps = 4, Training = model.Config.Training with { Optimizer = new() { Kind = kind, Moments = moments } } };
        if (adapters)
            config = config with { Adapter = new() { Type = AdapterKind.Lora, Rank = 4 } };
        string Train(string name, int cutAfter, int threads)
        {
            var (folder, own) = (Path.Combine(model.Root, name), config with { Execution = config.Execution with { Threads = threads } });
            if (cutAfter > 0)
            {
                using var cancel = new CancellationTokenSource();
                using var first = new Trainer(
                    own,
                    TinyModel.Problems(),
                    new() { Step = m => { if (m.Step == cutAfter) cancel.Cancel(); } });
                using var begun = RunDirectory.Create(own, TimeProvider.System, folder);
                Assert.IsFalse(first.Run(begun, cancel.Token).Completed);
            }
            using var trainer = new Trainer(own, TinyModel.Problems());
            using var run = cutAfter > 0 ? RunDirectory.Resume(folder, own) : RunDirectory.Create(own, TimeProvider.System, folder);
            Assert.IsTrue(trainer.Run(run).Completed);
            return trainer.Policy.Hash();
        }
        Assert.AreEqual(Train("whole", 0, threads: 2), Train("cut", 2, threads: 1));
    }

    [TestMethod]
    [DataRow(OptimizerKind.Muon, MomentStorage.Float32, "kind")]
    [DataRow(OptimizerKind.AdamW, MomentStorage.Int8, "moments")]
    public void Optimizers_OfTheCpuAlone_AreRefusedElsewhereByName(OptimizerKind kind, MomentStorage moments, string setting)
    {
        var config = new RunConfig { Training = new() { Optimizer = new() { Kind = kind, Moments = moments } } };
        Assert.IsEmpty(RunConfigRules.Faults(config));
        foreach (var execution in new ExecutionConfig[] { new() { Device = "cuda:0" }, new() { Gradients = "ortTraining" } })
            StringAssert.Contains(RunConfigRules.Faults(config with { Execution = execution }).Single(), $"training.optimizer.{setting}");
    }

    private static DecoderSpec Spec(int hidden, int intermediate) => new()
    {
        Architecture = "LlamaForCausalLM",
        ModelType = "llama",
        VocabularySize = 6,
        HiddenSize = hidden,
        IntermediateSize = intermediate,
        Layers = 1,
        Heads = 1,
        KeyValueHeads = 1,
        HeadDimension = 2,
        NormEpsilon = 1e-6,
        MaxPositions = 8,
        Rope = new RopeSpec { Theta = 10000 },
        TieEmbeddings = true,
    };

    private static float[] Floats(JsonNode node) => [.. node.Deserialize<double[][]>()!.SelectMany(r => r.Select(v => (float)v))];

    /// <summary>A policy after two updates with random gradients.</summary>
    private sealed class Optimized : IDisposable
    {
        public Optimized(string folder, AdamWSettings settings)
        {
            Policy = Policy.Load(folder, 16);
            var gradients = Policy.Parameters.Select(p => new Parameter(p.Name, [.. p.Shape])).ToArray();
            using var optimizer = WeightOptimizers.All[settings.Kind](Policy, gradients, settings, 2);
            for (var step = 0; step < 2; step++)
            {
                for (var i = 0; i < gradients.Length; i++)
                    Seeds.Normal(9, (100 * step) + i, gradients[i].Buffer.Span);
                optimizer.Step(1e-3, optimizer.GradientNorm());
            }
            foreach (var gradient in gradients)
                gradient.Dispose();
        }

        public Policy Policy { get; }

        public void Dispose() => Policy.Dispose();
    }
}
