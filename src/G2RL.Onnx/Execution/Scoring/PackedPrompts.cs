namespace G2RL.Onnx.Execution.Scoring;

/// <summary>
/// Batches without padding: the tokens of all sequences lie one behind the other, and a prompt that several have once, before all of them.
/// Every response attends its prompt and itself, so each number is the one of a row by itself, but for the order of sums.
/// </summary>
public static class PackedPrompts
{
    /// <summary>Lays sequences out; those with the same prompt that follow each other share it.</summary>
    /// <param name="sequences">At least one; empty prompts or responses are refused.</param>
    public static SequenceBatch Batch(IReadOnlyList<Sequence> sequences)
    {
        if (sequences.Count == 0 || sequences.Any(s => s.Prompt.Length == 0 || s.Response.Length == 0))
            throw new ArgumentException("A batch needs sequences, each with a prompt and a response.", nameof(sequences));
        var (ids, positions, segments) = (new List<long>(), new List<long>(), new List<long>());
        var (scored, targets, owners) = (new List<long>(), new List<long>(), new List<int>());
        var lastOfPrompt = 0;
        for (var s = 0; s < sequences.Count; s++)
        {
            var (prompt, response) = sequences[s];
            if (s == 0 || !Shares(sequences[s - 1], sequences[s]))
            {
                Lay(prompt, 0);
                segments.AddRange([prompt.Length, 0]);
                lastOfPrompt = ids.Count - 1;
            }
            // The last token of a response is read by nobody.
            if (response.Length > 1)
                segments.AddRange([response.Length - 1, 1]);
            for (var t = 0; t < response.Length; t++)
            {
                scored.Add(t == 0 ? lastOfPrompt : ids.Count + t - 1);
                targets.Add(response[t]);
                owners.Add(s);
            }
            Lay(response.AsSpan(0, response.Length - 1), prompt.Length);
        }
        return new(sequences, [.. ids], [.. positions], [.. segments], [.. scored], [.. targets], [.. owners]);

        void Lay(ReadOnlySpan<int> tokens, int from)
        {
            for (var t = 0; t < tokens.Length; t++)
            {
                ids.Add(tokens[t]);
                positions.Add(from + t);
            }
        }
    }

    /// <summary>Tokens of all sequences together, every prompt counted once.</summary>
    public static long Tokens(IReadOnlyList<Sequence> sequences) =>
        Together(sequences).Sum(group => (long)sequences[group[0]].Prompt.Length + group.Sum(i => Own(sequences[i])));

    /// <summary>
    /// Divides sequences into batches of at most <paramref name="maxTokens"/> tokens (at least one sequence each), about equally many in
    /// each, those of a prompt together. A pure function of its arguments; gives the indices of each batch.
    /// </summary>
    public static IReadOnlyList<int[]> Plan(IReadOnlyList<Sequence> sequences, int maxTokens)
    {
        var total = Tokens(sequences);
        var parts = (total + maxTokens - 1) / maxTokens;
        var (batches, batch) = (new List<int[]>(), new List<int>());
        long held = 0, before = 0;
        foreach (var group in Together(sequences))
        {
            var prompt = sequences[group[0]].Prompt.Length;
            var isNew = true;
            foreach (var i in group)
            {
                var own = Own(sequences[i]);
                var cost = own + (isNew ? prompt : 0);
                // Full, or nearer to its share without this one than with it.
                var share = total * (batches.Count + 1) / (double)parts;
                if (batch.Count > 0 && (held + cost > maxTokens || before + (cost / 2.0) > share))
                {
                    batches.Add([.. batch]);
                    batch.Clear();
                    (held, isNew) = (0, true);
                }
                held += own + (isNew ? prompt : 0);
                before += cost;
                isNew = false;
                batch.Add(i);
            }
        }
        batches.Add([.. batch]);
        return batches;
    }

    private static int Own(Sequence sequence) => sequence.Response.Length - 1;

    private static bool Shares(Sequence a, Sequence b) => a.Prompt.AsSpan().SequenceEqual(b.Prompt);

    // Indices by prompt, prompts in the order in which they come first.
    private static List<List<int>> Together(IReadOnlyList<Sequence> sequences)
    {
        var (groups, known) = (new List<List<int>>(), new Dictionary<int[], List<int>>(TokenComparer.Instance));
        for (var i = 0; i < sequences.Count; i++)
        {
            if (!known.TryGetValue(sequences[i].Prompt, out var group))
                groups.Add(known[sequences[i].Prompt] = group = []);
            group.Add(i);
        }
        return groups;
    }

    private sealed class TokenComparer : IEqualityComparer<int[]>
    {
        public static TokenComparer Instance { get; } = new();

        public bool Equals(int[]? x, int[]? y) => ReferenceEquals(x, y) || x.AsSpan().SequenceEqual(y);

        public int GetHashCode(int[] tokens) => tokens.Aggregate(tokens.Length, (hash, token) => unchecked((hash * 31) + token));
    }
}
