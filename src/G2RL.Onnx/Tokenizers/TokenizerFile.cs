using System.Text.Json;

namespace G2RL.Onnx.Tokenizers;

/// <summary>
/// tokenizer.json and tokenizer_config.json, read and checked. Whatever would change the ids and is not implemented is refused by name: a tokenizer
/// that is almost right is worse than none.
/// </summary>
internal sealed class TokenizerFile
{
    private readonly string _path;

    private TokenizerFile(string path) => _path = path;

    /// <summary>Token text to id, without added tokens.</summary>
    public Dictionary<string, int> Vocabulary { get; } = [];

    /// <summary>Pairs to merge, best first, each as "left right".</summary>
    public List<string> Merges { get; } = [];

    /// <summary>The added tokens.</summary>
    public List<AddedToken> Added { get; } = [];

    /// <summary>The pre-tokenizer's steps, in order.</summary>
    public List<PreTokenizerStep> Steps { get; } = [];

    /// <summary>Whether text is brought to normal form C first.</summary>
    public bool Nfc { get; private set; }

    /// <summary>Whether pieces are spelled as bytes.</summary>
    public bool ByteLevel { get; private set; }

    /// <summary>Whether decoding undoes the spelling as bytes.</summary>
    public bool ByteLevelDecoder { get; private set; }

    /// <summary>What decoding puts between tokens: nothing with a decoder, a space without one (as the reference does).</summary>
    public string Separator { get; private set; } = " ";

    /// <summary>The token of characters that the vocabulary lacks, or null.</summary>
    public string? Unknown { get; private set; }

    /// <summary>Whether several unknown characters in a row become one token.</summary>
    public bool FuseUnknown { get; private set; }

    /// <summary>Whether a piece that is a token as it stands is never split.</summary>
    public bool IgnoreMerges { get; private set; }

    /// <summary>Texts of the special tokens named by tokenizer_config.json: end, beginning, padding.</summary>
    public (string? Eos, string? Bos, string? Pad) Named { get; private set; }

    /// <summary>Reads both files.</summary>
    /// <exception cref="InputException">A file is missing (tokenizer_config.json may be), is not JSON, is malformed, or asks for what is not implemented.</exception>
    public static TokenizerFile Read(string folder)
    {
        var path = Path.Combine(folder, "tokenizer.json");
        var file = new TokenizerFile(path);
        file.With(file.ReadTokenizer);
        var config = new TokenizerFile(Path.Combine(folder, "tokenizer_config.json"));
        if (File.Exists(config._path))
            config.With(root => file.ReadConfig(config, root));
        return file;
    }

    /// <summary>A fault in this file.</summary>
    public InputException Fault(string what) => new($"{_path}: {what}");

    private void With(Action<JsonElement> read)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(_path));
            read(json.RootElement);
        }
        catch (JsonException e)
        {
            throw new InputException($"{_path} is not JSON: {e.Message}", e);
        }
        catch (InvalidOperationException e)
        {
            // An escape such as \ud800 that stands for half a character.
            throw new InputException($"{_path} holds text that is not Unicode: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{_path} cannot be read: {e.Message} A tokenizer folder holds tokenizer.json as Hugging Face writes it.", e);
        }
    }

    private void ReadTokenizer(JsonElement root)
    {
        foreach (var property in Object(root, "the file").EnumerateObject())
        {
            var value = property.Value;
            switch (property.Name)
            {
                case "version": break;
                case "truncation" or "padding": RequireNull(value, property.Name); break;
                case "added_tokens": ReadAdded(value); break;
                case "normalizer": ReadNormalizer(value); break;
                case "pre_tokenizer": ReadPreTokenizer(value, "pre_tokenizer"); break;
                case "post_processor": CheckPostProcessor(value, "post_processor"); break;
                case "decoder": ReadDecoder(value, "decoder"); break;
                case "model": ReadModel(Object(value, "model")); break;
                default: throw Unsupported(property.Name, "");
            }
        }

        if (Vocabulary.Count + Added.Count == 0)
            throw Fault("model.vocab is missing or empty; a tokenizer needs at least one token.");
        CheckMerges();
    }

    private void ReadModel(JsonElement model)
    {
        if (Text(model, "type", "model") is not ("BPE" or null))
            throw Unsupported("model.type", Text(model, "type", "model")!, "only BPE is implemented");
        foreach (var property in model.EnumerateObject())
        {
            var value = property.Value;
            switch (property.Name)
            {
                case "type": break;
                case "vocab": ReadVocabulary(value); break;
                case "merges": ReadMerges(value); break;
                case "unk_token": Unknown = value.ValueKind == JsonValueKind.Null ? null : Text(model, "unk_token", "model"); break;
                case "fuse_unk": FuseUnknown = Flag(value, "model.fuse_unk"); break;
                case "ignore_merges": IgnoreMerges = Flag(value, "model.ignore_merges"); break;
                case "dropout": RequireNull(value, "model.dropout"); break;
                case "byte_fallback":
                    if (Flag(value, "model.byte_fallback"))
                        throw Unsupported("model.byte_fallback", "true");
                    break;
                case "continuing_subword_prefix" or "end_of_word_suffix":
                    if (Text(model, property.Name, "model") is { Length: > 0 } affix)
                        throw Unsupported("model." + property.Name, affix);
                    break;
                default: throw Unsupported("model." + property.Name, "");
            }
        }

        if (Unknown == "")
            Unknown = null;
        if (Unknown is not null && !Vocabulary.ContainsKey(Unknown))
            throw Fault($"model.unk_token is '{Unknown}', which model.vocab lacks.");
    }

    private void ReadVocabulary(JsonElement vocabulary)
    {
        var ids = new HashSet<int>();
        foreach (var entry in Object(vocabulary, "model.vocab").EnumerateObject())
        {
            var id = Id(entry.Value, $"model.vocab['{entry.Name}']");
            if (!ids.Add(id))
                throw Fault($"model.vocab['{entry.Name}'] has id {id}, which another token has too.");
            if (entry.Name.Length == 0 || !Vocabulary.TryAdd(entry.Name, id))
                throw Fault($"model.vocab holds the token '{entry.Name}' {(entry.Name.Length == 0 ? "(empty)" : "twice")}.");
        }
    }

    private void ReadMerges(JsonElement merges)
    {
        foreach (var merge in Array(merges, "model.merges").EnumerateArray())
        {
            var at = Merges.Count;
            var pair = merge.ValueKind switch
            {
                JsonValueKind.String => merge.GetString()!.Split(' '),
                JsonValueKind.Array => [.. merge.EnumerateArray().Select(e => e.ValueKind == JsonValueKind.String ? e.GetString()! : "")],
                _ => [],
            };
            if (pair is not [{ Length: > 0 } left, { Length: > 0 } right])
                throw Fault($"model.merges[{at}] is {Short(merge)}; it must be two tokens.");
            if (left.Contains(' ') || right.Contains(' '))
                throw Unsupported($"model.merges[{at}]", merge.GetRawText(), "merges of tokens that hold a space are not implemented");
            Merges.Add(left + " " + right);
        }
    }

    /// <summary>Every merge must join two tokens into a third.</summary>
    private void CheckMerges()
    {
        for (var i = 0; i < Merges.Count; i++)
        {
            var merge = Merges[i];
            var space = merge.IndexOf(' ');
            var (left, right) = (merge[..space], merge[(space + 1)..]);
            foreach (var token in (string[])[left, right, left + right])
                if (!Vocabulary.ContainsKey(token))
                    throw Fault($"model.merges[{i}] joins '{left}' and '{right}', but model.vocab lacks '{token}'.");
        }
    }

    private void ReadAdded(JsonElement tokens)
    {
        foreach (var token in Array(tokens, "added_tokens").EnumerateArray())
        {
            var name = $"added_tokens[{Added.Count}]";
            var content = Text(Object(token, name), "content", name);
            if (string.IsNullOrEmpty(content))
                throw Fault($"{name}.content is missing or empty.");
            if (!token.TryGetProperty("id", out var id))
                throw Fault($"{name} ('{content}') has no id.");
            if (Flag(token, "single_word", name))
                throw Unsupported(name + ".single_word", "true");
            if (Added.Any(t => t.Content == content || t.Id == Id(id, name + ".id")))
                throw Fault($"{name} ('{content}', id {id.GetInt32()}) repeats an earlier added token's text or id.");
            Added.Add(new AddedToken(Id(id, name + ".id"), content, Flag(token, "lstrip", name), Flag(token, "rstrip", name),
                Flag(token, "normalized", name), Flag(token, "special", name)));
        }
    }

    private void ReadNormalizer(JsonElement normalizer)
    {
        if (normalizer.ValueKind == JsonValueKind.Null)
            return;
        switch (Text(Object(normalizer, "normalizer"), "type", "normalizer"))
        {
            case "NFC":
                Nfc = true;
                break;
            case "Sequence":
                foreach (var part in Parts(normalizer, "normalizers", "normalizer"))
                    ReadNormalizer(part);
                break;
            case var type:
                throw Unsupported("normalizer.type", type ?? "missing", "only NFC is implemented");
        }
    }

    private void ReadPreTokenizer(JsonElement step, string name)
    {
        if (step.ValueKind == JsonValueKind.Null)
            return;
        if (ByteLevel)
            throw Unsupported(name, Short(step), "ByteLevel must be the last pre-tokenizer");
        switch (Text(Object(step, name), "type", name))
        {
            case "Sequence":
                foreach (var part in Parts(step, "pretokenizers", name))
                    ReadPreTokenizer(part, name + ".pretokenizers");
                break;
            case "ByteLevel":
                ByteLevel = true;
                Steps.Add(PreTokenizerStep.ByteLevel(Flag(step, "add_prefix_space", name, true), Flag(step, "use_regex", name, true)));
                break;
            case "Digits":
                Steps.Add(PreTokenizerStep.Split(Flag(step, "individual_digits", name) ? @"\p{N}" : @"\p{N}+", this, name));
                break;
            case "Split":
                if (Text(step, "behavior", name) is not "Isolated" and var behavior)
                    throw Unsupported(name + ".behavior", behavior ?? "missing", "only Isolated is implemented");
                _ = Flag(step, "invert", name);
                var pattern = step.TryGetProperty("pattern", out var p) ? Object(p, name + ".pattern") : throw Fault($"{name}.pattern is missing.");
                var regex = Text(pattern, "Regex", name + ".pattern");
                var literal = Text(pattern, "String", name + ".pattern");
                if (string.IsNullOrEmpty(regex) && string.IsNullOrEmpty(literal))
                    throw Fault($"{name}.pattern is {Short(pattern)}; it must hold a Regex or a String.");
                Steps.Add(literal is { Length: > 0 } ? PreTokenizerStep.Literal(literal) : PreTokenizerStep.Split(regex!, this, name + ".pattern.Regex"));
                break;
            case var type:
                throw Unsupported(name + ".type", type ?? "missing", "Sequence, Split, ByteLevel and Digits are implemented");
        }
    }

    // Encode never adds special tokens, so a template has nothing to do here; the types are checked so that nothing else goes unnoticed.
    private void CheckPostProcessor(JsonElement processor, string name)
    {
        if (processor.ValueKind == JsonValueKind.Null)
            return;
        switch (Text(Object(processor, name), "type", name))
        {
            case "ByteLevel" or "TemplateProcessing":
                break;
            case "Sequence":
                foreach (var part in Parts(processor, "processors", name))
                    CheckPostProcessor(part, name + ".processors");
                break;
            case var type:
                throw Unsupported(name + ".type", type ?? "missing", "ByteLevel and TemplateProcessing are implemented");
        }
    }

    private void ReadDecoder(JsonElement decoder, string name)
    {
        if (decoder.ValueKind == JsonValueKind.Null)
            return;
        Separator = "";
        switch (Text(Object(decoder, name), "type", name))
        {
            case "Fuse":
                break;
            case "ByteLevel":
                ByteLevelDecoder = true;
                break;
            case "Sequence":
                foreach (var part in Parts(decoder, "decoders", name))
                    ReadDecoder(part, name + ".decoders");
                break;
            case var type:
                throw Unsupported(name + ".type", type ?? "missing", "ByteLevel and Fuse are implemented");
        }
    }

    private void ReadConfig(TokenizerFile config, JsonElement root)
    {
        var known = Added.Select(t => t.Content).Concat(Vocabulary.Keys).ToHashSet();
        config.Object(root, "the file");
        Named = (Token("eos_token"), Token("bos_token"), Token("pad_token"));
        if (!root.TryGetProperty("added_tokens_decoder", out var decoder) || decoder.ValueKind == JsonValueKind.Null)
            return;
        var byId = Added.ToDictionary(t => t.Id, t => t.Content);
        foreach (var entry in config.Object(decoder, "added_tokens_decoder").EnumerateObject())
        {
            var content = config.Text(config.Object(entry.Value, $"added_tokens_decoder['{entry.Name}']"), "content", $"added_tokens_decoder['{entry.Name}']");
            if (!int.TryParse(entry.Name, out var id) || byId.GetValueOrDefault(id) != content)
                throw config.Fault($"added_tokens_decoder['{entry.Name}'] is '{content}', but tokenizer.json's added_tokens has {(byId.TryGetValue(id, out var other) ? $"'{other}'" : "nothing")} there. The two files do not belong together.");
        }

        string? Token(string name)
        {
            if (!root.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
                return null;
            var token = value.ValueKind == JsonValueKind.Object ? config.Text(value, "content", name) : config.Text(root, name, "the file");
            return token is not null && known.Contains(token) ? token : throw config.Fault($"{name} is '{token}', which tokenizer.json lacks. The two files do not belong together.");
        }
    }

    private InputException Unsupported(string name, string value, string? rule = null) =>
        Fault($"{name} {(value.Length > 0 ? $"is {(value.Length > 80 ? value[..80] + "..." : value)}" : "is present")}; {rule ?? "it is not implemented"}, and leaving it out would change the tokens.");

    private JsonElement Object(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Object ? value : throw Fault($"{name} is {Short(value)}; it must be an object.");

    private JsonElement Array(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Array ? value : throw Fault($"{name} is {Short(value)}; it must be a list.");

    private JsonElement.ArrayEnumerator Parts(JsonElement value, string property, string name) =>
        Array(value.TryGetProperty(property, out var parts) ? parts : default, $"{name}.{property}").EnumerateArray();

    private int Id(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var id) && id is >= 0 and < 4_194_304
            ? id
            : throw Fault($"{name} is {Short(value)}; an id must be an integer from 0 to 4194303.");

    private string? Text(JsonElement value, string property, string name)
    {
        if (!value.TryGetProperty(property, out var text) || text.ValueKind == JsonValueKind.Null)
            return null;
        return text.ValueKind == JsonValueKind.String ? text.GetString() : throw Fault($"{name}.{property} is {Short(text)}; it must be a text.");
    }

    private bool Flag(JsonElement value, string property, string name, bool absent = false) =>
        value.TryGetProperty(property, out var flag) ? Flag(flag, $"{name}.{property}") : absent;

    private bool Flag(JsonElement value, string name) => value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Fault($"{name} is {Short(value)}; it must be true or false."),
    };

    private void RequireNull(JsonElement value, string name)
    {
        if (value.ValueKind != JsonValueKind.Null)
            throw Unsupported(name, value.GetRawText(), "it must be null");
    }

    private static string Short(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Undefined)
            return "missing";
        var text = value.GetRawText();
        return text.Length > 60 ? text[..60] + "..." : text;
    }
}
