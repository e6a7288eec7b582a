using System.Text.Json;
using G2RL.Onnx.Tokenizers.Chat;

namespace G2RL.Onnx.Problems.Sources;

/// <summary>One row of a problem file, whatever the file's format.</summary>
/// <param name="File">The file.</param>
/// <param name="Number">Line of a text, or else number of the row, from 1.</param>
/// <param name="Fields">Its columns, a JSON object.</param>
internal readonly record struct SourceRow(string File, int Number, JsonElement Fields)
{
    private const int MostNames = 24;

    /// <summary>The field of a name, or of a dotted path such as <c>reward_model.ground_truth</c>; null when there is none.</summary>
    public JsonElement? Find(string name)
    {
        if (Fields.TryGetProperty(name, out var value))
            return value;
        var at = Fields;
        foreach (var part in name.Split('.'))
            if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(part, out at))
                return null;
        return at;
    }

    /// <summary>The first of these fields that holds something; of fields that are all null the first one.</summary>
    public (string Name, JsonElement Value)? FindFirst(IEnumerable<string> names)
    {
        (string, JsonElement)? first = null;
        foreach (var name in names)
        {
            if (Find(name) is not { } value)
                continue;
            if (value.ValueKind != JsonValueKind.Null)
                return (name, value);
            first ??= (name, value);
        }

        return first;
    }

    /// <summary>What is said when a field is not there.</summary>
    public RowException Missing(string name, string hint = "") =>
        new($" has no field '{name}'; it has {Names()}.{(hint.Length == 0 ? "" : " " + hint)}");

    /// <summary>The names of the fields that are there, nested ones as dotted paths.</summary>
    public string Names()
    {
        var names = new List<string>();
        foreach (var property in Fields.EnumerateObject())
            if (property.Value.ValueKind == JsonValueKind.Object)
                names.AddRange(property.Value.EnumerateObject().Select(inner => $"{property.Name}.{inner.Name}"));
            else
                names.Add(property.Name);
        return names.Count == 0
            ? "none"
            : string.Join(", ", names.Take(MostNames)) + (names.Count > MostNames ? $" and {names.Count - MostNames} more" : "");
    }

    /// <summary>The text of a field: a string, or (where they mean what they say) a number or a truth value; null of null.</summary>
    /// <exception cref="RowException">It is something else.</exception>
    public static string? Text(string name, JsonElement value, bool numberAllowed) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Null => null,
        JsonValueKind.Number when numberAllowed => value.GetRawText(),
        JsonValueKind.True or JsonValueKind.False when numberAllowed => value.GetRawText(),
        _ => throw new RowException($": field '{name}' is a JSON {value.ValueKind}; "
            + $"it must be a text{(numberAllowed ? " or a number" : "")}."),
    };

    /// <summary>The texts of a field that is a list.</summary>
    /// <exception cref="RowException">It is no list of texts.</exception>
    public static IReadOnlyList<string> Texts(string name, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array)
            throw new RowException($": field '{name}' is a JSON {value.ValueKind}; it must be a list of texts.");
        return [.. value.EnumerateArray().Select(item => Text(name, item, numberAllowed: true) ?? "")];
    }

    /// <summary>The chat turns of a field: a list of {role, content}, the content a text or a list of text parts.</summary>
    /// <exception cref="RowException">It is no list of turns, or holds something other than text.</exception>
    public static IReadOnlyList<ChatMessage> Turns(string name, JsonElement value)
    {
        var turns = new List<ChatMessage>();
        foreach (var turn in value.EnumerateArray())
        {
            if (turn.ValueKind != JsonValueKind.Object
                || !turn.TryGetProperty("role", out var role)
                || !turn.TryGetProperty("content", out var content)
                    || role.ValueKind != JsonValueKind.String)
                throw new RowException($": field '{name}' is a list, but turn {turns.Count} of it is no object with a role and a content.");
            turns.Add(new(role.GetString()!, Content(name, turns.Count, content)));
        }
        return turns.Count > 0
            ? turns
            : throw new RowException($": field '{name}' is a list without a turn; a conversation needs at least one.");
    }

    private static string Content(string name, int turn, JsonElement content)
    {
        if (content.ValueKind == JsonValueKind.String)
            return content.GetString()!;
        if (content.ValueKind != JsonValueKind.Array)
            throw new RowException($": field '{name}', turn {turn}: the content is a JSON {content.ValueKind}; it must be a text.");
        return string.Concat(content.EnumerateArray().Select(part =>
            part.ValueKind == JsonValueKind.Object && part.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String
                ? text.GetString()
                : throw new RowException($": field '{name}', turn {turn}: a part of the content is no text; "
                    + "models here read text alone.")));
    }
}
