namespace G2RL.Onnx.Tests.Interop;

/// <summary>A vocabulary and its merges, best first.</summary>
/// <param name="Alphabet">The characters, in ordinal order.</param>
/// <param name="Merges">Pairs of tokens.</param>
internal sealed record TrainedBpe(IReadOnlyList<string> Alphabet, IReadOnlyList<(string Left, string Right)> Merges);

/// <summary>
/// Trains small BPE vocabularies on text that is made here, since the vocabularies of published models may not be committed: the most
/// frequent pairs of neighbours are merged, again and again. Plain and slow; what it gives depends on the seed alone.
/// </summary>
internal static class BpeTrainer
{
    private const int PairsARound = 20;

    /// <summary>
    /// Merges of every byte that can end a character with every byte that can begin one, in a seeded order: tokens then show where a text
    /// was cut, which merges that stay within words never would.
    /// </summary>
    public static TrainedBpe Glue(Func<byte, string> spell)
    {
        var bytes = Enumerable.Range(0, 256).Select(b => (byte)b).ToArray();
        var pairs = bytes.Where(b => b < 0xC0)
            .SelectMany(last => bytes.Where(b => b is < 0x80 or (>= 0xC2 and <= 0xF4)).Select(first => (spell(last), spell(first))))
            .ToArray();
        new Random(3).Shuffle(pairs);
        return new TrainedBpe([.. bytes.Select(spell)], pairs);
    }

    /// <summary>Trains on words.</summary>
    /// <param name="words">Words in the spelling that merges see, and how often each comes.</param>
    /// <param name="alphabet">Characters that are tokens whether they come or not.</param>
    /// <param name="merges">How many merges to make; fewer when nothing comes twice any more.</param>
    public static TrainedBpe Train(IReadOnlyDictionary<string, int> words, IEnumerable<string> alphabet, int merges)
    {
        var known = alphabet.ToHashSet(StringComparer.Ordinal);
        // Characters outside the alphabet end a run of symbols, as bytes and unknown tokens do.
        var runs = words.OrderBy(w => w.Key, StringComparer.Ordinal)
            .SelectMany(w => Runs(w.Key, known).Select(symbols => (Symbols: symbols, Count: w.Value))).ToList();
        var made = new List<(string Left, string Right)>();
        while (made.Count < merges)
        {
            var counts = new Dictionary<(string Left, string Right), int>();
            foreach (var (symbols, count) in runs)
                for (var i = 0; i + 1 < symbols.Count; i++)
                    counts[(symbols[i], symbols[i + 1])] = counts.GetValueOrDefault((symbols[i], symbols[i + 1])) + count;
            // Several a round, which is quicker and as good here.
            var best = counts.Where(p => p.Value > 1)
                .OrderByDescending(p => p.Value)
                .ThenBy(p => p.Key.Left, StringComparer.Ordinal)
                .ThenBy(p => p.Key.Right, StringComparer.Ordinal)
                    .Select(p => p.Key)
                .Take(PairsARound)
                .ToHashSet();
            if (best.Count == 0)
                break;
            made.AddRange(best);
            foreach (var (symbols, _) in runs)
                for (var i = 0; i + 1 < symbols.Count; i++)
                    if (best.Contains((symbols[i], symbols[i + 1])))
                    {
                        symbols[i] += symbols[i + 1];
                        symbols.RemoveAt(i + 1);
                    }
        }

        return new TrainedBpe([.. known.Order(StringComparer.Ordinal)], made);
    }

    private static IEnumerable<List<string>> Runs(string word, HashSet<string> known)
    {
        var run = new List<string>();
        foreach (var symbol in word.EnumerateRunes().Select(r => r.ToString()))
        {
            if (known.Contains(symbol))
            {
                run.Add(symbol);
                continue;
            }

            if (run.Count > 1)
                yield return run;
            run = [];
        }

        if (run.Count > 1)
            yield return run;
    }
}
