using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution.Planning;

/// <summary>
/// How the graphs of whole sequences spend memory on the host: pure functions of the model and of what is asked for, so that a run repeats.
/// </summary>
internal static class MemoryChoice
{
    // Logits of a chunk. Below so many rows a product would read the weights more often than it pays.
    private const long ChunkBytes = 64L << 20;
    private const int FewestRows = 256;

    // Rows up to this long go without blocks: their shares are small beside the rest.
    private const int Unblocked = 256;
    private const int BlockQueries = 128;

    // The widest value of a block of tokens, and its fewest tokens: below, products would read the weights too often.
    private const long BlockBytes = 32L << 20;
    private const int FewestTokens = 512;

    private const long DeviceChunkBytes = 256L << 20;
    private const int DeviceBlockQueries = 1024;

    /// <summary>For training.</summary>
    /// <param name="spec">The model.</param>
    /// <param name="tokens">Padded tokens of a micro-batch, at most.</param>
    /// <param name="positions">Tokens of a row, at most.</param>
    /// <param name="recompute">Whether layers are recomputed.</param>
    /// <param name="kernels">Whose operators.</param>
    /// <remarks>
    /// Sums inside the products round otherwise than sums of products. Of a model that may be trained side by side, a batch's gradient is
    /// always written on zeros, where both are the same, and whole gradients are added (see GradientAccumulator): one thread gives the bits
    /// of many.
    /// </remarks>
    public static GraphMemory Training(
        DecoderSpec spec,
        long tokens,
        int positions,
        bool recompute,
        KernelChoice kernels = KernelChoice.Auto) =>
        Scoring(spec, tokens, positions, kernels) with
        {
            Recompute = recompute,
            InPlaceSums = true,
            SharedSums = !Lanes.IsLarge(spec),
            // Long rows of standard operators alone: ours hold less between a unit's ends.
            FeedForwardBlocks = recompute && kernels.Here() == GraphKernels.Standard
                ? Parts(tokens, Math.Max(FewestTokens, BlockBytes / ((long)spec.IntermediateSize * sizeof(float))))
                : 1,
        };

    /// <summary>For scoring: no gradients.</summary>
    public static GraphMemory Scoring(DecoderSpec spec, long tokens, int positions, KernelChoice kernels = KernelChoice.Auto)
    {
        var rows = Math.Max(FewestRows, ChunkBytes / ((long)spec.VocabularySize * sizeof(float)));
        return new(
            Parts(Math.Max(tokens, positions), rows),
            positions <= Unblocked ? 1 : Parts(positions, BlockQueries),
            Kernels: kernels.Here());
    }

    /// <summary>Whether all that a step holds without recomputation would take more than four fifths of the memory that is free.</summary>
    public static bool RecomputesToFit(DecoderSpec spec, int threads, int tokens, int positions, KernelChoice kernels = KernelChoice.Auto)
    {
        var (lanes, learning) = (Lanes.For(spec, threads), spec.Trainable.Sum(p => p.Count) * sizeof(float));
        var free = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes - Environment.WorkingSet;
        var width = Math.Min(positions, Math.Max(tokens, 1));
        MicrobatchShape micro = new(Math.Max(1, tokens / width), width, width, lanes.Count);
        var memory = Training(spec, tokens, positions, recompute: false, kernels);
        // Gradients, two moments, and what each lane has of its own.
        var own = lanes.Count > 1 ? MemoryEstimate.LaneGradients(spec, memory).Sum(p => p.Count) * sizeof(float) : 0;
        var held = (learning * 3) + (own * lanes.Count);
        return held + MemoryEstimate.Training(spec, memory, micro, positions, lanes).Tensors
            > free / 5 * 4;
    }

    /// <summary>
    /// For a device: larger pieces, since each costs launches and there is more memory, and standard operators, which it has kernels for;
    /// where ours are asked for, attention in one piece by kernels that hold no shares.
    /// </summary>
    /// <param name="spec">The model.</param>
    /// <param name="tokens">Padded tokens of a micro-batch, at most.</param>
    /// <param name="positions">Tokens of a row, at most.</param>
    /// <param name="recompute">Whether layers are recomputed.</param>
    /// <param name="kernels">Whose operators.</param>
    public static GraphMemory Device(
        DecoderSpec spec,
        long tokens,
        int positions,
        bool recompute,
        KernelChoice kernels = KernelChoice.Standard)
    {
        var ours = kernels == KernelChoice.Fused;
        return new(
            Parts(Math.Max(tokens, positions), Math.Max(FewestRows, DeviceChunkBytes / ((long)spec.VocabularySize * sizeof(float)))),
            ours ? 1 : Parts(positions, DeviceBlockQueries),
            recompute,
            Kernels: ours ? GraphKernels.Device : GraphKernels.Standard);
    }

    /// <summary>
    /// Whether without recomputation the activations of a micro-batch would take more than four fifths of what is left on a device.
    /// </summary>
    /// <param name="spec">The model.</param>
    /// <param name="tokens">Padded tokens of a micro-batch, at most.</param>
    /// <param name="positions">Tokens of a row, at most.</param>
    /// <param name="type">Type of the products.</param>
    /// <param name="left">Bytes of the device that neither weights nor gradients, moments or caches take.</param>
    /// <param name="kernels">Whose operators.</param>
    public static bool DeviceRecomputesToFit(
        DecoderSpec spec,
        int tokens,
        int positions,
        ElementType type,
        long left,
        KernelChoice kernels = KernelChoice.Standard)
    {
        var width = Math.Min(positions, Math.Max(tokens, 1));
        MicrobatchShape micro = new(Math.Max(1, tokens / width), width, width, Count: 1);
        return MemoryEstimate.DeviceActivations(spec, Device(spec, tokens, positions, recompute: false, kernels), micro, positions, type)
            > left / 5 * 4;
    }

    private static int Parts(long length, long each) => (int)Math.Clamp((length + each - 1) / each, 1, GraphMemory.MostParts);
}
