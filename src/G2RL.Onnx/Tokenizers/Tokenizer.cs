using System.Text;
using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;

namespace G2RL.Onnx.Tokenizers;

/// <summary>
/// Text to token ids and back, as a Hugging Face checkpoint's tokenizer.json says: byte-level BPE (Qwen, GPT-2, SmolLM, Llama 3) and plain BPE without
/// merges (one token a character). Ids equal those of the reference with <c>add_special_tokens=False</c>. Thread-safe.
/// </summary>
public sealed class Tokenizer
{
    private readonly TokenizerFile _file;
    private readonly BpeTokenizer _bpe;
    private readonly AddedTokenFinder _raw;
    private readonly AddedTokenFinder _normalized;
    private readonly Dictionary<string, int> _ids;
    private readonly string?[] _texts;
    private readonly byte[]?[] _bytes;
    private readonly bool _spellsEverything;

    private Tokenizer(TokenizerFile file)
    {
        _file = file;
        _ids = new Dictionary<string, int>(file.Vocabulary);
        foreach (var token in file.Added)
        {
            if (_ids.TryGetValue(token.Content, out var id) && id != token.Id)
                throw file.Fault($"added token '{token.Content}' has id {token.Id}, but also id {id}.");
            _ids[token.Content] = token.Id;
        }

        VocabularySize = _ids.Values.Max() + 1;
        _texts = new string?[VocabularySize];
        foreach (var (text, id) in _ids)
        {
            if (_texts[id] is { } other)
                throw file.Fault($"tokens '{other}' and '{text}' both have id {id}.");
            _texts[id] = text;
        }

        _bytes = new byte[]?[VocabularySize];
        _spellsEverything = file.Unknown is not null
            || (file.ByteLevel && Enumerable.Range(0, 256).All(b => file.Vocabulary.ContainsKey(ByteSpelling.Spell((byte)b).ToString())));
        _raw = new AddedTokenFinder(file.Added.Where(t => !t.Normalized));
        _normalized = new AddedTokenFinder(file.Added.Where(t => t.Normalized).Select(t => t with { Content = Normalize(t.Content) }));
        SpecialIds = file.Added.Where(t => t.Special).Select(t => t.Id).ToHashSet();
        EosId = file.Named.Eos is { } eos ? _ids[eos] : null;
        BosId = file.Named.Bos is { } bos ? _ids[bos] : null;
        PadId = file.Named.Pad is { } pad ? _ids[pad] : null;
        try
        {
            _bpe = BpeTokenizer.Create(new BpeOptions(file.Vocabulary)
            {
                Merges = file.Merges,
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

    /// <summary>One more than the largest id. A model's embedding may have more rows.</summary>
    public int VocabularySize { get; }

    /// <summary>Ids of the special tokens, which <see cref="Decode"/> leaves out unless told otherwise.</summary>
    public IReadOnlySet<int> SpecialIds { get; }

    /// <summary>The token that ends a completion, as tokenizer_config.json names it.</summary>
    public int? EosId { get; }

    /// <summary>The token that begins a text, as tokenizer_config.json names it.</summary>
    public int? BosId { get; }

    /// <summary>The padding token, as tokenizer_config.json names it.</summary>
    public int? PadId { get; }

    /// <summary>Reads tokenizer.json and, when there is one, tokenizer_config.json.</summary>
    /// <exception cref="InputException">A file is missing, malformed, or asks for what is not implemented (each thing is named).</exception>
    public static Tokenizer Load(string folder) => new(TokenizerFile.Read(folder));

    /// <summary>The ids of a text; the texts of added and special tokens become those tokens. Nothing is put in front or behind.</summary>
    /// <param name="text">Any text; halves of surrogate pairs count as U+FFFD.</param>
    /// <exception cref="InputException">A character that the vocabulary lacks (never for byte-level vocabularies that hold all bytes).</exception>
    public int[] Encode(string text)
    {
        var ids = new List<int>(text.Length / 2);
        foreach (var (segment, rawId) in _raw.Cut(WellFormed(text)))
        {
            if (rawId is not null)
            {
                ids.Add(rawId.Value);
                continue;
            }

            foreach (var (part, id) in _normalized.Cut(Normalize(segment)))
            {
                if (id is not null)
                    ids.Add(id.Value);
                else
                    EncodePart(part, ids);
            }
        }

        return [.. ids];
    }

    /// <summary>The text of some ids. Bytes that are not UTF-8 become U+FFFD; ids without a token (padding rows of an embedding) add nothing.</summary>
    /// <param name="ids">Token ids, each >= 0.</param>
    /// <param name="skipSpecial">Whether special tokens are left out.</param>
    /// <exception cref="ArgumentOutOfRangeException">A negative id.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecial = true)
    {
        var bytes = new List<byte>(ids.Length * 4);
        var any = false;
        foreach (var id in ids)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(id, nameof(ids));
            if (id >= _texts.Length || _texts[id] is not { } text || (skipSpecial && SpecialIds.Contains(id)))
                continue;
            if (any)
                bytes.AddRange(Encoding.UTF8.GetBytes(_file.Separator));
            any = true;
            bytes.AddRange(_bytes[id] ??= Unspell(text));
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    /// <summary>The id of a token by its text as tokenizer.json writes it (<c>Ġthe</c>, <c>&lt;|im_end|&gt;</c>), or null.</summary>
    public int? IdOf(string token) => _ids.TryGetValue(token, out var id) ? id : null;

    /// <summary>The text of a token as tokenizer.json writes it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No token has this id.</exception>
    public string TokenText(int id) => id >= 0 && id < _texts.Length && _texts[id] is { } text
        ? text
        : throw new ArgumentOutOfRangeException(nameof(id), id, $"No token has this id; ids run from 0 to {VocabularySize - 1}.");

    private void EncodePart(string part, List<int> ids)
    {
        List<string> pieces = [part];
        try
        {
            foreach (var step in _file.Steps)
                pieces = step.Cut(pieces);
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new InputException($"The pre-tokenizer's pattern '{e.Pattern}' takes too long on a text of {part.Length} characters. Use a pattern without nested repetition.", e);
        }

        foreach (var piece in pieces)
        {
            if (_file.IgnoreMerges && _file.Vocabulary.TryGetValue(Spelled(piece), out var whole))
            {
                ids.Add(whole);
                continue;
            }

            if (!_spellsEverything)
                RequireKnown(piece);
            ids.AddRange(_bpe.EncodeToIds(piece, considerPreTokenization: false, considerNormalization: false));
        }
    }

    private void RequireKnown(string piece)
    {
        foreach (var rune in piece.EnumerateRunes())
        {
            var spelled = Spelled(rune.ToString());
            if (!_file.ByteLevel ? !_file.Vocabulary.ContainsKey(spelled) : spelled.Any(c => !_file.Vocabulary.ContainsKey(c.ToString())))
                throw new InputException($"The text contains '{rune}' (U+{rune.Value:X4}), which the tokenizer's vocabulary of {VocabularySize} tokens lacks. Remove it from the text, or use a tokenizer that knows it.");
        }
    }

    private string Spelled(string piece) => _file.ByteLevel
        ? string.Concat(Encoding.UTF8.GetBytes(piece).Select(ByteSpelling.Spell))
        : piece;

    // Like the reference, a token with any character that spells no byte (an added token with a space) is taken as text.
    private byte[] Unspell(string token) => _file.ByteLevelDecoder && token.All(c => ByteSpelling.Byte(c) >= 0)
        ? [.. token.Select(c => (byte)ByteSpelling.Byte(c))]
        : Encoding.UTF8.GetBytes(token);

    private string Normalize(string text) => _file.Nfc ? UnicodeNormalization.ToNfc(text) : text;

    private static string WellFormed(string text) => text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')
        ? string.Concat(text.EnumerateRunes().Select(r => r.ToString()))
        : text;
}
