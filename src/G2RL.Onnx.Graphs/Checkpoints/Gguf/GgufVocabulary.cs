using System.Text.Json.Nodes;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Checkpoints;

/// <summary>
/// A tokenizer.json as the metadata that llama.cpp takes: byte-level BPE with a pattern that it knows, SentencePiece-like BPE with byte
/// fallback, or one token a character.
/// </summary>
internal static class GgufVocabulary
{
    private const string Blank = "▁";
    private const string WayOut = "Export without it (--no-tokenizer), and keep the model's own beside the file.";

    public static void Describe(GgufEntries entries, string folder, DecoderSpec spec)
    {
        var path = Path.Combine(folder, "tokenizer.json");
        var root = Object(path) ?? throw new InputException($"{path} does not exist or is no JSON object. {WayOut}");
        var config = Object(Path.Combine(folder, "tokenizer_config.json")) ?? [];
        var model = root["model"] as JsonObject ?? [];
        var vocabulary = (model["vocab"] as JsonObject ?? []).ToDictionary(v => (int)v.Value!, v => v.Key);
        var added = (root["added_tokens"] as JsonArray ?? []).OfType<JsonObject>()
            .ToDictionary(t => (int)t["id"]!, t => (Text: (string)t["content"]!, IsSpecial: (bool?)t["special"] ?? false));
        foreach (var (id, token) in added)
            vocabulary[id] = token.Text;
        if ((string?)model["type"] != "BPE" || vocabulary.Count == 0)
            throw new InputException($"{path}: only BPE tokenizers have a place in a GGUF file. {WayOut}");
        if (vocabulary.Keys.Max() is var largest && largest >= spec.VocabularySize)
            throw new InputException($"{path} has token {largest}; the model's vocabulary has {spec.VocabularySize}. "
                + "Tokenizer and weights do not belong together.");
        string[] merges = [.. (model["merges"] as JsonArray ?? []).Select(m =>
            m is JsonArray pair ? $"{(string)pair[0]!} {(string)pair[1]!}" : (string)m!)];
        var isPieces = (bool?)model["byte_fallback"] == true;
        var pre = isPieces ? null : Pattern(root["pre_tokenizer"], path, vocabulary, added.Keys);
        entries.Text("tokenizer.ggml.model", isPieces ? "llama" : "gpt2");
        if (pre is not null)
            entries.Text("tokenizer.ggml.pre", pre);
        var ids = Enumerable.Range(0, spec.VocabularySize).ToArray();
        var unknown = (string?)model["unk_token"];
        entries.Texts("tokenizer.ggml.tokens", [.. ids.Select(id => vocabulary.TryGetValue(id, out var text)
            ? !isPieces && !added.ContainsKey(id) ? Spelled(text) : text
            : $"[PAD{id}]")]);
        entries.Numbers("tokenizer.ggml.token_type", [.. ids.Select(id => (int)(!vocabulary.TryGetValue(id, out var text) ? PieceKind.Unused
            : text == unknown ? PieceKind.Unknown
            : added.TryGetValue(id, out var token) ? token.IsSpecial ? PieceKind.Control : PieceKind.UserDefined
            : isPieces && text is ['<', '0', 'x', _, _, '>'] ? PieceKind.Byte : PieceKind.Normal))]);
        if (isPieces)
        {
            // SentencePiece merges what has the best score: the rank of the merge that gives it.
            var ranks = new Dictionary<string, int>(StringComparer.Ordinal);
            foreach (var (rank, merge) in merges.Index())
                ranks.TryAdd(merge.Replace(" ", "", StringComparison.Ordinal), rank);
            entries.Reals("tokenizer.ggml.scores", [.. ids.Select(id =>
                vocabulary.TryGetValue(id, out var text) && ranks.TryGetValue(text, out var rank) ? -(float)(rank + 1) : 0f)]);
            entries.Flag("tokenizer.ggml.add_space_prefix", HasBlankFirst(root));
        }
        else
            entries.Texts("tokenizer.ggml.merges", merges);
        Named(entries, root, config, spec, vocabulary, path);
    }

    private static void Named(
        GgufEntries entries,
        JsonObject root,
        JsonObject config,
        DecoderSpec spec,
        Dictionary<int, string> vocabulary,
        string path)
    {
        var ids = vocabulary.ToDictionary(v => v.Value, v => v.Key, StringComparer.Ordinal);
        int? Token(string name) => config[name] switch
        {
            JsonObject token => ids.TryGetValue((string?)token["content"] ?? "", out var id) ? id : null,
            JsonValue text => ids.TryGetValue((string?)text ?? "", out var id) ? id : null,
            _ => null,
        };
        var (bos, eos) = (Token("bos_token") ?? spec.BosToken, spec.EosTokens is [var first, ..] ? first : Token("eos_token"));
        if (bos is { } b)
            entries.Number("tokenizer.ggml.bos_token_id", b);
        if (eos is { } e)
            entries.Number("tokenizer.ggml.eos_token_id", e);
        if (spec.EosTokens is [_, var second, ..])
            entries.Number("tokenizer.ggml.eot_token_id", second);
        if ((Token("pad_token") ?? spec.PadToken) is { } pad)
            entries.Number("tokenizer.ggml.padding_token_id", pad);
        var single = Single(root["post_processor"]);
        bool Is(JsonNode? piece, int? id) => id is not null
            && (string?)piece?["SpecialToken"]?["id"] is { } text && ids.TryGetValue(text, out var found) && found == id;
        entries.Flag("tokenizer.ggml.add_bos_token", single is { Count: > 0 } && Is(single[0], bos));
        entries.Flag("tokenizer.ggml.add_eos_token", single is { Count: > 0 } && Is(single[^1], eos));
        var own = Path.Combine(Path.GetDirectoryName(path)!, "chat_template.jinja");
        if (File.Exists(own))
            entries.Text("tokenizer.chat_template", InputFile.Text(own));
        else if (config["chat_template"] is JsonValue template && template.TryGetValue<string>(out var source))
            entries.Text("tokenizer.chat_template", source);
    }

    // The name that llama.cpp has for the way in which a text is cut before it is merged.
    private static string Pattern(JsonNode? steps, string path, Dictionary<int, string> vocabulary, IEnumerable<int> added)
    {
        JsonNode?[] all = (string?)steps?["type"] == "Sequence" ? [.. steps["pretokenizers"] as JsonArray ?? []] : [steps];
        var kinds = all.Select(s => (string?)s?["type"]).ToArray();
        var regex = all.Select(s => (string?)s?["pattern"]?["Regex"]).FirstOrDefault(r => r is not null);
        var name = (kinds, regex) switch
        {
            (["Split", "ByteLevel"], GgufTokenizer.Qwen) => "qwen2",
            (["Split", "ByteLevel"], GgufTokenizer.Llama3) => "llama-bpe",
            (["Digits", "ByteLevel"], _) => "smollm",
            (["ByteLevel"], _) => "gpt-2",
            // One token a character: however the text is cut, there is nothing to merge.
            (["Split"], @"[\s\S]") when vocabulary.Keys.Except(added).All(id => vocabulary[id] is [<= '\x7f']) => "gpt-2",
            _ => null,
        };
        return name ?? throw new InputException($"{path} cuts texts by {string.Join(", ", kinds)}{(regex is null ? "" : $" '{regex}'")}, "
            + $"a way for which llama.cpp has no name known here. {WayOut}");
    }

    // Byte-level vocabularies spell these two bytes by other characters.
    private static string Spelled(string text) => text switch { " " => "Ġ", "\n" => "Ċ", _ => text };

    private static bool HasBlankFirst(JsonObject root)
    {
        bool Holds(JsonNode? node) => node switch
        {
            JsonObject step when (string?)step["type"] == "Prepend" => (string?)step["prepend"] == Blank,
            JsonObject step when (string?)step["type"] == "Metaspace" => (string?)step["prepend_scheme"] is "always" or "first"
                || (step["prepend_scheme"] is null && (bool?)step["add_prefix_space"] != false),
            JsonObject step => Holds(step["normalizers"]) || Holds(step["pretokenizers"]),
            JsonArray list => list.Any(Holds),
            _ => false,
        };
        return Holds(root["normalizer"]) || Holds(root["pre_tokenizer"]);
    }

    private static JsonArray? Single(JsonNode? processor) => (string?)processor?["type"] switch
    {
        "TemplateProcessing" => processor["single"] as JsonArray,
        "Sequence" => (processor["processors"] as JsonArray ?? []).Select(Single).FirstOrDefault(s => s is not null),
        _ => null,
    };

    private static JsonObject? Object(string path)
    {
        if (!File.Exists(path))
            return null;
        try
        {
            return JsonNode.Parse(InputFile.Text(path)) as JsonObject;
        }
        catch (System.Text.Json.JsonException e)
        {
            throw new InputException($"{path} is not JSON: {e.Message}", e);
        }
    }
}
