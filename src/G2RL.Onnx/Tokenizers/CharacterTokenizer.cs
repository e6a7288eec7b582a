using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Tokenizers;

/// <summary>The special tokens of a <see cref="CharacterTokenizer"/>, in the order of their ids, 0 to 2.</summary>
/// <param name="Pad">Fills rows up to a common length.</param>
/// <param name="Bos">Begins a text.</param>
/// <param name="Eos">Ends a completion.</param>
internal sealed record SpecialTokens(string Pad = "<pad>", string Bos = "<bos>", string Eos = "<eos>");

/// <summary>Writes tokenizers with one token a character, for small models of one's own, as the Hugging Face library reads them.</summary>
internal static class CharacterTokenizer
{
    private static readonly JsonSerializerOptions Readable =
        new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// Writes tokenizer.json and tokenizer_config.json: special tokens get ids 0, 1, 2, then each character of <paramref
    /// name="characters"/> in order.
    /// </summary>
    /// <param name="folder">Created when missing; existing files are replaced.</param>
    /// <param name="characters">Each Unicode character (surrogate pairs count as one) at most once, at least one.</param>
    /// <param name="special">Names of the special tokens; null for <c>&lt;pad&gt;</c>, <c>&lt;bos&gt;</c>, <c>&lt;eos&gt;</c>.</param>
    /// <param name="contextLength">The model's longest sequence, in tokens, > 0.</param>
    /// <exception cref="InputException">
    /// No character, one twice, half a surrogate pair, or special tokens that are empty, equal or single characters of the list.
    /// </exception>
    public static void Write(string folder, string characters, SpecialTokens? special = null, int contextLength = 1024)
    {
        special ??= new SpecialTokens();
        string[] specials = [special.Pad, special.Bos, special.Eos];
        var vocabulary = new JsonObject();
        foreach (var token in specials)
            Add(vocabulary, token, "special token");
        if (characters.Length == 0)
            throw new InputException("The character list is empty; a character tokenizer needs at least one character.");
        foreach (var rune in characters.EnumerateRunes())
        {
            if (rune == Rune.ReplacementChar)
                throw new InputException("The character list holds half a surrogate pair or U+FFFD; write whole Unicode characters.");
            Add(vocabulary, rune.ToString(), "character");
        }

        var added = new JsonArray();
        for (var id = 0; id < specials.Length; id++)
        {
            added.Add(new JsonObject
            {
                ["id"] = id,
                ["content"] = specials[id],
                ["single_word"] = false,
                ["lstrip"] = false,
                ["rstrip"] = false,
                ["normalized"] = false,
                ["special"] = true,
            });
        }

        Directory.CreateDirectory(folder);
        Save(Path.Combine(folder, "tokenizer.json"), new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = added,
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject
            {
                // Not ".", which leaves out the newline.
                ["type"] = "Split",
                ["pattern"] = new JsonObject { ["Regex"] = "[\\s\\S]" },
                ["behavior"] = "Isolated",
                ["invert"] = false,
            },
            ["post_processor"] = null,
            ["decoder"] = new JsonObject { ["type"] = "Fuse" },
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = null,
                ["continuing_subword_prefix"] = null,
                ["end_of_word_suffix"] = null,
                ["fuse_unk"] = false,
                ["byte_fallback"] = false,
                ["ignore_merges"] = false,
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray(),
            },
        });
        Save(Path.Combine(folder, "tokenizer_config.json"), new JsonObject
        {
            ["tokenizer_class"] = "PreTrainedTokenizerFast",
            ["model_max_length"] = contextLength,
            ["pad_token"] = special.Pad,
            ["bos_token"] = special.Bos,
            ["eos_token"] = special.Eos,
            ["clean_up_tokenization_spaces"] = false,
        });
    }

    private static void Add(JsonObject vocabulary, string token, string kind)
    {
        if (token.Length == 0 || vocabulary.ContainsKey(token))
            throw new InputException($"The {kind} '{token}' is {(token.Length == 0 ? "empty" : "listed twice")}; a character tokenizer "
                + "needs tokens that differ.");
        vocabulary.Add(token, vocabulary.Count);
    }

    private static void Save(string path, JsonObject content) => File.WriteAllText(path, content.ToJsonString(Readable) + "\n");
}
