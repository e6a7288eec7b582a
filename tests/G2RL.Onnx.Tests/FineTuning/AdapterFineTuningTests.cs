using System.Text.Json.Nodes;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.Adapters;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Models;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Pretraining;

namespace G2RL.Onnx.Tests.FineTuning;

/// <summary>Adapters taught by examples: the base stays as it was, what is written belongs together, and a run goes on with them.</summary>
[TestClass]
public sealed class AdapterFineTuningTests
{
    private static readonly AdapterConfig Lora = new() { Type = AdapterKind.Lora, Rank = 3, Alpha = 6 };

    [TestMethod]
    public void Run_WithAdapters_WritesTheMergedModelAndPeftsFolder()
    {
        using var model = new TinyModel();
        var config = Config(model);
        var output = Path.Combine(model.Root, "taught");
        var result = FineTuner.Run(config, output, threads: 1);
        Assert.IsLessThan(result.HeldOutBefore!.Value, result.HeldOutAfter!.Value, "the examples teach something");
        // New adapters change nothing, so the first loss is that of all weights, to the bit; the next is not.
        var whole = Path.Combine(model.Root, "whole");
        FineTuner.Run(config with { Adapter = new() }, whole, threads: 1);
        Assert.AreEqual(Losses(whole)[0], Losses(output)[0]);
        Assert.AreNotEqual(Losses(whole)[1], Losses(output)[1]);

        using var checkpoint = HuggingFaceCheckpoint.Open(model.Folder);
        var adapter = Path.Combine(output, FineTuner.AdapterFolder);
        using var adapted = RunAdapter.Load(model.Folder, positions: 1, checkpoint.Spec, adapter);
        Assert.AreEqual((3, 6.0), (adapted.Spec.Adapter!.Rank, adapted.Spec.Adapter.Alpha));
        var merged = Path.Combine(model.Root, "merged");
        checkpoint.SaveAs(merged, adapted.Merged, SafeTensorsDtype.F32);
        CollectionAssert.AreEqual(Bytes(merged, "model.safetensors"), Bytes(output, "model.safetensors"));
        Assert.IsFalse(Directory.Exists(Pretrainer.WorkFolder(output)));
    }

    [TestMethod]
    [DataRow(WeightStorage.Float32)]
    [DataRow(WeightStorage.Int8)]
    public void Run_InterruptedAndResumed_EndsInTheSameBytes(WeightStorage storage)
    {
        using var model = new TinyModel();
        var config = Config(model) with { Adapter = Lora with { Base = storage } };
        var (whole, stopped) = (Path.Combine(model.Root, "whole"), Path.Combine(model.Root, "stopped"));
        FineTuner.Run(config, whole, threads: 1);
        using var stop = new CancellationTokenSource();
        Assert.ThrowsExactly<OperationCanceledException>(() => FineTuner.Run(config, stopped, 1, (p, _) =>
        {
            if (p.Step == 3)
                stop.Cancel();
        }, cancel: stop.Token));
        // The leftover of a kill while the model was written does not stand in the way.
        Directory.CreateDirectory(Path.Combine(Pretrainer.WorkFolder(stopped), "model"));
        StringAssert.Contains(
            Refused(() => FineTuner.Run(config with { Adapter = new() }, stopped, 1, resume: true)), "another recipe");
        FineTuner.Run(config, stopped, 1, resume: true);
        foreach (var file in (string[])["model.safetensors", FineTuner.LogFile, "adapter/adapter_model.safetensors"])
            CollectionAssert.AreEqual(Bytes(whole, file), Bytes(stopped, file), file);
    }

    [TestMethod]
    public void Run_ThenRewards_GoesOnWithTheSameAdapters()
    {
        using var model = new TinyModel();
        var output = Path.Combine(model.Root, "taught");
        FineTuner.Run(Config(model), output, threads: 1);
        var adapter = Path.Combine(output, FineTuner.AdapterFolder);
        var run = model.Config with { Steps = 1, Adapter = new() { Type = AdapterKind.Lora, Path = adapter } };
        using (var policy = RunAdapter.Load(run))
        {
            var learned = policy.Trainable.ToDictionary(p => p.Name, p => p.Buffer.Span.ToArray(), StringComparer.Ordinal);
            using var file = SafeTensorsFile.Open(Path.Combine(adapter, PeftFolder.WeightsFile));
            foreach (var (name, values) in learned)
            {
                var written = new float[values.Length];
                file.ReadFloats(PeftFolder.Prefix + name, written);
                CollectionAssert.AreEqual(written, values, name);
            }
            Assert.IsTrue(learned.Values.All(v => v.Any(w => w != 0)), "B has learned");
        }
        using var trainer = new Trainer(run, TinyModel.Problems());
        using (var kept = RunDirectory.Create(run, TimeProvider.System, Path.Combine(model.Root, "run")))
            trainer.Run(kept);
        trainer.ExportAdapter(Path.Combine(model.Root, "after"));
        CollectionAssert.AreNotEqual(
            Bytes(adapter, PeftFolder.WeightsFile), Bytes(Path.Combine(model.Root, "after"), PeftFolder.WeightsFile));
        // And examples again, on what rewards made of it.
        var again = Config(model) with { Adapter = new() { Type = AdapterKind.Lora, Path = Path.Combine(model.Root, "after") } };
        FineTuner.Run(again, Path.Combine(model.Root, "again"), threads: 1);
    }

    [TestMethod]
    public void Start_ThatAdaptersCannotStandBeside_IsRefusedWithTheWayOut()
    {
        using var model = new TinyModel();
        var whole = Checkpoint(model, "full", new());
        StringAssert.Contains(Refusal(whole), $"g2rl export --model {whole}");
        var lora = Checkpoint(model, "lora", Lora);
        StringAssert.Contains(Refusal(lora), $"model={model.Folder} and adapter.path={lora}");
        // All weights learn from there on, and the way out leads on.
        var output = Path.Combine(model.Root, "x");
        FineTuner.Run(Config(model) with { Model = lora, Adapter = new() }, output, threads: 1);
        Assert.IsFalse(Directory.Exists(Path.Combine(output, FineTuner.AdapterFolder)));
        using (var merged = ModelPlace.Of(lora).Load(positions: 1))
        using (var learned = Policy.Load(output, positions: 1))
            foreach (var parameter in learned.Parameters)
                CollectionAssert.AreNotEqual(
                    merged.Merged(parameter.Name).ToArray(), parameter.Buffer.Span.ToArray(), parameter.Name);
        FineTuner.Run(Config(model) with { Adapter = new() { Type = AdapterKind.Lora, Path = lora } }, Path.Combine(model.Root, "y"), 1);

        string Refusal(string start) =>
            Refused(() => FineTuner.Run(Config(model) with { Model = start }, Path.Combine(model.Root, "refused"), threads: 1));
    }

    private static string Checkpoint(TinyModel model, string name, AdapterConfig adapter)
    {
        var config = model.Config with { Steps = 1, Adapter = adapter };
        using var trainer = new Trainer(config, TinyModel.Problems());
        using var run = RunDirectory.Create(config, TimeProvider.System, Path.Combine(model.Root, name));
        trainer.Run(run);
        return Directory.EnumerateDirectories(Path.Combine(model.Root, name, "checkpoints")).Single();
    }

    private static FineTuneConfig Config(TinyModel model)
    {
        var rows = Path.Combine(model.Root, "rows.jsonl");
        File.WriteAllLines(rows, Enumerable.Range(0, 10).Select(i => $$"""{"prompt": "{{i}}+1=", "response": "{{i + 1}}"}"""));
        return new()
        {
            Model = model.Folder,
            Data = new() { Train = rows, HeldOut = rows },
            Epochs = 3,
            ExamplesPerStep = 5,
            LearningRate = 1e-2,
            WarmupSteps = 1,
            MaxTokens = 16,
            Adapter = Lora,
        };
    }

    private static string Refused(Action act) => Assert.ThrowsExactly<InputException>(act).Message;

    private static byte[] Bytes(string folder, string file) => File.ReadAllBytes(Path.Combine(folder, file));

    private static double[] Losses(string folder) =>
        [.. File.ReadLines(Path.Combine(folder, FineTuner.LogFile)).Select(l => JsonNode.Parse(l)!["loss_nats"]).OfType<JsonNode>()
            .Select(n => n.GetValue<double>())];
}
