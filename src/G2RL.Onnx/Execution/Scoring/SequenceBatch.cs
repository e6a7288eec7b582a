using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution.Scoring;

/// <summary>A prompt and its response as token ids.</summary>
/// <param name="Prompt">Shape [P], P >= 1.</param>
/// <param name="Response">Shape [T], T >= 1.</param>
public readonly record struct Sequence(int[] Prompt, int[] Response)
{
    /// <summary>Tokens that the model reads to score the response: all but the last.</summary>
    public int InputLength => Prompt.Length + Response.Length - 1;
}

/// <summary>
/// Rows for the score and train graphs, padded on the right, or all in one (<see cref="PackedPrompts"/>). Only the positions that score
/// response tokens reach the LM head.
/// </summary>
public sealed class SequenceBatch
{
    /// <summary>Lays sequences out.</summary>
    /// <param name="sequences">At least one; empty prompts or responses are refused.</param>
    public SequenceBatch(IReadOnlyList<Sequence> sequences)
    {
        if (sequences.Count == 0 || sequences.Any(s => s.Prompt.Length == 0 || s.Response.Length == 0))
            throw new ArgumentException("A batch needs sequences, each with a prompt and a response.", nameof(sequences));
        Sequences = sequences;
        Rows = sequences.Count;
        Width = sequences.Max(s => s.InputLength);
        InputIds = new long[Rows * Width];
        Mask = new long[Rows * Width];
        Positions = new long[Rows * Width];
        Scored = new long[sequences.Sum(s => s.Response.Length)];
        Targets = new long[Scored.Length];
        Owners = [.. sequences.SelectMany((s, i) => Enumerable.Repeat(i, s.Response.Length))];
        var next = 0;
        for (var row = 0; row < Rows; row++)
        {
            var (prompt, response) = sequences[row];
            var start = row * Width;
            for (var t = 0; t < sequences[row].InputLength; t++)
            {
                InputIds[start + t] = t < prompt.Length ? prompt[t] : response[t - prompt.Length];
                Mask[start + t] = 1;
                Positions[start + t] = t;
            }
            for (var t = 0; t < response.Length; t++, next++)
            {
                Scored[next] = start + prompt.Length - 1 + t;
                Targets[next] = response[t];
            }
        }
    }

    // As packed: one row of tokens alone.
    internal SequenceBatch(
        IReadOnlyList<Sequence> sequences, long[] ids, long[] positions, long[] segments, long[] scored, long[] targets, int[] owners)
    {
        (Sequences, Rows, Width) = (sequences, 1, ids.Length);
        (InputIds, Positions, Mask) = (ids, positions, [.. Enumerable.Repeat(1L, ids.Length)]);
        (Segments, Scored, Targets, Owners) = (segments, scored, targets, owners);
    }

    // As laid out, filled up.
    private SequenceBatch(SequenceBatch from, int width, int scored)
    {
        (Sequences, Rows, Width) = (from.Sequences, from.Rows, width);
        InputIds = Wider(from.InputIds);
        Mask = Wider(from.Mask);
        Positions = Wider(from.Positions);
        Scored = Repeated(from.Scored, scored);
        for (var i = 0; i < Scored.Length; i++)
            Scored[i] = (Scored[i] / from.Width * width) + (Scored[i] % from.Width);
        Targets = Repeated(from.Targets, scored);
        Owners = Repeated(from.Owners, scored);
        // What fills a packed row up is a root that nothing else sees.
        Segments = from.Segments is { } segments && width > from.Width ? [.. segments, width - from.Width, 0] : from.Segments;

        long[] Wider(long[] values)
        {
            var wide = new long[checked(from.Rows * width)];
            for (var row = 0; row < from.Rows; row++)
                values.AsSpan(row * from.Width, from.Width).CopyTo(wide.AsSpan(row * width));
            return wide;
        }
    }

    /// <summary>What was laid out.</summary>
    public IReadOnlyList<Sequence> Sequences { get; }

    /// <summary>B</summary>
    public int Rows { get; }

    /// <summary>T, the longest row or more.</summary>
    public int Width { get; }

    /// <summary>Token ids [B, T].</summary>
    public long[] InputIds { get; }

    /// <summary>1 on tokens, 0 on padding [B, T].</summary>
    public long[] Mask { get; }

    /// <summary>Positions [B, T].</summary>
    public long[] Positions { get; }

    /// <summary>Flat positions that score response tokens [R], sequence by sequence.</summary>
    public long[] Scored { get; }

    /// <summary>The response tokens [R].</summary>
    public long[] Targets { get; }

    /// <summary>The sequence of each scored token [R].</summary>
    public int[] Owners { get; }

    /// <summary>Of packed rows, what the graph's input <c>DecoderGraph.Segments</c> takes [S, 2]; else null.</summary>
    public long[]? Segments { get; }

    /// <summary>
    /// The same with padding up to a width, of packed rows as tokens of their own, and the last scored position again and again up to a
    /// number of them.
    /// </summary>
    /// <param name="width">At least <see cref="Width"/>.</param>
    /// <param name="scored">At least the length of <see cref="Scored"/>.</param>
    internal SequenceBatch Padded(int width, int scored)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, Width);
        ArgumentOutOfRangeException.ThrowIfLessThan(scored, Scored.Length);
        return new(this, width, scored);
    }

    /// <summary>An array made longer by its last element.</summary>
    internal static T[] Repeated<T>(T[] values, int length)
    {
        var longer = new T[length];
        values.CopyTo(longer, 0);
        longer.AsSpan(values.Length).Fill(values[^1]);
        return longer;
    }

    /// <summary>Binds the inputs of <c>DecoderGraph.Body</c> (and, if asked for, the targets).</summary>
    internal void BindTo(ITensorInputs binding, bool targets)
    {
        binding.Input("input_ids", InputIds, Rows, Width);
        binding.Input("attention_mask", Mask, Rows, Width);
        binding.Input("position_ids", Positions, Rows, Width);
        binding.Input("rows", Scored, Scored.Length);
        if (binding.Names.Contains(DecoderGraph.Segments) != Segments is not null)
            throw new InvalidOperationException("A packed batch is for a packed graph, and another one for another.");
        if (Segments is not null)
            binding.Input(DecoderGraph.Segments, Segments, Segments.Length / 2, 2);
        if (targets)
            binding.Input("targets", Targets, Targets.Length);
    }

    /// <summary>
    /// Divides sequences into batches of at most <paramref name="maxTokens"/> padded tokens (at least one sequence each), longest first, so
    /// that padding is small. A pure function of its arguments; gives the indices of each batch.
    /// </summary>
    public static IReadOnlyList<int[]> Plan(IReadOnlyList<Sequence> sequences, int maxTokens)
    {
        var order = Enumerable.Range(0, sequences.Count).OrderByDescending(i => sequences[i].InputLength).ThenBy(i => i).ToArray();
        var batches = new List<int[]>();
        for (var start = 0; start < order.Length;)
        {
            var rows = Math.Max(1, Math.Min(order.Length - start, maxTokens / sequences[order[start]].InputLength));
            batches.Add(order[start..(start + rows)]);
            start += rows;
        }
        return batches;
    }
}
