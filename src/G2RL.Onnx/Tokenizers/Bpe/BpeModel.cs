using System.Collections.Concurrent;
using System.Text;

namespace G2RL.Onnx.Tokenizers.Bpe;

/// <summary>
/// Byte-pair encoding of one piece: its characters become tokens, then the best pair of neighbours is joined until none is left.
/// Thread-safe.
/// </summary>
/// <remarks>
/// In n log n for n characters: SentencePiece's files have whole texts as one piece, and a run of marks or newlines is one piece in any
/// file. Microsoft.ML.Tokenizers takes quadratic time there, and knows neither byte fallback, tokens that hold a space, nor ignore_merges.
/// </remarks>
internal sealed class BpeModel
{
    private const int LongestCached = 32, MostCached = 1 << 16, FewSymbols = 48;

    private readonly TokenizerFile file;
    private readonly Dictionary<(int Left, int Right), (int Rank, int Id)> merges;
    private readonly Dictionary<int, int> characters = [];
    private readonly int[]? byteIds;
    private readonly int? unknownId;
    private readonly int[]? spelledBytes;
    private readonly ConcurrentDictionary<string, int[]> cache = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> knownPieces;
    private int cached;

    /// <param name="file">The file, checked: each merge joins two tokens into a third.</param>
    public BpeModel(TokenizerFile file)
    {
        this.file = file;
        knownPieces = cache.GetAlternateLookup<ReadOnlySpan<char>>();
        merges = new(file.Merges.Count);
        for (var rank = 0; rank < file.Merges.Count; rank++)
        {
            var (left, right) = file.Merges[rank];
            // A pair that is listed twice has its last rank, as in the reference.
            merges[(file.Vocabulary[left], file.Vocabulary[right])] = (rank, file.Vocabulary[left + right]);
        }

        foreach (var (token, id) in file.Vocabulary)
            if (Rune.DecodeFromUtf16(token, out var rune, out var length) == System.Buffers.OperationStatus.Done && length == token.Length)
                characters[rune.Value] = id;
        if (file.ByteFallback)
            byteIds = [.. Enumerable.Range(0, 256).Select(b => file.Vocabulary.GetValueOrDefault($"<0x{b:X2}>", -1))];
        unknownId = file.Unknown is { } unknown ? file.Vocabulary[unknown] : null;
        if (file.ByteLevel && Enumerable.Range(0, 256)
            .Select(b => file.Vocabulary.GetValueOrDefault(ByteSpelling.Spell((byte)b).ToString(), -1))
            .ToArray() is var spelled && !spelled.Contains(-1))
            spelledBytes = spelled;
    }

    /// <summary>
    /// The ids of a piece, or null when it holds a character that the vocabulary cannot spell. Words that came before cost nothing but
    /// looking up.
    /// </summary>
    public int[]? Encode(ReadOnlySpan<char> piece)
    {
        if (piece.Length > LongestCached)
            return Merged(piece.ToString());
        if (knownPieces.TryGetValue(piece, out var known))
            return known;
        var word = piece.ToString();
        var ids = Merged(word);
        if (ids is not null && cached < MostCached && cache.TryAdd(word, ids))
            Interlocked.Increment(ref cached);
        return ids;
    }

    private int[]? Merged(string piece)
    {
        if (file.IgnoreMerges && file.Vocabulary.TryGetValue(file.ByteLevel ? Spell(piece) : piece, out var whole))
            return [whole];
        if (spelledBytes is not null)
            return Join(Array.ConvertAll(Encoding.UTF8.GetBytes(piece), b => spelledBytes[b]));
        return Symbols(file.ByteLevel ? Spell(piece) : piece) is { } symbols ? Join([.. symbols]) : null;
    }

    private static string Spell(string piece)
    {
        var bytes = Encoding.UTF8.GetBytes(piece);
        return string.Create(bytes.Length, bytes, static (span, values) =>
        {
            for (var i = 0; i < span.Length; i++)
                span[i] = ByteSpelling.Spell(values[i]);
        });
    }

    private List<int>? Symbols(string text)
    {
        var ids = new List<int>(text.Length);
        var unknown = false;
        Span<byte> utf8 = stackalloc byte[4];
        foreach (var rune in text.EnumerateRunes())
        {
            if (characters.TryGetValue(rune.Value, out var id))
            {
                Flush();
                ids.Add(id);
                continue;
            }

            var bytes = utf8[..rune.EncodeToUtf8(utf8)];
            if (Spells(bytes))
            {
                // The reference leaves an unknown token pending here: it comes behind the bytes.
                foreach (var value in bytes)
                    ids.Add(byteIds![value]);
                continue;
            }

            if (unknownId is null)
                return null;
            if (!file.FuseUnknown)
                Flush();
            unknown = true;
        }

        Flush();
        return ids;

        void Flush()
        {
            if (unknown)
                ids.Add(unknownId!.Value);
            unknown = false;
        }
    }

    private bool Spells(ReadOnlySpan<byte> bytes)
    {
        if (byteIds is null)
            return false;
        foreach (var value in bytes)
            if (byteIds[value] < 0)
                return false;
        return true;
    }

    // Best rank first, then leftmost.
    private int[] Join(int[] ids) => ids.Length <= FewSymbols ? JoinFew(ids) : JoinMany(ids);

    // Words: looking through all pairs is quicker than keeping them in order.
    private int[] JoinFew(int[] ids)
    {
        var count = ids.Length;
        Span<(int Rank, int Id)> pairs = stackalloc (int, int)[FewSymbols];
        for (var i = 0; i + 1 < count; i++)
            pairs[i] = Pair(ids, i);
        while (true)
        {
            var best = 0;
            for (var i = 1; i + 1 < count; i++)
                if (pairs[i].Rank < pairs[best].Rank)
                    best = i;
            if (count < 2 || pairs[best].Rank == int.MaxValue)
                return ids[..count];
            ids[best] = pairs[best].Id;
            count--;
            ids.AsSpan(best + 2, count - best - 1).CopyTo(ids.AsSpan(best + 1));
            pairs[(best + 1)..count].CopyTo(pairs[best..]);
            if (best > 0)
                pairs[best - 1] = Pair(ids, best - 1);
            if (best + 1 < count)
                pairs[best] = Pair(ids, best);
        }
    }

    private (int Rank, int Id) Pair(int[] ids, int at) =>
        merges.TryGetValue((ids[at], ids[at + 1]), out var merge) ? merge : (int.MaxValue, 0);

    // An entry whose pair has changed since is passed over.
    private int[] JoinMany(int[] ids)
    {
        var count = ids.Length;
        var next = new int[count];
        var previous = new int[count];
        var queue = new PriorityQueue<(int At, int Id), long>();
        for (var i = 0; i < count; i++)
            (next[i], previous[i]) = (i + 1, i - 1);
        for (var i = 0; i + 1 < count; i++)
            Offer(i);
        while (queue.TryDequeue(out var best, out _))
        {
            var at = best.At;
            if (ids[at] < 0 || next[at] == count || !merges.TryGetValue((ids[at], ids[next[at]]), out var merge) || merge.Id != best.Id)
                continue;
            var gone = next[at];
            ids[at] = merge.Id;
            ids[gone] = -1;
            next[at] = next[gone];
            if (next[at] < count)
            {
                previous[next[at]] = at;
                Offer(at);
            }

            if (previous[at] >= 0)
                Offer(previous[at]);
        }

        return [.. ids.Where(id => id >= 0)];

        void Offer(int at)
        {
            if (merges.TryGetValue((ids[at], ids[next[at]]), out var merge))
                queue.Enqueue((at, merge.Id), ((long)merge.Rank << 32) | (uint)at);
        }
    }
}
