using System.Text.Json;

namespace G2RL.Onnx.Models.Keys;

/// <summary>
/// Takes the keys of a config.json one by one. What is left at the end is neither understood nor known to be harmless, and could change the
/// mathematics, so <see cref="Finish"/> makes it an error.
/// </summary>
internal sealed class ConfigReader
{
    private readonly Dictionary<string, JsonElement> members;
    private readonly HashSet<string> taken = new(StringComparer.Ordinal);

    public ConfigReader(JsonElement root, string source)
    {
        Source = source;
        members = JsonInput.Members(root, source);
    }

    public string Source { get; }

    /// <summary>The element, or null when the key is missing or null.</summary>
    public JsonElement? Take(string key)
    {
        taken.Add(key);
        return members.TryGetValue(key, out var element) && element.ValueKind != JsonValueKind.Null ? element : null;
    }

    public bool IsEmpty => members.Count == 0;

    public bool Has(string key) => members.ContainsKey(key);

    public int Integer(string key) =>
        OptionalInteger(key) ?? throw new InputException($"{Source}: the key {key} is missing; it has no default.");

    public int Integer(string key, int fallback) => OptionalInteger(key) ?? fallback;

    public int? OptionalInteger(string key) => Take(key) is not { } element
        ? null
        : element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out var value)
            ? value
            : throw Wrong(key, element, "a whole number below 2^31");

    public double Number(string key, double fallback) => OptionalNumber(key) ?? fallback;

    public double Number(string key) =>
        OptionalNumber(key) ?? throw new InputException($"{Source}: the key {key} is missing; it has no default.");

    public double? OptionalNumber(string key) => Take(key) is not { } element
        ? null
        : element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out var value) && double.IsFinite(value)
            ? value
            : throw Wrong(key, element, "a finite number");

    public bool Flag(string key, bool fallback) => Take(key) is not { } element
        ? fallback
        : element.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? element.GetBoolean()
            : throw Wrong(key, element, "true or false");

    public string? OptionalText(string key) => Take(key) is not { } element
        ? null
        : JsonInput.Text(element) ?? throw Wrong(key, element, "a text");

    /// <summary>A token id or null; old files write -1 for none.</summary>
    public int? Token(string key) => OptionalInteger(key) is { } id and not -1 ? id : null;

    /// <summary>One id, a list of ids, or null.</summary>
    public int[] Tokens(string key, params int[] fallback)
    {
        if (!Has(key))
        {
            Take(key);
            return fallback;
        }
        if (Take(key) is not { } element)
            return [];
        if (element.ValueKind != JsonValueKind.Array)
            return Token(key) is { } single ? [single] : [];
        var ids = new List<int>();
        foreach (var item in element.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out var id))
                throw Wrong(key, element, "a token id, a list of them, or null");
            ids.Add(id);
        }
        return [.. ids];
    }

    /// <summary>Another object inside this one; its own faults name it.</summary>
    public ConfigReader? Child(string key) =>
        Take(key) is { } element ? new ConfigReader(element, $"{Source}: {key}") : null;

    /// <summary>Takes keys whose value cannot matter here.</summary>
    public void Ignore(params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys)
            taken.Add(key);
    }

    /// <summary>Takes a key that must be missing, null, or say one thing.</summary>
    public void Expect(string key, bool holds, string why)
    {
        if (Take(key) is { } element && !holds)
            throw new InputException($"{Source}: {key} is {JsonInput.Shown(element)}, which is not supported: {why}");
    }

    /// <summary>Takes a key that only null, false or its absence makes harmless.</summary>
    public void Refuse(string key, string why) =>
        Expect(key, Take(key) is { ValueKind: JsonValueKind.False }, why);

    /// <summary>The keys that were not taken, are not null, and are of no harmless kind: what they mean nobody here knows.</summary>
    public IReadOnlyList<string> UnknownKeys() =>
    [
        .. members.Where(member => !taken.Contains(member.Key) && member.Value.ValueKind != JsonValueKind.Null)
            .Where(member => !HarmlessKeys.Contains(member.Key))
            .Select(member => member.Key)
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Every key must have been taken.</summary>
    public void Finish(string family) =>
        Reject(family, [.. members.Keys.Where(key => !taken.Contains(key)).Order(StringComparer.Ordinal)], "");

    /// <summary>There must be no unknown key.</summary>
    public void FinishModel(string family) =>
        Reject(family, UnknownKeys(), " If you know that they do nothing: --allow-unknown-config (the setting allowUnknownConfig).");

    private void Reject(string family, IReadOnlyList<string> left, string wayOut)
    {
        if (left.Count > 0)
            throw new InputException(
                $"{Source}: the key{(left.Count > 1 ? "s" : "")} {string.Join(", ", left.Take(8).Select(key => $"'{key}'"))}"
                + $"{(left.Count > 8 ? $" and {left.Count - 8} more" : "")} {(left.Count > 1 ? "are" : "is")} unknown for {family} and "
                + "could change the mathematics. "
                + "Remove what is known to be harmless, or teach the family's description what it means." + wayOut);
    }

    public InputException Wrong(string key, JsonElement element, string expected) =>
        new($"{Source}: {key} is {JsonInput.Shown(element)}; it must be {expected}.");
}
