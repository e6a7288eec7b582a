namespace G2RL.Onnx.Reports.Viewing;

/// <summary>
/// Which rows cannot hold a text: of blocks of neighbouring rows the sets of three characters in a row, hashed into bits. A block takes
/// rows until a quarter of its bits is set, so short rows share one by the thousand. A row that may hold the text has to be read.
/// </summary>
/// <param name="mostBlocks">Blocks kept, 4 KiB each; rows beyond them may hold anything.</param>
internal sealed class TextBlocks(int mostBlocks = 8192)
{
    private const int Bits = 1 << 15;
    private const int Full = Bits / 4;
    private const int Gram = 3;

    private readonly List<(int First, ulong[] Set)> blocks = [];
    private int used;

    /// <summary>Rows taken.</summary>
    public int Rows { get; private set; }

    /// <summary>Takes the next row.</summary>
    /// <param name="texts">Its texts.</param>
    public void Add(params ReadOnlySpan<string> texts)
    {
        if (blocks.Count < mostBlocks && (blocks.Count == 0 || used >= Full))
        {
            blocks.Add((Rows, new ulong[Bits / 64]));
            used = 0;
        }
        if (used < Full)
            foreach (var text in texts)
                Put(text);
        Rows++;
    }

    /// <summary>Ranges of taken rows that may hold a text, in order.</summary>
    /// <param name="text">The text; one of fewer than three characters may be anywhere.</param>
    public IEnumerable<(int First, int End)> MayHold(string text)
    {
        int[] asked = [.. Enumerable.Range(0, Math.Max(0, text.Length - Gram + 1)).Select(i => Hash(text, i))];
        for (var b = 0; b < blocks.Count; b++)
        {
            // The last block that could be had was full at its end; behind that nothing is known.
            var isOpen = b == blocks.Count - 1 && blocks.Count == mostBlocks && used >= Full;
            if (isOpen || asked.All(bit => (blocks[b].Set[bit >> 6] >> (bit & 63) & 1) != 0))
                yield return (blocks[b].First, b + 1 < blocks.Count ? blocks[b + 1].First : Rows);
        }
    }

    private void Put(string text)
    {
        var set = blocks[^1].Set;
        for (var i = 0; i + Gram <= text.Length; i++)
        {
            var bit = Hash(text, i);
            var mask = 1UL << (bit & 63);
            if ((set[bit >> 6] & mask) == 0)
                used++;
            set[bit >> 6] |= mask;
        }
    }

    // Characters that are equal whatever their case have one hash.
    private static int Hash(string text, int at)
    {
        var hash = 0u;
        for (var i = at; i < at + Gram; i++)
            hash = (hash ^ Folded(text[i])) * 0x9E3779B1u;
        return (int)(hash >> 17);
    }

    // Halves of a pair are all alike, since their case is that of the pair.
    private static char Folded(char c) => char.IsSurrogate(c) ? '\ud800' : char.ToUpperInvariant(c);
}
