using System.Text;
using System.Text.Json;
using G2RL.Onnx.Tokenizers.Normalization;
using Microsoft.ML.Tokenizers;

namespace G2RL.Onnx.Tokenizers;

/// <summary>
/// The tokenizer of a sentence model: BPE as <see cref="Tokenizer"/> reads it, or BERT's WordPiece by Microsoft.ML.Tokenizers.
/// </summary>
internal static class EmbedderTokenizer
{
    // BERT's own.
    private const int UsualLength = 512;

    /// <summary>Text to ids, special tokens of the file's template included.</summary>
    /// <exception cref="InputException">tokenizer.json is missing or malformed, or asks for what is not implemented.</exception>
    public static Func<string, int[]> Load(string folder)
    {
        var path = Path.Combine(folder, "tokenizer.json");
        using var json = Read(path);
        if (Text(json.RootElement, "model", "type") != "WordPiece")
        {
            var tokenizer = Tokenizer.Load(folder);
            return text => tokenizer.Encode(text, addSpecial: true);
        }
        var (bert, bare) = WordPiece(json.RootElement, path);
        // The package removes marks, but takes no letter apart where the process has no ICU.
        return text => [.. bert.EncodeToIds(bare ? UnicodeNormalization.ToNfd(WellFormed(text)) : text, addSpecialTokens: true)];
    }

    /// <summary>Tokens that the model of a folder can read: max_position_embeddings of its config.json, or else 512.</summary>
    public static int LongestInput(string folder)
    {
        var path = Path.Combine(folder, "config.json");
        if (!File.Exists(path))
            return UsualLength;
        using var json = Read(path);
        return json.RootElement.ValueKind == JsonValueKind.Object
            && json.RootElement.TryGetProperty("max_position_embeddings", out var most)
            && most.TryGetInt32(out var length)
            && length > 0 ? length : UsualLength;
    }

    private static (BertTokenizer Tokenizer, bool StripsMarks) WordPiece(JsonElement root, string path)
    {
        var normalizer = Part(root, "normalizer");
        var (kind, pre, prefix) =
            (Text(root, "normalizer", "type"), Text(root, "pre_tokenizer", "type"), Text(root, "model", "continuing_subword_prefix"));
        if (kind != "BertNormalizer" || pre != "BertPreTokenizer" || prefix != "##")
            throw new InputException($"{path}: a WordPiece tokenizer with normalizer '{kind}', pre-tokenizer '{pre}' and prefix '{prefix}' "
                + "is not implemented; BertNormalizer, BertPreTokenizer and '##' are.");
        bool Flag(string name, bool otherwise) => normalizer.TryGetProperty(name, out var value)
            && value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : otherwise;
        var lower = Flag("lowercase", true);
        // What is not said goes with the lower case.
        var bare = Flag("strip_accents", lower);
        if (!Part(root, "model").TryGetProperty("vocab", out var vocabulary) || vocabulary.ValueKind != JsonValueKind.Object)
            throw new InputException($"{path}: model.vocab is missing.");
        var tokens = vocabulary.EnumerateObject().OrderBy(t => t.Value.GetInt32()).ToArray();
        for (var i = 0; i < tokens.Length; i++)
            if (tokens[i].Value.GetInt32() != i)
                throw new InputException($"{path}: model.vocab has no token of id {i}.");
        using var lines = new MemoryStream(Encoding.UTF8.GetBytes(string.Join('\n', tokens.Select(t => t.Name))));
        var options = new BertOptions
        {
            LowerCaseBeforeTokenization = lower,
            RemoveNonSpacingMarks = bare,
            IndividuallyTokenizeCjk = Flag("handle_chinese_chars", true),
            UnknownToken = Text(root, "model", "unk_token"),
        };
        return (BertTokenizer.Create(lines, options), bare);
    }

    private static string WellFormed(string text) => string.Concat(text.EnumerateRunes());

    private static JsonElement Part(JsonElement root, string name) => root.ValueKind == JsonValueKind.Object
        && root.TryGetProperty(name, out var part)
        && part.ValueKind == JsonValueKind.Object ? part : default;

    private static string Text(JsonElement root, string part, string name) =>
        Part(root, part) is { ValueKind: JsonValueKind.Object } p
            && p.TryGetProperty(name, out var value)
            && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    private static JsonDocument Read(string path)
    {
        try
        {
            return JsonDocument.Parse(InputFile.Text(path, TokenizerJson.MaxBytes));
        }
        catch (JsonException e)
        {
            throw new InputException(InputFile.Foreign(path) ?? $"{path} cannot be read: {e.Message}", e);
        }
    }
}
