using System.Text.Json;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Tokenizers.Normalization;
using G2RL.Onnx.Tokenizers.Splitting;

namespace G2RL.Onnx.Tokenizers;

/// <summary>
/// tokenizer.json and tokenizer_config.json, read and checked. Whatever would change the ids and is not implemented is refused by name: a
/// tokenizer
/// that is almost right is worse than none.
/// </summary>
internal sealed class TokenizerFile
{
    private readonly TokenizerJson json;

    private TokenizerFile(string path) => json = new TokenizerJson(path);

    /// <summary>Token text to id, without added tokens.</summary>
    public Dictionary<string, int> Vocabulary { get; } = [];

    /// <summary>Pairs to merge, best first.</summary>
    public List<(string Left, string Right)> Merges { get; } = [];

    /// <summary>The added tokens.</summary>
    public List<AddedToken> Added { get; } = [];

    /// <summary>What is done to a text first.</summary>
    public Normalizer Normalizer { get; } = new();

    /// <summary>The pre-tokenizer's steps, in order.</summary>
    public List<PreTokenizerStep> Steps { get; private set; } = [];

    /// <summary>Whether pieces are spelled as bytes.</summary>
    public bool ByteLevel { get; private set; }

    /// <summary>Special tokens to put around a text when asked.</summary>
    public SpecialTokenTemplate Template { get; } = new();

    /// <summary>How token texts become a text.</summary>
    public TokenDecoder Decoder { get; } = new();

    /// <summary>The token of characters that the vocabulary lacks, or null.</summary>
    public string? Unknown { get; private set; }

    /// <summary>Whether several unknown characters in a row become one token.</summary>
    public bool FuseUnknown { get; private set; }

    /// <summary>Whether unknown characters become tokens of their UTF-8 bytes (<c>&lt;0x0A&gt;</c>).</summary>
    public bool ByteFallback { get; private set; }

    /// <summary>Whether a piece that is a token as it stands is never split.</summary>
    public bool IgnoreMerges { get; private set; }

    /// <summary>Texts of the special tokens named by tokenizer_config.json: end, beginning, padding.</summary>
    public (string? Eos, string? Bos, string? Pad) Named { get; set; }

    /// <summary>Reads both files.</summary>
    /// <exception cref="InputException">
    /// A file is missing (tokenizer_config.json may be), is not JSON, is malformed, or asks for what is not implemented.
    /// </exception>
    public static TokenizerFile Read(string folder)
    {
        folder = GgufCache.FolderOf(folder);
        var file = new TokenizerFile(Path.Combine(folder, "tokenizer.json"));
        file.json.Read(file.ReadTokenizer);
        var config = new TokenizerJson(Path.Combine(folder, "tokenizer_config.json"));
        if (config.Exists)
            config.Read(new TokenizerConfig(config, file).Read);
        return file;
    }

    /// <summary>A fault in this file.</summary>
    public InputException Fault(string what) => json.Fault(what);

    private void ReadTokenizer(JsonElement root)
    {
        foreach (var property in json.Object(root, "the file").EnumerateObject())
        {
            var value = property.Value;
            switch (property.Name)
            {
                // How its writer's batches were cut. The reference reads both, and turns them off whenever nobody asks for them, as nobody
                // does here.
                case "version" or "truncation" or "padding": break;
                case "added_tokens": ReadAdded(value); break;
                case "normalizer": Normalizer.Read(json, value); break;
                case "pre_tokenizer": (Steps, ByteLevel) = PreTokenizerStep.Read(json, value); break;
                case "post_processor": Template.Read(json, value); break;
                case "decoder": Decoder.Read(json, value); break;
                case "model": ReadModel(json.Object(value, "model")); break;
                default: throw json.Unsupported(property.Name, "");
            }
        }

        if (Vocabulary.Count + Added.Count == 0)
            throw Fault("model.vocab is missing or empty; a tokenizer needs at least one token.");
        CheckMerges();
        var ids = Vocabulary.Values.Concat(Added.Select(t => t.Id)).ToHashSet();
        foreach (var id in Template.Before.Concat(Template.Behind))
            if (!ids.Contains(id))
                throw Fault($"post_processor puts id {id} around a text, but no token has it.");
    }

    private void ReadModel(JsonElement model)
    {
        if (json.Text(model, "type", "model") is not ("BPE" or null))
            throw json.Unsupported("model.type", json.Text(model, "type", "model")!, "only BPE is implemented");
        foreach (var property in model.EnumerateObject())
        {
            var value = property.Value;
            switch (property.Name)
            {
                case "type": break;
                case "vocab": ReadVocabulary(value); break;
                case "merges": ReadMerges(value); break;
                case "unk_token": Unknown = value.ValueKind == JsonValueKind.Null ? null : json.Text(model, "unk_token", "model"); break;
                case "fuse_unk": FuseUnknown = json.Flag(value, "model.fuse_unk"); break;
                case "ignore_merges": IgnoreMerges = json.Flag(value, "model.ignore_merges"); break;
                case "dropout": json.RequireNull(value, "model.dropout"); break;
                case "byte_fallback": ByteFallback = json.Flag(value, "model.byte_fallback"); break;
                case "continuing_subword_prefix" or "end_of_word_suffix":
                    if (json.Text(model, property.Name, "model") is { Length: > 0 } affix)
                        throw json.Unsupported("model." + property.Name, affix);
                    break;
                default: throw json.Unsupported("model." + property.Name, "");
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
        foreach (var entry in json.Object(vocabulary, "model.vocab").EnumerateObject())
        {
            var id = json.Id(entry.Value, $"model.vocab['{entry.Name}']");
            if (!ids.Add(id))
                throw Fault($"model.vocab['{entry.Name}'] has id {id}, which another token has too.");
            if (entry.Name.Length == 0 || !Vocabulary.TryAdd(entry.Name, id))
                throw Fault($"model.vocab holds the token '{entry.Name}' {(entry.Name.Length == 0 ? "(empty)" : "twice")}.");
        }
    }

    private void ReadMerges(JsonElement merges)
    {
        foreach (var merge in json.Array(merges, "model.merges").EnumerateArray())
        {
            var at = Merges.Count;
            var pair = merge.ValueKind switch
            {
                JsonValueKind.String => merge.GetString()!.Split(' '),
                JsonValueKind.Array => [.. merge.EnumerateArray().Select(e => e.ValueKind == JsonValueKind.String ? e.GetString()! : "")],
                _ => [],
            };
            if (pair is not [{ Length: > 0 } left, { Length: > 0 } right])
                throw Fault($"model.merges[{at}] is {TokenizerJson.Short(merge)}; it must be two tokens.");
            Merges.Add((left, right));
        }
    }

    /// <summary>Every merge must join two tokens into a third.</summary>
    private void CheckMerges()
    {
        for (var i = 0; i < Merges.Count; i++)
        {
            var (left, right) = Merges[i];
            foreach (var token in (string[])[left, right, left + right])
                if (!Vocabulary.ContainsKey(token))
                    throw Fault($"model.merges[{i}] joins '{left}' and '{right}', but model.vocab lacks '{token}'.");
        }
    }

    private void ReadAdded(JsonElement tokens)
    {
        var (ids, texts) = (Added.Select(t => t.Id).ToHashSet(), Added.Select(t => t.Content).ToHashSet());
        foreach (var token in json.Array(tokens, "added_tokens").EnumerateArray())
        {
            var name = $"added_tokens[{Added.Count}]";
            var content = json.Text(json.Object(token, name), "content", name);
            if (string.IsNullOrEmpty(content))
                throw Fault($"{name}.content is missing or empty.");
            if (!token.TryGetProperty("id", out var id))
                throw Fault($"{name} ('{content}') has no id.");
            if (json.Flag(token, "single_word", name))
                throw json.Unsupported(name + ".single_word", "true");
            if (!texts.Add(content) | !ids.Add(json.Id(id, name + ".id")))
                throw Fault($"{name} ('{content}', id {id.GetInt32()}) repeats an earlier added token's text or id.");
            Added.Add(new AddedToken(
                json.Id(id, name + ".id"),
                content,
                json.Flag(token, "lstrip", name),
                json.Flag(token, "rstrip", name),
                json.Flag(token, "normalized", name),
                json.Flag(token, "special", name)));
        }
    }
}
