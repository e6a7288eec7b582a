using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Tests;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Cuda.Tests.Provider;

/// <summary>
/// What ONNX Runtime's real arenas hold over runs of our real graphs. The stub device computes nothing, but blocks are asked for and given
/// back as on hardware.
/// </summary>
[TestClass]
[DoNotParallelize]
public sealed class ArenaTests
{
    [TestMethod]
    public void Limit_TooSmallForAMicrobatch_NamesGraphLimitSettingAndArenas()
    {
        ProviderStubs.Require();
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 64);
        using var backend = new CudaBackend(new CudaDriver(0), new() { ArenaLimit = 1 << 20 });
        using var optimizer = backend.Optimizer(policy, model.Config);
        using var scorer = backend.Scorer(policy.Spec);
        var fault = Assert.ThrowsExactly<CudaMemoryException>(() => optimizer.Add(Batch(rows: 8, length: 60))).Message;
        foreach (var part in new[]
        {
            "intermediate results of the graph 'train' within the 1 MiB that its arena may hold (execution.arenaLimitMiB)",
            "ONNX Runtime's arenas: 'train' ",
            "'score.logits' 0.0 MiB",
            "training.tokensPerMicrobatch",
        })
            StringAssert.Contains(fault, part);
        // A smaller one goes, with the same session.
        optimizer.Add(Batch(rows: 1, length: 2));
    }

    [TestMethod]
    public void Limit_NotSet_IsWhatTheRunDoesNotHold()
    {
        ProviderStubs.Require();
        using var model = new TinyModel();
        using var policy = Policy.Load(model.Folder, 64);
        using var backend = new CudaBackend(new CudaDriver(0));
        using var session = backend.Invoke(() =>
        {
            _ = backend.Of(policy);
            return backend.Sessions.Open(Models.DecoderGraph.Logits(policy.Spec, CudaOperators.Opset));
        });
        Assert.AreEqual(backend.Memory.Driver.MemoryInfo().Total - backend.Memory.Bytes, session.Arena.Limit);
    }

    private static Microbatch Batch(int rows, int length) =>
        new(new SequenceBatch([.. Enumerable.Range(0, rows).Select(_ => new Sequence([1, 2, 3], new int[length]))]));
}
