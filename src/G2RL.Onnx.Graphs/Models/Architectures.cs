using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Models.Families;
using G2RL.Onnx.Models.Keys;

namespace G2RL.Onnx.Models;

/// <summary>The model families that can be read: one line here, one file beside it.</summary>
public static class Architectures
{
    /// <summary>
    /// A line of the table: the family's `model_type`, the function that describes it, and the one that completes the common keys of a
    /// config.json.
    /// </summary>
    internal sealed record Family(string ModelType, Func<ConfigReader, DecoderSpec> Describe, Action<DecoderSpec, JsonObject> Write);

    /// <summary>From a name in config.json's `architectures` to the family. The list is the coverage documentation.</summary>
    internal static IReadOnlyDictionary<string, Family> All { get; } = new Dictionary<string, Family>(StringComparer.Ordinal)
    {
        [Qwen3.Architecture] = new(Qwen3.ModelType, Qwen3.Describe, Qwen3.Write),
        [Qwen2.Architecture] = new(Qwen2.ModelType, Qwen2.Describe, Qwen2.Write),
        [Llama.Architecture] = new(Llama.ModelType, Llama.Describe, Llama.Write),
        [Mistral.Architecture] = new(Mistral.ModelType, Mistral.Describe, Mistral.Write),
        [Phi3.Architecture] = new(Phi3.ModelType, Phi3.Describe, Phi3.Write),
        [Gemma3.Architecture] = new(Gemma3.ModelType, Gemma3.Describe, Gemma3.Write),
        [Olmo2.Architecture] = new(Olmo2.ModelType, Olmo2.Describe, Olmo2.Write),
        [Gpt2.Architecture] = new(Gpt2.ModelType, Gpt2.Describe, Gpt2.Write),
    };

    /// <summary>Names that `architectures` may hold.</summary>
    public static IEnumerable<string> Names => All.Keys;

    // A config.json of a 1,000-layer model with layer_types has some 30 kB.
    private const int MaxConfigBytes = 4 << 20;

    /// <summary>Reads a model folder's config.json.</summary>
    /// <exception cref="InputException">The file is missing or malformed, or describes something that is not supported.</exception>
    public static DecoderSpec Read(string folder) => Read(folder, unknown: null);

    /// <summary>The same; with a list, keys that nobody knows are added to it instead of being refused.</summary>
    internal static DecoderSpec Read(string folder, List<string>? unknown)
    {
        var path = Path.Combine(BundledModels.Resolve(folder), "config.json");
        using var document = JsonInput.ReadObject(path, MaxConfigBytes);
        return Parse(document.RootElement, path, unknown);
    }

    /// <summary>Reads the text of a config.json.</summary>
    /// <param name="json">One JSON object.</param>
    /// <param name="source">What messages should name.</param>
    /// <exception cref="InputException">The text is malformed, or describes something that is not supported.</exception>
    public static DecoderSpec Parse(string json, string source)
    {
        using var document = JsonInput.ParseObject(Encoding.UTF8.GetBytes(json), source);
        return Parse(document.RootElement, source);
    }

    /// <inheritdoc cref="Parse(string, string)"/>
    public static DecoderSpec Parse(JsonElement config, string source) => Parse(config, source, unknown: null);

    private static DecoderSpec Parse(JsonElement config, string source, List<string>? unknown)
    {
        var reader = new ConfigReader(config, source);
        RefuseOtherKinds(reader);
        var name = NameOf(reader);
        var spec = All[name].Describe(reader);
        if (unknown is null)
            reader.FinishModel(name);
        else
            unknown.AddRange(reader.UnknownKeys());
        spec.Validate(source);
        return spec;
    }

    // Each key stands for a kind of model that is not a dense text decoder, whatever the family; null, false and 0 mean that it is one
    // after all.
    private static void RefuseOtherKinds(ConfigReader config)
    {
        foreach (var key in (ReadOnlySpan<string>)["vision_config", "vision_tower", "audio_config", "text_config"])
            config.Refuse(
                key,
                "the model has a vision or audio part; only text decoders are. Save its language model on its own, and give that.");
        foreach (var key in (ReadOnlySpan<string>)[
            "num_local_experts",
            "num_experts",
            "n_routed_experts",
            "num_experts_per_tok",
            "moe_intermediate_size",
        ])
            config.Expect(
                key,
                config.Take(key) is { ValueKind: JsonValueKind.Number } number && number.TryGetInt32(out var count) && count == 0,
                "the model is a mixture of experts; only dense decoders are.");
    }

    internal static string ModelTypeOf(string architecture) => All[architecture].ModelType;

    // `architectures` decides; hand-written and converted files may have only `model_type`.
    private static string NameOf(ConfigReader config)
    {
        var type = config.OptionalText("model_type");
        string? name = null;
        if (config.Take("architectures") is { } list)
        {
            if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() != 1)
                throw config.Wrong("architectures", list, "a list of one name");
            name = JsonInput.Text(list[0]) ?? throw config.Wrong("architectures", list, "a list of one name");
        }
        name ??= All.FirstOrDefault(line => line.Value.ModelType == type).Key;
        if (name is null || !All.TryGetValue(name, out var family))
            throw new InputException($"{config.Source}: the architecture "
                + $"{(name ?? type) switch { null => "is not named", var unknown => $"'{unknown}' is not supported" }}; these are: "
                + $"{string.Join(", ", Names)}.");
        if (type is not null && type != family.ModelType)
            throw new InputException($"{config.Source}: architectures names {name}, but model_type is '{type}'; "
                + $"it must be '{family.ModelType}'.");
        return name;
    }
}
