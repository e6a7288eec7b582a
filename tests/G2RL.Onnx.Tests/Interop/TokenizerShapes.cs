using System.Text.Json.Nodes;
using G2RL.Onnx.Tokenizers.Bpe;

namespace G2RL.Onnx.Tests.Interop;

/// <summary>
/// tokenizer.json in the shapes that the families' files have (which parts, in which order, with which settings), around vocabularies that
/// are trained here on made-up words.
/// </summary>
internal static class TokenizerShapes
{
    private const int Merges = 800;
    private const string Gpt4Cuts =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string CaseCuts = @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"
        + @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| "
        + @"?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string BytesAfterwards = """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}""";
    private const string BytesDecoder = """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}""";
    private const string SeveralSplits =
        """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"[\\r\\n]"},"behavior":"Isolated","invert":false},{"type":"Split","pattern":{"Regex":"\\s?\\p{L}+"},"behavior":"Isolated","invert":false},{"type":"Split","pattern":{"Regex":"[一-龥]+"},"behavior":"Isolated","invert":false},{"type":"Digits","individual_digits":true},"""
            + BytesAfterwards
            + "]}";
    private const string PrependSpace =
        """{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}""";
    private const string SpacesAndBytes =
        """{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"}""";
    private const string StripOne =
        """{"type":"Sequence","decoders":[""" + SpacesAndBytes + """,{"type":"Strip","content":" ","start":1,"stop":0}]}""";

    private static readonly Dictionary<string, int> Text = new TextMaker(1).Words(700);
    private static readonly Lazy<TrainedBpe> Bytes =
        new(() => BpeTrainer.Train(Spelled(), Enumerable.Range(0, 256).Select(b => ByteSpelling.Spell((byte)b).ToString()), Merges));
    private static readonly Lazy<TrainedBpe> Glue = new(() => BpeTrainer.Glue(b => ByteSpelling.Spell(b).ToString()));
    private static readonly Lazy<TrainedBpe> Characters = new(() => BpeTrainer.Train(Marked(), Alphabet(), Merges));

    /// <summary>Words that the vocabularies were trained on.</summary>
    public static IReadOnlyList<string> Words { get; } = [.. Text.Keys];

    /// <summary>The shapes by name.</summary>
    public static IReadOnlyDictionary<string, Func<JsonObject>> All { get; } = new Dictionary<string, Func<JsonObject>>
    {
        ["gpt2"] = () =>
            ByteLevel("null", """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}""", ["<|endoftext|>"]),
        ["gpt2-prefix"] = () =>
            ByteLevel("null", """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}""", ["<|endoftext|>"]),
        ["mask"] = () => Change(
            ByteLevel("null", """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true}""", ["<s>", "</s>", "<mask>"]),
            file => (file["added_tokens"]![2]!["lstrip"], file["added_tokens"]![1]!["rstrip"]) = (true, true)),
        ["smollm2"] = () => ByteLevel(
            "null",
            """{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]}""",
            ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>"]),
        ["digits"] = () => ByteLevel(
            "null",
            $$"""{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":false},{{BytesAfterwards}}]}""",
            ["<|endoftext|>"]),
        ["llama3"] = () => Change(
            ByteLevel(
                "null",
                Split(Gpt4Cuts),
                ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|python_tag|>"]),
            file =>
            {
                file["model"]!["ignore_merges"] = true;
                file["post_processor"] =
                    JsonNode.Parse(
                        $$"""{"type":"Sequence","processors":[{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":true},{{Around(file, "<|begin_of_text|>")}}]}""");
            }),
        ["qwen"] = () => Change(
            ByteLevel(
                """{"type":"NFC"}""",
                Split(Gpt4Cuts.Replace("{1,3}", "", StringComparison.Ordinal)),
                ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>", "<think>", "</think>"]),
            file =>
            {
                for (var i = 3; i < 7; i++)
                    file["added_tokens"]![i]!["special"] = false;
            }),
        ["tekken"] = () => Change(
            ByteLevel("null", Split(CaseCuts), ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"]),
            file => file["model"]!["ignore_merges"] = true),
        ["several-splits"] = () => ByteLevel(
            """{"type":"Sequence","normalizers":[]}""",
            SeveralSplits,
            ["<|begin▁of▁sentence|>", "<|end▁of▁sentence|>"]),
        ["normalized-tokens"] = () => Change(ByteLevel("""{"type":"NFC"}""", Split(Gpt4Cuts), ["<é>", "<e\u0301>x", "[Å]"]), file =>
        {
            foreach (var token in file["added_tokens"]!.AsArray())
                (token!["normalized"], token["special"]) = (true, false);
        }),
        ["llama2"] = () => SentencePiece(PrependSpace, "null", StripOne, ["<unk>", "<s>", "</s>"]),
        ["phi3"] = () => Change(
            SentencePiece(
                PrependSpace,
                "null",
                StripOne,
                ["<unk>", "<s>", "</s>", "<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"]),
            file =>
            {
                foreach (var token in file["added_tokens"]!.AsArray().Skip(4))
                    token!["rstrip"] = true;
                (file["added_tokens"]![2]!["rstrip"], file["added_tokens"]![2]!["special"]) = (true, false);
            }),
        ["mistral"] = () => SentencePiece(
            "null",
            """{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false}""",
            StripOne,
            ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]"]),
        ["metaspace-always"] = () => SentencePiece(
            "null",
            """{"type":"Metaspace","replacement":"▁","add_prefix_space":true,"prepend_scheme":"always"}""",
            """{"type":"Metaspace","replacement":"▁","add_prefix_space":true,"prepend_scheme":"always"}""",
            ["<unk>", "<s>", "</s>"],
            bytes: false),
        ["metaspace-never"] = () => SentencePiece(
            "null",
            """{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":false}""",
            """{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":false}""",
            ["<unk>", "<s>", "</s>"],
            bytes: false),
        ["gemma"] = () => Change(
            SentencePiece(
                """{"type":"Replace","pattern":{"String":" "},"content":"▁"}""",
                """{"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious","invert":false}""",
                $$"""{"type":"Sequence","decoders":[{{SpacesAndBytes}}]}""",
                ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>", "\n\n", "\n\n\n", "▁▁", "▁▁▁▁", "<h1>"]),
            file =>
            {
                foreach (var token in file["added_tokens"]!.AsArray().Skip(6))
                    token!["special"] = false;
                file["post_processor"] = JsonNode.Parse(Around(file, "<bos>"));
            }),
        ["unfused"] = () => Change(
            SentencePiece("null", "null", """{"type":"Fuse"}""", ["<unk>", "<s>", "</s>"], bytes: false),
            file => file["model"]!["fuse_unk"] = false),
        ["glued-gpt2"] = () => ByteLevel(
            "null",
            """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}""",
            ["<|endoftext|>"],
            Glue.Value),
        ["glued-smollm2"] = () => ByteLevel(
            "null",
            """{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]}""",
            ["<|endoftext|>"],
            Glue.Value),
        ["glued-digits"] = () => ByteLevel(
            "null",
            $$"""{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":false},{{BytesAfterwards}}]}""",
            ["<|endoftext|>"],
            Glue.Value),
        ["glued-llama3"] = () => ByteLevel("null", Split(Gpt4Cuts), ["<|eot_id|>"], Glue.Value),
        ["glued-qwen"] = () =>
            ByteLevel("""{"type":"NFC"}""", Split(Gpt4Cuts.Replace("{1,3}", "", StringComparison.Ordinal)), ["<|im_end|>"], Glue.Value),
        ["glued-tekken"] = () => ByteLevel("null", Split(CaseCuts), ["</s>"], Glue.Value),
        ["glued-several-splits"] = () => ByteLevel("null", SeveralSplits, ["<|end|>"], Glue.Value),
        ["some-bytes"] = () => Change(SentencePiece(PrependSpace, "null", StripOne, ["<unk>", "<s>", "</s>"]), file =>
        {
            // Without one lead byte: characters that need it are unknown, the others spelled.
            var vocabulary = file["model"]!["vocab"]!.AsObject();
            vocabulary.Remove("<0xE2>");
        }),
    };

    private static string Split(string pattern) =>
        $$"""{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":{{JsonValue.Create(pattern)!.ToJsonString()}}},"behavior":"Isolated","invert":false},{{BytesAfterwards}}]}""";

    private static string Around(JsonObject file, string first) =>
        $$$$"""{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"{{{{first}}}}","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],"special_tokens":{"{{{{first}}}}":{"id":"{{{{first}}}}","ids":[{{{{IdOf(file, first)}}}}],"tokens":["{{{{first}}}}"]}}}""";

    private static JsonNode IdOf(JsonObject file, string content) =>
        file["added_tokens"]!.AsArray().First(t => t!["content"]!.GetValue<string>() == content)!["id"]!;

    private static JsonObject Change(JsonObject file, Action<JsonObject> change)
    {
        change(file);
        return file;
    }

    private static JsonObject ByteLevel(string normalizer, string preTokenizer, string[] added, TrainedBpe? trained = null)
    {
        trained ??= Bytes.Value;
        var vocabulary = new JsonObject();
        foreach (var token in trained.Alphabet.Concat(trained.Merges.Select(m => m.Left + m.Right))
            .Concat(Spelled().Keys.Where(k => k.Length is > 4 and < 12).Take(60)))
            vocabulary.TryAdd(token, vocabulary.Count);
        var tokens = new JsonArray([.. added.Select((t, i) => Added(vocabulary.Count + i, t))]);
        return File(tokens, normalizer, preTokenizer, BytesDecoder, new JsonObject
        {
            ["type"] = "BPE",
            ["dropout"] = null,
            ["unk_token"] = null,
            ["fuse_unk"] = false,
            ["byte_fallback"] = false,
            ["ignore_merges"] = false,
        }, vocabulary, trained);
    }

    private static JsonObject SentencePiece(string normalizer, string preTokenizer, string decoder, string[] added, bool bytes = true)
    {
        var trained = Characters.Value;
        var vocabulary = new JsonObject();
        string[] byteTokens = bytes ? [.. Enumerable.Range(0, 256).Select(b => $"<0x{b:X2}>")] : [];
        foreach (var token in added.Concat(byteTokens).Concat(trained.Merges.Select(m => m.Left + m.Right)).Concat(trained.Alphabet))
            vocabulary.TryAdd(token, vocabulary.Count);
        var tokens = new JsonArray([.. added.Select((t, i) => Added(i, t))]);
        var file = File(tokens, normalizer, preTokenizer, decoder, new JsonObject
        {
            ["type"] = "BPE",
            ["dropout"] = null,
            ["unk_token"] = "<unk>",
            ["fuse_unk"] = true,
            ["byte_fallback"] = bytes,
            ["ignore_merges"] = false,
        }, vocabulary, trained);
        if (added.Contains("<s>"))
            file["post_processor"] = JsonNode.Parse(Around(file, "<s>"));
        return file;
    }

    private static JsonObject File(
        JsonArray added,
        string normalizer,
        string preTokenizer,
        string decoder,
        JsonObject model,
        JsonObject vocabulary,
        TrainedBpe trained)
    {
        model["vocab"] = vocabulary;
        model["merges"] = new JsonArray([.. trained.Merges.Select(m => new JsonArray(m.Left, m.Right))]);
        return new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = added,
            ["normalizer"] = JsonNode.Parse(normalizer),
            ["pre_tokenizer"] = JsonNode.Parse(preTokenizer),
            ["post_processor"] = null,
            ["decoder"] = JsonNode.Parse(decoder),
            ["model"] = model,
        };
    }

    private static JsonObject Added(int id, string content) => new()
    {
        ["id"] = id,
        ["content"] = content,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = false,
        ["special"] = true,
    };

    // Words as byte-level merges see them: with the space before, in the spelling of bytes.
    private static Dictionary<string, int> Spelled()
    {
        var words = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (word, count) in Text)
            foreach (var text in new[] { word, " " + word })
                words[string.Concat(System.Text.Encoding.UTF8.GetBytes(text).Select(b => ByteSpelling.Spell(b)))] = count;
        // Whole texts as well: some merges then cross the pre-tokenizers' cuts, and must not be made.
        foreach (var text in new TextMaker(2).Texts(200, [.. Text.Keys], []))
            words[string.Concat(System.Text.Encoding.UTF8.GetBytes(text.Length > 60 ? text[..60] : text)
                .Select(b => ByteSpelling.Spell(b)))] = 2;
        return words;
    }

    // Words as SentencePiece's merges see them, and runs of spaces.
    private static Dictionary<string, int> Marked()
    {
        var words = Text.ToDictionary(w => "▁" + w.Key.Replace(' ', '▁'), w => w.Value, StringComparer.Ordinal);
        foreach (var (word, count) in Text.Take(100))
            words[word] = count;
        foreach (var text in new TextMaker(2).Texts(200, [.. Text.Keys], []))
            words["▁" + (text.Length > 60 ? text[..60] : text).Replace(' ', '▁')] = 2;
        words["▁▁▁▁▁▁▁▁"] = 200;
        return words;
    }

    // Two in three of the characters that come, so that some are missing.
    private static IEnumerable<string> Alphabet() =>
        Text.Keys.SelectMany(w => w.EnumerateRunes()).Where(r => r.Value is not ('\n' or '\r' or '\t' or ' ' or 0))
            .Select(r => r.ToString()).Distinct(StringComparer.Ordinal).Where((r, i) => i % 3 > 0 || char.IsAsciiLetter(r[0])).Append("▁");
}
