namespace G2RL.Onnx.Algorithms.Losses;

/// <summary>Counts of a mini-batch, the whole of it however it is divided.</summary>
/// <param name="Rows">Sequences, those without an unmasked token included.</param>
/// <param name="Sequences">Sequences with an unmasked token.</param>
/// <param name="Tokens">Unmasked tokens.</param>
/// <param name="Width">Positions of a row, masked ones included.</param>
/// <param name="Scale">What the losses of a sequence are divided by in place of its length.</param>
/// <param name="Groups">Groups (prompts) with an unmasked token.</param>
internal readonly record struct BatchCounts(double Rows, double Sequences, double Tokens, double Width, double Scale, double Groups);

/// <summary>Counts of a sequence.</summary>
/// <param name="Tokens">Its unmasked tokens.</param>
/// <param name="GroupTokens">Those of its whole group within the mini-batch.</param>
internal readonly record struct SequenceCounts(double Tokens, double GroupTokens);

/// <summary>How the losses of tokens become one number.</summary>
/// <param name="Weight">Weight of a token of such a sequence.</param>
/// <param name="EveryPosition">Whether masked positions weigh as much.</param>
/// <param name="Selects">Whether masked positions are left out rather than multiplied by 0, so that no NaN of theirs comes through.</param>
internal sealed record Aggregation(Func<SequenceCounts, BatchCounts, double> Weight, bool EveryPosition = false, bool Selects = false);

/// <summary>The aggregations: L = sum_t w_t l_t, the weights from the counts alone. N_i tokens of a sequence, N of the batch.</summary>
/// <remarks>
/// Source: DAPO, arXiv:2503.14476, for token-mean; Dr.GRPO, arXiv:2503.20783, for a constant in place of the length; LUSPO for weights by
/// length.
/// </remarks>
internal static class Aggregations
{
    // What torch-based trainers add to a length.
    private const double Tiny = 1e-8;

    /// <summary>Aggregations by name.</summary>
    public static IReadOnlyDictionary<string, Aggregation> All { get; } = new SortedDictionary<string, Aggregation>(StringComparer.Ordinal)
    {
        ["token-mean"] = new((_, b) => 1 / b.Tokens, Selects: true),
        ["token-sum"] = new((_, _) => 1, Selects: true),
        ["seq-mean-token-sum"] = new((_, b) => 1 / b.Sequences),
        ["seq-mean-token-sum-norm"] = new((_, b) => 1 / (b.Sequences * b.Scale)),
        ["seq-mean-token-mean"] = new((s, b) => 1 / ((s.Tokens + Tiny) * b.Sequences)),
        ["row-mean-token-mean"] = new((s, b) => 1 / (Math.Max(s.Tokens, 1) * b.Rows)),
        ["row-mean-token-sum-norm"] = new((_, b) => 1 / (b.Rows * b.Scale)),
        ["length-weighted"] = new((s, b) => s.Tokens / (b.Rows * b.Width), EveryPosition: true),
        ["prompt-mean"] = new((s, b) => 1 / (s.GroupTokens * b.Groups), Selects: true),
    };

    /// <summary>Counts of a rectangular mask.</summary>
    /// <param name="mask">1 where a token counts [B, T] row-major.</param>
    /// <param name="rows">B</param>
    /// <param name="scale">See <see cref="BatchCounts"/>; null takes T.</param>
    /// <param name="groups">Group of each row [B]; null takes every row for itself.</param>
    public static BatchCounts Count(ReadOnlySpan<float> mask, int rows, double? scale = null, IReadOnlyList<int>? groups = null)
    {
        var width = rows == 0 ? 0 : mask.Length / rows;
        var (sequences, tokens) = (0, 0d);
        var seen = new HashSet<int>();
        for (var row = 0; row < rows; row++)
        {
            var n = Length(mask, row, width);
            if (n > 0)
                seen.Add(groups?[row] ?? row);
            (sequences, tokens) = (sequences + (n > 0 ? 1 : 0), tokens + n);
        }
        return new(rows, sequences, tokens, width, scale ?? width, seen.Count);
    }

    /// <summary>Weights of a rectangular mask's tokens [B, T], all 0 when nothing is unmasked and <paramref name="emptyIsZero"/>.</summary>
    /// <param name="aggregation">The aggregation.</param>
    /// <param name="mask">1 where a token counts [B, T] row-major.</param>
    /// <param name="rows">B, this part's rows.</param>
    /// <param name="batch">Counts of the whole mini-batch.</param>
    /// <param name="emptyIsZero">Whether an all-masked batch gives 0; else what the formula gives, which is NaN where it divides by
    /// 0.</param>
    /// <param name="groupTokens">Unmasked tokens of each row's group in the whole mini-batch [B]; null takes every row for itself.</param>
    public static float[] Weights(
        Aggregation aggregation,
        ReadOnlySpan<float> mask,
        int rows,
        BatchCounts batch,
        bool emptyIsZero,
        IReadOnlyList<double>? groupTokens = null)
    {
        var weights = new float[mask.Length];
        if (emptyIsZero && batch.Tokens == 0)
            return weights;
        var width = rows == 0 ? 0 : mask.Length / rows;
        for (var row = 0; row < rows; row++)
        {
            var tokens = Length(mask, row, width);
            var weight = aggregation.Weight(new(tokens, groupTokens?[row] ?? tokens), batch);
            for (var t = row * width; t < (row + 1) * width; t++)
                weights[t] = (float)(aggregation.EveryPosition
                    ? weight
                    : batch.Tokens == 0 && weight is double.PositiveInfinity ? double.NaN
                    : mask[t] == 0 ? 0
                    : weight);
        }
        return weights;
    }

    private static double Length(ReadOnlySpan<float> mask, int row, int width)
    {
        var n = 0d;
        foreach (var m in mask.Slice(row * width, width))
            n += m;
        return n;
    }
}
