using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests.Runs;

/// <summary>What a configuration says of the model and of drawing from it.</summary>
[TestClass]
public sealed class RunModelTests : IDisposable
{
    private readonly TinyModel tiny = new(positions: 24);

    public void Dispose() => tiny.Dispose();

    [TestMethod]
    public void Samplers_OfOneConfiguration_DrawAsTrainingBaselineAndEvaluationDo()
    {
        var config = tiny.Config with
        {
            Sampling = tiny.Config.Sampling with
            {
                Temperature = 0.7,
                TopK = 5,
                TopP = 0.9,
                MinP = 0.1,
                StopStrings = ["="],
                StopTokens = ["1"],
                MaxRows = 100,
                CacheBudgetMiB = 3,
            },
            Evaluation = tiny.Config.Evaluation with { Temperature = 0.5, TopP = 0.8 },
            Execution = new() { Threads = 2, Kernels = KernelChoice.Standard },
        };
        using var model = new RunModel(config);
        Assert.AreEqual("0.7 5 0.9 0.1 False 24", Told(model.TrainingSampler()));
        Assert.AreEqual("0.7 0 1 0 True 4", Told(model.GreedySampler()));
        Assert.AreEqual("0.5 0 0.8 0 False 100", Told(model.EvaluationSampler()));
        foreach (var settings in new[] { model.TrainingSampler(), model.GreedySampler(), model.EvaluationSampler() })
        {
            Assert.AreEqual((12, 3L << 20, 2, KernelChoice.Standard),
                (settings.MaxNewTokens, settings.CacheBudgetBytes, settings.Threads, settings.Kernels));
            CollectionAssert.AreEqual(new[] { "=" }, settings.StopStrings.ToArray());
            CollectionAssert.AreEqual(
                new[] { model.Tokenizer.EosId!.Value, model.Tokenizer.IdOf("1")!.Value }, settings.StopTokens.ToArray());
        }
        using var few = new RunModel(config with
        {
            Sampling = config.Sampling with { MaxRows = 3 },
            Evaluation = new() { Greedy = true, Temperature = 0.5, TopP = 0.8 },
            Execution = new(),
        });
        Assert.AreEqual("0.7 5 0.9 0.1 False 3", Told(few.TrainingSampler()));
        Assert.AreEqual("0.7 0 1 0 True 3", Told(few.GreedySampler()));
        Assert.AreEqual("1 0 1 0 True 3", Told(few.EvaluationSampler()));
        Assert.AreEqual(Environment.ProcessorCount, few.Threads);
        Assert.AreEqual(2, model.Threads);
        using var many = new RunModel(config with { Execution = new() { Threads = Environment.ProcessorCount + 1 } });
        Assert.AreEqual(Environment.ProcessorCount + 1, many.Threads);
        Assert.AreEqual(24, model.Policy.Positions);

        static string Told(SamplerSettings s) => FormattableString.Invariant(
            $"{s.Sampling.Temperature} {s.Sampling.TopK} {s.Sampling.TopP} {s.Sampling.MinP} {s.Sampling.Greedy} {s.MaxRows}");
    }

    // Of a file whose weights were rounded to few bits that is said; a folder of its own for what is converted.
    [TestMethod]
    [DoNotParallelize]
    public void Notes_OfAQuantisedFile_SayWhatItLost()
    {
        using var wide = new TinyModel(hidden: 32);
        var (file, before) = (Path.Combine(wide.Root, "q8.gguf"), Environment.GetEnvironmentVariable(GgufCache.Variable));
        using (var checkpoint = HuggingFaceCheckpoint.Open(wide.Folder))
            GgufExport.Write(file, checkpoint.Spec, checkpoint.ReadParameter, GgmlType.Q8_0, checkpoint.Folder);
        Environment.SetEnvironmentVariable(GgufCache.Variable, Path.Combine(wide.Root, "cache"));
        try
        {
            using var model = new RunModel(wide.Config with { Model = file });
            StringAssert.Contains(model.Notes.Single(), "tensors are quantised (Q8_0)");
            Assert.AreEqual(GgufCache.Note(file), model.Notes.Single());
        }
        finally
        {
            Environment.SetEnvironmentVariable(GgufCache.Variable, before);
        }
    }

    // 12 + 12 tokens are the model's 24 positions.
    [TestMethod]
    public void Open_MorePositionsThanTheModelHas_IsRefused() => Assert.AreEqual(
        $"sampling.maxPromptTokens 12 + sampling.maxNewTokens 13 = 25; {tiny.Folder} has 24 positions (max_position_embeddings). "
            + "Lower one of them.",
        Refused(tiny.Config with { Sampling = tiny.Config.Sampling with { MaxNewTokens = 13 } }));

    [TestMethod]
    public void Open_StopTokenThatTheTokenizerLacks_IsRefused() => Assert.AreEqual(
        $"sampling.stopTokens names '<none>', which the tokenizer of {tiny.Folder} does not have. "
            + "Use a token's exact text, or sampling.stopStrings.",
        Refused(tiny.Config with { Sampling = tiny.Config.Sampling with { StopTokens = ["<none>"] } }));

    // Our kernels take heads whose width is a multiple of 8: told before a device is looked for, by whoever opens the model.
    [TestMethod]
    public void Open_HeadsThatTheAskedKernelsLack_AreRefused()
    {
        using var odd = new TinyModel(headDimension: 12);
        var config = odd.Config with
        {
            Execution = new() { Device = "cuda:0", Precision = "bfloat16", Kernels = KernelChoice.Fused },
        };
        const string refusal = "execution.kernels is fused, and our kernels do not compute this on cuda:0: a head is 12 wide; "
            + "they take multiples of 8 up to 128. Leave execution.kernels at auto.";
        Assert.AreEqual(refusal, Refused(config));
        Assert.AreEqual(refusal, Assert.ThrowsExactly<InputException>(() => RunCheck.Inputs(config, _ => { })).Message);
        new RunModel(config with { Execution = new() { Device = "cuda:0" } }).Dispose();
    }

    // A model that lacks the last of the tokenizer's tokens.
    [TestMethod]
    public void Open_TokenizerOfAnotherModel_IsRefused()
    {
        CharacterTokenizer.Write(tiny.Folder, Problems.Generated.Arithmetic.Characters + "abcdef");
        Assert.Contains("vocabulary", Refused(tiny.Config));
    }

    private static string Refused(RunConfig config) =>
        Assert.ThrowsExactly<InputException>(() => new RunModel(config).Dispose()).Message;
}
