using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Corrections;
using G2RL.Onnx.Configuration.Rules;
using G2RL.Onnx.Problems.Prompts;

namespace G2RL.Onnx.Configuration;

/// <summary>The settings of a configuration by their dotted names: overriding them, and telling what is wrong with them.</summary>
internal static class ConfigSettings
{
    // Names below these are somebody else's.
    private static readonly string[] Opaque = ["problems.settings", "problems.templateVariables"];

    private static readonly SortedDictionary<string, string> Defaults = Flat(RunConfigFile.ToNode(new RunConfig()));

    private static readonly Dictionary<string, string[]> Choices = new(StringComparer.Ordinal)
    {
        ["algorithm.shaping"] = Enum.GetNames<ShapingKind>(),
        ["algorithm.homogeneousGroups"] = Enum.GetNames<KeepOrMask>(),
        ["algorithm.truncated"] = Enum.GetNames<KeepOrMask>(),
        ["algorithm.features"] = Enum.GetNames<FeatureSource>(),
        ["algorithm.noveltyWithin"] = Enum.GetNames<NoveltyScope>(),
        ["algorithm.tokenWeights"] = Enum.GetNames<TokenWeightKind>(),
        ["algorithm.correction.weights"] = Enum.GetNames<CorrectionKind>(),
        ["algorithm.correction.level"] = Enum.GetNames<CorrectionLevel>(),
        ["algorithm.overlong.kind"] = Enum.GetNames<OverlongKind>(),
        ["adapter.type"] = Enum.GetNames<AdapterKind>(),
        ["adapter.base"] = Enum.GetNames<Models.WeightStorage>(),
        ["problems.tooLong"] = Enum.GetNames<TooLong>(),
        ["training.optimizer.kind"] = Enum.GetNames<OptimizerKind>(),
        ["training.optimizer.moments"] = Enum.GetNames<MomentStorage>(),
        ["training.schedule.kind"] = Enum.GetNames<ScheduleKind>(),
    };

    /// <summary>The dotted names of all settings.</summary>
    public static IReadOnlyCollection<string> Names => Defaults.Keys;

    /// <summary>Every setting with its value as JSON.</summary>
    public static SortedDictionary<string, string> Flat(JsonNode config)
    {
        var flat = new SortedDictionary<string, string>(StringComparer.Ordinal);
        void Walk(string prefix, JsonNode? node)
        {
            if (node is JsonObject o && o.Count > 0)
                foreach (var (name, child) in o)
                    Walk(Join(prefix, name), child);
            else
                flat[prefix] = node?.ToJsonString() ?? "null";
        }
        Walk("", config);
        return flat;
    }

    /// <summary>Applies <c>name=value</c> to a configuration's JSON.</summary>
    /// <exception cref="InputException">No such setting, or not of that form.</exception>
    public static void Apply(JsonObject root, string set)
    {
        var equals = set.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0)
            throw new InputException($"--set {set}: write it as name=value, for example sampling.groupSize=8.");
        var (path, text) = (set[..equals].Trim(), set[(equals + 1)..]);
        if (!IsKnown(path) && !IsGroup(path))
            throw new InputException($"--set {set}: {NoSuch(path)}");
        var (node, names) = (root, path.Split('.'));
        foreach (var name in names[..^1])
        {
            if (node[name] is null)
                node[name] = new JsonObject();
            node = node[name] as JsonObject ?? throw new InputException($"--set {set}: '{name}' is a value, not a group of settings.");
        }
        node[names[^1]] = Value(path, text);
    }

    /// <summary>What is said about each name that is no setting; empty when all are known.</summary>
    public static IReadOnlyList<string> Unknown(JsonObject root)
    {
        var faults = new List<string>();
        void Walk(string prefix, JsonObject node)
        {
            foreach (var (name, child) in node)
            {
                var path = Join(prefix, name);
                if (IsGroup(path) && child is JsonObject group)
                    Walk(path, group);
                else if (!IsKnown(path) && !IsGroup(path))
                    faults.Add(NoSuch(path));
            }
        }
        Walk("", root);
        return faults;
    }

    /// <summary>What is said about a value of the wrong kind.</summary>
    public static string Mistyped(JsonObject root, string path)
    {
        JsonNode? value = root;
        foreach (var name in path.Split('[')[0].Split('.'))
            value = (value as JsonObject)?[name];
        var setting = path.Split('[')[0];
        var rule = Choices.TryGetValue(setting, out var names)
            ? $"it must be one of: {string.Join(", ", names.Select(JsonNamingPolicy.CamelCase.ConvertName))}."
            : Defaults.TryGetValue(setting, out var sample) ? KindRules.Of(setting, sample)
            : "it must be a group of settings, { ... }.";
        return $"{path} is {value?.ToJsonString() ?? "null"}; {rule}";
    }

    private static string Join(string prefix, string name) => prefix.Length == 0 ? name : $"{prefix}.{name}";

    private static bool IsKnown(string path) => Defaults.ContainsKey(path)
        || Array.Exists(Opaque, o => path == o || path.StartsWith(o + ".", StringComparison.Ordinal));

    private static bool IsGroup(string path) => Defaults.Keys.Any(k => k.StartsWith(path + ".", StringComparison.Ordinal));

    private static string NoSuch(string path) =>
        $"there is no setting '{path}'.{NearNames.Hint(path, Defaults.Keys)}";

    // Where the default is a text, the value is one, too: --set name=2026 names a run. Where it is a list, [cuda:0, cuda:1] is one of
    // texts, since shells eat quotes.
    private static JsonNode? Value(string path, string text)
    {
        if (Defaults.TryGetValue(path, out var sample) && sample.StartsWith('"') && !text.StartsWith('"'))
            return JsonValue.Create(text);
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            if (sample?.StartsWith('[') == true && text.Trim() is ['[', .. var inside, ']'] && !inside.AsSpan().ContainsAny('"', '[', '{'))
                return new JsonArray([.. inside.Split(',', StringSplitOptions.TrimEntries).Select(word => (JsonNode)word)]);
            return JsonValue.Create(text);
        }
    }
}
