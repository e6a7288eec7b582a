using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution.Scoring;

/// <summary>How sequences become batches: packed (<see cref="PackedPrompts"/>) or padded rows (<see cref="SequenceBatch"/>).</summary>
public static class BatchPlan
{
    /// <summary>
    /// The indices of each batch, of at most so many tokens, and of a small model so few that several threads find work. A pure function
    /// of its arguments.
    /// </summary>
    /// <param name="spec">The model.</param>
    /// <param name="sequences">Prompts and responses.</param>
    /// <param name="maxTokens">Tokens of a batch at most, padding included.</param>
    /// <param name="packed">Whether rows are packed.</param>
    public static IReadOnlyList<int[]> Of(DecoderSpec spec, IReadOnlyList<Sequence> sequences, int maxTokens, bool packed) => packed
        ? PackedPrompts.Plan(sequences, Lanes.TokensPerBatch(spec, PackedPrompts.Tokens(sequences), maxTokens))
        : SequenceBatch.Plan(sequences, Lanes.TokensPerBatch(spec, sequences.Sum(s => (long)s.InputLength), maxTokens));

    /// <summary>All sequences in one batch: their indices, in the order in which a plan takes them.</summary>
    public static int[] Whole(IReadOnlyList<Sequence> sequences, bool packed) =>
        packed ? PackedPrompts.Plan(sequences, int.MaxValue).Single() : SequenceBatch.Plan(sequences, int.MaxValue).Single();

    /// <summary>Lays the sequences of a batch out.</summary>
    public static SequenceBatch Batch(IReadOnlyList<Sequence> sequences, bool packed) =>
        packed ? PackedPrompts.Batch(sequences) : new SequenceBatch(sequences);

    /// <summary>
    /// Multiplications and additions of a forward pass over a batch: every product of a token with a weight, of the head for scored tokens
    /// alone, and the causal half of attention. A backward pass has twice as many.
    /// </summary>
    /// <param name="spec">The model.</param>
    /// <param name="sequences">The batch.</param>
    /// <param name="packed">Whether it is packed; else every row is filled up to the longest.</param>
    public static double Work(DecoderSpec spec, IReadOnlyList<Sequence> sequences, bool packed)
    {
        // What belongs to a layer has its number in its name; embeddings are looked up.
        var layers = spec.Parameters.Where(p => p.Shape.Length == 2 && p.Name.Any(char.IsAsciiDigit)).Sum(p => (double)p.Count);
        double tokens, pairs;
        if (packed)
        {
            (tokens, pairs) = (0, 0);
            for (var s = 0; s < sequences.Count; s++)
            {
                double prompt = sequences[s].Prompt.Length, own = sequences[s].Response.Length - 1;
                if (s == 0 || !sequences[s].Prompt.AsSpan().SequenceEqual(sequences[s - 1].Prompt))
                    (tokens, pairs) = (tokens + prompt, pairs + (prompt * (prompt + 1) / 2));
                (tokens, pairs) = (tokens + own, pairs + (own * (prompt + ((own + 1) / 2))));
            }
        }
        else
        {
            double width = sequences.Max(s => s.InputLength);
            (tokens, pairs) = (sequences.Count * width, sequences.Count * width * (width + 1) / 2);
        }
        var scored = sequences.Sum(s => (double)s.Response.Length);
        return 2 * ((tokens * layers) + (scored * spec.VocabularySize * spec.HiddenSize)
            + (2 * pairs * spec.Layers * spec.Heads * spec.HeadDimension));
    }
}
