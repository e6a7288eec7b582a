using G2RL.Onnx.Artifacts.Training;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Conformance.Models;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Models;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests.Interop;

/// <summary>Runs that move to the training API and back, its learning rate, and what is said where it is missing.</summary>
[TestClass]
public sealed class OrtTrainingTests
{
    [TestMethod]
    public void WriteThenImport_ARunsCheckpoint_GivesBackEveryBit()
    {
        using var model = new TinyModel();
        var run = Train(model, model.Config);
        using var policy = Policy.Load(model.Folder, 24);
        var artifacts = Path.Combine(model.Root, "moved");
        OrtTraining.Write(artifacts, policy, model.Config, run, step: 3);
        using (var checkpoint = OrtCheckpoint.Open(Path.Combine(artifacts, OrtTrainingArtifacts.Checkpoint)))
            Assert.AreEqual((3, 3L), (checkpoint.Step, checkpoint.Properties["g2rl.updates"]));
        using var other = Policy.Load(model.Folder, 24);
        var back = Path.Combine(model.Root, "back");
        OrtTraining.Import(Path.Combine(artifacts, OrtTrainingArtifacts.Checkpoint), other, back);
        foreach (var file in new[] { "model.safetensors", "optimizer.safetensors" })
            CollectionAssert.AreEqual(File.ReadAllBytes(Path.Combine(run, file)), File.ReadAllBytes(Path.Combine(back, file)), file);
        Assert.AreEqual(policy.Hash(), other.Hash());
        Assert.AreEqual(3, other.Updates);
    }

    [TestMethod]
    public void Import_ThenResume_EqualsTheUninterruptedRun()
    {
        using var model = new TinyModel();
        var config = model.Config with { Steps = 5 };
        var whole = Path.Combine(model.Root, "whole");
        Train(model, config, whole);
        // The run stops after two steps, its state goes to an ORT checkpoint and comes back.
        var cut = Path.Combine(model.Root, "cut");
        using (var cancel = new CancellationTokenSource())
        using (var trainer = new Trainer(config, TinyModel.Problems(), new() { Step = m => { if (m.Step == 2) cancel.Cancel(); } }))
        using (var run = RunDirectory.Create(config, TimeProvider.System, cut))
            Assert.IsFalse(trainer.Run(run, cancel.Token).Completed);
        using (var policy = Policy.Load(model.Folder, 24))
        using (var run = RunDirectory.Resume(cut, config))
        {
            var (step, folder) = run.Checkpoints.Latest()!.Value;
            Assert.AreEqual(2, step);
            OrtTraining.Write(Path.Combine(model.Root, "moved"), policy, config, folder, step);
            using var fresh = Policy.Load(model.Folder, 24);
            run.Checkpoints.Save(step, 1, aside => OrtTraining.Import(Path.Combine(model.Root, "moved", "checkpoint"), fresh, aside));
        }
        using (var trainer = new Trainer(config, TinyModel.Problems()))
        using (var run = RunDirectory.Resume(cut, config))
            Assert.IsTrue(trainer.Run(run).Completed);
        var last = Path.Combine("checkpoints", "step-000005", "model.safetensors");
        CollectionAssert.AreEqual(File.ReadAllBytes(Path.Combine(whole, last)), File.ReadAllBytes(Path.Combine(cut, last)));
    }

    [TestMethod]
    public void StepOf_Checkpoint_CountsUpdatesByTheirNumberInABatch()
    {
        using var model = new TinyModel();
        var run = Train(model, model.Config);
        using var policy = Policy.Load(model.Folder, 24);
        OrtTraining.Write(Path.Combine(model.Root, "moved"), policy, model.Config, run, step: 3);
        var checkpoint = Path.Combine(model.Root, "moved", "checkpoint");
        Assert.AreEqual(3, OrtTraining.StepOf(checkpoint, model.Config));
        // As the training API would save it after four more updates: step and moments move on, the properties stay.
        using var written = OrtCheckpoint.Open(checkpoint);
        OrtTensor[] Copy(IReadOnlyDictionary<string, OrtTensorInfo> tensors) => [.. tensors.Values.Select(v =>
            OrtTensor.Floats(v.Name, v.Shape, _ => written.Floats(v)))];
        var later = Path.Combine(model.Root, "later");
        OrtCheckpointWriter.Write(later, new()
        {
            Trainable = Copy(written.Trainable),
            Moments = new(7, Copy(written.FirstMoments), Copy(written.SecondMoments)),
            Properties = written.Properties,
        });
        void Refused(string what, string path, RunConfig config) =>
            StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => OrtTraining.StepOf(path, config)).Message, what);
        Assert.AreEqual(7, OrtTraining.StepOf(later, model.Config with { Steps = 7 }));
        Assert.AreEqual(
            5,
            OrtTraining.StepOf(later, model.Config with { Steps = 7, Training = model.Config.Training with { MinibatchesPerBatch = 2 } }));
        Refused(
            "stands 4 updates after step 3; the run makes 7 steps of 3 updates",
            later,
            model.Config with { Steps = 7, Training = model.Config.Training with { EpochsPerBatch = 3 } });
        Refused("the run makes 6 steps of 1 updates", later, model.Config with { Steps = 6 });
        using var target = Policy.Load(model.Folder, 24);
        OrtTraining.Import(later, target, Path.Combine(model.Root, "in"));
        Assert.AreEqual(7, target.Updates);
        OrtTraining.Write(Path.Combine(model.Root, "fresh"), policy, model.Config);
        Refused("holds no optimizer state", Path.Combine(model.Root, "fresh", "checkpoint"), model.Config);
    }

    // What the training API cannot do is said before the state of such an optimizer, which has other tensors, is read.
    [TestMethod]
    [DataRow(OptimizerKind.Muon, MomentStorage.Float32)]
    [DataRow(OptimizerKind.AdamW, MomentStorage.Int8)]
    public void Write_ACheckpointOfAnotherOptimizer_NamesTheSetting(OptimizerKind kind, MomentStorage moments)
    {
        using var model = new TinyModel();
        var run = Directory.CreateDirectory(Path.Combine(model.Root, "step-000003")).FullName;
        using var policy = Policy.Load(model.Folder, 24);
        var training = model.Config.Training;
        var config = model.Config with
        {
            Training = training with { Optimizer = training.Optimizer with { Kind = kind, Moments = moments } },
        };
        Assert.AreEqual(
            $"training.optimizer.kind is {kind} with moments in {moments}; ONNX Runtime's training API has AdamW with moments in "
                + "float32. Set adamW and float32 for it.",
            Assert.ThrowsExactly<InputException>(
                () => OrtTraining.Write(Path.Combine(model.Root, "moved"), policy, config, run, step: 3)).Message);
        Assert.IsFalse(Directory.Exists(Path.Combine(model.Root, "moved")));
    }

    // Nothing skipped in three steps of two updates: the rate is the schedule's, as of a policy that starts to learn.
    [TestMethod]
    public void Write_ARunsCheckpoint_GoesOnWithItsSchedule()
    {
        using var model = new TinyModel();
        var training = model.Config.Training with { MinibatchesPerBatch = 2, Schedule = new() { Kind = ScheduleKind.Linear } };
        var config = model.Config with { Steps = 10, Training = training };
        using var policy = Policy.Load(model.Folder, 24);
        var run = Directory.CreateDirectory(Path.Combine(model.Root, "step-000003")).FullName;
        using (var optimizer = PolicyOptimizers.All["graph"](policy, config, 1))
        {
            ((StockOptimizer)optimizer).AdamW.Steps = 6;
            optimizer.Save(run);
        }
        byte[] Optimizer(string name) => File.ReadAllBytes(Path.Combine(model.Root, name, OrtTrainingArtifacts.OptimizerModel));
        OrtTraining.Write(Path.Combine(model.Root, "moved"), policy, config, run, step: 3);
        OrtTraining.Write(Path.Combine(model.Root, "fresh"), policy, config);
        OrtTraining.Write(
            Path.Combine(model.Root, "unscheduled"), policy, OrtTraining.Options(policy, config, scheduled: false), moments: null);
        CollectionAssert.AreEqual(Optimizer("fresh"), Optimizer("moved"));
        CollectionAssert.AreNotEqual(Optimizer("fresh"), Optimizer("unscheduled"));
    }

    [TestMethod]
    public void Options_OfAConfiguration_HasItsDecayAndNoScheduleOfTheCallers()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 24);
        var config = model.Config with { Training = new() { Optimizer = new() { WeightDecay = 0.1, DecayExclusions = [] } } };
        var options = OrtTraining.Options(policy, config, scheduled: false);
        Assert.IsNull(options.Schedule);
        Assert.AreEqual(0.1, options.Optimizer.WeightDecay);
    }

    [TestMethod]
    public void Options_StoredBase_IsRefusedWithTheWayOut()
    {
        using var model = new TinyModel();
        using var dense = Policy.Load(model.Folder, 24);
        var spec = dense.Spec with
        {
            Adapter = new() { Rank = 2, Alpha = 4, Targets = ["all-linear"] },
            Storage = WeightStorage.Int8,
        };
        using var policy = Policy.Create(spec, 24, (p, w) => w.Fill(0.1f));
        Assert.AreEqual(
            "adapter.base is Int8; the training artifacts hold frozen weights in float32. Set adapter.base=float32 for them.",
            Assert.ThrowsExactly<InputException>(() => OrtTraining.Options(policy, model.Config, scheduled: true)).Message);
    }

    // The first step of a run is 0.
    [TestMethod]
    public void StepOf_CheckpointOfTheBeginning_IsNone()
    {
        using var model = new TinyModel();
        var path = Path.Combine(model.Root, "checkpoint");
        OrtTensor[] one = [OrtTensor.Floats("w", [1], _ => new float[1])];
        OrtCheckpointWriter.Write(path, new()
        {
            Trainable = one,
            Moments = new(0, one, one),
            Properties = new Dictionary<string, object>(StringComparer.Ordinal) { ["g2rl.run_step"] = 0L },
        });
        Assert.AreEqual(0, OrtTraining.StepOf(path, model.Config));
    }

    // Frozen tensors are looked at as those that learn; a layer more than the model has is none of its weights.
    [TestMethod]
    public void Import_TensorsOfAnotherModel_AreRefusedByName()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 24);
        var path = Path.Combine(model.Root, "checkpoint");
        OrtTensor[] norm = [OrtTensor.Floats("model.norm.weight", [16], _ => new float[16])];
        void Refused(string words, OrtCheckpointContent content)
        {
            OrtCheckpointWriter.Write(path, content);
            var message = Assert.ThrowsExactly<InputException>(
                () => OrtTraining.Import(path, policy, Path.Combine(model.Root, "in"))).Message;
            StringAssert.Contains(message, words);
            StringAssert.EndsWith(message, "The two do not belong together.");
            File.Delete(path);
        }
        Refused("'model.layers.2.input_layernorm.weight', which is no weight of Qwen3ForCausalLM", new()
        {
            Trainable = [.. norm, OrtTensor.Floats("model.layers.2.input_layernorm.weight", [16], _ => new float[16])],
        });
        Refused("'model.layers.0.input_layernorm.weight' is [15]; config.json implies [16] (hidden_size)", new()
        {
            Trainable = norm,
            Frozen = [OrtTensor.Floats("model.layers.0.input_layernorm.weight", [15], _ => new float[15])],
        });
    }

    [TestMethod]
    public void Export_Checkpoint_IsAHuggingFaceFolderOfItsWeights()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 24);
        static bool Trainable(string name) => !name.Contains("embed", StringComparison.Ordinal);
        foreach (var parameter in policy.Parameters.Where(p => Trainable(p.Name)))
            foreach (ref var w in parameter.Buffer.Span)
                w += 1;
        var artifacts = Path.Combine(model.Root, "artifacts");
        // The embedding is frozen: no parameter of the checkpoint, so the export takes it from the model.
        OrtTraining.Write(artifacts, policy, OrtTraining.Options(policy, model.Config, scheduled: true, Trainable), moments: null);
        using (var checkpoint = OrtCheckpoint.Open(Path.Combine(artifacts, "checkpoint")))
            CollectionAssert.AreEquivalent(
                policy.Parameters.Select(p => p.Name).Where(Trainable).ToArray(), checkpoint.Trainable.Keys.ToArray());
        var folder = Path.Combine(model.Root, "exported");
        OrtTraining.Export(Path.Combine(artifacts, "checkpoint"), model.Folder, folder);
        using var back = Policy.Load(folder, 24);
        Assert.AreEqual(policy.Hash(), back.Hash());
        Assert.IsTrue(File.Exists(Path.Combine(folder, "tokenizer.json")));
    }

    [TestMethod]
    public void Import_CheckpointOfAnotherModel_IsRefused()
    {
        using var small = new TinyModel();
        using var wide = new TinyModel(hidden: 24);
        using var policy = Policy.Load(small.Folder, 24);
        OrtTraining.Write(Path.Combine(small.Root, "a"), policy, small.Config);
        var checkpoint = Path.Combine(small.Root, "a", "checkpoint");
        using var other = Policy.Load(wide.Folder, 24);
        var before = other.Hash();
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => OrtTraining.Import(checkpoint, other, Path.Combine(small.Root, "b"))).Message,
            "do not belong together");
        Assert.AreEqual(before, other.Hash());
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => OrtTraining.Export(checkpoint, wide.Folder, Path.Combine(small.Root, "c"))).Message,
            "hidden_size");
    }

    [TestMethod]
    [DataRow(ScheduleKind.Constant, 0, 0.0, 20)]
    [DataRow(ScheduleKind.Constant, 7, 0.0, 20)]
    [DataRow(ScheduleKind.Linear, 3, 0.1, 20)]
    [DataRow(ScheduleKind.Linear, 0, 0.0, 1)]
    [DataRow(ScheduleKind.Cosine, 5, 0.25, 1000)]
    [DataRow(ScheduleKind.Cosine, 30, 0.0, 20)]
    public void LearningRate_InTheGraph_EqualsTheSchedule(ScheduleKind kind, int warmup, double final, int total)
    {
        var settings = new ScheduleSettings { Kind = kind, WarmupSteps = warmup, FinalFraction = final };
        const double peak = 3.7e-4;
        using var session = new OrtSession(OrtOptimizerModel.LearningRate(Schedules.Graph(settings, peak, total)), 1);
        var (given, step, rate) = (new[] { OrtOptimizerModel.NeutralRate }, new long[1], new float[1]);
        using var binding = session.Bind();
        binding.Input("learning_rate", given, 1);
        binding.Input("step", step, 1);
        binding.Output("rate", rate, 1);
        for (var t = 0; t < total + 5; t++)
        {
            // The runtime counts from 1.
            step[0] = t + 1;
            binding.Run();
            Assert.AreEqual((float)Schedules.LearningRate(settings, peak, t, total), rate[0], 1e-11f, $"step {t}");
        }
        // Another rate than the runtime's own scales the schedule.
        given[0] = 2 * OrtOptimizerModel.NeutralRate;
        step[0] = 1;
        binding.Run();
        Assert.AreEqual((float)(2 * Schedules.LearningRate(settings, peak, 0, total)), rate[0], 1e-11f);
    }

    [TestMethod]
    public void LearningRate_AfterSkippedMinibatches_FollowsTheRunsStepNotTheOptimizers()
    {
        using var model = new TinyModel();
        var training = model.Config.Training with { MinibatchesPerBatch = 2, Schedule = new() { Kind = ScheduleKind.Linear } };
        var config = model.Config with { Steps = 10, Training = training };
        using var policy = Policy.Load(model.Folder, 24);
        var schedule = OrtTraining.Options(policy, config, scheduled: true, skipped: 2).Schedule;
        using var session = new OrtSession(OrtOptimizerModel.LearningRate(schedule), 1);
        var rate = new float[1];
        using var binding = session.Bind();
        binding.Input("learning_rate", new[] { OrtOptimizerModel.NeutralRate }, 1);
        binding.Input("step", new[] { 4L }, 1);
        binding.Output("rate", rate, 1);
        binding.Run();
        // The fourth optimizer step, two mini-batches were empty: index 5 of the schedule, which spans two updates of each of ten steps.
        Assert.AreEqual((float)Schedules.LearningRate(training.Schedule, training.LearningRate, 5, 20), rate[0], 1e-11f);
    }

    [TestMethod]
    public void LearningRate_WithoutSchedule_IsTheCallers()
    {
        using var session = new OrtSession(OrtOptimizerModel.LearningRate(schedule: null), 1);
        var rate = new float[1];
        using var binding = session.Bind();
        binding.Input("learning_rate", new[] { 0.123f }, 1);
        binding.Input("step", new[] { 5L }, 1);
        binding.Output("rate", rate, 1);
        binding.Run();
        Assert.AreEqual(0.123f, rate[0]);
    }

    [TestMethod]
    public void Evaluation_InStockOnnxRuntime_GivesTheScoreGraphsLogProbs()
    {
        using var golden = Golden.Open("golden-qwen2-a");
        var micro = GoldenTraining.Batch(golden, "old");
        var config = new RunConfig { Algorithm = new() { KlCoefficient = 0.01 } };
        using var session = new OrtSession(
            OrtTrainingArtifacts.Evaluation(golden.Policy.Spec, OrtTraining.Options(golden.Policy, config, scheduled: true)),
            1);
        var (count, hidden) = (micro.Weights.Length, new float[micro.Weights.Length * golden.Policy.Spec.HiddenSize]);
        var (logProbs, entropies, loss) = (new float[count], new float[count], new float[1]);
        using (var binding = session.Bind())
        {
            golden.Policy.BindTo(binding);
            micro.Batch.BindTo(binding, targets: true);
            binding.Input("inverse_temperature", new[] { 1f });
            binding.Input("weights", micro.Weights, count);
            binding.Input("advantages", micro.Advantages, count);
            binding.Input("old_log_probs", micro.OldLogProbs, count);
            binding.Input("reference_log_probs", micro.ReferenceLogProbs, count);
            binding.Output("loss", loss);
            binding.Output("log_probs", logProbs, count);
            binding.Output("entropy", entropies, count);
            binding.Output("last_hidden_state", hidden, count, golden.Policy.Spec.HiddenSize);
            binding.Run();
        }
        using var scorer = new Scorer(golden.Policy.Spec, 1);
        // Cut the batch up again into its rows.
        var sequences = Enumerable.Range(0, micro.Batch.Rows).Select(row => Cut(micro.Batch, row)).ToArray();
        var scores = scorer.Score(golden.Policy, sequences, 1, 4096, withHidden: true);
        Golden.Near(logProbs, scores.SelectMany(s => s.LogProbs).ToArray(), Tolerances.LogProbs, "log_probs");
        Golden.Near(entropies, scores.SelectMany(s => s.Entropies).ToArray(), Tolerances.LogProbs, "entropy");
        Golden.Near(hidden, scores.SelectMany(s => s.HiddenStates!).ToArray(), Tolerances.Logits, "last_hidden_state");
    }

    [TestMethod]
    public void Optimizer_PartialDecay_IsRefusedWithTheWayOut()
    {
        var message = Assert.ThrowsExactly<InputException>(() =>
            OrtTraining.Optimizer(new() { WeightDecay = 0.1, DecayExclusions = ["norm", "bias"] }, ["a.weight", "norm.weight"])).Message;
        Assert.AreEqual(
            "training.optimizer.decayExclusions keeps 1 of 2 parameters from decaying; ONNX Runtime's training API decays every parameter "
                + "or none. Empty it, set training.optimizer.weightDecay to 0, or train with execution.gradients=graph.",
            message);
        Assert.AreEqual(
            0,
            OrtTraining.Optimizer(new() { WeightDecay = 0.1, DecayExclusions = ["weight"] }, ["a.weight", "b.weight"]).WeightDecay);
        Assert.AreEqual(
            0.1,
            OrtTraining.Optimizer(new() { WeightDecay = 0.1, DecayExclusions = ["bias"] }, ["a.weight", "b.weight"]).WeightDecay);
    }

    [TestMethod]
    public void GraphArtifacts_WhatTheTrainingApiCannotExpress_IsLeftOutWithAWord()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 24);
        var config = model.Config with { Training = new() { Optimizer = new() { WeightDecay = 0.1, DecayExclusions = ["norm"] } } };
        var warnings = new List<string>();
        GraphArtifacts.Write(Path.Combine(model.Root, "artifacts"), policy, config, warnings.Add);
        StringAssert.Contains(warnings.Single(), "decayExclusions");
        Assert.IsTrue(File.Exists(Path.Combine(model.Root, "artifacts", "train.onnx")));
        Assert.IsFalse(File.Exists(Path.Combine(model.Root, "artifacts", "training", "training_model.onnx")));
    }

    [TestMethod]
    public void Trainer_OrtTrainingWithoutItsNativeLibrary_SaysWhatToInstall()
    {
        using var model = new TinyModel();
        var config = model.Config with { Execution = model.Config.Execution with { Gradients = "ortTraining" } };
        Assert.HasCount(0, RunConfigRules.Faults(config).ToArray());
        if (TrainsHere())
            Assert.Inconclusive("this build has the training API");
        var message = Assert.ThrowsExactly<InputException>(() => new Trainer(config, TinyModel.Problems())).Message;
        StringAssert.Contains(message, "-p:Flavor=training");
        StringAssert.Contains(message, "Microsoft.ML.OnnxRuntime.Training 1.19.2");
        StringAssert.Contains(message, "execution.gradients=graph");
        StringAssert.Contains(
            RunConfigRules.Faults(config with { Execution = new() { Gradients = "torch" } }).Single(),
            "there are: graph, ortTraining");
    }

    [TestMethod]
    public void Runtime_MixedFlavours_AreNamed()
    {
        Assert.IsNull(OrtTrainingRuntime.MixedFault(new Version(1, 31, 1, 0), "1.31.1"));
        Assert.IsNull(OrtTrainingRuntime.MixedFault(new Version(1, 19, 2), "1.19.2-dev+abc"));
        foreach (var native in new[] { "1.19.2", "2.31.1", "nonsense" })
            Assert.AreEqual(
                $"The managed ONNX Runtime is 1.31.1 and the native one {native}: two flavours are mixed in one folder. "
                    + "Delete the artifacts folder and build again with one -p:Flavor.",
                OrtTrainingRuntime.MixedFault(new Version(1, 31, 1, 0), native));
    }

    private static bool TrainsHere()
    {
        try
        {
            OrtTrainingRuntime.Require();
            return true;
        }
        catch (InputException)
        {
            return false;
        }
    }

    // Trains and gives the folder of the last checkpoint.
    private static string Train(TinyModel model, RunConfig config, string? folder = null)
    {
        using var trainer = new Trainer(config, TinyModel.Problems());
        using var run = RunDirectory.Create(config, TimeProvider.System, folder ?? Path.Combine(model.Root, "run"));
        Assert.IsTrue(trainer.Run(run).Completed);
        return run.Checkpoints.Latest()!.Value.Folder;
    }

    private static Sequence Cut(SequenceBatch batch, int row)
    {
        var length = Enumerable.Range(0, batch.Width).Count(t => batch.Mask[(row * batch.Width) + t] != 0);
        var ids = Enumerable.Range(0, length).Select(t => (int)batch.InputIds[(row * batch.Width) + t]).ToArray();
        var scored = Enumerable.Range(0, batch.Scored.Length).Where(i => batch.Scored[i] / batch.Width == row).ToArray();
        var prompt = (int)(batch.Scored[scored[0]] % batch.Width) + 1;
        return new(ids[..prompt], [.. scored.Select(i => (int)batch.Targets[i])]);
    }
}
