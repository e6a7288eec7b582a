using System.Text.Json.Nodes;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Pretraining;

namespace G2RL.Onnx.Tests.FineTuning;

/// <summary>Supervised fine-tuning: its loss against others' numbers and by hand, and what it makes of a model.</summary>
[TestClass]
public sealed class FineTunerTests
{
    [TestMethod]
    public void Loss_OfUniformLogits_IsLogOfTheVocabulary()
    {
        using var model = new TinyModel();
        using var checkpoint = HuggingFaceCheckpoint.Open(model.Folder);
        // A tied embedding of zeros makes every logit 0, so each response token costs ln V, however long the prompts are.
        var flat = Path.Combine(model.Root, "flat");
        checkpoint.SaveAs(flat, name => new float[checkpoint.Spec.Parameters.First(p => p.Name == name).Count]);
        var rows = Rows(model, """{"prompt": "1+2=", "response": "3"}""", """{"prompt": "10+20=", "response": "30"}""");
        var loss = Losses(model, new() { Model = flat, Data = new() { Train = rows, HeldOutFraction = 0 }, Epochs = 1, MaxTokens = 32 })[0];
        Assert.AreEqual(Math.Log(checkpoint.Spec.VocabularySize), loss, 1e-6);
    }

    // The held-out loss and the first step's are -sum lp / N over the response tokens of all rows, end tokens among them: not a mean of
    // rows' means, and without the prompts.
    [TestMethod]
    public void Loss_OfRowsOfDifferentLengths_IsTheMeanOverResponseTokens()
    {
        using var model = new TinyModel();
        var rows = Rows(model, """{"prompt": "1+2=", "response": "3"}""", """{"prompt": "10+20*3=", "response": "60+10=70"}""");
        var tokenizer = Tokenizer.Load(model.Folder);
        int[] End(string text) => [.. tokenizer.Encode(text), tokenizer.EosId!.Value];
        Sequence[] sequences =
            [new(tokenizer.Encode("1+2="), End("3")), new(tokenizer.Encode("10+20*3="), End("60+10=70"))];
        using var policy = Policy.Load(model.Folder, 32);
        using var scorer = new Scorer(policy.Spec, 1);
        var scores = scorer.Score(policy, sequences, 1, 64);
        var expected = -(scores[0].LogProbs.Sum() + scores[1].LogProbs.Sum()) / (2 + 9);
        var config = new FineTuneConfig
        {
            Model = model.Folder,
            Data = new() { Train = rows, HeldOut = rows },
            Epochs = 1,
            MaxTokens = 32,
            TokensPerMicrobatch = 1,
        };
        var losses = Losses(model, config, out var heldOut);
        Assert.AreEqual(expected, losses[0], Tolerances.Loss);
        Assert.AreEqual(expected, heldOut[0], Tolerances.Loss);
        Assert.IsLessThan(heldOut[0], heldOut[^1]);
    }

    // Hugging Face's loss is the mean cross-entropy of the labels that are not -100.
    [TestMethod]
    [DataRow(1)]
    [DataRow(4)]
    public void Loss_OfAGoldenModel_IsHuggingFaces(int prompt)
    {
        var folder = SharedFolder.Require("models", "golden-qwen3-a");
        using var golden = SafeTensorsFile.Open(Path.Combine(folder, "golden.safetensors"));
        var logProbs = new float[36];
        golden.ReadFloats("rp.logp", logProbs);
        var rows = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "golden.json")))!["batches"]!["rp"]!;
        int[] lengths = [12, 11, 7];
        var (sequences, sum, count) = (new Sequence[3], 0.0, 0);
        for (var i = 0; i < 3; i++)
        {
            var ids = rows["input_ids"]![i]!.AsArray().Select(id => id!.GetValue<int>()).Take(lengths[i]).ToArray();
            sequences[i] = new(ids[..prompt], ids[prompt..]);
            // Position t scores the token at t + 1.
            for (var t = prompt - 1; t < lengths[i] - 1; t++, count++)
                sum -= logProbs[(i * 12) + t];
        }
        using var policy = Policy.Load(folder, 16);
        using var work = new TinyModel();
        using var training = new NextTokenTraining(policy, new CheckpointStore(Path.Combine(work.Root, "c"), 1), threads: 1, new()
        {
            Steps = 1,
            LearningRate = 1e-3,
            WarmupSteps = 0,
            WeightDecay = 0,
            TokensPerMicrobatch = 16,
        });
        var loss = double.NaN;
        training.Run(_ => sequences, p => loss = p.Loss, CancellationToken.None);
        Assert.AreEqual(sum / count, loss, Tolerances.Loss);
    }

    [TestMethod]
    public void Run_AnExampleRepeated_IsLearnedByHeart()
    {
        using var model = new TinyModel();
        var rows = Rows(model, [.. Enumerable.Range(0, 8).Select(i => $$"""{"prompt": "{{i}}+1=", "response": "{{i + 1}}"}""")]);
        var losses = Losses(model, new()
        {
            Model = model.Folder,
            Data = new() { Train = rows, HeldOutFraction = 0 },
            Epochs = 60,
            ExamplesPerStep = 8,
            LearningRate = 1e-2,
            MaxTokens = 16,
        });
        Assert.IsGreaterThan(1.5, losses[0]);
        Assert.IsLessThan(0.2, losses[^1]);
    }

    [TestMethod]
    public void Examples_OfAnEpoch_ComeOnceEach()
    {
        using var model = new TinyModel();
        var rows = Rows(model, [.. Enumerable.Range(0, 7).Select(i => $$"""{"prompt": "{{i}}=", "response": "{{i}}"}""")]);
        var config = new FineTuneConfig { Data = new() { Train = rows, HeldOutFraction = 0 }, Epochs = 3, ExamplesPerStep = 4 };
        var tokenizer = Tokenizer.Load(model.Folder);
        var rules = new FineTuneRows(config.Data, tokenizer, new(() => throw new InvalidOperationException()), ends: [2]);
        var examples = new FineTuneExamples(config, rules, positions: 16, vocabulary: 99);
        Assert.AreEqual(6, examples.Steps);
        var seen = Enumerable.Range(0, 6).SelectMany(examples.Of).Select(s => s.Response[0]).ToArray();
        Assert.HasCount(21, seen);
        foreach (var epoch in seen.Chunk(7))
            Assert.HasCount(7, epoch.Distinct().ToArray());
        CollectionAssert.AreNotEqual(seen[..7], seen[7..14]);
    }

    private static string Rows(TinyModel model, params string[] rows)
    {
        var path = Path.Combine(model.Root, "rows.jsonl");
        File.WriteAllLines(path, rows);
        return path;
    }

    private static double[] Losses(TinyModel model, FineTuneConfig config) => Losses(model, config, out _);

    private static double[] Losses(TinyModel model, FineTuneConfig config, out double[] heldOut)
    {
        var output = Path.Combine(model.Root, "taught");
        FineTuner.Run(config, output, threads: 1);
        var log = File.ReadLines(Path.Combine(output, FineTuner.LogFile)).Select(l => JsonNode.Parse(l)!).ToArray();
        heldOut = [.. log.Select(r => r["held_out_loss_nats"]).OfType<JsonNode>().Select(n => n.GetValue<double>())];
        return [.. log.Skip(1).Select(r => r["loss_nats"]!.GetValue<double>())];
    }
}
