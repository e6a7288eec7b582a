using System.Text.Json;

namespace G2RL.Onnx.Tokenizers;

/// <summary>
/// What tokenizer_config.json adds to tokenizer.json: names of special tokens, further added tokens, and older files' <c>add_bos_token</c>.
/// </summary>
/// <param name="json">tokenizer_config.json.</param>
/// <param name="file">What was read from tokenizer.json.</param>
internal sealed class TokenizerConfig(TokenizerJson json, TokenizerFile file)
{
    private const string Strangers = "The two files do not belong together.";

    /// <summary>Reads the file.</summary>
    /// <exception cref="InputException">It is malformed, or contradicts tokenizer.json.</exception>
    public void Read(JsonElement root)
    {
        json.Object(root, "the file");
        ReadAdded(root);
        var known = file.Added.Select(t => t.Content).Concat(file.Vocabulary.Keys).ToHashSet();
        // Nobody pads here, so a padding token that only the reference would add is none.
        file.Named = (Known("eos_token"), Known("bos_token"), Named(root, "pad_token") is { } pad && known.Contains(pad) ? pad : null);
        file.Template.AddLegacy(
            Around(root, "add_bos_token", file.Named.Bos, "bos_token"),
            Around(root, "add_eos_token", file.Named.Eos, "eos_token"));

        string? Known(string name) => Named(root, name) is { } token && !known.Contains(token)
            ? throw json.Fault($"{name} is '{token}', which tokenizer.json lacks. {Strangers}")
            : Named(root, name);
    }

    private string? Named(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object
            ? json.Text(value, "content", name) : json.Text(root, name, "the file");

    private int? Around(JsonElement root, string flag, string? token, string name)
    {
        if (!root.TryGetProperty(flag, out var value) || value.ValueKind == JsonValueKind.Null || !json.Flag(value, flag))
            return null;
        return token is not null
            ? file.Added.Find(t => t.Content == token)?.Id ?? file.Vocabulary[token]
            : throw json.Fault($"{flag} is true, but {name} names no token. Name it, or remove {flag}.");
    }

    // As the reference does, tokens that tokenizer.json lacks are added, and ordinary ones become added ones. Two texts for one id, or two
    // ids for
    // one text, are neither.
    private void ReadAdded(JsonElement root)
    {
        if (!root.TryGetProperty("added_tokens_decoder", out var decoder) || decoder.ValueKind == JsonValueKind.Null)
            return;
        var texts = file.Vocabulary.ToDictionary(t => t.Value, t => t.Key);
        foreach (var token in file.Added)
            texts[token.Id] = token.Content;
        var ids = texts.ToDictionary(t => t.Value, t => t.Key);
        foreach (var entry in json.Object(decoder, "added_tokens_decoder").EnumerateObject())
        {
            var name = $"added_tokens_decoder['{entry.Name}']";
            var content = json.Text(json.Object(entry.Value, name), "content", name);
            if (!int.TryParse(entry.Name, out var id) || id is < 0 or >= TokenizerJson.MostIds || string.IsNullOrEmpty(content))
                throw json.Fault($"{name} is {TokenizerJson.Short(entry.Value)}; it must be an id and a token with a content.");
            if (texts.GetValueOrDefault(id, content) != content || ids.GetValueOrDefault(content, id) != id)
            {
                var found = texts.TryGetValue(id, out var there) ? $"'{there}'" : "nothing";
                var elsewhere = ids.TryGetValue(content, out var other) ? $", and '{content}' at {other}" : "";
                throw json.Fault($"{name} is '{content}', but tokenizer.json has {found} there{elsewhere}. {Strangers}");
            }
            if (file.Added.Exists(t => t.Id == id))
                continue;
            if (json.Flag(entry.Value, "single_word", name))
                throw json.Unsupported(name + ".single_word", "true");
            var special = json.Flag(entry.Value, "special", name);
            var normalized = json.Flag(entry.Value, "normalized", name, absent: !special);
            var (left, right) = (json.Flag(entry.Value, "lstrip", name), json.Flag(entry.Value, "rstrip", name));
            file.Added.Add(new(id, content, left, right, normalized, special));
            (texts[id], ids[content]) = (content, id);
        }
    }
}
