using System.Globalization;
using System.Text.Json;

namespace G2RL.Onnx.Conformance;

/// <summary>Numbers of a golden case: a scalar, a list or a list of lists; rows of a list of lists have one length.</summary>
/// <param name="Values">Row-major; the texts "NaN", "Infinity" and "-Infinity" stand for themselves, null is NaN.</param>
/// <param name="Rows">Rows; 1 for a list or a scalar.</param>
/// <param name="Rank">0 for a scalar, 1 for a list, 2 and more for lists of lists.</param>
public sealed record Numbers(double[] Values, int Rows, int Rank)
{
    /// <summary>Numbers of a row.</summary>
    public int Width => Rows == 0 ? 0 : Values.Length / Rows;

    /// <summary>As the float32 that the trainers see.</summary>
    public float[] Floats => [.. Values.Select(v => (float)v)];

    /// <summary>Rounded to float32, as the trainers see them, and widened.</summary>
    public double[] Rounded => [.. Values.Select(v => (double)(float)v)];
}

/// <summary>One case of a golden file.</summary>
/// <param name="element">The case.</param>
/// <param name="source">The file, for messages.</param>
/// <param name="upstream">What the file says the numbers come from; empty if it does not.</param>
public sealed class GoldenCase(JsonElement element, string source, string upstream)
{
    /// <summary>Name of the case.</summary>
    public string Id { get; } = element.ValueKind == JsonValueKind.Object && element.TryGetProperty("id", out var id) ? id.ToString() : "?";

    /// <summary>What the file says the numbers come from.</summary>
    public string Upstream => upstream;

    /// <summary>A text beside inputs, params and expected; null where there is none.</summary>
    public string? Field(string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>A number beside inputs, params and expected.</summary>
    public double? FieldNumber(string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    /// <summary>Whether an input is there and not null.</summary>
    public bool HasInput(string name) => Find("inputs", name) is not null;

    /// <summary>Whether the inputs have such a key, null or not.</summary>
    public bool NamesInput(string name) =>
        element.TryGetProperty("inputs", out var inputs) && inputs.ValueKind == JsonValueKind.Object && inputs.TryGetProperty(name, out _);

    /// <summary>An input.</summary>
    /// <exception cref="InputException">It is missing or no number.</exception>
    public Numbers Input(string name) =>
        Find("inputs", name) is { } value ? Read(value, $"inputs.{name}") : throw Missing($"inputs.{name}");

    /// <summary>Whether a parameter is there and not null.</summary>
    public bool HasParameter(string name) => Find("params", name) is not null;

    /// <summary>A parameter that is a number.</summary>
    public double Number(string name, double otherwise) =>
        Find("params", name) is { ValueKind: JsonValueKind.Number } value ? value.GetDouble() : otherwise;

    /// <summary>A parameter that is a number within a group of parameters.</summary>
    public double Number(string group, string name, double otherwise) =>
        Find("params", group) is { ValueKind: JsonValueKind.Object } g
            && g.TryGetProperty(name, out var value)
            && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : otherwise;

    /// <summary>A parameter that is a text (or a number, as it stands).</summary>
    public string Text(string name, string otherwise) =>
        Find("params", name) is { } value ? value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText() : otherwise;

    /// <summary>A parameter that is true or false.</summary>
    public bool Flag(string name, bool otherwise) => Find("params", name) is { } value ? value.ValueKind == JsonValueKind.True : otherwise;

    /// <summary>A parameter that is a list of numbers.</summary>
    public double[]? List(string name) =>
        Find("params", name) is { ValueKind: JsonValueKind.Array } value ? Read(value, $"params.{name}").Values : null;

    /// <summary>Names in an input that is an object or under <c>inputs</c> itself.</summary>
    public bool Bool(string name) => Find("inputs", name) is { ValueKind: JsonValueKind.True };

    /// <summary>A part of what is expected, or all of it; null where there is none.</summary>
    public Numbers? Expected(string? name = null)
    {
        if (!element.TryGetProperty("expected", out var expected))
            throw Missing("expected");
        if (name is null)
            return Read(expected, "expected");
        return expected.ValueKind == JsonValueKind.Object
            && expected.TryGetProperty(name, out var value)
            && value.ValueKind != JsonValueKind.Null ? Read(value, $"expected.{name}") : null;
    }

    /// <summary>A list of objects under <c>expected</c>, as cases without inputs of their own.</summary>
    public IReadOnlyList<JsonElement> ExpectedList(string name) =>
        element.TryGetProperty("expected", out var expected)
            && expected.ValueKind == JsonValueKind.Object
            && expected.TryGetProperty(name, out var value)
            && value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [];

    /// <summary>Reads numbers of any rank.</summary>
    public Numbers Read(JsonElement value, string name)
    {
        if (value.ValueKind != JsonValueKind.Array)
            return new([Scalar(value, name)], 1, 0);
        var (values, rank) = (new List<double>(), 1);
        void Walk(JsonElement list, int depth)
        {
            rank = Math.Max(rank, depth);
            foreach (var item in list.EnumerateArray())
                if (item.ValueKind == JsonValueKind.Array)
                    Walk(item, depth + 1);
                else
                    values.Add(Scalar(item, name));
        }
        Walk(value, 1);
        var rows = rank == 1 ? 1 : value.GetArrayLength();
        return rows > 0 && values.Count % rows == 0
            ? new([.. values], rows, rank)
            : throw new InputException($"{source}, case {Id}: {name} has rows of several lengths.");
    }

    /// <summary>A fault of the case.</summary>
    public InputException Missing(string what) => new($"{source}, case {Id}: there is no {what}.");

    private JsonElement? Find(string group, string name) =>
        element.TryGetProperty(group, out var g)
            && g.ValueKind == JsonValueKind.Object
            && g.TryGetProperty(name, out var value)
            && value.ValueKind != JsonValueKind.Null ? value : null;

    private double Scalar(JsonElement value, string name) => value.ValueKind switch
    {
        JsonValueKind.Number => value.GetDouble(),
        JsonValueKind.True => 1,
        JsonValueKind.False => 0,
        JsonValueKind.Null => double.NaN,
        JsonValueKind.String when double.TryParse(value.GetString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) =>
            number,
        _ => throw new InputException($"{source}, case {Id}: {name} holds {value.GetRawText()}, which is no number."),
    };
}
