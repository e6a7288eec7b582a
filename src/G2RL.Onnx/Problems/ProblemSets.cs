using System.Text.Json;
using System.Text.Json.Serialization;
using G2RL.Onnx.Problems.Files;
using G2RL.Onnx.Problems.Generated;

namespace G2RL.Onnx.Problems;

/// <summary>The problem sets that a configuration can name.</summary>
public static class ProblemSets
{
    private static readonly JsonSerializerOptions Strict = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        AllowDuplicateProperties = false,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    /// <summary>Name to maker; the maker takes the settings' JSON object.</summary>
    public static IReadOnlyDictionary<string, Func<JsonElement, IProblemSet>> All { get; } = new Dictionary<string, Func<JsonElement, IProblemSet>>
    {
        ["arithmetic"] = settings => new Arithmetic(Bind<ArithmeticSettings>("arithmetic", settings)),
        ["jsonl"] = settings => new JsonLines(Bind<JsonLinesSettings>("jsonLines", settings)),
        ["countdown"] = settings => new Countdown(Bind<CountdownSettings>("countdown", settings)),
    };

    /// <summary>Makes a problem set from its name and its settings.</summary>
    /// <param name="name">A key of <see cref="All"/>.</param>
    /// <param name="settings">A JSON object in camel case; undefined or null for the defaults.</param>
    /// <exception cref="InputException">An unknown name, an unknown or malformed setting, or whatever the set itself refuses.</exception>
    public static IProblemSet Create(string name, JsonElement settings = default) => All.TryGetValue(name, out var make)
        ? make(settings)
        : throw new InputException($"There is no problem set '{name}'; there are {string.Join(", ", All.Keys)}.");

    private static T Bind<T>(string name, JsonElement settings)
        where T : new()
    {
        if (settings.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
            return new T();
        if (settings.ValueKind != JsonValueKind.Object)
            throw new InputException($"The settings of problem set '{name}' are a JSON {settings.ValueKind}; they must be an object.");
        try
        {
            return settings.Deserialize<T>(Strict)!;
        }
        catch (JsonException e)
        {
            throw new InputException($"The settings of problem set '{name}' are wrong{(e.Path is { Length: > 0 } path ? $" at {path}" : "")}: {e.Message}", e);
        }
    }
}
