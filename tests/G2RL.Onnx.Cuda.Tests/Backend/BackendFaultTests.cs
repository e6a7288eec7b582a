using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Cuda.Tests.Interpreter;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tests;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Cuda.Tests.Backend;

[TestClass]
public sealed class BackendFaultTests
{
    [TestMethod]
    public void Run_LogitsTurnNaN_StopsWithTheRunFolderIntact()
    {
        using var model = new TinyModel();
        var config = model.Config with
        {
            Sampling = new() { PromptsPerStep = 2, GroupSize = 2, MaxPromptTokens = 12, MaxNewTokens = 6 },
            Evaluation = new() { Problems = 1, Samples = 1 },
            Steps = 4,
            Training = model.Config.Training with { CheckpointEvery = 2 },
            Execution = new() { Threads = 1, Device = "cuda:0" },
        };
        var folder = Path.Combine(model.Root, "run");
        using (var backend = new CudaBackend(new InterpreterDriver()))
        {
            Trainer? poisoned = null;
            using var trainer = poisoned = new Trainer(
                config,
                TinyModel.Problems(),
                new() { Step = m => { if (m.Step == 3) Poison(backend, poisoned!.Policy); } },
                backend);
            using var run = RunDirectory.Create(config, TimeProvider.System, folder);
            var fault = Assert.ThrowsExactly<NonFiniteException>(() => trainer.Run(run));
            StringAssert.Contains(fault.Message, "Step 4: Prompt 0, rollout 0, token 0: a logit is NaN");
        }
        using var second = new CudaBackend(new InterpreterDriver());
        using var again = new Trainer(config, TinyModel.Problems(), backend: second);
        using var resumed = RunDirectory.Resume(folder, config);
        Assert.AreEqual(2, resumed.Checkpoints.Latest()!.Value.Step);
        Assert.IsTrue(again.Run(resumed).Completed);
    }

    [TestMethod]
    public void Score_LogitsAreNaN_NamesResponseAndToken()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 64);
        using var backend = new CudaBackend(new InterpreterDriver());
        using var scorer = backend.Scorer(policy.Spec);
        Poison(backend, policy);
        StringAssert.StartsWith(
            Assert.ThrowsExactly<NonFiniteException>(() => scorer.Score(policy, [new Sequence([1], [2, 3])], 1, 64)).Message,
            "Response 0, token 0: a logit is NaN");
    }

    [TestMethod]
    public void Rollouts_DeviceTooSmall_NamesTheLargestBuffersAndTheirSettings()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 64);
        using var backend = new CudaBackend(new InterpreterDriver(memoryBytes: 3 << 20));
        var fault = Assert.ThrowsExactly<CudaMemoryException>(() =>
            backend.Rollouts(policy, Tokenizer.Load(model.Folder), new SamplerSettings { MaxRows = 256 }));
        foreach (var part in new[]
        {
            "cuda:0 (PTX interpreter)",
            "key/value cache",
            "of 3.0 MiB are free",
            "Held most: key/value cache",
            "sampling.cacheBudgetMiB",
            "weights",
        })
            StringAssert.Contains(fault.Message, part);
    }

    [TestMethod]
    public void Draw_CancelledInFlight_LeavesTheSamplerUsable()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 64);
        var tokenizer = Tokenizer.Load(model.Folder);
        using var backend = new CudaBackend(new InterpreterDriver());
        using var sampler = backend.Rollouts(policy, tokenizer, new SamplerSettings { MaxNewTokens = 12, MaxRows = 4 });
        var request = new DrawRequest([tokenizer.Encode("1+1=")], 6, Seed: 1, Step: 0);
        var whole = sampler.Draw(request);
        using var cancel = new CancellationTokenSource();
        Assert.ThrowsExactly<OperationCanceledException>(() => sampler.Draw(request, _ => cancel.Cancel(), cancel.Token));
        CollectionAssert.AreEqual(
            whole[0].SelectMany(r => r.Tokens).ToArray(),
            sampler.Draw(request)[0].SelectMany(r => r.Tokens).ToArray());
    }

    [TestMethod]
    public void Draw_PromptTooLong_IsWrongInput()
    {
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 20);
        var tokenizer = Tokenizer.Load(model.Folder);
        using var backend = new CudaBackend(new InterpreterDriver());
        using var sampler = backend.Rollouts(policy, tokenizer, new SamplerSettings { MaxNewTokens = 18 });
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() => sampler.Draw(new([[1, 2, 3]], 1, 0, 0))).Message, "20 positions");
        StringAssert.Contains(Assert.ThrowsExactly<InputException>(() =>
            backend.Rollouts(policy, tokenizer, new SamplerSettings { MaxNewTokens = 0 })).Message, "maxNewTokens");
    }

    [TestMethod]
    public void Trainer_DeviceWithoutBackend_SaysSo()
    {
        using var model = new TinyModel();
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => new Trainer(model.Config with { Execution = new() { Device = "cuda:3" } })).Message,
            "execution.device is cuda:3");
    }

    [TestMethod]
    [DataRow("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 1", true)]
    [DataRow("CUDA failure 2: out of memory ; GPU=0", true)]
    [DataRow("Non-zero status code returned while running Gemm", false)]
    public void IsOutOfMemory_WordsOfOnnxRuntime_AreRecognised(string message, bool expected) =>
        Assert.AreEqual(expected, DeviceSession.IsOutOfMemory(message));

    [TestMethod]
    public void ProviderOptions_OfADevice_NameStreamAndRefuseTf32()
    {
        var options = DeviceSessions.ProviderOptions(2, -1);
        Assert.AreEqual("2", options["device_id"]);
        Assert.AreEqual("18446744073709551615", options["user_compute_stream"]);
        Assert.AreEqual("1", options["has_user_compute_stream"]);
        Assert.AreEqual("0", options["use_tf32"]);
    }

    private static void Poison(CudaBackend backend, Policy policy) => backend.Invoke(() => backend.Of(policy).Parameters[0].Buffer
        .Write<float>(Enumerable.Repeat(float.NaN, (int)backend.Of(policy).Parameters[0].Count).ToArray()));
}
