using System.Collections.Concurrent;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace G2RL.Onnx.Tokenizers;

/// <summary>Byte-pair encoding of one piece: its characters become tokens, then the best pair of neighbours is joined until none is left. Thread-safe.</summary>
/// <remarks>
/// Microsoft.ML.Tokenizers encodes what its BPE knows: byte-level and character vocabularies. Byte fallback, tokens that hold a space and ignore_merges it does
/// not know; they are encoded here, in n log n for n characters, since SentencePiece's files have whole texts as one piece.
/// </remarks>
internal sealed class BpeModel
{
    private const int LongestCached = 32, MostCached = 1 << 16;

    private readonly TokenizerFile _file;
    private readonly Dictionary<(int Left, int Right), (int Rank, int Id)> _merges;
    private readonly Dictionary<int, int> _characters = [];
    private readonly int[]? _bytes;
    private readonly int? _unknown;
    private readonly BpeTokenizer? _library;
    private readonly bool _spellsEverything;
    private readonly ConcurrentDictionary<string, int[]> _cache = new(StringComparer.Ordinal);
    private int _cached;

    /// <param name="file">The file, checked: each merge joins two tokens into a third.</param>
    public BpeModel(TokenizerFile file)
    {
        _file = file;
        _merges = new(file.Merges.Count);
        for (var rank = 0; rank < file.Merges.Count; rank++)
        {
            var (left, right) = file.Merges[rank];
            // A pair that is listed twice has its last rank, as in the reference.
            _merges[(file.Vocabulary[left], file.Vocabulary[right])] = (rank, file.Vocabulary[left + right]);
        }

        foreach (var (token, id) in file.Vocabulary)
            if (Rune.DecodeFromUtf16(token, out var rune, out var length) == System.Buffers.OperationStatus.Done && length == token.Length)
                _characters[rune.Value] = id;
        if (file.ByteFallback)
            _bytes = [.. Enumerable.Range(0, 256).Select(b => file.Vocabulary.GetValueOrDefault($"<0x{b:X2}>", -1))];
        _unknown = file.Unknown is { } unknown ? file.Vocabulary[unknown] : null;
        _spellsEverything = _unknown is not null || (file.ByteLevel && Enumerable.Range(0, 256).All(b => file.Vocabulary.ContainsKey(ByteSpelling.Spell((byte)b).ToString())));
        if (!file.ByteFallback && !file.IgnoreMerges && !file.Merges.Any(m => m.Left.Contains(' ', StringComparison.Ordinal) || m.Right.Contains(' ', StringComparison.Ordinal)))
            _library = Library(file);
    }

    /// <summary>The ids of a piece, or null when it holds a character that the vocabulary cannot spell.</summary>
    public int[]? Encode(string piece)
    {
        if (piece.Length > LongestCached)
            return Merged(piece);
        if (_cache.TryGetValue(piece, out var known))
            return known;
        var ids = Merged(piece);
        if (ids is not null && _cached < MostCached && _cache.TryAdd(piece, ids))
            Interlocked.Increment(ref _cached);
        return ids;
    }

    private int[]? Merged(string piece)
    {
        var spelled = _file.ByteLevel ? Spell(piece) : piece;
        if (_library is not null)
            return _spellsEverything || Symbols(spelled) is not null ? [.. _library.EncodeToIds(piece, considerPreTokenization: false, considerNormalization: false)] : null;
        if (_file.IgnoreMerges && _file.Vocabulary.TryGetValue(spelled, out var whole))
            return [whole];
        return Symbols(spelled) is { } symbols ? Join(symbols) : null;
    }

    private static BpeTokenizer Library(TokenizerFile file)
    {
        try
        {
            return BpeTokenizer.Create(new BpeOptions(file.Vocabulary)
            {
                Merges = file.Merges.Select(m => $"{m.Left} {m.Right}"),
                ByteLevel = file.ByteLevel,
                UnknownToken = file.Unknown,
                FuseUnknownTokens = file.FuseUnknown,
            });
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or FormatException)
        {
            throw new InputException(file.Fault($"model is not a usable BPE model: {e.Message}").Message, e);
        }
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
            if (_characters.TryGetValue(rune.Value, out var id))
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
                    ids.Add(_bytes![value]);
                continue;
            }

            if (_unknown is null)
                return null;
            if (!_file.FuseUnknown)
                Flush();
            unknown = true;
        }

        Flush();
        return ids;

        void Flush()
        {
            if (unknown)
                ids.Add(_unknown!.Value);
            unknown = false;
        }
    }

    private bool Spells(ReadOnlySpan<byte> bytes)
    {
        if (_bytes is null)
            return false;
        foreach (var value in bytes)
            if (_bytes[value] < 0)
                return false;
        return true;
    }

    // Best rank first, then leftmost. An entry whose pair has changed since is passed over.
    private int[] Join(List<int> symbols)
    {
        var count = symbols.Count;
        var ids = symbols.ToArray();
        if (count < 2)
            return ids;
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
            if (ids[at] < 0 || next[at] == count || !_merges.TryGetValue((ids[at], ids[next[at]]), out var merge) || merge.Id != best.Id)
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
            if (_merges.TryGetValue((ids[at], ids[next[at]]), out var merge))
                queue.Enqueue((at, merge.Id), ((long)merge.Rank << 32) | (uint)at);
        }
    }
}
