namespace G2RL.Onnx.Cli.Tests.Commands;

[TestClass]
public sealed class SampleTests
{
    [TestMethod]
    public void Sample_TwoModelsSideBySide_GivesARowAContinuation()
    {
        using var tiny = new TinyRun();
        string[] command = ["sample", "--model", tiny.Model, "--against", tiny.Model, "--prompt", "1+2=", "--prompt", "3+4=", "--samples",
            "2",
            "--max-new-tokens", "5", "--seed", "3", "--top", "2", "--json"];
        var rows = G2rlProcess.Call(command).Exits(0).Rows;
        Assert.HasCount(8, rows);
        for (var i = 0; i < rows.Length; i += 2)
            Assert.AreEqual(
                rows[i]["tokens"]!.ToJsonString(),
                rows[i + 1]["tokens"]!.ToJsonString(),
                "the same weights and seed say the same");
        Assert.AreEqual("1+2=", rows[0]["prompt"]!.GetValue<string>());
        Assert.AreEqual("3+4=", rows[4]["prompt"]!.GetValue<string>());
        foreach (var token in rows[0]["tokens"]!.AsArray())
        {
            Assert.IsLessThanOrEqualTo(0, token!["log_prob"]!.GetValue<float>());
            Assert.HasCount(2, token["top"]!.AsArray());
        }
        var again = G2rlProcess.Call(command).Exits(0).Rows;
        CollectionAssert.AreEqual(rows.Select(r => r.ToJsonString()).ToArray(), again.Select(r => r.ToJsonString()).ToArray());
    }

    [TestMethod]
    public void Sample_FileOfPrompts_TakesLinesAndRows()
    {
        using var tiny = new TinyRun();
        foreach (var text in new[] { "1+2=\n\n3+4=\n", "{\"prompt\": \"1+2=\"}\n{\"prompt\": \"3+4=\"}\n" })
        {
            var file = tiny.Folder("prompts.txt");
            File.WriteAllText(file, text);
            var rows = G2rlProcess.Call("sample", "--model", tiny.Model, "--input", file, "--temperature", "0", "--max-new-tokens", "3",
                "--json").Exits(0).Rows;
            CollectionAssert.AreEqual(new[] { "1+2=", "3+4=" }, rows.Select(r => r["prompt"]!.GetValue<string>()).ToArray());
        }
    }

    [TestMethod]
    public void Sample_RunAndCheckpoint_SpeakWithTheirWeights()
    {
        using var tiny = new TinyRun();
        var run = tiny.Folder("run");
        G2rlProcess.Call(tiny.Train(run, "--set", "steps=2")).Exits(0);
        string Said(string model) => G2rlProcess.Call("sample", "--model", model, "--prompt", "1+2=", "--max-new-tokens", "8", "--json")
            .Exits(0).Rows.Single()["tokens"]!.ToJsonString();
        // The newest checkpoint has the trained weights; those of the base model say otherwise.
        var trained = Said(run);
        Assert.AreEqual(trained, Said(Path.Combine(run, "checkpoints", "step-000002")));
        Assert.AreEqual(trained, Said(Path.Combine(run, "model")));
        Assert.AreNotEqual(trained, Said(tiny.Model));
        Directory.Delete(Path.Combine(run, "model"), recursive: true);
        Assert.AreEqual(trained, Said(run));
        var adapted = tiny.Folder("adapted");
        G2rlProcess.Call(tiny.Train(adapted, "--set", "steps=2", "--set", "adapter.type=lora")).Exits(0);
        Assert.AreNotEqual(Said(tiny.Model), Said(Path.Combine(adapted, "checkpoints", "step-000002")));
    }

    [TestMethod]
    public void Sample_StopString_IsNeverShownInPart()
    {
        using var tiny = new TinyRun();
        string[] command = ["sample", "--model", tiny.Model, "--prompt", "1+2=", "--max-new-tokens", "12", "--seed", "3"];
        var whole = G2rlProcess.Call([.. command, "--json"]).Exits(0).Rows.Single()["completion"]!.GetValue<string>();
        Assert.IsGreaterThan(5, whole.Length, "there is something to cut");
        var stop = whole[2..5];
        var before = whole[..whole.IndexOf(stop, StringComparison.Ordinal)];
        Assert.AreEqual(before, G2rlProcess.Call([.. command, "--stop", stop]).Exits(0).Output.TrimEnd('\r', '\n'));
        Assert.AreEqual(
            before,
            G2rlProcess.Call([.. command, "--stop", stop, "--json"]).Exits(0).Rows.Single()["completion"]!.GetValue<string>());

        // What only looked like the beginning of one is shown in the end.
        var never = whole[^2..] + "\u0001";
        Assert.AreEqual(whole, G2rlProcess.Call([.. command, "--stop", never]).Exits(0).Output.TrimEnd('\r', '\n'));
        Assert.AreEqual(
            whole,
            G2rlProcess.Call([.. command, "--stop", never, "--json"]).Exits(0).Rows.Single()["completion"]!.GetValue<string>());
    }

    [TestMethod]
    public void Sample_WrongInput_SaysWhat()
    {
        using var tiny = new TinyRun();
        var file = tiny.Folder("prompts.jsonl");
        File.WriteAllText(file, "{\"prompt\": \"1+2=\"}\n{\"question\": \"3\"}\n");
        G2rlProcess.Call("sample", "--model", tiny.Model, "--input", file).Refuses("prompts.jsonl, line 2: a row is {\"prompt\": \"...\"}");
        G2rlProcess.Call("sample", "--model", tiny.Model, "--input", file, "--prompt", "1").Refuses("--prompt and --input are both given");
        G2rlProcess.Call("sample", "--model", tiny.Model, "--prompt", "1", "--top", "99").Refuses("--top is 99; it must be 0 (off) to 20");
        G2rlProcess.Call("sample", "--model", tiny.Model, "--prompt", "1", "--top-p", "0").Refuses("sampling.topP is 0");
        G2rlProcess.Call("sample", "--model", tiny.Folder("none"), "--prompt", "1").Refuses("is not a folder");
    }
}
