namespace G2RL.Onnx.Cli.Tests;

/// <summary>Too little memory, and files that never end: a sentence and exit code 2, no stack trace.</summary>
[TestClass]
public sealed class MemoryTests
{
    [TestMethod]
    public void Run_OutOfManagedMemory_IsASentence()
    {
        // More than any array: the runtime throws what it throws when memory is out.
        static int Exhaust() => GC.AllocateUninitializedArray<long>(int.MaxValue).Length;
        Assert.AreEqual(Failures.Input, Failures.Run(Exhaust));
        Assert.AreEqual(Failures.Input, Failures.Run(() => Enumerable.Range(0, 2).AsParallel().Sum(_ => Exhaust())));
        Assert.AreEqual(Failures.Failed, Failures.Run(() => throw new InvalidOperationException("x")));
    }

    [TestMethod]
    public void AnyInput_ThatNeverEnds_IsRefused()
    {
        const string device = "/dev/zero";
        if (!File.Exists(device))
            Assert.Inconclusive($"needs {device}");
        using var tiny = new TinyRun();
        string[][] commands =
        [
            ["export-and-train", "--config", device],
            ["export-and-train", "--config", tiny.Config, "--run", tiny.Folder("r"), "--set", $"problems.settings.train={device}"],
            ["score", "--model", tiny.Model, "--input", device],
            ["compare", device],
            ["pretrain", "--config", device, "--output", tiny.Folder("p")],
        ];
        foreach (var command in commands)
            G2rlProcess.Call(command).Refuses(device);
        foreach (var name in new[] { "config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors", "generation_config.jso"
            + "n" })
        {
            var path = Path.Combine(tiny.Model, name);
            var kept = File.Exists(path) ? File.ReadAllBytes(path) : null;
            File.Delete(path);
            File.CreateSymbolicLink(path, device);
            G2rlProcess.Call(tiny.Train(tiny.Folder("r"))).Refuses(name);
            Assert.IsFalse(Directory.Exists(tiny.Folder("r")), name);
            File.Delete(path);
            if (kept is not null)
                File.WriteAllBytes(path, kept);
        }
    }
}
