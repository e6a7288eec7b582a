using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Corrections;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests.Updates;

/// <summary>What a checkpoint holds of weights and moments, what padding repeats, and when log-probs are scored apart.</summary>
[TestClass]
public sealed class TrainingStateTests : IDisposable
{
    private readonly TinyModel model = new();
    private readonly Scratch scratch = new();

    public void Dispose()
    {
        scratch.Dispose();
        model.Dispose();
    }

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void Save_WeightsAndMoments_AreReadBackToTheBit(bool adapters)
    {
        using var policy = Open(adapters);
        Assert.AreEqual(3L * 4 * policy.Trainable.Sum(p => (long)p.Buffer.Length), TrainingState.Bytes(policy));
        policy.Updates = 41;
        var first = Random(policy, 1);
        var second = Random(policy, 2);
        TrainingState.Save(scratch.Path, policy, 17, n => first[n], n => second[n]);
        var weights = adapters ? "adapter_model.safetensors" : "model.safetensors";
        CollectionAssert.IsSubsetOf(
            new[] { "optimizer.safetensors", weights }, Directory.GetFiles(scratch.Path).Select(Path.GetFileName).ToArray());
        using (var file = SafeTensorsFile.Open(In(weights)))
            Assert.AreEqual(
                $"format=pt origin={policy.Version.Origin} updates=41",
                string.Join(' ', file.Metadata.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => $"{m.Key}={m.Value}")));
        using (var file = SafeTensorsFile.Open(In("optimizer.safetensors")))
            Assert.AreEqual(
                "format=pt steps=17",
                string.Join(' ', file.Metadata.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => $"{m.Key}={m.Value}")));

        using var again = Open(adapters);
        foreach (var parameter in again.Trainable)
            parameter.Buffer.Span.Fill(9);
        var (one, two) = (Random(again, 3), Random(again, 4));
        Assert.AreEqual(17, TrainingState.Load(scratch.Path, again, n => one[n], n => two[n]));
        Assert.AreEqual(41, again.Updates);
        foreach (var (a, b) in policy.Trainable.Zip(again.Trainable))
        {
            Assert.IsTrue(a.Buffer.Span.SequenceEqual(b.Buffer.Span), a.Name);
            CollectionAssert.AreEqual(first[a.Name], one[a.Name]);
            CollectionAssert.AreEqual(second[a.Name], two[a.Name]);
        }
        // By an optimizer of its own likewise.
        using var optimizer = new AdamW(again.Trainable, again.Trainable, new AdamWSettings(), 1);
        TrainingState.Load(scratch.Path, again, optimizer);
        Assert.AreEqual(17, optimizer.Steps);
        var seen = 0;
        Assert.AreEqual(17, TrainingState.Load(scratch.Path, again, file => seen += file.Metadata["steps"] == "17" ? 1 : 0));
        Assert.AreEqual(1, seen);
    }

    [TestMethod]
    public void Load_WhatIsNoCheckpointOfThisModel_IsRefused()
    {
        using var policy = Open(adapters: false);
        TrainingState.Save(scratch.Path, policy, 17, Array.Empty<TensorToWrite>());
        void Rewrite(string name, Dictionary<string, string> metadata) => SafeTensorsWriter.Write(
            In(name),
            [.. policy.Trainable.Select(p => TensorToWrite.Floats(p.Name, SafeTensorsDtype.F32, [.. p.Shape], _ => p.Buffer.Span))],
            metadata);
        void Refuses(string words) => StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => TrainingState.Load(scratch.Path, policy, _ => { })).Message, words);
        Rewrite("model.safetensors", new() { ["updates"] = "1", ["origin"] = "elsewhere" });
        Refuses($"belongs to a run that began with other weights (elsewhere) than the model now has ({policy.Version.Origin}).");
        Rewrite("model.safetensors", new() { ["origin"] = policy.Version.Origin });
        Refuses("model.safetensors: metadata 'updates' is missing or no number; this is no checkpoint of a run.");
        Rewrite("model.safetensors", new() { ["origin"] = policy.Version.Origin, ["updates"] = "-1" });
        Refuses("metadata 'updates' is missing or no number");
        Rewrite("model.safetensors", new() { ["origin"] = policy.Version.Origin, ["updates"] = "1" });
        Rewrite("optimizer.safetensors", []);
        Refuses("optimizer.safetensors: metadata 'steps' is missing or no number");
    }

    // Tokens beyond the micro-batch's own are the last one again, and weigh nothing anywhere.
    [TestMethod]
    public void Padded_EachArray_RepeatsTheLastTokenWithoutWeight()
    {
        var micro = new Microbatch(new SequenceBatch([new([1], [2, 3]), new([4, 5], [6])]));
        var (kept, repeated) = (
            new Func<Microbatch, float[]>[] { m => m.Weights, m => m.KlWeights, m => m.EntropyWeights, m => m.Lots },
            new Func<Microbatch, float[]>[]
            {
                m => m.Advantages, m => m.OldLogProbs, m => m.ReferenceLogProbs, m => m.Corrections, m => m.Moved,
            });
        var number = 1f;
        foreach (var array in kept.Concat(repeated))
            for (var i = 0; i < 3; i++)
                array(micro)[i] = number++;
        var padded = micro.Padded(4, 5);
        Assert.AreEqual(4, padded.Batch.Width);
        foreach (var array in kept)
            CollectionAssert.AreEqual(new[] { array(micro)[0], array(micro)[1], array(micro)[2], 0, 0 }, array(padded));
        foreach (var array in repeated)
            CollectionAssert.AreEqual(
                new[] { array(micro)[0], array(micro)[1], array(micro)[2], array(micro)[2], array(micro)[2] }, array(padded));
    }

    // Log-probs of the gradient pass are the old ones of the only update by our graph; what else a scoring pass is made for.
    [TestMethod]
    public void ScoringPass_EachCase_IsMadeWhereSomethingNeedsIt()
    {
        var usual = new RunConfig { Algorithm = new() { Name = "grpo" } };
        Is(usual, current: true, needed: false);
        Is(usual with { Training = new() { EpochsPerBatch = 2 } }, current: false, needed: true);
        Is(usual with { Training = new() { MinibatchesPerBatch = 2 } }, current: false, needed: true);
        Is(usual with { Training = new() { MinibatchesPerBatch = 2, EpochsPerBatch = 2 } }, current: false, needed: true);
        Is(usual with { Execution = new() { Gradients = "ortTraining" } }, current: false, needed: true);
        Is(Arm("grpo") with { Algorithm = new() { Name = "grpo", Correction = new() { Weights = CorrectionKind.Tis } } }, true, true);
        Is(Arm("g2rl-hidden"), true, true);
        Is(Arm("otb"), true, true);
        Is(Arm("embedding"), true, true);
        Is(Arm("gar"), true, false);
        Is(usual with { Algorithm = new() { Name = "embedding", Embedder = "folder" } }, true, false);
        Is(Arm("g2rl"), true, false);
        Is(usual with { Algorithm = new() { Name = "g2rl", Features = FeatureSource.Scoring } }, true, true);
        Is(usual with { Algorithm = new() { Name = "g2rl", TokenWeights = TokenWeightKind.Entropy } }, true, true);

        RunConfig Arm(string name) => usual with { Algorithm = new() { Name = name } };
        static void Is(RunConfig config, bool current, bool needed) => Assert.AreEqual(
            (current, needed), (ScoringPass.OldIsCurrent(config), ScoringPass.IsNeeded(config)), $"{config.Algorithm} {config.Training}");
    }

    private Policy Open(bool adapters) => adapters
        ? RunAdapter.Load(model.Config with { Adapter = new() { Type = AdapterKind.Lora, Rank = 2 } })
        : Policy.Load(model.Folder, 24);

    private static Dictionary<string, float[]> Random(Policy policy, int seed)
    {
        var random = new Random(seed);
        return policy.Trainable.ToDictionary(
            p => p.Name, p => Enumerable.Range(0, checked((int)p.Buffer.Length)).Select(_ => random.NextSingle()).ToArray());
    }

    private string In(string name) => Path.Combine(scratch.Path, name);
}
