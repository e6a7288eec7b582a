using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution;

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

    private const long SessionBytes = 48L << 20;

    /// <summary>For training.</summary>
    /// <param name="spec">The model.</param>
    /// <param name="tokens">Padded tokens of a micro-batch, at most.</param>
    /// <param name="positions">Tokens of a row, at most.</param>
    /// <param name="recompute">Whether layers are recomputed.</param>
    /// <param name="kernels">Whose operators.</param>
    /// <remarks>
    /// Sums inside the products round otherwise than sums of products, so they are for models that are never trained side by side: of a
    /// smaller one, lanes add whole gradients, and one thread has to give the bits of many.
    /// </remarks>
    public static GraphMemory Training(
        DecoderSpec spec,
        long tokens,
        int positions,
        bool recompute,
        KernelChoice kernels = KernelChoice.Auto) =>
        Scoring(spec, tokens, positions, kernels) with { Recompute = recompute, InPlaceSums = Lanes.For(spec, threads: 2).Count == 1 };

    /// <summary>For scoring: no gradients.</summary>
    public static GraphMemory Scoring(DecoderSpec spec, long tokens, int positions, KernelChoice kernels = KernelChoice.Auto)
    {
        var rows = Math.Max(FewestRows, ChunkBytes / ((long)spec.VocabularySize * sizeof(float)));
        return new(
            Parts(Math.Max(tokens, positions), rows),
            positions <= Unblocked ? 1 : Parts(positions, BlockQueries),
            Kernels: kernels.Here());
    }

    /// <summary>Bytes that a run of the train graph takes at most beside weights and gradients.</summary>
    /// <param name="spec">The model.</param>
    /// <param name="memory">How the graph spends memory.</param>
    /// <param name="tokens">Padded tokens of a micro-batch, at most.</param>
    /// <param name="positions">Tokens of a row, at most.</param>
    /// <remarks>
    /// The values of the graph, what ONNX Runtime's arena loses between them, and the session itself; the latter two measured.
    /// </remarks>
    public static long Activations(DecoderSpec spec, GraphMemory memory, int tokens, int positions)
    {
        var width = Math.Min(positions, Math.Max(tokens, 1));
        var rows = Math.Max(1, tokens / width);
        var axes = new Dictionary<string, long>(
            StringComparer.Ordinal)
        { ["B"] = rows, ["T"] = width, ["R"] = (long)rows * width, ["P"] = positions };
        return (PeakMemory.Of(DecoderGraph.Train(spec, CrossEntropy, memory: memory), axes) * 5 / 4) + SessionBytes;
    }

    /// <summary>Whether all that a step holds without recomputation would take more than four fifths of the memory that is free.</summary>
    public static bool RecomputesToFit(DecoderSpec spec, int threads, int tokens, int positions, KernelChoice kernels = KernelChoice.Auto)
    {
        var (lanes, learning) = (Lanes.For(spec, threads).Count, spec.Trainable.Sum(p => p.Count) * sizeof(float));
        var free = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes - Environment.WorkingSet;
        // Gradients, one more for each lane, and two moments.
        var held = learning * (3 + (lanes > 1 ? lanes : 0));
        return held + (lanes * Activations(spec, Training(spec, tokens, positions, recompute: false, kernels), tokens, positions))
            > free / 5 * 4;
    }

    private static int Parts(long length, long each) => (int)Math.Clamp((length + each - 1) / each, 1, GraphMemory.MostParts);

    // The simplest of all losses: what another one needs beside it is small.
    private static Value CrossEntropy(OpBuilder op, Value logProbs, Value entropy) =>
        op.Neg(op.ReduceSum(op.Mul(logProbs, op.Graph.Input("weights", ElementType.Float32, "R")), keepDims: false, 0));
}
