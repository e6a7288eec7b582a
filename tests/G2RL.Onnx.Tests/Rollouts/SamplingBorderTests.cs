using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Tests;

/// <summary>Where one plan, token or setting ends and the next begins.</summary>
[TestClass]
public sealed class SamplingBorderTests
{
    private static readonly DecoderSpec Spec = Architectures.Parse(
        """
        {"architectures": ["Qwen3ForCausalLM"], "vocab_size": 64, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 512, "tie_word_embeddings": true,
         "eos_token_id": 1}
        """,
        "config.json");

    // Bytes of a row of 256 positions: 2 x 2 layers x 2 heads x 16 x 4 bytes each = 512 a position.
    private const long Row = 256 * 512;

    [TestMethod]
    [DataRow(20, 3, 7, 3, 3)] // 20 rows fit: three lanes of 7 / 3 rounded up, and the prompt's
    [DataRow(20, 3, 100, 3, 5)] // three lanes of 20 / 3 - 1
    [DataRow(8, 3, 7, 2, 3)] // two lanes of three rows at least
    [DataRow(3, 3, 7, 1, 2)]
    [DataRow(20, 3, 1, 3, 2)] // one row alone takes another path
    public void For_Budget_IsSharedByLanesOfAtLeastTwoRowsAndAPrompt(int fitting, int threads, int most, int lanes, int rows)
    {
        var settings = new SamplerSettings { Threads = threads, MaxRows = most, CacheBudgetBytes = fitting * Row };
        Assert.AreEqual(new SamplerPlan(lanes, rows, (rows + 1) * Row * lanes), SamplerPlan.For(Spec, 256, settings));
    }

    [TestMethod]
    public void For_BudgetGivenTooSmall_NamesItAlone()
    {
        var settings = new SamplerSettings { CacheBudgetBytes = 1L << 20 };
        var message = Assert.ThrowsExactly<InputException>(() => SamplerPlan.For(Spec, 1024, settings)).Message;
        StringAssert.StartsWith(message, "sampling.cacheBudgetMiB is 1; one row of 1024 tokens takes 0.5 MiB and a lane needs 3 rows. ");
        StringAssert.Contains(message, "Raise the budget to 2, or shorten sampling.maxNewTokens.");
        Assert.AreEqual(2, SamplerPlan.For(Spec, 1024, settings with { CacheBudgetBytes = 3L << 19 }).RowsPerThread);
    }

    [TestMethod]
    [DataRow(1000, 200, 400, 100)]
    [DataRow(1000, 1000, 0, 0)]
    [DataRow(1000, 1200, 0, 0)] // swapped out
    public void OfHost_OfWhatIsLeft_HalfIsFreeAndAnEighthFair(long total, long held, long free, long fair)
    {
        Assert.AreEqual(new CacheMemory(4, free, fair) { IsHost = true }, CacheMemory.OfHost(total, held));
        var here = CacheMemory.OfHost();
        Assert.IsInRange(0, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2, here.FreeBytes);
        Assert.IsInRange(here.FreeBytes / 4 - 1, (here.FreeBytes / 4) + 1, here.FairBytes);
    }

    // 4096 equal weights, 1024 to a chunk of the sum: u x 4096 is exact, and the token is its whole part.
    [TestMethod]
    [DataRow(0.0, 0)]
    [DataRow(2.0 / 4096, 2)]
    [DataRow(1023.5 / 4096, 1023)]
    [DataRow(0.25, 1024)]
    [DataRow(0.5, 2048)]
    [DataRow(2047.75 / 4096, 2047)]
    [DataRow(0.75, 3072)]
    [DataRow(4095.5 / 4096, 4095)]
    public void Draw_SeveralChunks_FindsTheTokenAtTheirBorders(double uniform, int token) =>
        Assert.AreEqual(token, new TokenSampler(4096, new()).Draw(new float[4096], uniform, []).Token);

    [TestMethod]
    public void Draw_LastTokensWithoutWeight_AreNeverTaken()
    {
        // Only tokens 3 and 1500 have any: the border is between them.
        var logits = Enumerable.Repeat(float.NegativeInfinity, 2500).ToArray();
        logits[3] = logits[1500] = 0;
        var sampler = new TokenSampler(2500, new());
        Assert.AreEqual(3, sampler.Draw(logits, 0, []).Token);
        Assert.AreEqual(3, sampler.Draw(logits, 0.499, []).Token);
        Assert.AreEqual(1500, sampler.Draw(logits, 0.5, []).Token);
        Assert.AreEqual(1500, sampler.Draw(logits, 0.9999999999999999, []).Token);
    }

    // 2^-54 a thousand times: added one by one to 1 they are nothing, side by side 5e-14. The last number below 1 lies among them.
    [TestMethod]
    public void Draw_SumThatIsLessOneByOne_TakesTheLastTokenOfAnyWeight()
    {
        var logits = Enumerable.Repeat(float.NegativeInfinity, 1100).ToArray();
        logits[0] = 0;
        logits.AsSpan(1, 1000).Fill(-54 * MathF.Log(2));
        Assert.AreEqual(1000, new TokenSampler(1100, new()).Draw(logits, Math.BitDecrement(1.0), []).Token);
        Assert.AreEqual(0, new TokenSampler(1100, new()).Draw(logits, 0.9999, []).Token);
    }

    [TestMethod]
    public void Draw_EqualWeights_BeginExactlyAtTheirShare()
    {
        // Two kept of three equal ones: the second begins at one half; all of them are as likely as the likeliest.
        Assert.AreEqual(1, new TokenSampler(3, new() { TopK = 2 }).Draw(new float[3], 0.5, []).Token);
        Assert.AreEqual(0, new TokenSampler(3, new() { TopK = 2 }).Draw(new float[3], 0.499, []).Token);
        Assert.AreEqual(1, new TokenSampler(3, new() { MinP = 1 }).Draw([0, 0, -1], 0.5, []).Token);
    }

    [TestMethod]
    public void Padded_Rows_AreTwoFourOrEights()
    {
        int[] expected = [2, 2, 4, 4, 8, 8, 8, 8, 16, 16];
        for (var count = 1; count <= expected.Length; count++)
            Assert.AreEqual(expected[count - 1], SamplerLane.Padded(count, 10), $"{count} rows");
        Assert.AreEqual(1, SamplerLane.Padded(1, 1));
    }

    [TestMethod]
    public void Draw_FeaturesOfAnotherLength_AreRefused()
    {
        var sampler = new TokenSampler(4, new());
        Assert.ThrowsExactly<ArgumentException>(() => sampler.Draw(new float[4], 0.5, new float[3]));
        Assert.ThrowsExactly<ArgumentException>(() => sampler.Draw(new float[4], 0.5, new float[5]));
    }

    [TestMethod]
    public void Validate_Settings_BeginBeyondTheirRange()
    {
        foreach (var good in new SamplingSettings[]
        {
            new() { Temperature = 1e-6 }, new() { Temperature = 1e6 }, new() { TopP = 1e-9 }, new() { TopP = 1 }, new() { MinP = 0 },
            new() { MinP = 1 }, new() { TopK = 0 },
        })
            good.Validate();
        foreach (var (bad, word) in new (SamplingSettings, string)[]
        {
            (new() { Temperature = 9e-7 }, "Temperature is 9E-07"), (new() { Temperature = 1.1e6 }, "Temperature is 1100000"),
            (new() { TopP = 0 }, "sampling.topP is 0"), (new() { TopP = 1.1 }, "sampling.topP is 1.1"),
            (new() { MinP = -0.1 }, "sampling.minP is -0.1"), (new() { MinP = 1.1 }, "sampling.minP is 1.1"),
            (new() { TopK = -1 }, "sampling.topK is -1"),
        })
            StringAssert.StartsWith(Assert.ThrowsExactly<InputException>(bad.Validate).Message, word);
        Assert.IsTrue(new SamplingSettings().IsUnrestricted);
        foreach (var restricted in new SamplingSettings[]
        {
            new() { Greedy = true },
            new() { TopK = 1 },
            new() { TopP = 0.9 },
            new() { MinP = 0.1 },
        })
            Assert.IsFalse(restricted.IsUnrestricted);
    }
}
