namespace G2RL.Onnx.Cli.Tests.Commands;

[TestClass]
public sealed class RunsTests
{
    [TestMethod]
    public void Runs_TwoOfThem_AreListedComparedMeasuredAndPruned()
    {
        using var tiny = new TinyRun();
        var (root, first, second) = (tiny.Folder("runs"), tiny.Folder("runs/one"), tiny.Folder("runs/two"));
        G2rlProcess.Call(tiny.Train(first, "--set", "steps=4", "--set", "training.keepCheckpoints=3")).Exits(0);
        G2rlProcess.Call(tiny.Train(second, "--set", "steps=2", "--set", "seed=7")).Exits(0);

        var listed = G2rlProcess.Call("runs", "--output", root, "--json").Exits(0).Rows;
        Assert.HasCount(2, listed);
        Assert.AreEqual("complete", listed[0]["state"]!.GetValue<string>());
        Assert.AreEqual(4, listed[0]["steps"]!.GetValue<int>());
        Assert.IsNotNull(listed[0]["pass@1_after"]);
        Assert.Contains("4/4", G2rlProcess.Call("runs", "list", "--output", root).Exits(0).Output);

        var compared = G2rlProcess.Call("runs", "compare", first, second, "--json").Exits(0).Rows.Single();
        Assert.AreEqual("[4,2]", compared["settings"]!["steps"]!.ToJsonString().Replace("\"", ""));
        Assert.AreEqual("[0,7]", compared["settings"]!["seed"]!.ToJsonString().Replace("\"", ""));
        Assert.IsNull(compared["settings"]!["model"]);
        Assert.AreEqual(
            listed[1]["pass@1_after"]!.GetValue<double>() - listed[0]["pass@1_after"]!.GetValue<double>(),
            compared["pass@1_difference"]!.GetValue<double>(),
            1e-12);
        Assert.Contains("difference to the first", G2rlProcess.Call("runs", "compare", first, second).Exits(0).Output);

        var disk = G2rlProcess.Call("runs", "disk", "--output", root, "--json").Exits(0).Rows;
        Assert.AreEqual(
            new DirectoryInfo(first).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length),
            disk[0]["bytes"]!.GetValue<long>());

        // Nobody is there to be asked: nothing goes.
        string[] prune = ["runs", "prune", "--output", root, "--artifacts"];
        G2rlProcess.Run(prune).Refuses("Nothing was removed", "--yes");
        G2rlProcess.Call([.. prune, "--dry-run"]).Exits(0);
        Assert.HasCount(2, Directory.GetDirectories(Path.Combine(first, "checkpoints")));
        var removed = G2rlProcess.Call([.. prune, "--yes", "--json"]).Exits(0).Rows;
        Assert.HasCount(3, removed);
        Assert.EndsWith("step-000004", Directory.GetDirectories(Path.Combine(first, "checkpoints")).Single());
        Assert.IsFalse(Directory.Exists(Path.Combine(second, "artifacts")));
        // What is left is a run that can be gone on with.
        G2rlProcess.Call("export-and-train", "--resume", second, "--set", "steps=3").Exits(0);
        G2rlProcess.Call("runs", "prune", second, "--whole", "--yes").Exits(0);
        Assert.IsFalse(Directory.Exists(second));
        Assert.IsTrue(Directory.Exists(first));
    }

    [TestMethod]
    public void Runs_AtWork_AreNotPruned()
    {
        using var tiny = new TinyRun();
        var folder = tiny.Folder("run");
        using var process = G2rlProcess.Start(tiny.Train(folder, "--set", "steps=100000"));
        process.WaitFor(() => File.Exists(Path.Combine(folder, "metrics.jsonl")));
        Assert.AreEqual("at work", G2rlProcess.Call("runs", "--output", folder, "--json").Rows.Single()["state"]!.GetValue<string>());
        Assert.Contains("is at work", G2rlProcess.Call("runs", "prune", folder, "--whole", "--yes").Exits(0).Error);
        Assert.IsTrue(File.Exists(Path.Combine(folder, "config.json")));
        process.Kill();
    }

    [TestMethod]
    public void Runs_WrongInput_SaysWhat()
    {
        using var tiny = new TinyRun();
        G2rlProcess.Call("runs", "--output", tiny.Folder("none")).Refuses("is no folder");
        G2rlProcess.Call("runs", "compare", tiny.Model, tiny.Model).Refuses("holds no run");
        G2rlProcess.Call("runs", "prune", "--output", tiny.Root, "--whole").Refuses("needs their names");
        G2rlProcess.Call("runs", "prune", tiny.Model, "--whole", "--yes").Refuses("holds no run");
    }
}
