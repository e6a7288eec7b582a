using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace G2RL.Onnx.Configuration;

/// <summary>Configurations as JSON: comments and trailing commas are welcome, unknown names are not.</summary>
public static class RunConfigFile
{
    private static readonly JsonSerializerOptions Options = new()
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

    private static readonly JsonDocumentOptions Lenient = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <summary>Reads a file, applies overrides, checks everything.</summary>
    /// <param name="path">The file, or null for the defaults.</param>
    /// <param name="sets">Overrides like <c>sampling.groupSize=8</c>; the value is JSON, or else a text.</param>
    /// <exception cref="InputException">All faults at once.</exception>
    public static RunConfig Load(string? path, IEnumerable<string>? sets = null)
    {
        var source = path ?? "the configuration";
        JsonObject root;
        try
        {
            root = path is null ? [] : JsonNode.Parse(File.ReadAllText(path), documentOptions: Lenient) as JsonObject ?? throw new InputException($"{source}: a configuration is a JSON object.");
        }
        catch (JsonException e)
        {
            throw new InputException($"{source}: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{source} cannot be read: {e.Message}", e);
        }
        foreach (var set in sets ?? [])
            Apply(root, set);
        var config = Parse(root, source);
        var faults = RunConfigRules.Faults(config);
        return faults.Count == 0 ? config : throw InputException.Of([.. faults.Select(f => $"{source}: {f}")]);
    }

    /// <summary>The resolved configuration, every property written out.</summary>
    public static string ToJson(RunConfig config) => JsonSerializer.Serialize(config, Options) + "\n";

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    public static RunConfig FromJson(string json, string source)
    {
        try
        {
            return Parse(JsonNode.Parse(json, documentOptions: Lenient) as JsonObject ?? throw new InputException($"{source}: a configuration is a JSON object."), source);
        }
        catch (JsonException e)
        {
            throw new InputException($"{source}: {e.Message}", e);
        }
    }

    /// <summary>Identity of everything that decides results: SHA-256 of the configuration without name, output and logging.</summary>
    public static string Fingerprint(RunConfig config)
    {
        var neutral = config with { Name = "run", Output = "runs", Logging = new() };
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(ToJson(neutral))));
    }

    /// <summary>Settings that differ, as <c>steps: 60 -> 80</c>.</summary>
    public static IReadOnlyList<string> Differences(RunConfig before, RunConfig after)
    {
        var (old, now) = (Flat(before), Flat(after));
        return [.. old.Keys.Union(now.Keys).Order(StringComparer.Ordinal)
            .Where(k => old.GetValueOrDefault(k) != now.GetValueOrDefault(k))
            .Select(k => $"{k}: {old.GetValueOrDefault(k, "(none)")} -> {now.GetValueOrDefault(k, "(none)")}")];
    }

    private static RunConfig Parse(JsonObject root, string source)
    {
        try
        {
            return root.Deserialize<RunConfig>(Options)!;
        }
        catch (JsonException e)
        {
            throw new InputException($"{source}: {e.Message.Split(" Path:")[0]} At '{e.Path}'. {Hint(e.Path)}", e);
        }
    }

    private static string Hint(string? path) => path is null ? "" : $"Known settings: {string.Join(", ", Flat(new RunConfig()).Keys.Where(k => k.StartsWith(path.TrimStart('$', '.').Split('.')[0].Split('[')[0], StringComparison.OrdinalIgnoreCase)).DefaultIfEmpty("see g2rl export-and-train --dry-run"))}.";

    private static void Apply(JsonObject root, string set)
    {
        var equals = set.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0)
            throw new InputException($"--set {set}: write it as name=value, for example sampling.groupSize=8.");
        var (path, text) = (set[..equals].Trim(), set[(equals + 1)..]);
        var names = path.Split('.');
        var node = root;
        var known = Flat(new RunConfig()).Keys.ToArray();
        if (!path.StartsWith("problems.settings", StringComparison.Ordinal) && !known.Any(k => k == path || k.StartsWith(path + ".", StringComparison.Ordinal)))
            throw new InputException($"--set {set}: there is no setting '{path}'. Nearest: {string.Join(", ", known.OrderBy(k => Distance(k, path)).Take(3))}.");
        foreach (var name in names[..^1])
        {
            if (node[name] is null)
                node[name] = new JsonObject();
            node = node[name] as JsonObject ?? throw new InputException($"--set {set}: '{name}' is a value, not a group of settings.");
        }
        JsonNode? value;
        try
        {
            value = JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            value = JsonValue.Create(text);
        }
        node[names[^1]] = value;
    }

    private static SortedDictionary<string, string> Flat(RunConfig config)
    {
        var flat = new SortedDictionary<string, string>(StringComparer.Ordinal);
        void Walk(string prefix, JsonNode? node)
        {
            if (node is JsonObject o && o.Count > 0)
                foreach (var (name, child) in o)
                    Walk(prefix.Length == 0 ? name : $"{prefix}.{name}", child);
            else
                flat[prefix] = node?.ToJsonString() ?? "null";
        }
        Walk("", JsonSerializer.SerializeToNode(config, Options));
        return flat;
    }

    // Levenshtein
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }
        return row[^1];
    }
}
