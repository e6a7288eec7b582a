using System.Text.Json;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Configuration.Rules;

/// <summary>What a setting's value must be, for a value of the wrong kind: its kind, its range, and a right example.</summary>
internal static class KindRules
{
    // Beyond every range, so that the rules of ranges say what these are.
    private static readonly double[] Probes = [-1, 0, 1e18];

    /// <summary>The sentence.</summary>
    /// <param name="setting">Its dotted name.</param>
    /// <param name="sample">Its default as JSON.</param>
    public static string Of(string setting, string sample)
    {
        var type = TypeOf(setting);
        var isWhole = type == typeof(int) || type == typeof(ulong) || type == typeof(long);
        var kind = type == typeof(bool) ? "true or false"
            : isWhole ? "a whole number"
            : type == typeof(double) ? "a number"
            : type == typeof(string) ? "a text"
            : sample.StartsWith('[') ? "a list, [ ... ]" : sample.StartsWith('{') ? "a group, { ... }" : "of the kind of its default";
        var ranges = type == typeof(double) || isWhole ? Ranges(setting, isWhole) : [];
        var example = sample is "null" or "\"\"" ? type == typeof(double) ? "0.5" : isWhole ? "1" : null : sample.Trim('"');
        return $"it must be {kind}. {string.Join(' ', ranges)}{(ranges.Length > 0 ? " " : "")}"
            + (example is null ? "" : $"For example --set {setting}={example}");
    }

    private static string[] Ranges(string setting, bool isWhole) =>
        [.. Probes.SelectMany(probe => Fault(setting, isWhole && probe > int.MaxValue ? int.MaxValue : probe) is { } rule
            ? new[] { char.ToUpperInvariant(rule[0]) + rule[1..] }
            : []).Distinct()];

    private static string? Fault(string setting, double value)
    {
        try
        {
            JsonObject root = [];
            var node = root;
            var names = setting.Split('.');
            foreach (var name in names[..^1])
                node[name] = node = [];
            node[names[^1]] = value % 1 == 0 && Math.Abs(value) < long.MaxValue ? JsonValue.Create((long)value) : JsonValue.Create(value);
            var prefix = $"{setting} is ";
            return RunConfigRules.Faults(root.Deserialize<RunConfig>(RunConfigFile.Options)!)
                .Where(f => f.StartsWith(prefix, StringComparison.Ordinal) && f.Contains("; ", StringComparison.Ordinal))
                .Select(f => f[(f.IndexOf("; ", StringComparison.Ordinal) + 2)..])
                .FirstOrDefault();
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static Type TypeOf(string setting)
    {
        var at = typeof(RunConfig);
        foreach (var name in setting.Split('.'))
            at = at.GetProperties().FirstOrDefault(p => JsonNamingPolicy.CamelCase.ConvertName(p.Name) == name)?.PropertyType
                ?? typeof(object);
        return Nullable.GetUnderlyingType(at) ?? at;
    }
}
