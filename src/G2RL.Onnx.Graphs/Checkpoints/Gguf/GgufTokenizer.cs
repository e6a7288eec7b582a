using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Checkpoints;

/// <summary>
/// Byte-level and SentencePiece-like BPE tokenizers of GGUF files as tokenizer.json and tokenizer_config.json. Other kinds are refused by
/// name.
/// </summary>
/// <remarks>Source: the tokenizer keys of docs/gguf.md (ggml-org/ggml); the patterns are those of the models' own tokenizer.json.</remarks>
internal static class GgufTokenizer
{
    private const int Control = 3;
    private const int UserDefined = 4;
    private const int Unused = 5;

    internal const string Qwen =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    internal const string Llama3 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    internal static readonly JsonSerializerOptions Format =
        new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The files' names and texts; none when the model has no tokenizer.</summary>
    public static IReadOnlyList<(string Name, string Text)> Write(GgufKeys keys, string path)
    {
        var kind = keys.OptionalText("tokenizer.ggml.model");
        if (kind is null or "none" or "no_vocab")
            return [];
        const string wayOut = "Supply the model's own tokenizer.json instead: --tokenizer FOLDER";
        if (kind == "llama")
            return WithScores(keys, path, wayOut);
        if (kind != "gpt2")
            throw keys.Fault($"tokenizer.ggml.model is '{kind}'; only byte-level BPE, 'gpt2', and SentencePiece's, 'llama', are turned "
                + $"into tokenizer.json. {wayOut}");
        var steps = keys.OptionalText("tokenizer.ggml.pre") switch
        {
            "qwen2" => Steps(Split(Qwen), ByteLevel(regex: false)),
            "llama-bpe" or "llama3" or "llama-v3" => Steps(Split(Llama3), ByteLevel(regex: false)),
            "smollm" => Steps(new JsonObject { ["type"] = "Digits", ["individual_digits"] = true }, ByteLevel(regex: true)),
            "gpt-2" => ByteLevel(regex: true),
            var other => throw keys.Fault($"tokenizer.ggml.pre is {(other is null ? "missing" : $"'{other}'")}; "
                + $"qwen2, llama-bpe, smollm and gpt-2 are known. {wayOut}"),
        };
        var pre = keys.OptionalText("tokenizer.ggml.pre")!;
        if (keys.OptionalTexts("tokenizer.ggml.tokens") is not { } tokens || keys.OptionalTexts("tokenizer.ggml.merges") is not { } merges)
            throw keys.Fault($"the metadata lacks tokenizer.ggml.tokens or tokenizer.ggml.merges. {wayOut}");
        if (keys.OptionalFlag("tokenizer.ggml.add_space_prefix") == true)
            throw keys.Fault($"tokenizer.ggml.add_space_prefix is true, which no byte-level tokenizer here does. {wayOut}");
        var types = keys.OptionalIntegers("tokenizer.ggml.token_type")?.ToArray();
        if (types is not null && types.Length != keys.Count("tokenizer.ggml.tokens"))
            throw keys.Fault($"tokenizer.ggml.token_type has {types.Length} entries and tokenizer.ggml.tokens "
                + $"{keys.Count("tokenizer.ggml.tokens")}; they must be as many");

        var (vocabulary, added, texts) = (new JsonObject(), new JsonArray(), new Dictionary<int, string>());
        foreach (var (id, token) in tokens.Index())
        {
            var type = types?[id];
            if (type == Unused)
                continue;
            texts.Add(id, token);
            if (token.Length == 0
                || !(type is Control or UserDefined ? AddedNames(added, id, token, type == Control) : vocabulary.TryAdd(token, id)))
                throw keys.Fault($"tokenizer.ggml.tokens holds '{token}' {(token.Length == 0 ? "(empty)" : "twice")}, at {id}");
        }
        // The same text as an ordinary token and an added one would have two ids.
        if (added.FirstOrDefault(entry => vocabulary.ContainsKey((string)entry!["content"]!)) is { } both)
            throw keys.Fault($"tokenizer.ggml.tokens holds '{both["content"]}' twice");
        var json = new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = added,
            ["normalizer"] = pre == "qwen2" ? new JsonObject { ["type"] = "NFC" } : null,
            ["pre_tokenizer"] = steps,
            ["post_processor"] = Processor(keys, texts),
            ["decoder"] = ByteLevel(regex: false),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = null,
                ["continuing_subword_prefix"] = null,
                ["end_of_word_suffix"] = null,
                ["fuse_unk"] = false,
                ["byte_fallback"] = false,
                ["ignore_merges"] = pre is "llama-bpe" or "llama3" or "llama-v3",
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray([.. merges.Select((merge, i) => (JsonNode)Pair(keys, merge, i))]),
            },
        };
        return Files(json, Config(keys, texts, path));
    }

    // SentencePiece: scores instead of merges, a blank before a text and a beginning token unless said otherwise.
    private static IReadOnlyList<(string Name, string Text)> WithScores(GgufKeys keys, string path, string wayOut)
    {
        if (keys.OptionalTexts("tokenizer.ggml.tokens") is not { } tokens
            || keys.OptionalNumbers("tokenizer.ggml.scores") is not { } scores
            || keys.OptionalIntegers("tokenizer.ggml.token_type") is not { } types)
            throw keys.Fault($"the metadata lacks tokenizer.ggml.tokens, tokenizer.ggml.scores or tokenizer.ggml.token_type. {wayOut}");
        long[] counts = [keys.Count("tokenizer.ggml.tokens"), keys.Count("tokenizer.ggml.scores"), keys.Count("tokenizer.ggml.token_type")];
        if (counts.Distinct().Count() > 1)
            throw keys.Fault($"tokenizer.ggml.tokens, scores and token_type have {string.Join(", ", counts)} entries; "
                + "they must be as many");
        if (keys.OptionalFlag("tokenizer.ggml.remove_extra_whitespaces") == true)
            throw keys.Fault($"tokenizer.ggml.remove_extra_whitespaces is true, which no tokenizer here does. {wayOut}");
        SentencePiece[] pieces =
            [.. tokens.Zip(scores, types).Select(entry => new SentencePiece(entry.First, entry.Second, (PieceKind)(entry.Third ?? 0)))];
        var texts = pieces.Index().ToDictionary(entry => entry.Index, entry => entry.Item.Text);
        var config = Config(keys, texts, path);
        var before = keys.OptionalFlag("tokenizer.ggml.add_bos_token") ?? true ? keys.OptionalInteger("tokenizer.ggml.bos_token_id") : null;
        var behind = keys.OptionalFlag("tokenizer.ggml.add_eos_token") ?? false
            ? keys.OptionalInteger("tokenizer.ggml.eos_token_id")
            : null;
        var json =
            SentencePieceTokenizer.Write(pieces, keys.OptionalFlag("tokenizer.ggml.add_space_prefix") ?? true, before, behind, keys.Fault);
        return Files(json, config);
    }

    private static IReadOnlyList<(string Name, string Text)> Files(JsonObject tokenizer, JsonObject config) =>
        [("tokenizer.json", tokenizer.ToJsonString(Format) + "\n"), ("tokenizer_config.json", config.ToJsonString(Format) + "\n")];

    private static bool AddedNames(JsonArray added, int id, string token, bool special)
    {
        added.Add((JsonNode)new JsonObject
        {
            ["id"] = id,
            ["content"] = token,
            ["single_word"] = false,
            ["lstrip"] = false,
            ["rstrip"] = false,
            ["normalized"] = false,
            ["special"] = special,
        });
        return true;
    }

    private static JsonObject Config(GgufKeys keys, Dictionary<int, string> texts, string path)
    {
        var config = new JsonObject
        {
            ["tokenizer_class"] = "PreTrainedTokenizerFast",
            ["bos_token"] = Named(keys, "bos", texts),
            ["eos_token"] = Named(keys, "eos", texts),
            ["pad_token"] = Named(keys, "padding", texts),
            ["clean_up_tokenization_spaces"] = false,
        };
        if (keys.OptionalText("tokenizer.chat_template") is { } template)
            config["chat_template"] = template;
        return config;
    }

    // What is put around a text; prompts begin so.
    private static JsonObject Processor(GgufKeys keys, Dictionary<int, string> texts)
    {
        var bytes = new JsonObject
        {
            ["type"] = "ByteLevel",
            ["add_prefix_space"] = false,
            ["trim_offsets"] = false,
            ["use_regex"] = false,
        };
        if (keys.OptionalFlag("tokenizer.ggml.add_bos_token") != true || Named(keys, "bos", texts) is not { } bos)
            return bytes;
        var id = keys.OptionalInteger("tokenizer.ggml.bos_token_id");
        JsonNode Begin(int part) => new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = bos, ["type_id"] = part } };
        JsonNode Text(string name, int part) => new JsonObject { ["Sequence"] = new JsonObject { ["id"] = name, ["type_id"] = part } };
        var template = new JsonObject
        {
            ["type"] = "TemplateProcessing",
            ["single"] = new JsonArray(Begin(0), Text("A", 0)),
            ["pair"] = new JsonArray(Begin(0), Text("A", 0), Begin(1), Text("B", 1)),
            ["special_tokens"] =
                new JsonObject { [bos] = new JsonObject { ["id"] = bos, ["ids"] = new JsonArray(id), ["tokens"] = new JsonArray(bos) } },
        };
        return new JsonObject { ["type"] = "Sequence", ["processors"] = new JsonArray(bytes, template) };
    }

    private static string? Named(GgufKeys keys, string kind, Dictionary<int, string> texts) =>
        keys.OptionalInteger($"tokenizer.ggml.{kind}_token_id") switch
        {
            null => null,
            { } id when texts.TryGetValue(id, out var text) => text,
            { } id => throw keys.Fault($"tokenizer.ggml.{kind}_token_id is {id}, which tokenizer.ggml.tokens lacks"),
        };

    private static JsonArray Pair(GgufKeys keys, string merge, int index)
    {
        // A merge is two tokens and a blank between; tokens themselves hold none, they spell it as another character.
        var blank = merge.IndexOf(' ', StringComparison.Ordinal);
        return blank > 0 && blank < merge.Length - 1 && merge.LastIndexOf(' ') == blank
            ? [merge[..blank], merge[(blank + 1)..]]
            : throw keys.Fault($"tokenizer.ggml.merges[{index}] is '{merge}'; it must be two tokens and a blank between");
    }

    private static JsonObject Steps(params JsonNode[] steps) => new() { ["type"] = "Sequence", ["pretokenizers"] = new JsonArray(steps) };

    private static JsonObject Split(string regex) => new()
    {
        ["type"] = "Split",
        ["pattern"] = new JsonObject { ["Regex"] = regex },
        ["behavior"] = "Isolated",
        ["invert"] = false,
    };

    private static JsonObject ByteLevel(
        bool regex) => new() { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = false, ["use_regex"] = regex };
}
