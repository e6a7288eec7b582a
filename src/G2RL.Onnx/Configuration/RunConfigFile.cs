using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace G2RL.Onnx.Configuration;

/// <summary>Configurations as JSON: comments and trailing commas are welcome, unknown names are not.</summary>
public static class RunConfigFile
{
    internal static JsonSerializerOptions Options { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        WriteIndented = true,
        NewLine = "\n",
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    private static readonly JsonDocumentOptions Lenient =
        new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false };

    /// <summary>Reads a file, applies overrides, checks everything.</summary>
    /// <param name="path">The file, or null for the defaults.</param>
    /// <param name="sets">Overrides like <c>sampling.groupSize=8</c>; the value is JSON, or else a text.</param>
    /// <exception cref="InputException">All faults at once.</exception>
    public static RunConfig Load(string? path, IEnumerable<string>? sets = null)
    {
        var source = path ?? "the configuration";
        JsonObject root = path is null ? [] : Object(InputFile.Text(path), source);
        foreach (var set in sets ?? [])
            ConfigSettings.Apply(root, set);
        var config = Parse(root, source);
        var faults = RunConfigRules.Faults(config);
        return faults.Count == 0 ? config : throw InputException.Of([.. faults.Select(f => $"{source}: {f}")]);
    }

    /// <summary>The dotted names of all settings, as <c>--set</c> takes them.</summary>
    public static IReadOnlyCollection<string> SettingNames => ConfigSettings.Names;

    /// <summary>The resolved configuration, every property written out.</summary>
    public static string ToJson(RunConfig config) => JsonSerializer.Serialize(config, Options) + "\n";

    /// <summary>Reads what <see cref="ToJson"/> wrote; ranges are checked by whoever uses it.</summary>
    /// <exception cref="InputException">Malformed JSON, unknown names or values of another kind.</exception>
    public static RunConfig FromJson(string json, string source) => Parse(Object(json, source), source);

    /// <summary>Settings that differ, as <c>steps: 60 -> 80</c>.</summary>
    public static IReadOnlyList<string> Differences(RunConfig before, RunConfig after)
    {
        var (old, now) = (ConfigSettings.Flat(ToNode(before)), ConfigSettings.Flat(ToNode(after)));
        return [.. old.Keys.Union(now.Keys).Order(StringComparer.Ordinal)
            .Where(k => old.GetValueOrDefault(k) != now.GetValueOrDefault(k))
            .Select(k => $"{k}: {old.GetValueOrDefault(k, "(none)")} -> {now.GetValueOrDefault(k, "(none)")}")];
    }

    internal static JsonNode ToNode(RunConfig config) => JsonSerializer.SerializeToNode(config, Options)!;

    /// <summary>JSON text as an object; comments and trailing commas are welcome, a name given twice is not.</summary>
    internal static JsonObject Object(string json, string source)
    {
        try
        {
            return JsonNode.Parse(json, documentOptions: Lenient) as JsonObject
                ?? throw new InputException($"{source}: a configuration is a JSON object.");
        }
        catch (JsonException e)
        {
            // The reader counts lines and bytes from 0; editors count from 1.
            var place = e.LineNumber is { } line ? $", line {line + 1}, column {e.BytePositionInLine + 1}" : "";
            throw new InputException($"{source}{place} is not valid JSON: {e.Message.Split(" LineNumber:")[0]}", e);
        }
    }

    internal static RunConfig Parse(JsonObject root, string source)
    {
        var unknown = ConfigSettings.Unknown(root);
        if (unknown.Count > 0)
            throw InputException.Of([.. unknown.Select(u => $"{source}: {u}")]);
        try
        {
            return root.Deserialize<RunConfig>(Options)!;
        }
        catch (JsonException e)
        {
            var name = (e.Path ?? "").TrimStart('$', '.');
            throw new InputException($"{source}: {ConfigSettings.Mistyped(root, name)}", e);
        }
    }
}
