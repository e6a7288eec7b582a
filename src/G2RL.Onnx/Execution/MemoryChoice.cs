using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution;

/// <summary>How the graphs of whole sequences spend memory on the host: pure functions of the model and of what is asked for, so that a run repeats.</summary>
internal static class MemoryChoice
{
    // Logits of a chunk. Below so many rows a product would read the weights more often than it pays.
    private const long ChunkBytes = 64L << 20;
    private const int FewestRows = 256;

    // Rows up to this long go without blocks: their shares are small beside the rest.
    private const int Unblocked = 512;
    private const int BlockQueries = 256;

    /// <summary>For training.</summary>
    /// <param name="spec">The model.</param>
    /// <param name="tokens">Padded tokens of a micro-batch, at most.</param>
    /// <param name="positions">Tokens of a row, at most.</param>
    /// <param name="recompute">Whether layers are recomputed.</param>
    public static GraphMemory Training(DecoderSpec spec, long tokens, int positions, bool recompute) =>
        Scoring(spec, tokens, positions) with { Recompute = recompute, InPlaceSums = true };

    /// <summary>For scoring: no gradients.</summary>
    public static GraphMemory Scoring(DecoderSpec spec, long tokens, int positions)
    {
        var rows = Math.Max(FewestRows, ChunkBytes / ((long)spec.VocabularySize * sizeof(float)));
        return new(Parts(Math.Max(tokens, positions), rows), positions <= Unblocked ? 1 : Parts(positions, BlockQueries));
    }

    private static int Parts(long length, long each) => (int)Math.Clamp((length + each - 1) / each, 1, GraphMemory.MostParts);
}
