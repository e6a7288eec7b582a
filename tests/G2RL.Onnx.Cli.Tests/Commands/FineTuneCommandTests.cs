using System.Runtime.InteropServices;

namespace G2RL.Onnx.Cli.Tests.Commands;

/// <summary>A model taught by a user's rows, then trained with rewards: two commands in one folder.</summary>
[TestClass]
public sealed class FineTuneCommandTests
{
    [TestMethod]
    public void Pretrain_OnOwnRowsThenTraining_AreTwoCommands()
    {
        using var tiny = new TinyRun();
        var (taught, run) = (tiny.Folder("taught"), tiny.Folder("run"));
        // The rows of the run's own problems: a prompt and its answer.
        var rows = G2rlProcess.Call("pretrain", "--model", tiny.Model, "--data", tiny.Problems, "--output", taught, "--set",
            "learningRate=1e-2", "--set", "epochs=20", "--set", "maxTokens=32", "--threads", "1", "--json").Exits(0).Rows;
        var before = rows[^1]["held_out_loss_nats_before"]!.GetValue<double>();
        Assert.IsLessThan(before, rows[^1]["held_out_loss_nats_after"]!.GetValue<double>());
        Assert.AreEqual(taught, rows[^1]["model"]!.GetValue<string>());
        G2rlProcess.Call(tiny.Train(run, "--set", $"model={taught}", "--set", "steps=1")).Exits(0);
        var (first, untaught) = (Evaluated(taught), Evaluated(tiny.Model));
        Assert.IsGreaterThan(untaught, first);

        double Evaluated(string model) => G2rlProcess.Call("evaluate", "--config", tiny.Config, "--model", model, "--json").Exits(0)
            .Rows.Single()["pass@1"]!.GetValue<double>();
    }

    [TestMethod]
    public void Pretrain_InterruptedAndResumed_TeachesTheSame()
    {
        using var tiny = new TinyRun();
        string[] Teach(string output, params string[] more) => ["pretrain", "--model", tiny.Model, "--data", tiny.Problems, "--output",
            tiny.Folder(output), "--set", "epochs=120", "--set", "examplesPerStep=8", "--set", "maxTokens=32", "--threads", "1", "--json",
            .. more];
        G2rlProcess.Call(Teach("whole")).Exits(0);
        using (var process = G2rlProcess.Start(Teach("stopped")))
        {
            process.WaitFor(() => process.Output.Contains("\"step\":20,", StringComparison.Ordinal));
            process.Send(PosixSignal.SIGTERM);
            Assert.Contains("--resume", process.End().Exits(130).Error);
        }
        G2rlProcess.Call(Teach("stopped")).Refuses("holds an interrupted pretraining");
        G2rlProcess.Call(Teach("stopped", "--resume", "--set", "epochs=3")).Refuses("another recipe or other data");
        G2rlProcess.Call(Teach("stopped", "--resume")).Exits(0);
        foreach (var file in new[] { "model.safetensors", "training_log.jsonl" })
            Assert.AreEqual(
                TinyRun.Hash(Path.Combine(tiny.Folder("whole"), file)),
                TinyRun.Hash(Path.Combine(tiny.Folder("stopped"), file)),
                file);
    }

    [TestMethod]
    public void Pretrain_WrongSettings_AreToldWithTheWayOut()
    {
        using var tiny = new TinyRun();
        CommandResult Teach(params string[] more) => G2rlProcess.Call(["pretrain", "--output", tiny.Folder("x"), "--model", tiny.Model,
            .. more]);
        Teach().Refuses("data.train is empty");
        Teach("--data", tiny.Problems, "--set", "epochz=2").Refuses("no setting 'epochz'", "Nearest: epochs");
        Teach("--data", tiny.Problems, "--set", "epochs=0", "--set", "learningRate=0").Refuses("epochs is 0", "learningRate is 0");
        Teach("--data", tiny.Problems, "--set", "epochs=two").Refuses("epochs");
        Teach("--data", tiny.Problems, "--set", "adapter.rank=4").Refuses("adapter.type is none", "adapter.type=lora");
        Teach("--data", tiny.Folder("none.jsonl")).Refuses("none.jsonl", "does not exist");
        Teach("--data", tiny.Problems, "--set", "maxTokens=3").Refuses("data.skipTooLong");
        G2rlProcess.Call("pretrain", "--output", tiny.Model, "--model", tiny.Model, "--data", tiny.Problems).Refuses("exists");
        Assert.IsFalse(Directory.Exists(tiny.Folder("x.pretraining")));
    }
}
