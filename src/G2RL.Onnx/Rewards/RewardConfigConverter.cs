using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace G2RL.Onnx.Rewards;

/// <summary>An entry of <c>rewards</c>: its name says whose settings the others are.</summary>
internal sealed class RewardConfigConverter : JsonConverter<RewardConfig>
{
    private const string Name = "name";

    // The same settings whoever reads or writes.
    private static readonly JsonSerializerOptions Own = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    /// <inheritdoc/>
    /// <exception cref="InputException">No object, no such reward, or settings that it does not have.</exception>
    public override RewardConfig Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (JsonNode.Parse(ref reader) is not JsonObject entry)
            throw new InputException("An entry of rewards is no object; write it as {\"name\": \"checker\", \"weight\": 1}.");
        if (entry[Name] is not JsonValue value || !value.TryGetValue<string>(out var name))
            throw new InputException($"An entry of rewards has no name: {entry.ToJsonString()}. There are: {Names}.");
        if (!RewardTable.All.TryGetValue(name, out var kind))
            throw new InputException($"There is no reward '{name}'. There are: {Names}.");
        entry.Remove(Name);
        try
        {
            return (RewardConfig)entry.Deserialize(kind.Settings, Own)!;
        }
        catch (JsonException e)
        {
            var place = e.Path is { Length: > 1 } path ? $" at {path.TrimStart('$', '.')}" : "";
            throw new InputException($"The settings of reward '{name}' are wrong{place}: {e.Message.Split(" Path:")[0]}", e);
        }
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, RewardConfig value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        writer.WriteString(Name, RewardTable.NameOf(value));
        foreach (var (name, setting) in JsonSerializer.SerializeToNode(value, value.GetType(), Own)!.AsObject())
        {
            writer.WritePropertyName(name);
            JsonSerializer.Serialize(writer, setting, Own);
        }
        writer.WriteEndObject();
    }

    private static string Names => string.Join(", ", RewardTable.All.Keys);
}
