using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests;

/// <summary>Micro-batches whose size is left to the machine.</summary>
[TestClass]
public sealed class MicrobatchChoiceTests
{
    private static readonly RunConfig Config = new()
    {
        Sampling = new() { PromptsPerStep = 8, GroupSize = 8, MaxPromptTokens = 40, MaxNewTokens = 60 },
    };

    // 64 rows of 100 tokens, a byte each: 1,024 fit or, of the powers of two of rows, as many as do; one row is the least.
    [TestMethod]
    [DataRow(1024, 1024)]
    [DataRow(1_000_000, 1024)]
    [DataRow(1023, 800)]
    [DataRow(799, 400)]
    [DataRow(100, 100)]
    [DataRow(99, 100)]
    public void Resolved_ByWhatThereIs_IsTheUsualOrTheMostThatFits(int bytes, int tokens) =>
        Assert.AreEqual(tokens, MemoryFit.Resolved(Config, bytes, Bytes).Training.TokensPerMicrobatch);

    // A row of 2,000 tokens is a micro-batch of its own whatever is asked for.
    [TestMethod]
    public void Resolved_LongRowsThatDoNotFit_KeepsTheUsual()
    {
        var config = Config with { Sampling = Config.Sampling with { MaxNewTokens = 1960 } };
        Assert.AreEqual(1024, MemoryFit.Resolved(config, 10, Bytes).Training.TokensPerMicrobatch);
    }

    [TestMethod]
    public void Resolved_NumberThatWasGiven_Stays()
    {
        var given = Config with { Training = new() { TokensPerMicrobatch = 4096 } };
        Assert.AreSame(given, MemoryFit.Resolved(given, 10, Bytes));
        Assert.AreSame(given, MemoryFit.Resolved(given));
    }

    // What is faulty is told by who runs it, all at once; no model is looked for.
    [TestMethod]
    public void Resolved_FaultyConfiguration_StaysAsItIs()
    {
        var faulty = Config with { Steps = -1, Model = "nowhere" };
        Assert.AreSame(faulty, MemoryFit.Resolved(faulty));
    }

    [TestMethod]
    public void Resolved_SmallModel_IsWhatRunsHadBefore()
    {
        using var model = new TinyModel();
        foreach (var device in new[] { ExecutionConfig.Cpu, "cuda:0" })
        {
            var config = model.Config with { Training = new(), Execution = model.Config.Execution with { Device = device } };
            Assert.AreEqual(1024, MemoryFit.Resolved(config).Training.TokensPerMicrobatch, device);
        }
        Assert.AreEqual(1024, new TrainingConfig().MicrobatchTokens);
        Assert.AreEqual(5, new TrainingConfig { TokensPerMicrobatch = 5 }.MicrobatchTokens);
    }

    // Another machine might take another number; the run goes on with its own, without a word.
    [TestMethod]
    public void Resume_LeftToTheMachine_KeepsTheRunsOwn()
    {
        var folder = Directory.CreateTempSubdirectory("g2rl-").FullName;
        try
        {
            var begun = new RunConfig { Training = new() { TokensPerMicrobatch = 300 } };
            RunDirectory.Create(begun, TimeProvider.System, folder).Dispose();
            using (var run = RunDirectory.Resume(folder, new RunConfig()))
            {
                Assert.AreEqual(300, run.Config.Training.TokensPerMicrobatch);
                Assert.IsEmpty(run.Changes);
            }
            using var other = RunDirectory.Resume(folder, begun with { Training = new() { TokensPerMicrobatch = 200 } });
            Assert.AreEqual(200, other.Config.Training.TokensPerMicrobatch);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static MemoryPlan Bytes(RunConfig config) => new([new("tokens", config.Training.TokensPerMicrobatch)]);
}
