using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Training.Pretraining;

namespace G2RL.Onnx.Cli.Tests;

/// <summary>The commands beside the main job.</summary>
[TestClass]
public sealed class CommandTests
{
    [TestMethod]
    public void Score_IdsAndTexts_GiveTheLibrarysNumbers()
    {
        using var tiny = new TinyRun();
        var (input, output) = (tiny.Folder("rows.jsonl"), tiny.Folder("scores.jsonl"));
        File.WriteAllText(input, """
            {"ids": [3, 4, 5, 6, 7], "prompt_length": 2}

            {"prompt": "1+2=", "completion": "34"}
            """);
        G2rlProcess.Call("score", "--model", tiny.Model, "--input", input, "--output", output, "--hidden", "--temperature", "0.7",
            "--threads", "1").Exits(0);
        var rows = File.ReadAllLines(output).Select(l => JsonNode.Parse(l)!).ToArray();
        Assert.HasCount(2, rows);
        using (var policy = Policy.Load(tiny.Model, 8))
        using (var scorer = new Scorer(policy.Spec, 1))
        {
            var expected = scorer.Score(policy, [new Sequence([3, 4], [5, 6, 7])], 0.7, 4096, withHidden: true)[0];
            for (var t = 0; t < 3; t++)
            {
                Assert.AreEqual(expected.LogProbs[t], rows[0]["log_probs"]![t]!.GetValue<float>(), Tolerances.SameModelNats);
                Assert.AreEqual(expected.Entropies[t], rows[0]["entropies"]![t]!.GetValue<float>(), Tolerances.SameModelNats);
                Assert.AreEqual(
                    expected.HiddenStates![(t * 16) + 9],
                    rows[0]["hidden_states"]![t]![9]!.GetValue<float>(),
                    Tolerances.SameModelNats);
            }
        }
        Assert.HasCount(2, rows[1]["log_probs"]!.AsArray());
        Assert.HasCount(16, rows[1]["hidden_states"]![1]!.AsArray());
        // To the standard output, by a process of its own: rows and nothing else.
        var printed = G2rlProcess.Run("score", "--model", tiny.Model, "--input", input, "--temperature", "0.7", "--threads", "1").Exits(0);
        Assert.HasCount(2, printed.Rows);
        Assert.IsNull(printed.Rows[0]["hidden_states"]);
        Assert.AreEqual(rows[0]["log_probs"]!.ToJsonString(), printed.Rows[0]["log_probs"]!.ToJsonString());
    }

    [TestMethod]
    [DataRow("""{"ids": [3, 4, 99], "prompt_length": 1}""", "rows.jsonl:2: id 99 lies outside the vocabulary")]
    [DataRow("""{"ids": [3, 4], "prompt_length": 2}""", "rows.jsonl:2: prompt_length is 2 of 2 ids")]
    [DataRow("""{"ids": [3, 4]}""", "rows.jsonl:2: 'prompt_length' is missing")]
    [DataRow("""{"ids": [3, 4.5], "prompt_length": 1}""", "rows.jsonl:2: 'ids' holds 4.5")]
    [DataRow("""{"prompt": "1+1="}""", "rows.jsonl:2: a row has")]
    [DataRow("""{"prompt": "1+1=", "completion": "two"}""", "rows.jsonl:2: ")]
    [DataRow("""[3, 4]""", "rows.jsonl:2 is a JSON Array")]
    [DataRow("""{"ids": [3, 4""", "rows.jsonl:2 is not JSON")]
    public void Score_WrongRow_NamesItsLineAndWritesNothing(string row, string message)
    {
        using var tiny = new TinyRun();
        var (input, output) = (tiny.Folder("rows.jsonl"), tiny.Folder("scores.jsonl"));
        File.WriteAllText(input, "{\"ids\": [3, 4], \"prompt_length\": 1}\n" + row + "\n");
        G2rlProcess.Call("score", "--model", tiny.Model, "--input", input, "--output", output).Refuses(message);
        Assert.IsFalse(File.Exists(output));
    }

    [TestMethod]
    public void Score_WrongOptions_AreRefused()
    {
        using var tiny = new TinyRun();
        var input = tiny.Folder("rows.jsonl");
        G2rlProcess.Call("score", "--model", tiny.Model, "--input", input).Refuses("rows.jsonl cannot be read");
        File.WriteAllText(input, "\n");
        G2rlProcess.Call("score", "--model", tiny.Model, "--input", input).Refuses("holds no rows");
        File.WriteAllText(input, "{\"ids\": [3, 4], \"prompt_length\": 1}");
        G2rlProcess.Call("score", "--model", tiny.Model, "--input", input, "--temperature", "0").Refuses("--temperature is 0");
        G2rlProcess.Call("score", "--model", tiny.Model, "--input", input, "--threads", "-1").Refuses("--threads is -1");
        G2rlProcess.Call("score", "--model", tiny.Model, "--input", input, "--output", Path.Combine(input, "x"))
            .Refuses("cannot be written");
    }

    [TestMethod]
    public void Evaluate_TinyModel_GivesTheFirstEvaluationOfARun()
    {
        using var tiny = new TinyRun();
        var folder = tiny.Folder("run");
        G2rlProcess.Call(tiny.Train(folder, "--set", "steps=1")).Exits(0);
        var rows = TinyRun.Rows(folder, "evaluations.jsonl");
        var before = G2rlProcess.Call("evaluate", "--config", tiny.Config, "--json").Exits(0).Rows.Single();
        before.Remove("seconds");
        Assert.AreEqual(rows[0], before.ToJsonString());
        // The exported model is the trained one.
        var after = G2rlProcess.Call("evaluate", "--config", tiny.Config, "--model", Path.Combine(folder, "model"), "--json")
            .Exits(0).Rows
            .Single();
        foreach (var name in new[] { "pass@1", "response_length", "well_formed" })
            Assert.AreEqual(JsonNode.Parse(rows[^1])![name]!.ToJsonString(), after[name]!.ToJsonString(), name);
        Assert.Contains("pass@1", G2rlProcess.Call("evaluate", "--config", tiny.Config).Exits(0).Output);
    }

    [TestMethod]
    public void Doctor_GoodAndBadModel_TellsAndExits()
    {
        using var tiny = new TinyRun();
        var facts = G2rlProcess.Call("doctor", "--model", tiny.Model, "--json").Exits(0).Rows.Single();
        foreach (var name in new[]
        {
            "g2rl", "os", "runtime", "processor", "cores", "threads", "memory_mib", "onnxruntime", "execution_providers", "free_disk_mib",
            "architecture", "parameters", "tokenizer_tokens", "sampled_token",
        })
            Assert.IsNotNull(facts[name], name);
        // This build has no CUDA, whatever the machine: not ready, and a sentence says what to do.
        Assert.IsFalse(facts["cuda"]!["ready"]!.GetValue<bool>());
        Assert.Contains("-p:Flavor=cuda", facts["cuda"]!["advice"]!.ToJsonString());
        File.Delete(Path.Combine(tiny.Model, "tokenizer.json"));
        var result = G2rlProcess.Run("doctor", "--model", tiny.Model);
        result.Refuses("tokenizer.json");
        Assert.Contains("onnxruntime", result.Output);
    }

    [TestMethod]
    public void GpuTest_BuildWithoutCuda_IsInconclusiveNeverPassed()
    {
        var result = G2rlProcess.Run("gpu-test").Exits(77);
        Assert.Contains("inconclusive: nothing was tested. This build works on the CPU alone; build with -p:Flavor=cuda", result.Output);
        Assert.DoesNotContain("passed", result.Output);
        Assert.AreEqual("inconclusive", G2rlProcess.Call("gpu-test", "--json").Exits(77).Rows.Single()["outcome"]!.GetValue<string>());
        G2rlProcess.Call("gpu-test", "--device", "gpu0").Refuses("--device is 'gpu0'; it must be cuda:N");
    }

    [TestMethod]
    public void Help_OfEveryCommand_ShowsAnExampleAndEveryOption()
    {
        foreach (var command in new[] { "export-and-train", "pretrain", "evaluate", "score", "doctor", "geometry", "gpu-test" })
        {
            var help = G2rlProcess.Call(command, "--help").Exits(0).Output;
            Assert.Contains($"  g2rl {command} --", help);
            Assert.Contains("--help", help);
        }
        Assert.Contains("130 interrupted", G2rlProcess.Call("--help").Exits(0).Output);
    }

    [TestMethod]
    public void Pretrain_InterruptedAndResumed_WritesTheModelOfTheUninterruptedRun()
    {
        using var tiny = new TinyRun();
        var (recipe, whole, stopped) = (tiny.Folder("recipe.json"), tiny.Folder("whole"), tiny.Folder("stopped"));
        File.WriteAllText(
            recipe,
            """{ "hiddenSize": 16, "intermediateSize": 24, "layers": 1, "heads": 2, "keyValueHeads": 1, "headDimension": 8, "maxPositions": 128, "steps": 60, "examplesPerStep": 64, "warmupSteps": 5, "arithmetic": { "maxOperands": 3 } }""");
        using (var process = G2rlProcess.Start("pretrain", "--config", recipe, "--output", stopped, "--threads", "1", "--json"))
        {
            process.WaitFor(() => process.Output.Contains("\"step\":5,", StringComparison.Ordinal));
            process.Send(PosixSignal.SIGTERM);
            Assert.Contains("--resume", process.End().Exits(130).Error);
        }
        Assert.IsFalse(Directory.Exists(stopped));
        string[] again = ["pretrain", "--config", recipe, "--output", stopped, "--threads", "1", "--json"];
        G2rlProcess.Call(again).Refuses("holds an interrupted pretraining", "--resume");
        var resumed = G2rlProcess.Call([.. again, "--resume"]).Exits(0).Rows;
        Assert.IsGreaterThan(5, resumed[0]["step"]!.GetValue<int>());
        Assert.AreEqual(60, resumed[^2]["step"]!.GetValue<int>());
        Assert.AreEqual(stopped, resumed[^1]["model"]!.GetValue<string>());
        Assert.IsFalse(Directory.Exists(Pretrainer.WorkFolder(stopped)));
        G2rlProcess.Call("pretrain", "--config", recipe, "--output", whole, "--threads", "1").Exits(0);
        foreach (var file in Directory.EnumerateFiles(whole).Select(Path.GetFileName))
            Assert.AreEqual(TinyRun.Hash(Path.Combine(whole, file!)), TinyRun.Hash(Path.Combine(stopped, file!)), file);
    }
}
