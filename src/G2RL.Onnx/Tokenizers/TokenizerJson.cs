using System.Text.Json;

namespace G2RL.Onnx.Tokenizers;

/// <summary>A JSON file whose faults are named with its path.</summary>
/// <param name="path">The file.</param>
internal sealed class TokenizerJson(string path)
{
    /// <summary>What such a file may have at most; the largest vocabularies take some 40 MiB.</summary>
    public const int MaxBytes = 512 << 20;

    /// <summary>A fault in this file.</summary>
    public InputException Fault(string what) => new($"{path}: {what}");

    /// <summary>Ids lie below this.</summary>
    public const int MostIds = 4_194_304;

    /// <summary>Whether the file is there.</summary>
    public bool Exists => File.Exists(path);

    /// <summary>Reads the file.</summary>
    /// <exception cref="InputException">It cannot be read, is not JSON, or holds half a character.</exception>
    public void Read(Action<JsonElement> read)
    {
        try
        {
            using var json =
                JsonDocument.Parse(InputFile.Text(path, MaxBytes, "A tokenizer folder holds tokenizer.json as Hugging Face writes it."));
            read(json.RootElement);
        }
        catch (JsonException e)
        {
            throw new InputException(InputFile.Foreign(path) ?? $"{path} is not JSON: {e.Message}", e);
        }
        catch (InvalidOperationException e)
        {
            // An escape such as \ud800 that stands for half a character.
            throw new InputException($"{path} holds text that is not Unicode: {e.Message}", e);
        }
    }

    /// <summary>Something that the file asks for and that is not implemented.</summary>
    public InputException Unsupported(string name, string value, string? rule = null) =>
        Fault($"{name} {(value.Length > 0 ? $"is {(value.Length > 80 ? value[..80] + "..." : value)}" : "is present")}; "
            + $"{rule ?? "it is not implemented"}, and leaving it out would change the tokens.");

    /// <summary>The value, which must be an object.</summary>
    public JsonElement Object(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Object ? value : throw Fault($"{name} is {Short(value)}; it must be an object.");

    /// <summary>The value, which must be a list.</summary>
    public JsonElement Array(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Array ? value : throw Fault($"{name} is {Short(value)}; it must be a list.");

    /// <summary>The entries of a property, which must be a list.</summary>
    public JsonElement.ArrayEnumerator Parts(JsonElement value, string property, string name) =>
        Array(value.TryGetProperty(property, out var parts) ? parts : default, $"{name}.{property}").EnumerateArray();

    /// <summary>The value, which must be a token id.</summary>
    public int Id(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var id) && id is >= 0 and < MostIds
            ? id
            : throw Fault($"{name} is {Short(value)}; an id must be an integer from 0 to 4194303.");

    /// <summary>A property, which must be a text; null when it is null or missing.</summary>
    public string? Text(JsonElement value, string property, string name)
    {
        if (!value.TryGetProperty(property, out var text) || text.ValueKind == JsonValueKind.Null)
            return null;
        return text.ValueKind == JsonValueKind.String
            ? text.GetString()
            : throw Fault($"{name}.{property} is {Short(text)}; it must be a text.");
    }

    /// <summary>A property, which must be true or false when it is there.</summary>
    public bool Flag(JsonElement value, string property, string name, bool absent = false) =>
        value.TryGetProperty(property, out var flag) ? Flag(flag, $"{name}.{property}") : absent;

    /// <summary>The value, which must be true or false.</summary>
    public bool Flag(JsonElement value, string name) => value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Fault($"{name} is {Short(value)}; it must be true or false."),
    };

    /// <summary>A property of one character within the basic plane.</summary>
    public char Character(JsonElement value, string property, string name, char absent)
    {
        var text = Text(value, property, name);
        return text switch
        {
            null => absent,
            [var single] when !char.IsSurrogate(single) => single,
            _ => throw Fault($"{name}.{property} is '{text}'; it must be one character up to U+FFFF."),
        };
    }

    /// <summary>A property, which must be an integer from 0 to 1000.</summary>
    public int Count(JsonElement value, string property, string name) =>
        value.TryGetProperty(property, out var count)
            && count.ValueKind == JsonValueKind.Number
            && count.TryGetInt32(out var number)
            && number is >= 0 and <= 1000
            ? number
            : throw Fault($"{name}.{property} is {Short(count)}; it must be an integer from 0 to 1000.");

    /// <summary>
    /// The text of a property such as <c>pattern</c> that may be <c>{"String": text}</c> or an expression; the latter is not implemented.
    /// </summary>
    public string Literal(JsonElement value, string name)
    {
        var pattern = value.TryGetProperty("pattern", out var p)
            ? Object(p, name + ".pattern")
            : throw Fault($"{name}.pattern is missing.");
        if (Text(pattern, "String", name + ".pattern") is { Length: > 0 } literal)
            return literal;
        throw Unsupported(name + ".pattern", Short(pattern), "only a String that is not empty is implemented");
    }

    /// <summary>Refuses whatever is not null.</summary>
    public void RequireNull(JsonElement value, string name)
    {
        if (value.ValueKind != JsonValueKind.Null)
            throw Unsupported(name, value.GetRawText(), "it must be null");
    }

    /// <summary>The beginning of the JSON text, for messages.</summary>
    public static string Short(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Undefined)
            return "missing";
        var text = value.GetRawText();
        return text.Length > 60 ? text[..60] + "..." : text;
    }
}
