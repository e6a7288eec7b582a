using System.Text.Json;
using System.Text.Unicode;

namespace G2RL.Onnx;

/// <summary>
/// Reads JSON that somebody else wrote: bounded in size and depth, no key twice, every fault an <see cref="InputException"/>.
/// </summary>
internal static class JsonInput
{
    private static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    /// <summary>Reads a whole file; it must hold one object.</summary>
    public static JsonDocument ReadObject(string path, int maxBytes)
    {
        var bytes = InputFile.Bytes(path, maxBytes);
        try
        {
            return ParseObject(bytes, path);
        }
        catch (InputException e) when (ForeignFile.Fault(path) is { } what)
        {
            throw new InputException(what, e);
        }
    }

    /// <summary>Reads UTF-8 text that must hold one object.</summary>
    public static JsonDocument ParseObject(ReadOnlyMemory<byte> utf8, string source)
    {
        if (utf8.Span.StartsWith("\uFEFF"u8))
            utf8 = utf8[3..];
        // The parser lets invalid bytes inside texts through, and then throws wherever such a text is read.
        if (!Utf8.IsValid(utf8.Span))
            throw new InputException($"{source} is not valid JSON: it holds bytes that are no UTF-8.");
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(utf8, Options);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InputException($"{source} is not valid JSON: {e.Message}", e);
        }
        if (document.RootElement.ValueKind == JsonValueKind.Object)
            return document;
        var kind = document.RootElement.ValueKind;
        document.Dispose();
        throw new InputException($"{source} holds a JSON {kind}; an object is expected.");
    }

    /// <summary>An object's members as a dictionary; text that is no valid Unicode is a fault.</summary>
    public static Dictionary<string, JsonElement> Members(JsonElement element, string source)
    {
        if (element.ValueKind != JsonValueKind.Object)
            throw new InputException($"{source} is a JSON {element.ValueKind}; an object is expected.");
        var members = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        try
        {
            foreach (var member in element.EnumerateObject())
                if (!members.TryAdd(member.Name, member.Value))
                    throw new InputException($"{source} holds the key '{member.Name}' twice.");
        }
        catch (InvalidOperationException e)
        {
            throw new InputException($"{source} holds a key that is not valid Unicode.", e);
        }
        return members;
    }

    /// <summary>A text value, or null when the element is no (valid) text.</summary>
    public static string? Text(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.String)
            return null;
        try
        {
            return element.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>A value as it stands in the file, cut short for a message.</summary>
    public static string Shown(JsonElement element)
    {
        var raw = element.GetRawText();
        return raw.Length <= 80 ? raw : raw[..77] + "...";
    }
}
