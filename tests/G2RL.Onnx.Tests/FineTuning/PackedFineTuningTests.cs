using System.Text.Json.Nodes;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Training.Pretraining;

namespace G2RL.Onnx.Tests.FineTuning;

/// <summary>Packed examples are learned as padded ones are, in less work.</summary>
[TestClass]
public sealed class PackedFineTuningTests
{
    [TestMethod]
    public void Run_Packed_HasTheLossesOfPaddedRows()
    {
        using var model = new TinyModel();
        // Prompts of 4 to 12 tokens, some of them several times, responses of 1 to 11 and an end.
        var rows = Path.Combine(model.Root, "rows.jsonl");
        File.WriteAllLines(rows, Enumerable.Range(0, 12).Select(i => new JsonObject
        {
            ["prompt"] = string.Concat(Enumerable.Repeat("1+2*", 1 + (i / 2 % 3)))[..^1] + "=",
            ["response"] = "3+4*5-6+78"[..(1 + (7 * i % 10))],
        }.ToJsonString()));
        var config = new FineTuneConfig
        {
            Model = model.Folder,
            Data = new() { Train = rows, HeldOut = rows },
            Epochs = 3,
            ExamplesPerStep = 5,
            LearningRate = 1e-3,
            MaxTokens = 32,
            TokensPerMicrobatch = 64,
        };
        var (padded, packed) = (Log(Packing.None), Log(Packing.Auto));
        Assert.HasCount(padded.Length, packed);
        for (var i = 0; i < padded.Length; i++)
            foreach (var name in new[] { "loss_nats", "held_out_loss_nats" })
            {
                Assert.AreEqual(padded[i].ContainsKey(name), packed[i].ContainsKey(name));
                if (padded[i][name] is { } loss)
                    Assert.AreEqual((double)loss, (double)packed[i][name]!, Tolerances.Loss, $"{name} of row {i}");
            }
        Assert.IsFalse(padded.Any(r => r.ContainsKey("packing/saved_flops_share")));
        if (Packing.Auto.Here(KernelChoice.Auto))
            // The last step has one example, of which nothing can be saved.
            foreach (var row in packed[1..^1])
                Assert.IsTrue((double)row["packing/saved_flops_share"]! is > 0.1 and < 0.7, row.ToJsonString());

        JsonObject[] Log(Packing packing)
        {
            var output = Path.Combine(model.Root, packing.ToString());
            FineTuner.Run(config with { Packing = packing }, output, threads: 2);
            return [.. File.ReadLines(Path.Combine(output, FineTuner.LogFile)).Select(line => JsonNode.Parse(line)!.AsObject())];
        }
    }
}
