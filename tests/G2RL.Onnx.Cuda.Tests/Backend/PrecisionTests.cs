using G2RL.Onnx.Cuda.Tests.Interpreter;
using G2RL.Onnx.Cuda.Training;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tests;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Backends;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Cuda.Tests.Backend;

/// <summary>
/// Float16 products with float32 master weights. ONNX Runtime's CPU provider rounds weights and caches to float16 and computes in float32;
/// bfloat16 products it has none.
/// </summary>
[TestClass]
public sealed class PrecisionTests
{
    // Heads of 16 decode by the serving graph, narrower ones by the decode graph with casts.
    [TestMethod]
    [DataRow(8, false)]
    [DataRow(16, true)]
    public void Draw_InFloat16_AgreesWithItsOwnScoresAndRoughlyWithFloat32(int headDimension, bool serves)
    {
        using var model = new TinyModel(headDimension);
        using var policy = Policy.Load(model.Folder, 64);
        var tokenizer = Tokenizer.Load(model.Folder);
        using var backend = new CudaBackend(new InterpreterDriver(), new() { Precision = ElementType.Float16 });
        Assert.AreEqual(serves, backend.Invoke(() => backend.Of(policy).Serves));
        using var sampler = backend.Rollouts(policy, tokenizer, new SamplerSettings { MaxNewTokens = 12, MaxRows = 6 });
        using var scorer = backend.Scorer(policy.Spec);
        using var host = new Scorer(policy.Spec, 1);
        var rollouts = sampler.Draw(new([tokenizer.Encode("1+2="), tokenizer.Encode("7*(3-1)=")], 4, Seed: 5, Step: 1))
            .SelectMany(r => r)
            .ToArray();
        Sequence[] sequences = [.. rollouts.Select(r => new Sequence(r.PromptTokens, r.Tokens))];
        var (own, exact) = (scorer.Score(policy, sequences, 1, 256), host.Score(policy, sequences, 1, 256));
        var (toOwn, toExact) = (0d, 0d);
        for (var i = 0; i < rollouts.Length; i++)
            for (var t = 0; t < rollouts[i].Tokens.Length; t++)
            {
                toOwn = Math.Max(toOwn, Math.Abs((double)rollouts[i].LogProbs[t] - own[i].LogProbs[t]));
                toExact = Math.Max(toExact, Math.Abs((double)rollouts[i].LogProbs[t] - exact[i].LogProbs[t]));
            }
        Assert.IsLessThanOrEqualTo(Tolerances.NarrowLogProbs, toOwn);
        Assert.IsLessThanOrEqualTo(Tolerances.NarrowLogProbs, toExact);
        Assert.IsGreaterThan(1e-5, toExact, "rounding of float16 must show");
    }

    [TestMethod]
    public void Step_InFloat16_KeepsMasterWeightsAndTheirRounding()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 64);
        using var exact = Policy.Load(model.Folder, 64);
        using var backend = new CudaBackend(new InterpreterDriver(), new() { Precision = ElementType.Float16 });
        // Two updates a batch: with one the host takes the old log-probs from the forward pass, and these here are other ones.
        // And by standard operators: ours take packed batches, which a device does not.
        var config = model.Config with
        {
            Training = model.Config.Training with { EpochsPerBatch = 2 },
            Execution = new() { Kernels = KernelChoice.Standard },
        };
        using var optimizer = backend.Optimizer(policy, config);
        using var reference = new CpuBackend(1).Optimizer(exact, config);
        for (var step = 0; step < 3; step++)
        {
            foreach (var each in new[] { optimizer, reference })
            {
                each.Clear();
                each.Add(Micro(step));
            }
            var (norm, expected) = (optimizer.GradientNorm()!.Value, reference.GradientNorm()!.Value);
            Assert.AreEqual(1, norm / expected, Tolerances.NarrowGradient, $"step {step}: norm {norm}, the host's {expected}");
            optimizer.Step(1e-3);
            reference.Step(1e-3);
        }
        backend.Fetch(policy);
        var differences = policy.Parameters.Zip(exact.Parameters)
            .SelectMany(p => p.First.Buffer.Span.ToArray().Zip(p.Second.Buffer.Span.ToArray(), (a, b) => Math.Abs((double)a - b)))
            .ToArray();
        Assert.IsLessThanOrEqualTo(2e-3 * 3, differences.Max());
        // What products read is the master, rounded to nearest.
        backend.Invoke(() =>
        {
            foreach (var (master, narrow) in backend.Of(policy).Parameters.Zip(backend.Of(policy).Narrow))
            {
                var (wide, half) = (new float[master.Count], new Half[master.Count]);
                master.Buffer.Read<float>(wide);
                narrow.Buffer.Read<Half>(half);
                for (var i = 0; i < wide.Length; i++)
                    Assert.AreEqual((Half)wide[i], half[i], $"{master.Name}[{i}]");
            }
        });
    }

    [TestMethod]
    public void GradientNorm_ScaleOverflows_IsLoweredAndTheUpdateIsNotLost()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 64);
        using var backend = new CudaBackend(new InterpreterDriver(), new() { Precision = ElementType.Float16 });
        using var optimizer = (DeviceOptimizer)backend.Optimizer(policy, model.Config);
        double Norm(float scale)
        {
            optimizer.Scale!.Value = scale;
            optimizer.Clear();
            optimizer.Add(Micro(0, advantage: 1e4f));
            optimizer.Add(Micro(1, advantage: 1e4f));
            return optimizer.GradientNorm()!.Value;
        }
        var norm = Norm(1 << 10);
        Assert.AreEqual(1 << 10, optimizer.Scale!.Value);
        // The CPU provider takes out casts that cancel, and with them what would overflow float16; this overflows float32 and goes the same
        // way.
        var most = MathF.Pow(2, 127);
        Assert.AreEqual(1, Norm(most) / norm, Tolerances.NarrowGradient);
        Assert.IsLessThan(most, optimizer.Scale.Value);
        // The checkpoint keeps the factor.
        var folder = Directory.CreateDirectory(Path.Combine(model.Root, "saved")).FullName;
        optimizer.Save(folder);
        var kept = optimizer.Scale.Value;
        optimizer.Scale.Value = 1;
        optimizer.Load(folder);
        Assert.AreEqual(kept, optimizer.Scale.Value);
    }

    [TestMethod]
    public void LossScale_ManyCleanUpdates_DoublesOnce()
    {
        var scale = new LossScale();
        for (var i = 0; i < 1000; i++)
            scale.Count();
        Assert.AreEqual(1 << 17, scale.Value);
        Assert.IsTrue(scale.TryLower());
        scale.Value = 1;
        Assert.IsFalse(scale.TryLower());
    }

    [TestMethod]
    public void Run_InFloat16_TrainsFromSamplingToAdamW()
    {
        using var model = new TinyModel();
        var config = model.Config with
        {
            Steps = 2,
            Sampling = new() { PromptsPerStep = 2, GroupSize = 4, MaxPromptTokens = 12, MaxNewTokens = 8 },
            Evaluation = new() { Problems = 1, Samples = 1 },
            Execution = new() { Threads = 1, Device = "cuda:0", Precision = "float16" },
        };
        using var backend = new CudaBackend(new InterpreterDriver(), new() { Precision = ElementType.Float16 });
        using var trainer = new Trainer(config, TinyModel.Problems(), backend: backend);
        using var run = RunDirectory.Create(config, TimeProvider.System, Path.Combine(model.Root, "run"));
        var before = trainer.Policy.Hash();
        Assert.IsTrue(trainer.Run(run).Completed);
        backend.Fetch(trainer.Policy);
        Assert.AreNotEqual(before, trainer.Policy.Hash());
    }

    [TestMethod]
    [DataRow(ElementType.Float16)]
    [DataRow(ElementType.BFloat16)]
    public void Lower_EveryGraph_NarrowsProductsAndNothingElse(ElementType type)
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 64);
        var spec = policy.Spec;
        var weights = spec.Parameters.Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        var train = DecoderGraph.Train(spec, Algorithms.PolicyLoss.CrossEntropy, opset: CudaOperators.Opset, scaled: true);
        foreach (var graph in new[] { DecoderGraph.Decode(
            spec,
            CudaOperators.Opset), DecoderGraph.Body(spec, CudaOperators.Opset), DecoderGraph.Logits(spec, CudaOperators.Opset), train })
        {
            var lowered = MixedPrecision.Lower(graph, type, weights);
            CollectionAssert.AreEqual(graph.Inputs.Select(i => i.Name).ToArray(), lowered.Inputs.Select(i => i.Name).ToArray());
            CollectionAssert.AreEqual(graph.Outputs.Select(i => i.Name).ToArray(), lowered.Outputs.Select(i => i.Name).ToArray());
            foreach (var node in lowered.Nodes.Where(n => n.Op is "MatMul" or "Gemm" or "GroupQueryAttention"))
                Assert.AreEqual(type, node.Outputs[0]!.Type, $"{graph.Name}: {node}");
            foreach (var node in lowered.Nodes.Where(n =>
                n.Op is "Softmax" or "ReduceMean" or "Exp" or "Add" or "LogSoftmax" or "ReduceSum"))
                Assert.AreNotEqual(type, node.Outputs[0]!.Type, $"{graph.Name}: {node}");
            foreach (var output in lowered.Outputs)
                Assert.AreEqual(
                    output.Name.StartsWith("present.", StringComparison.Ordinal) ? type : ElementType.Float32,
                    output.Type,
                    output.Name);
        }
    }

    // Two short rollouts with advantages of either sign.
    private static Microbatch Micro(int seed, float advantage = 1)
    {
        var micro = new Microbatch(new SequenceBatch([new([1, 2, 3], [4 + seed, 5, 6]), new([2, 3], [7, 8])]));
        micro.Weights.AsSpan().Fill(0.2f);
        for (var t = 0; t < micro.Advantages.Length; t++)
            (micro.Advantages[t], micro.OldLogProbs[t], micro.ReferenceLogProbs[t]) = (t < 3 ? advantage : -advantage, -2.5f, -2.5f);
        return micro;
    }
}
