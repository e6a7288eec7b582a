using G2RL.Onnx.Execution.Memory;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests;

/// <summary>A plan that knows the prompts counts the cache as far as it is written.</summary>
[TestClass]
public sealed class WrittenCacheTests
{
    [TestMethod]
    public void Memory_PromptsThatAreKnown_CountsTheCacheAsFarAsItIsWritten()
    {
        using var model = new TinyModel();
        var config = model.Config with { Sampling = model.Config.Sampling with { MaxPromptTokens = 52, MaxNewTokens = 12 } };
        using var trainer = new Trainer(config);
        const string cache = "key/value cache of sampling";
        long Of(MemoryPlan plan) => plan.Uses.Single(u => u.Purpose == cache).Bytes;
        var (known, unknown) = (Of(trainer.Memory()), Of(MemoryPlan.Of(config, trainer.Policy.Spec, threads: 2)));
        var longest = trainer.Inputs.LongestPrompt;
        Assert.IsInRange(1, 20, longest);
        // Threads of the trainer and of the other plan may differ, and a page a head is added: within the cache, and not below its share.
        Assert.IsLessThanOrEqualTo(unknown, known);
        Assert.IsGreaterThanOrEqualTo(unknown * (longest + 12) / 64, known);
        if (Pages.CanRelease)
            Assert.AreEqual(
                unknown,
                Of(MemoryPlan.Of(config, trainer.Policy.Spec, threads: 2, null, longestPrompt: 52)));
    }
}
