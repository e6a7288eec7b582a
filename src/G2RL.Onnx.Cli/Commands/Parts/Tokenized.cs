using System.Text;
using System.Text.Json.Nodes;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>A text as tokens, with their places in it.</summary>
/// <param name="Text">As it was given; null where ids were.</param>
/// <param name="Decoded">What the ids spell, special tokens included.</param>
/// <param name="Ids">Ids [n].</param>
/// <param name="Offsets">Start and end of each, Unicode characters of the decoded text [n].</param>
/// <param name="Texts">What each adds to the decoded text [n].</param>
internal sealed record Tokenized(string? Text, string Decoded, int[] Ids, (int Start, int End)[] Offsets, string[] Texts)
{
    /// <summary>Whether decoding gives the text again.</summary>
    public bool IsLossless => Text is null || Text == Decoded;

    /// <summary>Unicode characters.</summary>
    public int Characters => (Text ?? Decoded).EnumerateRunes().Count();

    /// <summary>Bytes of UTF-8.</summary>
    public int Bytes => Encoding.UTF8.GetByteCount(Text ?? Decoded);

    public static Tokenized OfText(Tokenizer tokenizer, string text, bool special) =>
        Of(tokenizer, text, tokenizer.Encode(text, special));

    public static Tokenized OfIds(Tokenizer tokenizer, int[] ids) => Of(tokenizer, null, ids);

    /// <summary>A token's own text; ids of padding rows have none.</summary>
    public static string Piece(Tokenizer tokenizer, int id) => tokenizer.IsPadding(id) ? "" : tokenizer.TokenText(id);

    public JsonObject ToJson(Tokenizer tokenizer, bool counts)
    {
        var row = new JsonObject { ["text"] = Text ?? Decoded, ["count"] = Ids.Length, ["characters"] = Characters, ["bytes"] = Bytes };
        if (counts)
            return row;
        row["ids"] = new JsonArray([.. Ids.Select(id => JsonValue.Create(id))]);
        row["pieces"] = new JsonArray([.. Ids.Select(id => JsonValue.Create(Piece(tokenizer, id)))]);
        row["offsets"] = new JsonArray([.. Offsets.Select(o => new JsonArray(o.Start, o.End))]);
        row["lossless"] = IsLossless;
        if (!IsLossless)
            row["decoded"] = Decoded;
        return row;
    }

    private static Tokenized Of(Tokenizer tokenizer, string? text, int[] ids)
    {
        var decoded = tokenizer.Decode(ids, skipSpecial: false);
        // From .NET's characters to Unicode's: how many begin before each place.
        var runes = new int[decoded.Length + 1];
        for (var i = 0; i < decoded.Length; i++)
            runes[i + 1] = runes[i] + (char.IsLowSurrogate(decoded[i]) && i > 0 && char.IsHighSurrogate(decoded[i - 1]) ? 0 : 1);
        var places = tokenizer.Offsets(ids);
        return new(
            text,
            decoded,
            ids,
            [.. places.Select(p => (runes[p.Start], runes[p.End]))],
            [.. places.Select(p => decoded[p.Start..p.End])]);
    }
}
