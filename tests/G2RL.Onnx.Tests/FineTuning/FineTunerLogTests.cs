using System.Text.Json.Nodes;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Pretraining;

namespace G2RL.Onnx.Tests.FineTuning;

/// <summary>What a fine-tuning measures and when, what it says, and how it goes on.</summary>
[TestClass]
public sealed class FineTunerLogTests : IDisposable
{
    private readonly TinyModel model = new();

    public void Dispose() => model.Dispose();

    // 5 examples, 2 a step, two epochs: 5 steps, of which the third and the fifth end an epoch.
    private FineTuneConfig Config => new()
    {
        Model = model.Folder,
        Data = new()
        {
            Train = Rows("train.jsonl", "1+2=|3", "2+2=|4", "10+20=|30", "3*3=|9", "5-4=|1"),
            HeldOut = Rows("held.jsonl", "4+4=|8", "7=|10-3"),
        },
        Epochs = 2,
        ExamplesPerStep = 2,
        LearningRate = 1e-2,
        WarmupSteps = 0,
        MaxTokens = 16,
    };

    [TestMethod]
    public void Run_EpochsEnd_AreMeasuredAndTheRestIsLogged()
    {
        var (output, words, told) = (In("taught"), new List<string>(), new List<PretrainProgress>());
        var result = FineTuner.Run(Config, output, threads: 1, (p, steps) => told.Add(p with { Step = p.Step + (100 * steps) }), words.Add);
        var log = File.ReadLines(Path.Combine(output, FineTuner.LogFile)).Select(l => JsonNode.Parse(l)!.AsObject()).ToArray();
        CollectionAssert.AreEqual(new[] { 0, 1, 2, 3, 4, 5 }, log.Select(r => (int)r["step"]!).ToArray());
        CollectionAssert.AreEqual(
            new[] { "step held_out_loss_nats", "step loss_nats", "step loss_nats", "step loss_nats held_out_loss_nats", "step loss_nats",
                "step loss_nats held_out_loss_nats" },
            log.Select(r => string.Join(' ', r.Select(p => p.Key).Where(name => name != "packing/saved_flops_share"))).ToArray());
        Assert.AreEqual(
            Packing.Auto.Here(KernelChoice.Auto) ? 5 : 0,
            log.Count(r => r.ContainsKey("packing/saved_flops_share")),
            "of every step");
        var held = log.Where(r => r.ContainsKey("held_out_loss_nats")).Select(r => (double)r["held_out_loss_nats"]!).ToArray();
        Assert.AreEqual(HeldOut(model.Folder), held[0], 1e-6);
        Assert.AreEqual(HeldOut(output), held[2], 1e-6);
        Assert.AreEqual(
            new FineTuneResult(5, 5, held[0], held[2], (held.Min(), new[] { 0, 3, 5 }[Array.IndexOf(held, held.Min())])), result);
        CollectionAssert.AreEqual(new[] { 501, 502, 503, 504, 505 }, told.Select(p => p.Step).ToArray());
        CollectionAssert.AreEqual(log.Skip(1).Select(r => (double)r["loss_nats"]!).ToArray(), told.Select(p => p.Loss).ToArray());
        CollectionAssert.AreEqual(new double?[] { null, null, held[1], null, held[2] }, told.Select(p => p.HeldOutLoss).ToArray());
        Assert.IsFalse(Directory.Exists(In("taught.pretraining")));
        CollectionAssert.AreEqual(FineTuner.Advice(result) is { } advice ? [advice] : Array.Empty<string>(), words);
        Assert.AreEqual(
            $"{output} exists; fine-tuning never overwrites a model. Choose another folder or remove it.",
            Assert.ThrowsExactly<InputException>(() => FineTuner.Run(Config, output, threads: 1)).Message);
    }

    // Stopped after the third step, whose row a kill may have written without the step's being saved.
    [TestMethod]
    public void Run_CancelledAndResumed_LogsTheSameRows()
    {
        var config = Config with { Data = Config.Data with { HeldOut = "", HeldOutFraction = 0 } };
        var whole = FineTuner.Run(config, In("whole"), threads: 1);
        Assert.AreEqual(new FineTuneResult(5, 5, null, null, null), whole);
        using var cancel = new CancellationTokenSource();
        Assert.ThrowsExactly<OperationCanceledException>(() => FineTuner.Run(
            config,
            In("cut"),
            threads: 1,
            (p, _) =>
            {
                if (p.Step == 3)
                    cancel.Cancel();
            },
            cancel: cancel.Token));
        var log = In("cut.pretraining/training_log.jsonl");
        File.AppendAllText(log, "{\"step\":4,\"loss_nats\":77}\n{\"step\":5,");
        // A model that a kill left half written.
        Directory.CreateDirectory(In("cut.pretraining/model"));
        File.WriteAllText(In("cut.pretraining/model/config.json"), "{");
        Assert.AreEqual(whole, FineTuner.Run(config, In("cut"), threads: 1, resume: true));
        Assert.AreEqual(File.ReadAllText(In("whole/training_log.jsonl")), File.ReadAllText(In("cut/training_log.jsonl")));
        CollectionAssert.AreEqual(
            File.ReadAllBytes(In("whole/model.safetensors")), File.ReadAllBytes(In("cut/model.safetensors")));
        Assert.IsFalse(Directory.Exists(In("cut.pretraining")));
    }

    // Cancelled before its first step, which is no second beginning.
    [TestMethod]
    public void Run_CancelledBeforeTheFirstStep_IsMeasuredOnce()
    {
        using var cancel = new CancellationTokenSource();
        cancel.Cancel();
        Assert.ThrowsExactly<OperationCanceledException>(() => FineTuner.Run(Config, In("cut"), threads: 1, cancel: cancel.Token));
        FineTuner.Run(Config, In("cut"), threads: 1, resume: true);
        CollectionAssert.AreEqual(
            new[] { 0, 1, 2, 3, 4, 5 },
            File.ReadLines(In("cut/training_log.jsonl")).Select(l => (int)JsonNode.Parse(l)!["step"]!).ToArray());
    }

    // What is odd is told before anything is learned; a tokenizer of another model is refused before the rows are read.
    [TestMethod]
    public void Run_NothingHeldOutAndNoEnd_IsTold()
    {
        var words = new List<string>();
        var config = Config with { Data = Config.Data with { HeldOut = "", HeldOutFraction = 0 }, Epochs = 1 };
        Edit("config.json", node => node["eos_token_id"] = null);
        Edit("generation_config.json", node => node.Remove("eos_token_id"));
        Edit("tokenizer_config.json", node => node.Remove("eos_token"));
        FineTuner.Run(config, In("taught"), threads: 1, warn: words.Add);
        CollectionAssert.AreEqual(
            new[]
            {
                $"Nothing of {config.Data.Train} is held out, so no held-out loss is measured.",
                $"{model.Folder} names no token that ends a text, so responses are learned without an end.",
            },
            words);
        CharacterTokenizer.Write(model.Folder, Problems.Generated.Arithmetic.Characters + "abcdef");
        File.WriteAllText(config.Data.Train, "{");
        Assert.Contains(
            "Tokenizer and weights do not belong together",
            Assert.ThrowsExactly<InputException>(() => FineTuner.Run(config, In("other"), threads: 1)).Message);
    }

    // Rows of 7 and 8 tokens: the recipe's limit, or the model's where that is less.
    [TestMethod]
    [DataRow(7, 64, "at most 7 are allowed")]
    [DataRow(8, 64, null)]
    [DataRow(100, 7, "at most 7 are allowed")]
    [DataRow(100, 8, null)]
    public void Run_RowsAtTheLimit_AreToldWhatItIs(int tokens, int positions, string? told)
    {
        Edit("config.json", node => node["max_position_embeddings"] = positions);
        var config = Config with
        {
            Data = new() { Train = Rows("train.jsonl", "1+2=|30", "1+2=|300"), HeldOutFraction = 0 },
            MaxTokens = tokens,
            Epochs = 1,
        };
        if (told is null)
            FineTuner.Run(config, In("taught"), threads: 1);
        else
            Assert.Contains(
                $"train.jsonl:2 has 8 tokens; {told}",
                Assert.ThrowsExactly<InputException>(() => FineTuner.Run(config, In("taught"), threads: 1)).Message);
    }

    // A second end token of generation_config.json ends a response, too: nothing is put behind it.
    [TestMethod]
    public void Run_ResponseWithAnotherEnd_KeepsIt()
    {
        Edit("generation_config.json", node => node["eos_token_id"] = new JsonArray(2, 1));
        var config = Config with
        {
            Data = new() { Train = Rows("train.jsonl", "1+2=|3"), HeldOut = Rows("held.jsonl", "4+4=|8<bos>") },
            LearningRate = 1e-12,
            Epochs = 1,
        };
        var result = FineTuner.Run(config, In("taught"), threads: 1);
        var tokenizer = Tokenizer.Load(model.Folder);
        using var policy = Policy.Load(model.Folder, 16);
        using var scorer = new Scorer(policy.Spec, 1);
        var scores = scorer.Score(policy, [new(tokenizer.Encode("4+4="), tokenizer.Encode("8<bos>"))], temperature: 1, 64).Single();
        Assert.HasCount(2, scores.LogProbs);
        Assert.AreEqual(-scores.LogProbs.Average(), result.HeldOutBefore!.Value, 1e-6);
    }

    // Six tokens that both have are learned, and then, ever more surely, a seventh that only the lesson has.
    [TestMethod]
    public void Run_HeldOutLossThatRisesAgain_SaysWhatToDo()
    {
        var words = new List<string>();
        var config = Config with
        {
            Data = new() { Train = Rows("train.jsonl", "1+2=|3333333"), HeldOut = Rows("held.jsonl", "1+2=|3333334") },
            Epochs = 30,
        };
        var result = FineTuner.Run(config, In("taught"), threads: 1, warn: words.Add);
        Assert.IsLessThan(result.HeldOutAfter!.Value, result.HeldOutBest!.Value.Loss);
        Assert.AreEqual(FineTuner.Advice(result)!, words[^1]);
    }

    // Lowest before the end by more than a thousandth of a nat, and not before the first step, where no fewer epochs would help.
    [TestMethod]
    [DataRow(2.0, 2.0011, 3, true)]
    [DataRow(2.0, 2.0009, 3, false)]
    [DataRow(2.0, 2.5, 1, true)]
    [DataRow(2.0, 2.5, 0, false)]
    [DataRow(2.0, 2.0, 3, false)]
    [DataRow(0.0, 1e-3, 3, false)]
    public void Advice_OfALowestLoss_IsGivenWhereItRoseAgain(double best, double after, int step, bool given) => Assert.AreEqual(
        given
            ? $"the held-out loss was lowest after {step} steps ({best:0.0000} nats, {after:0.0000} at the end): fewer epochs or a lower "
                + "learningRate would do."
            : null,
        FineTuner.Advice(new(9, 5, 3, after, (best, step))));

    [TestMethod]
    public void Advice_NothingMeasured_IsNone() => Assert.IsNull(FineTuner.Advice(new(9, 5, null, null, null)));

    // -sum lp / N of the held-out responses, each with the end token.
    private static double HeldOut(string folder)
    {
        var tokenizer = Tokenizer.Load(folder);
        Sequence[] sequences = [.. new[] { ("4+4=", "8"), ("7=", "10-3") }
            .Select(r => new Sequence(tokenizer.Encode(r.Item1), [.. tokenizer.Encode(r.Item2), tokenizer.EosId!.Value]))];
        using var policy = Policy.Load(folder, 16);
        using var scorer = new Scorer(policy.Spec, 1);
        return -scorer.Score(policy, sequences, temperature: 1, 64).Sum(s => s.LogProbs.Sum(lp => (double)lp)) / (2 + 5);
    }

    private void Edit(string name, Action<JsonObject> change)
    {
        var path = Path.Combine(model.Folder, name);
        var node = File.Exists(path) ? JsonNode.Parse(File.ReadAllText(path))!.AsObject() : [];
        change(node);
        File.WriteAllText(path, node.ToJsonString());
    }

    private string Rows(string name, params string[] rows)
    {
        File.WriteAllLines(In(name), rows.Select(r => new JsonObject { ["prompt"] = r.Split('|')[0], ["response"] = r.Split('|')[1] }
            .ToJsonString()));
        return In(name);
    }

    private string In(string name) => Path.Combine(model.Root, name);
}
