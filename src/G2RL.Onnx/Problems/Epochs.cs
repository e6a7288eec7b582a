namespace G2RL.Onnx.Problems;

/// <summary>Batches from a list: every epoch is a fresh shuffle, and no problem comes twice within an epoch.</summary>
internal static class Epochs
{
    private const ulong Stream = 0x45706F636873;

    /// <summary>The problems of one step: a pure function of (items, step, count, seed).</summary>
    /// <remarks>
    /// An epoch holds as many whole batches as fit; its shuffle's remainder waits for another epoch, so no batch crosses a border and meets
    /// a problem twice. A batch larger than the list repeats it.
    /// </remarks>
    public static IReadOnlyList<Problem> Pick(IReadOnlyList<Problem> items, int step, int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var batch = new Problem[count];
        if (count > items.Count)
        {
            for (var done = 0; done < count; done += items.Count)
            {
                var order = Shuffle(items.Count, seed, ProblemRandom.Stream((ulong)step, (ulong)done));
                for (var i = 0; i < items.Count && done + i < count; i++)
                    batch[done + i] = items[order[i]];
            }
        }
        else if (count > 0)
        {
            var batches = items.Count / count;
            var order = Shuffle(items.Count, seed, (ulong)(step / batches));
            for (var i = 0; i < count; i++)
                batch[i] = items[order[((step % batches) * count) + i]];
        }

        return batch;
    }

    private static int[] Shuffle(int count, ulong seed, ulong epoch) =>
        new ProblemRandom(seed, ProblemRandom.Stream(Stream, epoch)).Permutation(count);
}
