using System.Text.RegularExpressions;
using G2RL.Onnx.Tokenizers.Bpe;
using G2RL.Onnx.Tokenizers.Splitting;

namespace G2RL.Onnx.Tokenizers;

/// <summary>
/// Text to token ids and back, as a Hugging Face checkpoint's tokenizer.json says: byte-level BPE (Qwen, GPT-2, SmolLM, Llama 3),
/// SentencePiece-like
/// BPE with byte fallback (Llama 2, Mistral, Phi-3, Gemma), and plain BPE without merges (one token a character). Thread-safe.
/// </summary>
public sealed class Tokenizer
{
    private readonly TokenizerFile file;
    private readonly BpeModel bpe;
    private readonly AddedTokenFinder raw;
    private readonly AddedTokenFinder normalized;
    private readonly Dictionary<string, int> idOf;
    private readonly Dictionary<int, string> texts = [];
    private readonly Dictionary<int, string> normalizedTexts = [];

    private Tokenizer(TokenizerFile file)
    {
        this.file = file;
        idOf = new Dictionary<string, int>(file.Vocabulary);
        foreach (var token in file.Added)
        {
            if (idOf.TryGetValue(token.Content, out var id) && id != token.Id)
                throw file.Fault($"added token '{token.Content}' has id {token.Id}, but also id {id}.");
            idOf[token.Content] = token.Id;
        }

        VocabularySize = idOf.Values.Max() + 1;
        foreach (var (text, id) in idOf)
            if (!texts.TryAdd(id, text))
                throw file.Fault($"tokens '{texts[id]}' and '{text}' both have id {id}.");
        bpe = new BpeModel(file);
        raw = new AddedTokenFinder(file.Added.Where(t => !t.Normalized));
        var foundLater = file.Added.Where(t => t.Normalized)
            .Select(t => t with { Content = file.Normalizer.Normalize(t.Content) })
            .ToList();
        normalized = new AddedTokenFinder(foundLater.Where(t => t.Content.Length > 0));
        foreach (var token in foundLater)
            normalizedTexts[token.Id] = token.Content;
        SpecialIds = file.Added.Where(t => t.Special).Select(t => t.Id).ToHashSet();
        EosId = file.Named.Eos is { } eos ? idOf[eos] : null;
        BosId = file.Named.Bos is { } bos ? idOf[bos] : null;
        PadId = file.Named.Pad is { } pad ? idOf[pad] : null;
    }

    /// <summary>One more than the largest id. A model's embedding may have more rows.</summary>
    public int VocabularySize { get; }

    /// <summary>The largest id of a token that is no added one.</summary>
    internal int LargestOrdinaryId => file.Vocabulary.Values.Except(file.Added.Select(t => t.Id)).DefaultIfEmpty(0).Max();

    /// <summary>Ids of the special tokens, which <see cref="Decode"/> leaves out unless told otherwise.</summary>
    public IReadOnlySet<int> SpecialIds { get; }

    /// <summary>The token that ends a completion, as tokenizer_config.json names it.</summary>
    public int? EosId { get; }

    /// <summary>The token that begins a text, as tokenizer_config.json names it.</summary>
    public int? BosId { get; }

    /// <summary>The padding token, as tokenizer_config.json names it.</summary>
    public int? PadId { get; }

    /// <summary>Reads tokenizer.json and, when there is one, tokenizer_config.json.</summary>
    /// <exception cref="InputException">
    /// A file is missing, malformed, or asks for what is not implemented (each thing is named).
    /// </exception>
    public static Tokenizer Load(string folder) => new(TokenizerFile.Read(folder));

    /// <summary>The ids of a text; the texts of added and special tokens become those tokens.</summary>
    /// <param name="text">Any text; halves of surrogate pairs count as U+FFFD.</param>
    /// <param name="addSpecial">
    /// Whether the file's template puts its special tokens (a beginning, an end) around the ids, as the reference's
    /// <c>add_special_tokens</c> does.
    /// </param>
    /// <exception cref="InputException">
    /// A character that the vocabulary lacks (never for byte-level vocabularies that hold all bytes).
    /// </exception>
    public int[] Encode(string text, bool addSpecial = false)
    {
        var ids = new List<int>(text.Length / 2);
        if (addSpecial)
            ids.AddRange(file.Template.Before);
        var first = true;
        foreach (var (segment, rawId) in raw.Cut(WellFormed(text)))
        {
            if (rawId is not null)
                ids.Add(rawId.Value);
            else
                EncodeSegment(segment, first, ids);
            first = false;
        }

        if (addSpecial)
            ids.AddRange(file.Template.Behind);
        return [.. ids];
    }

    /// <summary>
    /// A text that is to be continued: what the file's post-processor puts before a text (a beginning token), then the text. What it
    /// appends (an end
    /// token) is left out, for behind it nothing is to be continued. A text that begins so already gets no second beginning.
    /// </summary>
    /// <inheritdoc cref="Encode"/>
    public int[] EncodePrompt(string text)
    {
        var ids = Encode(text);
        return ids.AsSpan().StartsWith(file.Template.Before.ToArray()) ? ids : [.. file.Template.Before, .. ids];
    }

    /// <summary>
    /// A text that continues a prompt, to its end: with what the file's post-processor appends (an end token), if it appends something.
    /// </summary>
    /// <inheritdoc cref="Encode"/>
    public int[] EncodeContinuation(string text) => [.. Encode(text), .. file.Template.Behind];

    /// <summary>
    /// The text of some ids. Bytes that are not UTF-8 become U+FFFD; ids without a token (padding rows of an embedding) add nothing.
    /// </summary>
    /// <param name="ids">Token ids, each >= 0.</param>
    /// <param name="skipSpecial">Whether special tokens are left out.</param>
    /// <exception cref="ArgumentOutOfRangeException">A negative id.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecial = true)
    {
        var tokens = new List<string>(ids.Length);
        foreach (var id in ids)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(id, nameof(ids));
            // As in the reference, a token that was found in normalized text is decoded from its normalized form.
            if (texts.TryGetValue(id, out var text) && !(skipSpecial && SpecialIds.Contains(id)))
                tokens.Add(normalizedTexts.GetValueOrDefault(id, text));
        }

        return file.Decoder.Decode(tokens);
    }

    /// <summary>
    /// Where each token stands in the text that <see cref="Decode"/> gives of all of them, special ones included: start and end, characters
    /// of .NET (UTF-16). A token that holds a part of a character has the whole of it.
    /// </summary>
    /// <param name="ids">Token ids, each >= 0.</param>
    public (int Start, int End)[] Offsets(ReadOnlySpan<int> ids) => TokenOffsets.Of(this, ids);

    /// <summary>Characters that a token's own text has, which its share of a decoded text seldom exceeds.</summary>
    internal int MostCharacters(int id) => texts.TryGetValue(id, out var text) ? text.Length : 0;

    /// <summary>
    /// The last place at or before <paramref name="at"/> from where decoding gives the end of what decoding the whole gives, but for the
    /// first token
    /// that shows and half a character.
    /// </summary>
    internal int BoundaryBefore(ReadOnlySpan<int> ids, int at)
    {
        if (!file.Decoder.IsLocal)
            return 0;
        // Byte tokens in a row are one text or none.
        while (at > 0 && file.Decoder.HasByteTokens && (JoinsBytes(ids[at]) || JoinsBytes(ids[at - 1])))
            at--;
        return at;
    }

    /// <summary>How many of the first tokens have a text that no further token makes another one, but for half a character.</summary>
    internal int Settled(ReadOnlySpan<int> ids)
    {
        var count = ids.Length;
        while (count > 0 && file.Decoder.HasByteTokens && JoinsBytes(ids[count - 1]))
            count--;
        return count;
    }

    /// <summary>The id of a token by its text as tokenizer.json writes it (<c>Ġthe</c>, <c>&lt;|im_end|&gt;</c>), or null.</summary>
    public int? IdOf(string token) => idOf.TryGetValue(token, out var id) ? id : null;

    /// <summary>Whether no token has this id: a row of an embedding that has more of them, or a gap in the vocabulary.</summary>
    public bool IsPadding(int id) => !texts.ContainsKey(id);

    /// <summary>The text of a token as tokenizer.json writes it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No token has this id.</exception>
    public string TokenText(int id) => texts.TryGetValue(id, out var text)
        ? text
        : throw new ArgumentOutOfRangeException(nameof(id), id, $"No token has this id; ids run from 0 to {VocabularySize - 1}.");

    // What shows nothing joins the byte tokens around it.
    private bool JoinsBytes(int id) =>
        SpecialIds.Contains(id) || !texts.TryGetValue(id, out var text) || TokenDecoder.IsByteToken(text);

    private void EncodeSegment(string segment, bool first, List<int> ids)
    {
        foreach (var (part, id) in normalized.Cut(file.Normalizer.Normalize(segment)))
        {
            if (id is not null)
                ids.Add(id.Value);
            else
                EncodePart(part, first, ids);
            first = false;
        }
    }

    private void EncodePart(string part, bool first, List<int> ids)
    {
        List<Piece> pieces = [new(part, first)];
        try
        {
            foreach (var step in file.Steps)
            {
                var smaller = new List<Piece>(pieces.Count);
                foreach (var piece in pieces)
                    step.Cut(piece, smaller);
                pieces = smaller;
            }
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new InputException($"The pre-tokenizer's pattern '{e.Pattern}' takes too long on a text of {part.Length} characters. "
                + "Use a pattern without nested repetition.", e);
        }

        foreach (var piece in pieces)
            ids.AddRange(bpe.Encode(piece.Text) ?? throw Unspellable(piece.Text.ToString()));
    }

    private InputException Unspellable(string piece)
    {
        var runes = piece.EnumerateRunes().ToList();
        var rune = runes.Find(r => bpe.Encode(r.ToString()) is null) is { Value: > 0 } bad ? bad : runes[0];
        return new($"The text contains '{rune}' (U+{rune.Value:X4}), which the tokenizer's vocabulary of {VocabularySize} tokens lacks. "
            + "Remove it from the text, or use a tokenizer that knows it.");
    }

    private static string WellFormed(string text)
    {
        var half = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF');
        if (half < 0)
            return text;
        for (var at = half; at < text.Length; at++)
        {
            if (!char.IsSurrogate(text[at]))
                continue;
            if (at + 1 == text.Length || !char.IsSurrogatePair(text[at], text[at + 1]))
                return string.Concat(text.EnumerateRunes().Select(r => r.ToString()));
            at++;
        }

        return text;
    }
}
