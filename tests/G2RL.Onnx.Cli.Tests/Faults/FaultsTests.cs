using System.Text.Json.Nodes;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Cli.Tests;

/// <summary>
/// The small inputs of ../shared/faults through the command line: each gives the right value or a message that says what to do.
/// </summary>
[TestClass]
public sealed class FaultsTests
{
    [TestMethod]
    public void BeginningToken_OfATextRow_IsScoredAsTransformersDoes()
    {
        var folder = SharedFolder.Require("faults", "01-bos-never-added");
        float[][] Score(params string[] further) =>
        [
            .. G2rlProcess.Call(["score", "--model", folder, "--input", Path.Combine(folder, "rows.jsonl"), "--threads", "1", .. further])
                .Exits(0).Rows
                    .Select(row => row["log_probs"]!.AsArray().Select(n => n!.GetValue<float>()).ToArray()),
        ];
        var rows = Score();
        CollectionAssert.AreEqual(rows[2], rows[0]);
        CollectionAssert.AreNotEqual(rows[1], rows[0]);
        CollectionAssert.AreEqual(rows[1], Score("--add-special-tokens", "false")[0]);
    }

    [TestMethod]
    public void OneBadRow_IsRefusedBeforeTheRunOrLeftOut()
    {
        using var tiny = new TinyRun();
        string[] Call(string train) =>
        [
            "export-and-train", "--set", $"model={SharedFolder.InRepository("models", "arithmetic-base")}", "--run", tiny.Folder("run"),
            "--set", "problems.set=jsonl", "--set",
            $"problems.settings.train={SharedFolder.Require("faults", "02-one-bad-row-kills-the-run", train)}",
            "--set",
            $"problems.settings.heldOut={SharedFolder.Require("faults", "02-one-bad-row-kills-the-run", "longh.jsonl")}",
            "--set", "sampling.promptsPerStep=4", "--set", "sampling.groupSize=4", "--set", "steps=2", "--set", "evaluation.samples=1",
        ];
        G2rlProcess.Call(Call("long.jsonl"))
            .Refuses("1 of 44 prompts have more than sampling.maxPromptTokens (64) tokens", "problems.tooLong to skip");
        Assert.IsFalse(Directory.Exists(tiny.Folder("run")));
        G2rlProcess.Call(Call("longx.jsonl")).Refuses("1 of 44 prompts cannot become tokens", "longx.jsonl");
        Assert.IsFalse(Directory.Exists(tiny.Folder("run")));
        var result = G2rlProcess.Call([.. Call("long.jsonl"), "--set", "problems.tooLong=skip"]).Exits(0);
        Assert.Contains("1 of 44 problems are left out", result.Error);
    }

    [TestMethod]
    public void RefusedRun_LeavesItsFolderToTheCorrectedCommand()
    {
        using var tiny = new TinyRun();
        var folder = tiny.Folder("run");
        G2rlProcess.Call(tiny.Train(folder, "--set", "sampling.maxPromptTokens=2")).Refuses("sampling.maxPromptTokens");
        Assert.IsFalse(Directory.Exists(folder));
        G2rlProcess.Call(tiny.Train(folder)).Exits(0);
    }

    [TestMethod]
    public void SpecialTokenAsStopString_EndsRolloutsAsTheStopTokenDoes()
    {
        using var tiny = new TinyRun();
        var path = Path.Combine(tiny.Model, "config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        config["eos_token_id"] = null;
        File.WriteAllText(path, config.ToJsonString());
        JsonObject Evaluate(string set) => G2rlProcess.Call(
            "evaluate",
            "--config",
            tiny.Config,
            "--json",
            "--set",
            "sampling.maxNewTokens=40",
            "--set",
            set).Exits(0).Rows.Single();
        var (byString, byToken, never) =
            (Evaluate("sampling.stopStrings=[\"<eos>\"]"), Evaluate("sampling.stopTokens=[\"<eos>\"]"), Evaluate("name=x"));
        foreach (var name in new[] { "truncated", "response_length", "pass@1", "well_formed" })
            Assert.AreEqual(byToken[name]!.ToJsonString(), byString[name]!.ToJsonString(), name);
        Assert.AreEqual(1.0, never["truncated"]!.GetValue<double>());
        Assert.IsLessThan(1.0, byString["truncated"]!.GetValue<double>());
    }

    [TestMethod]
    public void FieldOfAnotherName_IsSetAsTheMessageSays()
    {
        using var tiny = new TinyRun();
        var folder = SharedFolder.Require("faults", "04-advice-that-cannot-be-followed");
        string[] call =
        [
            "evaluate", "--model", tiny.Model, "--set", "problems.set=jsonl", "--set",
            $"problems.settings.train={Path.Combine(folder, "q.jsonl")}",
            "--set", $"problems.settings.heldOut={Path.Combine(folder, "h.jsonl")}", "--set", "sampling.maxPromptTokens=12", "--set",
            "sampling.maxNewTokens=6",
            "--set", "evaluation.greedy=true",
        ];
        G2rlProcess.Call([.. call, "--set", "problems.settings.promptField=text"]).Refuses("problems.settings.promptField");
        G2rlProcess.Call([.. call, "--set", "problems.settings.promptField=question"]).Exits(0);
    }

    [TestMethod]
    public void TemplateThatAsksForTheDate_IsToldIt()
    {
        var folder = SharedFolder.Require("faults", "05-template-asks-for-the-date");
        string[] call = ["evaluate", "--model", folder, "--set", "problems.chat=true", "--set", "evaluation.problems=2", "--set",
            "evaluation.greedy=true"];
        G2rlProcess.Call(call).Refuses("problems.date=2024-07-26", "problems.templateVariables");
        // The tiny vocabulary has digits alone.
        G2rlProcess.Call([.. call, "--set", "problems.templateVariables.date_string=\"2024\""]).Exits(0);
        G2rlProcess.Call([.. call, "--set", "problems.date=tomorrow"])
            .Refuses("problems.date is 'tomorrow'; it must be a date such as 2024-07-26");
        G2rlProcess.Call([.. call, "--set", "problems.date=2024-07-26"]).Refuses("the tokenizer's vocabulary");
    }

    [TestMethod]
    public void PaddedTokenizer_PrefixedTensors_AndUnknownKeys_AreRead()
    {
        using var tiny = new TinyRun();
        var input = tiny.Folder("rows.jsonl");
        File.WriteAllText(input, """{"prompt": "1+2=", "completion": "3"}""");
        var model = tiny.Folder("padded");
        Directory.CreateDirectory(model);
        foreach (var part in new[] { "base-model", "j01-tok-padding" })
            foreach (var file in Directory.EnumerateFiles(SharedFolder.Require("faults", "07-tokenizer-with-padding", part)))
                File.WriteAllBytes(Path.Combine(model, Path.GetFileName(file)), File.ReadAllBytes(file));
        G2rlProcess.Call("score", "--model", model, "--input", input).Exits(0);
        G2rlProcess.Call("score", "--model", SharedFolder.Require("faults", "11-prefixed-tensors", "a11-orig-mod"), "--input", input)
            .Exits(0);
        var config = Path.Combine(model, "config.json");
        File.WriteAllText(
            config,
            File.ReadAllText(config).Replace("\"use_cache\"", "\"mystery\": 1, \"use_cache\"", StringComparison.Ordinal));
        G2rlProcess.Call("score", "--model", model, "--input", input).Refuses("'mystery'", "--allow-unknown-config");
        Assert.Contains(
            "mystery is unknown",
            G2rlProcess.Call("score", "--model", model, "--input", input, "--allow-unknown-config").Exits(0).Error);
    }

    [TestMethod]
    public void WhatIsNoCheckpoint_IsNamed()
    {
        using var tiny = new TinyRun();
        var input = tiny.Folder("rows.jsonl");
        File.WriteAllText(input, """{"prompt": "1+2=", "completion": "3"}""");
        void Refuses(string model, params string[] parts) => G2rlProcess.Call("score", "--model", model, "--input", input).Refuses(parts);
        Refuses(SharedFolder.Require("faults", "10-not-a-checkpoint", "lora"), "an adapter (LORA) of Qwen/Qwen3-0.6B");
        Refuses("Qwen/Qwen3-0.6B", "hf download Qwen/Qwen3-0.6B");
        foreach (var (file, kind) in new[] { ("html.safetensors", "an HTML page"), ("lfs-pointer.safetensors", "a Git LFS pointer") })
        {
            File.WriteAllBytes(
                Path.Combine(tiny.Model, "model.safetensors"),
                File.ReadAllBytes(SharedFolder.Require("faults", "10-not-a-checkpoint", file)));
            Refuses(tiny.Model, kind);
        }
    }

    [TestMethod]
    public void GgufFile_IsScoredWithoutMoreAdo()
    {
        using var tiny = new TinyRun();
        var (input, file) = (tiny.Folder("rows.jsonl"), tiny.Folder("broken.gguf"));
        File.WriteAllText(input, """{"ids": [1, 2, 3], "prompt_length": 1}""");
        File.WriteAllText(file, "GGUF");
        // What is read is the file: its own fault is told, not that it is no folder.
        var result = G2rlProcess.Call("score", "--model", file, "--input", input).Exits(2);
        Assert.Contains("broken.gguf", result.Error);
        Assert.DoesNotContain("folder", result.Error);
    }

    // A file with tokenizer and weights in float32: the numbers of the folder that it was written from.
    [TestMethod]
    public void GgufFile_InScoreEvaluateAndSample_IsTheModelThatItWasWrittenFrom()
    {
        using var tiny = new TinyRun();
        var (input, file) = (tiny.Folder("rows.jsonl"), tiny.Folder("real.gguf"));
        File.WriteAllText(input, """{"prompt": "1+2=", "completion": "3"}""");
        G2rlProcess.Call("export", "--model", tiny.Model, "--output", file, "--type", "f32").Exits(0);
        string Score(string model) =>
            G2rlProcess.Call("score", "--model", model, "--input", input, "--threads", "1").Exits(0).Rows.Single().ToJsonString();
        Assert.AreEqual(Score(tiny.Model), Score(file));
        string Evaluate(string model) => G2rlProcess.Call(
            "evaluate", "--config", tiny.Config, "--model", model, "--set", "evaluation.greedy=true", "--json")
            .Exits(0).Rows
            .Select(r => $"{r["pass@1"]} {r["well_formed"]} {r["response_length"]} {r["truncated"]}").Single();
        Assert.AreEqual(Evaluate(tiny.Model), Evaluate(file));
        string Sample(string model) => G2rlProcess.Call(
            "sample", "--model", model, "--prompt", "1+2=", "--temperature", "0", "--max-new-tokens", "8", "--json").Exits(0).Rows
            .Single()["completion"]!.ToJsonString();
        Assert.AreEqual(Sample(tiny.Model), Sample(file));
    }

    [TestMethod]
    public void ByteThatIsNoUtf8_IsNamedWithItsPlace_AndAByteOrderMarkIsNot()
    {
        using var tiny = new TinyRun();
        var input = tiny.Folder("rows.jsonl");
        File.WriteAllBytes(input, [.. "\uFEFF{\"prompt\": \"1+2=\", \"completion\": \"3\"}\n"u8]);
        G2rlProcess.Call("score", "--model", tiny.Model, "--input", input).Exits(0);
        File.AppendAllBytes(input, [.. "{\"prompt\": \""u8, 0xE9, .. "\", \"completion\": \"3\"}\n"u8]);
        G2rlProcess.Call("score", "--model", tiny.Model, "--input", input)
            .Refuses("rows.jsonl:2: byte 13 of the line is 0xE9", "offset 53 of the file");
        foreach (var name in new[] { "config.json", "tokenizer.json", "tokenizer_config.json" })
        {
            var path = Path.Combine(tiny.Model, name);
            File.WriteAllBytes(path, [.. "\uFEFF"u8, .. File.ReadAllBytes(path)]);
        }
        File.WriteAllBytes(tiny.Config, [.. "\uFEFF"u8, .. File.ReadAllBytes(tiny.Config)]);
        G2rlProcess.Call("evaluate", "--config", tiny.Config).Exits(0);
    }
}
