using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;
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

    // Weights of two fifths of this machine's memory fit once, as adapters leave them, and not four times, with gradients and moments. A
    // row is the least; what lies on a GPU is not asked of the machine.
    [TestMethod]
    public void Resolved_ModelThatFitsWithAdaptersAlone_IsPlannedAsItLearns()
    {
        var layer = Model(2, 2048).ParameterCount - Model(1, 2048).ParameterCount;
        var spec = Model((int)Math.Max(1, MemoryFit.Available / 5 * 2 / (layer * sizeof(float))), 2048);
        var whole = Config with { Sampling = Few };
        var lora = whole with { Adapter = new() { Type = AdapterKind.Lora } };
        int Tokens(RunConfig config) => MemoryFit.Resolved(config, spec).Training.TokensPerMicrobatch;
        Assert.AreEqual(100, Tokens(whole));
        Assert.AreEqual(1024, Tokens(lora));
        Assert.AreEqual(1024, Tokens(whole with { Execution = new() { Device = "cuda:0" } }));
    }

    // A lane of the sampler holds logits of two rows and three more: so many lanes that these alone are more than there is. Without a
    // number of threads it is the machine's own.
    [TestMethod]
    public void Resolved_ThreadsThatAreAskedFor_AreThosePlannedFor()
    {
        const int vocabulary = 400_000;
        var spec = Model(1, 32) with { VocabularySize = vocabulary };
        var lanes = (int)(MemoryFit.Available / (5L * vocabulary * sizeof(float))) + 1;
        // Three rows of 100 positions in float32 are less than a mebibyte.
        int Tokens(int threads) => MemoryFit.Resolved(
            Config with { Sampling = Few with { CacheBudgetMiB = lanes }, Execution = new() { Threads = threads } },
            spec).Training.TokensPerMicrobatch;
        Assert.AreEqual(100, Tokens(lanes));
        Assert.AreEqual(1024, Tokens(1));
        Assert.AreEqual(1024, Tokens(0));
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

    private static SamplingConfig Few => Config.Sampling with { PromptsPerStep = 1, GroupSize = 2 };

    private static DecoderSpec Model(int layers, int hidden) => Architectures.Parse(
        $$"""
        {"architectures": ["Qwen3ForCausalLM"], "vocab_size": 1000, "hidden_size": {{hidden}}, "intermediate_size": {{4 * hidden}},
         "num_hidden_layers": {{layers}}, "num_attention_heads": {{hidden / 16}}, "num_key_value_heads": 2, "head_dim": 16,
         "max_position_embeddings": 4096, "tie_word_embeddings": true, "eos_token_id": 1}
        """,
        "config.json");

    private static MemoryPlan Bytes(RunConfig config) => new([new("tokens", config.Training.TokensPerMicrobatch)]);
}
