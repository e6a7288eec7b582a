namespace G2RL.Onnx.Models;

/// <summary>
/// How a graph of whole sequences spends memory. Every setting gives the same numbers but for rounding: chunks bound what is held at once,
/// recomputation holds less and computes more. The default is the plain graph, which is what an export holds.
/// </summary>
/// <param name="HeadChunks">Chunks of scored rows in which the LM head runs, so that logits are [R / chunks, V]; 1 to 64.</param>
/// <param name="AttentionBlocks">Blocks of queries in which attention runs, each over the keys up to its end; 1 to 64. More than one are
/// recomputed.</param>
/// <param name="Recompute">Whether the inside of every layer is computed again in the backward pass instead of kept.</param>
/// <param name="InPlaceSums">
/// Whether weight gradients are added to their accumulators inside the products, without a copy of their own. Not for graphs whose products
/// are narrowed.
/// </param>
/// <param name="Kernels">Whose operators the graph is written in.</param>
/// <param name="Packed">
/// Whether the tokens of all rows lie in one, [1, T], without padding and with what they share once, as the input
/// <see cref="DecoderGraph.Segments"/> tells. Of our operators alone.
/// </param>
public sealed record GraphMemory(
    int HeadChunks = 1,
    int AttentionBlocks = 1,
    bool Recompute = false,
    bool InPlaceSums = false,
    GraphKernels Kernels = GraphKernels.Standard,
    bool Packed = false)
{
    /// <summary>
    /// Blocks of tokens in which the second half of every layer runs; 1 to 64. More than one are recomputed.
    /// </summary>
    public int FeedForwardBlocks { get; init; } = 1;

    /// <summary>
    /// Whether runs that are at work at once share the accumulators of weights with <see cref="FewestShared"/> numbers or more, and add to
    /// them in turn. What a token's look-up adds to such a weight then is an output of its own (<see cref="DecoderGraph.RowsSuffix"/>).
    /// With <see cref="InPlaceSums"/> and our operators alone.
    /// </summary>
    public bool SharedSums { get; init; }

    /// <summary>Weights of fewer numbers have an accumulator for each run even so: taking turns would be more than it saves.</summary>
    public const int FewestShared = 1 << 16;

    /// <summary>The plain graph.</summary>
    public static GraphMemory Plain { get; } = new();

    /// <summary>The most parts into which an axis is divided: so many lengths a graph can reckon with.</summary>
    public const int MostParts = 64;
}
