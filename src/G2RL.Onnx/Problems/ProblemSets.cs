using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using G2RL.Onnx.Problems.Files;
using G2RL.Onnx.Problems.Generated;
using G2RL.Onnx.Problems.Mixtures;
using G2RL.Onnx.Problems.Presets;

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
    public static IReadOnlyDictionary<string, Func<JsonElement, IProblemSet>> All { get; } =
        new Dictionary<string, Func<JsonElement, IProblemSet>>
        {
            ["arithmetic"] = settings => new Arithmetic(Bind<ArithmeticSettings>("arithmetic", settings)),
            ["jsonl"] = settings => new FileProblems(Bind<FileProblemsSettings>("jsonl", settings)),
            ["file"] = settings => new FileProblems(Bind<FileProblemsSettings>("file", settings), "file"),
            ["countdown"] = settings => new Countdown(Bind<CountdownSettings>("countdown", settings)),
            [Mixture.SetName] = settings =>
                new Mixture(Bind<MixtureSettings>(Mixture.SetName, settings), source => Create(source.Set, source.Settings ?? default)),
        };

    /// <summary>Every name that a configuration can give: of <see cref="All"/>, and of <see cref="ProblemPresets"/>.</summary>
    public static IEnumerable<string> Names => All.Keys.Concat(ProblemPresets.All.Keys);

    /// <summary>Makes a problem set from its name and its settings.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="settings">A JSON object in camel case; undefined or null for the defaults.</param>
    /// <exception cref="InputException">An unknown name, an unknown or malformed setting, or whatever the set itself refuses.</exception>
    public static IProblemSet Create(string name, JsonElement settings = default)
    {
        if (All.TryGetValue(name, out var make))
            return make(settings);
        if (!ProblemPresets.All.TryGetValue(name, out var preset))
            throw new InputException($"There is no problem set '{name}'; there are {string.Join(", ", Names)}.");
        var given = Over(preset, settings);
        return given.Train.Length > 0 || given.HeldOut is not null
            ? new FileProblems(given, name)
            : throw new InputException($"Problem set '{name}' ({preset.Title}) has no file. Give its setting heldOut to evaluate, train, "
                + $"too, to train. Its files: {preset.Where}.");
    }

    // What is given lies over the preset's defaults, name by name; of multiple choice, too.
    private static FileProblemsSettings Over(ProblemPreset preset, JsonElement settings)
    {
        if (settings.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
            return preset.Settings;
        // Alone first: what is no object, and names that stand twice, are refused in the same words as those of other sets.
        _ = Bind<FileProblemsSettings>(preset.Name, settings);
        var merged = JsonSerializer.SerializeToNode(preset.Settings, Strict)!.AsObject();
        Lay(merged, JsonObject.Create(settings)!);
        return Bind<FileProblemsSettings>(preset.Name, JsonSerializer.SerializeToElement(merged));
    }

    private static void Lay(JsonObject under, JsonObject over)
    {
        foreach (var (name, value) in over)
            if (name == "choice" && value is JsonObject choice && under[name] is JsonObject place)
                Lay(place, choice);
            else
                under[name] = value?.DeepClone();
    }

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
            throw new InputException(
                $"The settings of problem set '{name}' are wrong{(e.Path is { Length: > 0 } path ? $" at {path}" : "")}: {e.Message}",
                e);
        }
    }
}
