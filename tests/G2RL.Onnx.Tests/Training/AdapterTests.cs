using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Artifacts.Training;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Files;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests;

[TestClass]
public sealed class AdapterTests
{
    private static readonly AdapterConfig Lora = new() { Type = AdapterKind.Lora, Rank = 4, Alpha = 8 };

    [TestMethod]
    [DataRow(4)]
    [DataRow(1)]
    public void Adapters_WithBZero_LeaveEveryBitOfTheBase(int rank)
    {
        using var model = new TinyModel();
        using var plain = Policy.Load(model.Folder, 40);
        using var adapted = Load(model.Folder, new() { Rank = rank, Alpha = 8 });
        Assert.IsGreaterThan(plain.ParameterCount, adapted.ParameterCount);
        CollectionAssert.AreEqual(Draw(plain, model.Folder), Draw(adapted, model.Folder));
        var (a, b) = (Score(plain), Score(adapted));
        CollectionAssert.AreEqual(a, b);
    }

    [TestMethod]
    [DataRow("all-linear", false)]
    [DataRow("q_proj", true)]
    [DataRow("mlp.down_proj", false)]
    public void Merged_AgreesWithBaseAndAdapter(string target, bool stabilized)
    {
        using var model = new TinyModel();
        using var adapted = Load(
            model.Folder,
            new() { Rank = 3, Alpha = 6, Targets = [target], RankStabilized = stabilized },
            random: true);
        using var merged = Policy.Create(adapted.Spec.Bare(), 40, (p, span) => adapted.Merged(p.Name).CopyTo(span));
        using var plain = Policy.Load(model.Folder, 40);
        var (a, b, c) = (Score(adapted), Score(merged), Score(plain));
        Assert.IsLessThan(Tolerances.LogProbs, a.Zip(b, (x, y) => Math.Abs(x - y)).Max());
        Assert.IsGreaterThan(1e-3, a.Zip(c, (x, y) => Math.Abs(x - y)).Max(), "The adapter does nothing.");
    }

    [TestMethod]
    public void Gradients_AreThoseOfTheMergedWeights_ByTheChainRule()
    {
        // dL/dB = scale dL/dW A^T and dL/dA = scale B^T dL/dW, where W = W0 + scale B A: the gradient of the merged model decides both.
        using var model = new TinyModel();
        using var adapted = Load(model.Folder, new() { Rank = 3, Alpha = 6 }, random: true);
        using var merged = Policy.Create(adapted.Spec.Bare(), 40, (p, span) => adapted.Merged(p.Name).CopyTo(span));
        using var ours = Gradients(adapted);
        using var full = Gradients(merged);
        foreach (var module in LinearModule.Of(adapted.Spec))
        {
            var dw = full.Gradients.Single(g => g.Name == module.Name + ".weight").Buffer.Span;
            var (a, b) = (Weight(adapted, module.Name + AdapterSpec.DownSuffix), Weight(adapted, module.Name + AdapterSpec.UpSuffix));
            var (da, db) = (new double[a.Length], new double[b.Length]);
            for (var o = 0; o < module.Outputs; o++)
                for (var i = 0; i < module.Inputs; i++)
                    for (var r = 0; r < 3; r++)
                    {
                        db[(o * 3) + r] += 2.0 * dw[(int)((o * module.Inputs) + i)] * a[(int)((r * module.Inputs) + i)];
                        da[(r * module.Inputs) + i] += 2.0 * dw[(int)((o * module.Inputs) + i)] * b[(o * 3) + r];
                    }
            AssertClose(da, Gradient(ours, module.Name + AdapterSpec.DownSuffix), module.Name + " A");
            AssertClose(db, Gradient(ours, module.Name + AdapterSpec.UpSuffix), module.Name + " B");
        }
        Assert.HasCount(2 * LinearModule.Of(adapted.Spec).Count, ours.Gradients);
    }

    [TestMethod]
    [DataRow(WeightStorage.BFloat16)]
    [DataRow(WeightStorage.Int8)]
    public void NarrowBase_GivesTheGradientsAndScoresOfItsWidenedWeights(WeightStorage storage)
    {
        using var model = new TinyModel(hidden: 64);
        using var narrow = Load(model.Folder, new() { Rank = 3, Alpha = 6 }, random: true, storage);
        using var wide = Policy.Create(narrow.Spec with { Storage = WeightStorage.Float32 }, 40, (p, span) =>
            (p.IsAdapter ? Weight(narrow, p.Name) : Base(narrow).Merged(p.Name)).CopyTo(span));
        using var exact = Load(model.Folder, new() { Rank = 3, Alpha = 6 }, random: true);
        CollectionAssert.AreEqual(Score(wide), Score(narrow));
        Assert.IsGreaterThan(1e-4, Score(exact).Zip(Score(narrow), (x, y) => Math.Abs(x - y)).Max(), "Nothing was rounded.");
        Assert.IsLessThan(0.2, Score(exact).Zip(Score(narrow), (x, y) => Math.Abs(x - y)).Max());
        CollectionAssert.AreEqual(Draw(wide, model.Folder), Draw(narrow, model.Folder));
        using var a = Gradients(wide);
        using var b = Gradients(narrow);
        foreach (var (x, y) in a.Gradients.Zip(b.Gradients))
            CollectionAssert.AreEqual(x.Buffer.Span.ToArray(), y.Buffer.Span.ToArray(), x.Name);
        Assert.IsLessThan(wide.WeightBytes, narrow.WeightBytes);

        static Policy Base(Policy policy) =>
            policy.Freeze() is var copy && copy.Trainable.All(p => Clear(p)) ? copy : throw new InvalidOperationException();
        static bool Clear(Parameter p)
        {
            p.Buffer.Clear();
            return true;
        }
    }

    [TestMethod]
    public void Fresh_DependsOnSeedAndNameAlone_WithinPeftsBound()
    {
        using var model = new TinyModel();
        using var all = Load(model.Folder, new() { Rank = 4, Alpha = 8 });
        using var some = Load(model.Folder, new() { Rank = 4, Alpha = 8, Targets = ["v_proj"] });
        foreach (var parameter in some.Trainable)
            CollectionAssert.AreEqual(parameter.Buffer.Span.ToArray(), Weight(all, parameter.Name), parameter.Name);
        var down = all.Trainable.Where(p => p.Name.EndsWith(AdapterSpec.DownSuffix, StringComparison.Ordinal)).ToArray();
        Assert.HasCount(down.Length, down.Select(p => p.Buffer.Span[0]).Distinct());
        foreach (var p in down)
            Assert.IsTrue(p.Buffer.Span.ToArray().All(v => Math.Abs(v) <= 1 / Math.Sqrt(p.Shape[1]))
                && p.Buffer.Span.ToArray().Max() > 0.8 / Math.Sqrt(p.Shape[1]), p.Name);
    }

    [TestMethod]
    public void Freeze_SharesTheBase_AndKeepsTheAdapterAsItWas()
    {
        using var model = new TinyModel();
        using var policy = Load(model.Folder, new() { Rank = 4, Alpha = 8 });
        using (var idle = policy.Freeze())
        {
            Assert.IsNull(idle.Spec.Adapter);
            Assert.IsTrue(idle.Parameters.All(p => policy.Parameters.Contains(p)));
        }
        Randomize(policy);
        using var reference = policy.Freeze();
        var before = Score(reference);
        CollectionAssert.AreEqual(Score(policy), before);
        foreach (var parameter in policy.Trainable)
            parameter.Buffer.Span[0] += 1;
        CollectionAssert.AreEqual(before, Score(reference));
        Assert.AreEqual(policy.Parameters.Count - policy.Trainable.Count, reference.Parameters.Count(p => policy.Parameters.Contains(p)));
    }

    [TestMethod]
    public void Run_WithAdapters_ChangesThemAlone_AndKeepsCheckpointsSmall()
    {
        using var model = new TinyModel();
        var config = model.Config with { Adapter = Lora };
        using var trainer = new Trainer(config, TinyModel.Problems());
        using var run = RunDirectory.Create(config, TimeProvider.System, Path.Combine(model.Root, "run"));
        var frozen = trainer.Policy.Parameters.Except(trainer.Policy.Trainable).Select(p => p.Buffer.Span.ToArray()).ToArray();
        Assert.IsTrue(trainer.Run(run).Completed);
        foreach (var (before, now) in frozen.Zip(trainer.Policy.Parameters.Except(trainer.Policy.Trainable)))
            CollectionAssert.AreEqual(before, now.Buffer.Span.ToArray(), now.Name);
        Assert.IsTrue(trainer.Policy.Trainable.All(p => p.Buffer.Span.ContainsAnyExcept(0f)));
        var checkpoint = Path.Combine(run.Folder, "checkpoints", "step-000003");
        CollectionAssert.AreEquivalent(
            new[] { "adapter_config.json", "adapter_model.safetensors", "optimizer.safetensors", "state.json" },
            Directory.GetFiles(checkpoint).Select(Path.GetFileName).ToArray());
        // The result is the merged model, and the adapter by itself gives the same run's policy back.
        var (merged, adapter) = (Path.Combine(model.Root, "merged"), Path.Combine(model.Root, "adapter"));
        trainer.Export(merged);
        trainer.ExportAdapter(adapter);
        using var loaded = Policy.Load(merged, 40);
        using var checkpointed = HuggingFaceCheckpoint.Open(model.Folder);
        using var again = RunAdapter.Load(model.Folder, 40, checkpointed.Spec, adapter);
        CollectionAssert.AreEqual(Score(trainer.Policy), Score(again));
        Assert.IsLessThan(Tolerances.LogProbs, Score(again).Zip(Score(loaded), (x, y) => Math.Abs(x - y)).Max());
    }

    [TestMethod]
    [DataRow(WeightStorage.Float32)]
    [DataRow(WeightStorage.BFloat16)]
    public void Run_WithAdapters_ResumesBitForBit(WeightStorage storage)
    {
        using var model = new TinyModel();
        var config = model.Config with { Adapter = Lora with { Base = storage }, Steps = 4 };
        string Train(string folder, int cutAfter)
        {
            if (cutAfter > 0)
            {
                using var cancel = new CancellationTokenSource();
                using var first = new Trainer(
                    config,
                    TinyModel.Problems(),
                    new() { Step = m => { if (m.Step == cutAfter) cancel.Cancel(); } });
                using var begun = RunDirectory.Create(config, TimeProvider.System, folder);
                Assert.IsFalse(first.Run(begun, cancel.Token).Completed);
            }
            using var trainer = new Trainer(config, TinyModel.Problems());
            using var run = cutAfter > 0 ? RunDirectory.Resume(folder, config) : RunDirectory.Create(config, TimeProvider.System, folder);
            Assert.IsTrue(trainer.Run(run).Completed);
            return trainer.Policy.Hash();
        }
        Assert.AreEqual(Train(Path.Combine(model.Root, "whole"), 0), Train(Path.Combine(model.Root, "cut"), 2));
    }

    [TestMethod]
    public void OrtTraining_WithAdapters_LearnsThemAlone_AndComesBack()
    {
        using var model = new TinyModel();
        using var policy = Load(model.Folder, new() { Rank = 4, Alpha = 8, Targets = ["q_proj", "down_proj"] }, random: true);
        var folder = Path.Combine(model.Root, "artifacts");
        OrtTraining.Write(folder, policy, model.Config);
        var names = policy.Trainable.Select(p => p.Name).ToArray();
        var training = OnnxFile.Load(Path.Combine(folder, OrtTrainingArtifacts.TrainingModel));
        CollectionAssert.AreEquivalent(
            names,
            training.Inputs.Select(i => i.Name).Where(n => n.EndsWith(".weight", StringComparison.Ordinal)).ToArray());
        CollectionAssert.IsSubsetOf(
            policy.Parameters.Except(policy.Trainable).Select(p => p.Name).ToArray(),
            training.Initializers.Select(i => i.Name).ToArray());
        using (var checkpoint = OrtCheckpoint.Open(Path.Combine(folder, OrtTrainingArtifacts.Checkpoint)))
            CollectionAssert.AreEquivalent(names, checkpoint.Trainable.Keys.ToArray());
        using var other = Load(model.Folder, new() { Rank = 4, Alpha = 8, Targets = ["q_proj", "down_proj"] });
        OrtTraining.Import(Path.Combine(folder, OrtTrainingArtifacts.Checkpoint), other, Path.Combine(model.Root, "imported"));
        CollectionAssert.AreEqual(Score(policy), Score(other));
        var refusal = Assert.ThrowsExactly<InputException>(() =>
            OrtTraining.Export(Path.Combine(folder, OrtTrainingArtifacts.Checkpoint), model.Folder, Path.Combine(model.Root, "exported")));
        StringAssert.Contains(refusal.Message, "holds adapters");
        using var narrow = Load(model.Folder, new() { Rank = 4, Alpha = 8 }, storage: WeightStorage.BFloat16);
        StringAssert.Contains(OrtTraining.Fault(narrow, model.Config), "adapter.base is BFloat16");
    }

    [TestMethod]
    public void Run_BadSettings_NamesThemWithTheWayOut()
    {
        using var model = new TinyModel();
        void Refused(AdapterConfig adapter, string part) =>
            StringAssert.Contains(Assert.ThrowsExactly<InputException>(() =>
                new Trainer(model.Config with { Adapter = adapter }, TinyModel.Problems())).Message, part);
        Refused(Lora with { Rank = 0 }, "adapter.rank is 0");
        Refused(Lora with { Rank = 1000 }, "rank is 1000");
        Refused(Lora with { Alpha = double.NaN }, "adapter.alpha");
        Refused(Lora with { Targets = ["lm_head"] }, "the target 'lm_head' names no projection");
        Refused(Lora with { Targets = [] }, "adapter.targets");
        Refused(new() { Base = WeightStorage.Int8 }, "adapter.base");
        Refused(new() { Path = "x" }, "adapter.type is none");
        Refused(Lora with { Path = "x" }, "whose own rank");
    }

    internal static Policy Load(string folder, AdapterSpec adapter, bool random = false, WeightStorage storage = WeightStorage.Float32)
    {
        var policy = Policy.Load(folder, 40, RunAdapter.Fresh(adapter, storage, seed: 3));
        if (random)
            Randomize(policy);
        return policy;
    }

    internal static void Randomize(Policy policy)
    {
        for (var i = 0; i < policy.Trainable.Count; i++)
        {
            var values = policy.Trainable[i].Buffer.Span;
            Seeds.Normal(11, i, values);
            System.Numerics.Tensors.TensorPrimitives.Multiply(values, 0.2f, values);
        }
    }

    internal static float[] Score(Policy policy)
    {
        using var scorer = new Scorer(policy.Spec, threads: 1);
        return [.. scorer.Score(policy, Sequences(), temperature: 1, maxTokens: 64).SelectMany(s => s.LogProbs.Concat(s.Entropies))];
    }

    private static Sequence[] Sequences() => [new([1, 5, 9], [4, 3, 8, 2]), new([7, 2], [6, 6, 1]), new([3], [10, 11, 12, 5, 4])];

    private static float[] Draw(Policy policy, string folder)
    {
        using var sampler = new Sampler(policy, Tokenizer.Load(folder), new() { MaxNewTokens = 10, Threads = 1 });
        var drawn = sampler.Draw(new DrawRequest([[1, 5, 9], [7, 2]], 3, 5, 0));
        return [.. drawn.SelectMany(g => g).SelectMany(r => r.LogProbs.Concat(r.Tokens.Select(t => (float)t)))];
    }

    private static GradientAccumulator Gradients(Policy policy)
    {
        var accumulator =
            new GradientAccumulator(policy, PolicyLoss.Objective(PolicyLossSettings.Of(new AlgorithmConfig())), 1, threads: 1);
        var micro = new Microbatch(new SequenceBatch(Sequences()));
        micro.Weights.AsSpan().Fill(1f / micro.Weights.Length);
        for (var i = 0; i < micro.Advantages.Length; i++)
            (micro.Advantages[i], micro.OldLogProbs[i], micro.ReferenceLogProbs[i]) = ((i % 3) - 1, -3.2f, -3.1f);
        accumulator.Clear();
        accumulator.Add(micro);
        return accumulator;
    }

    private static float[] Weight(Policy policy, string name) => policy.Parameters.Single(p => p.Name == name).Buffer.Span.ToArray();

    private static float[] Gradient(GradientAccumulator accumulator, string name) =>
        accumulator.Gradients.Single(g => g.Name == name).Buffer.Span.ToArray();

    private static void AssertClose(double[] expected, float[] actual, string name)
    {
        var largest = expected.Max(Math.Abs);
        for (var i = 0; i < expected.Length; i++)
            Assert.AreEqual(expected[i], actual[i], (Tolerances.GradientRelative * largest) + 1e-9, $"{name} [{i}]");
    }
}
