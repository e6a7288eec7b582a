using G2RL.Onnx.Execution;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tests;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Cuda.Tests.Provider;

/// <summary>
/// Draws through the backend with the real provider on stubs: logits are zeros, but what is put on the stream is what a GPU would get.
/// </summary>
[TestClass]
[DoNotParallelize]
public sealed class CaptureTests
{
    // The counts by which the estimates of docs/performance.md reckon: launches, products and copies of ONNX Runtime in a decode step.
    // Heads of 8 have no serving graph: the decode graph with casts, as all of them had before.
    [TestMethod]
    [DataRow(ElementType.Float32, 16, false, 11, 42)]
    [DataRow(ElementType.BFloat16, 8, false, 17, 81)]
    [DataRow(ElementType.BFloat16, 16, false, 5, 19)]
    [DataRow(ElementType.BFloat16, 16, true, 1, 0)]
    public void Step_OfTheDecodeGraph_PutsThisMuchOnTheStream(
        ElementType precision, int headDimension, bool captures, int besides, int ofALayer)
    {
        ProviderStubs.Require();
        var (two, four) =
            (WorkOfAStep(precision, headDimension, captures, layers: 2), WorkOfAStep(precision, headDimension, captures, layers: 4));
        Assert.AreEqual($"{ofALayer} a layer, {besides} besides", $"{(four - two) / 2} a layer, {two - (four - two)} besides");
    }

    private static long WorkOfAStep(ElementType precision, int headDimension, bool captures, int layers)
    {
        using var tiny = new TinyModel(headDimension);
        using var of = Policy.Load(tiny.Folder, 64);
        using var model = new TinyModel(like: of.Spec with { Layers = layers });
        using var policy = Policy.Load(model.Folder, 64);
        var tokenizer = Tokenizer.Load(model.Folder);
        var warnings = new List<string>();
        using var backend = new CudaBackend(
            new CudaDriver(0), new() { Precision = precision, Captures = captures, Warning = warnings.Add });
        var (shorter, longer) = (Draw(11), Draw(31));
        Assert.AreEqual("", string.Join(' ', warnings));
        return (longer - shorter) / 20;

        long Draw(int tokens)
        {
            using var sampler = backend.Rollouts(policy, tokenizer, new SamplerSettings { MaxNewTokens = tokens, MaxRows = 4 });
            var (broken, before, waits) = (ProviderStubs.BrokenCaptures, ProviderStubs.AllWork, ProviderStubs.Waits);
            var ours = ProviderStubs.Work(backend.Memory.Driver.Stream);
            sampler.Draw(new DrawRequest([tokenizer.Encode("1+2=")], 4, Seed: 1, Step: 0));
            Assert.AreEqual(0, ProviderStubs.BrokenCaptures - broken, "waits or allocations while capturing");
            Assert.IsLessThanOrEqualTo(captures ? 1 : 0, ProviderStubs.Waits - waits, "the host waits once a captured shape");
            var work = ProviderStubs.AllWork - before;
            Assert.AreEqual(work, ProviderStubs.Work(backend.Memory.Driver.Stream) - ours, "all of it on our stream");
            return work;
        }
    }
}
