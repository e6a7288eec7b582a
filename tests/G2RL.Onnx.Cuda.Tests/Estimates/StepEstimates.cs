using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Rollouts.Decoding;

namespace G2RL.Onnx.Cuda.Tests.Estimates;

/// <summary>Times of a step as launches x cost, bytes / bandwidth and operations / rate, for a model in bfloat16.</summary>
internal static class StepEstimates
{
    private const int Narrow = 2;
    private const int Wide = 4;

    /// <summary>Seconds of a decode step.</summary>
    /// <param name="spec">The model.</param>
    /// <param name="rows">Rows in flight.</param>
    /// <param name="context">Tokens of each so far.</param>
    /// <param name="launches">What ONNX Runtime puts on the stream (CaptureTests counts it).</param>
    /// <param name="logitBytes">Bytes that move for a logit, from the product to the token.</param>
    /// <param name="captured">Whether the step is one CUDA graph.</param>
    /// <param name="on">The hardware.</param>
    /// <remarks>Weights once, keys and values of every row once, logits; the host and the device work at the same time.</remarks>
    public static double Decode(DecoderSpec spec, int rows, int context, int launches, int logitBytes, bool captured, Hardware on)
    {
        var cache = 2.0 * spec.Layers * spec.KeyValueHeads * spec.HeadDimension * Narrow * context * rows;
        var bytes = (Narrow * (double)spec.ParameterCount) + cache + (logitBytes * (double)rows * spec.VocabularySize);
        var device = (bytes / on.Bandwidth) + (launches * (captured ? on.CapturedGap : on.Gap));
        return Math.Max(device, captured ? 0 : launches * on.Enqueue);
    }

    /// <summary>Seconds of running prompts into the cache, so many in a call.</summary>
    /// <param name="spec">The model.</param>
    /// <param name="prompts">Prompts.</param>
    /// <param name="length">Tokens of each.</param>
    /// <param name="together">Prompts of a call.</param>
    /// <param name="launches">What a call puts on the stream.</param>
    /// <param name="on">The hardware.</param>
    public static double Prefill(DecoderSpec spec, int prompts, int length, int together, int launches, Hardware on)
    {
        var calls = (prompts + together - 1) / together;
        var products = 2.0 * spec.ParameterCount * length * together / on.Products;
        var weights = Narrow * (double)spec.ParameterCount / on.Bandwidth;
        return calls * Math.Max(Math.Max(products, weights) + (launches * on.Gap), launches * on.Enqueue);
    }

    /// <summary>Rows of a cache that grows by blocks, when the longest has so many positions.</summary>
    /// <param name="spec">The model.</param>
    /// <param name="plan">The sampler's plan.</param>
    /// <param name="positions">The longest row.</param>
    public static int RowsAt(DecoderSpec spec, SamplerPlan plan, int positions)
    {
        var buffers = 2L * spec.Layers;
        var room = plan.CacheBytes / (buffers + 1) * buffers / KvCache.BytesPerRow(spec, positions, Narrow);
        return (int)Math.Min(plan.RowsPerThread, (room - plan.PromptSlots) / 8 * 8);
    }

    /// <summary>Model FLOP utilisation of a micro-batch: useful operations / time / peak.</summary>
    /// <param name="spec">The model.</param>
    /// <param name="tokens">Tokens of the micro-batch.</param>
    /// <param name="length">Tokens of a row.</param>
    /// <param name="onChip">Whether attention and maps run by our kernels; else by standard operators, attention in blocks.</param>
    /// <param name="recompute">Whether layers are computed again.</param>
    /// <param name="counts">Whether the products of attention's causal half, 6 H d T / 2 a layer and token, are useful beside 6 N.</param>
    /// <param name="on">The hardware.</param>
    /// <remarks>
    /// Products 6 N tokens, 8 N where layers are recomputed; gradients of weights 18 bytes each a micro-batch, widened
    /// and added, or 10 by our kernel, which adds them as products give them. Maps of
    /// standard operators in float32, of which a token has about 14 D + 6 F numbers a layer, each read and written in the forward, the
    /// backward and the repeated pass. Ours in bfloat16, counted kernel by kernel: norms, norms and rotations of heads, the gated unit and
    /// sums of the residual stream read and write 10 D + 4 (H + K) d + 3 F numbers forward; 21 D + 5 (H + K) d + 5 F backward, of which 9 D
    /// are sums of what several products give for one input. Attention in blocks: its products four times the forward ones,
    /// and its shares, half of T x T a head, touched about twelve times. Our kernels: two products forward, four for keys
    /// and values, three for queries (so that nothing is added atomically), at the rates of <see cref="AttentionRate"/>; of tiles on the
    /// diagonal they compute what lies beyond it, 64 tokens a query forward and 32 backward.
    /// </remarks>
    public static double TrainingUse(DecoderSpec spec, int tokens, int length, bool onChip, bool recompute, bool counts, Hardware on)
    {
        var useful = 6.0 * spec.ParameterCount * tokens;
        var forward = 4.0 * spec.Heads * spec.HeadDimension * (length / 2.0) * tokens * spec.Layers;
        var products = useful * (recompute ? 8 : 6) / 6 / on.Products;
        double d = spec.HiddenSize, f = spec.IntermediateSize, heads = (spec.Heads + spec.KeyValueHeads) * (double)spec.HeadDimension;
        var (there, back) = ((10 * d) + (4 * heads) + (3 * f), (21 * d) + (5 * heads) + (5 * f));
        var each = onChip
            ? Narrow * ((there * (recompute ? 2 : 1)) + back)
            : ((14 * d) + (6 * f)) * Wide * 2 * (recompute ? 3 : 2);
        var maps = ((each * spec.Layers * tokens) + ((onChip ? 10.0 : 18.0) * spec.ParameterCount)) / on.Bandwidth;
        var shares = spec.Heads * (length / 2.0) * tokens * spec.Layers * Wide * 12 / on.Bandwidth;
        var attention = onChip
            ? ((forward * (1 + (64.0 / length)) * (recompute ? 2 : 1) / AttentionRate.Forward.Share)
                + (forward * (1 + (32.0 / length)) * ((2 / AttentionRate.Keys.Share) + (1.5 / AttentionRate.Queries.Share)))) / on.Peak
            : (4 * forward / on.Products) + shares;
        return (useful + (counts ? 3 * forward : 0)) / (products + maps + attention) / on.Peak;
    }
}
