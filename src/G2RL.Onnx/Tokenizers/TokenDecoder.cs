using System.Globalization;
using System.Text;
using System.Text.Json;
using G2RL.Onnx.Tokenizers.Bpe;

namespace G2RL.Onnx.Tokenizers;

/// <summary>
/// How the texts of tokens become a text: the steps of tokenizer.json's <c>decoder</c>, each from a list of texts to another.
/// </summary>
internal sealed class TokenDecoder
{
    private const int MostGrowth = 16, Allowance = 4096;

    private readonly List<Func<List<string>, List<string>>> steps = [];
    private string separator = " ";
    private bool whole;

    /// <summary>Whether each token's text depends on its neighbours alone, so that an end of the tokens gives an end of the text.</summary>
    public bool IsLocal { get; private set; } = true;

    /// <summary>Whether tokens such as <c>&lt;0x0A&gt;</c> stand for bytes.</summary>
    public bool HasByteTokens { get; private set; }

    /// <summary>Reads <c>decoder</c>.</summary>
    /// <exception cref="InputException">What is not implemented, or malformed.</exception>
    public void Read(TokenizerJson file, JsonElement value, string name = "decoder")
    {
        if (value.ValueKind == JsonValueKind.Null)
            return;
        // Without a decoder the reference puts a space between tokens.
        separator = "";
        switch (file.Text(file.Object(value, name), "type", name))
        {
            case "Fuse":
                whole = true;
                steps.Add(tokens => [string.Concat(tokens)]);
                break;
            case "ByteLevel":
                whole = true;
                steps.Add(FromByteSpelling);
                break;
            case "ByteFallback":
                HasByteTokens = true;
                steps.Add(FromByteTokens);
                break;
            case "Replace":
                // In the whole text it finds what lies across tokens.
                IsLocal &= !whole;
                var (literal, content) =
                    (file.Literal(value, name), file.Text(value, "content", name) ?? throw file.Fault($"{name}.content is missing."));
                steps.Add(tokens => tokens.ConvertAll(t => t.Replace(literal, content, StringComparison.Ordinal)));
                break;
            case "Strip":
                var character = file.Character(value, "content", name, ' ');
                var (start, stop) = (file.Count(value, "start", name), file.Count(value, "stop", name));
                steps.Add(tokens => tokens.ConvertAll(t => Strip(t, character, start, stop)));
                break;
            case "Metaspace":
                var replacement = file.Character(value, "replacement", name, '\u2581');
                var drops = file.Text(value, "prepend_scheme", name) switch
                {
                    null => file.Flag(value, "add_prefix_space", name, true),
                    var scheme => scheme != "never",
                };
                steps.Add(tokens => [.. tokens.Select((t, i) =>
                    i == 0 && drops ? t.Replace(replacement.ToString(), "", StringComparison.Ordinal) : t.Replace(replacement, ' '))]);
                break;
            case "Sequence":
                foreach (var part in file.Parts(value, "decoders", name))
                    Read(file, part, name + ".decoders");
                break;
            case var type:
                throw file.Unsupported(
                    name + ".type",
                    type ?? "missing",
                    "Sequence, ByteLevel, ByteFallback, Replace, Metaspace, Strip and Fuse are implemented");
        }
    }

    /// <summary>The text of some tokens.</summary>
    /// <exception cref="InputException">It grows sixteenfold.</exception>
    public string Decode(List<string> tokens)
    {
        var most = (tokens.Sum(t => (long)t.Length) * MostGrowth) + Allowance;
        foreach (var step in steps)
        {
            tokens = step(tokens);
            if (tokens.Sum(t => (long)t.Length) > most)
                throw new InputException($"The tokenizer's decoder makes a text more than {MostGrowth} times as long as its tokens. "
                    + "Its Replace steps cannot be meant so.");
        }

        return string.Join(separator, tokens);
    }

    // Like the reference, a token with any character that spells no byte (an added token with a space) is taken as text.
    private static List<string> FromByteSpelling(List<string> tokens)
    {
        var bytes = new List<byte>(tokens.Count * 4);
        foreach (var token in tokens)
        {
            if (token.All(c => ByteSpelling.Byte(c) >= 0))
                bytes.AddRange(token.Select(c => (byte)ByteSpelling.Byte(c)));
            else
                bytes.AddRange(Encoding.UTF8.GetBytes(token));
        }

        return [Encoding.UTF8.GetString([.. bytes])];
    }

    // Bytes in a row that are not UTF-8 become one U+FFFD each.
    private static List<string> FromByteTokens(List<string> tokens)
    {
        var result = new List<string>(tokens.Count);
        var bytes = new List<byte>();
        foreach (var token in tokens)
        {
            if (IsByteToken(token))
            {
                bytes.Add(byte.Parse(token.AsSpan(3, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                continue;
            }

            Flush();
            result.Add(token);
        }

        Flush();
        return result;

        void Flush()
        {
            if (bytes.Count == 0)
                return;
            byte[] run = [.. bytes];
            bytes.Clear();
            if (System.Text.Unicode.Utf8.IsValid(run))
                result.Add(Encoding.UTF8.GetString(run));
            else
                result.AddRange(Enumerable.Repeat("\uFFFD", run.Length));
        }
    }

    /// <summary>Whether a token stands for a byte.</summary>
    public static bool IsByteToken(string token) =>
        token is ['<', '0', 'x', var high, var low, '>'] && char.IsAsciiHexDigit(high) && char.IsAsciiHexDigit(low);

    private static string Strip(string token, char character, int start, int stop)
    {
        var (first, last) = (0, token.Length);
        while (first < last && first < start && token[first] == character)
            first++;
        while (last > first && token.Length - last < stop && token[last - 1] == character)
            last--;
        return token[first..last];
    }
}
