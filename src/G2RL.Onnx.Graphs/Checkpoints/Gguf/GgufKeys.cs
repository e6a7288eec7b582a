namespace G2RL.Onnx.Checkpoints;

/// <summary>
/// Takes the metadata of a GGUF file one by one. What of the architecture's own keys is left at the end could change the mathematics, so
/// <see cref="Finish"/> makes it an error.
/// </summary>
internal sealed class GgufKeys(GgufFile file)
{
    private readonly HashSet<string> taken = new(StringComparer.Ordinal);

    /// <summary>Put before each key that begins with a dot.</summary>
    public string Architecture { get; init; } = "";

    public bool Has(string key) => file.Metadata.ContainsKey(Full(key));

    public int Integer(string key) => OptionalInteger(key) ?? throw Fault($"the metadata lacks {Full(key)}, which has no default");

    public int? OptionalInteger(string key)
    {
        if (Take(key) is not { } value)
            return null;
        if (value.IsArray
            || value.Type == GgufType.String
            || file.Number(value, Full(key)).Integer is not { } whole
            || whole is < int.MinValue or > int.MaxValue)
            throw Fault($"{Full(key)} is {Shown(value, key)}; one whole number below 2^31 is expected");
        return (int)whole;
    }

    public double? OptionalNumber(string key)
    {
        if (Take(key) is not { } value)
            return null;
        if (value.IsArray
            || value.Type == GgufType.String
            || file.Number(value, Full(key)) is var (whole, number) && !double.IsFinite(number ?? whole ?? double.NaN))
            throw Fault($"{Full(key)} is {Shown(value, key)}; one finite number is expected");
        var (integer, real) = file.Number(value, Full(key));
        // 0.000001 stored as a float32 is meant to be 0.000001, not 9.99999997e-7: take the shortest decimal that the float32 stands for.
        return value.Type == GgufType.Float32
            ? double.Parse(
                ((float)real!.Value).ToString("R", System.Globalization.CultureInfo.InvariantCulture),
                System.Globalization.CultureInfo.InvariantCulture)
            : real ?? integer;
    }

    public string? OptionalText(string key)
    {
        if (Take(key) is not { } value)
            return null;
        return value is { IsArray: false, Type: GgufType.String }
            ? file.Text(value, Full(key))
            : throw Fault($"{Full(key)} is {Shown(value, key)}; a text is expected");
    }

    public bool? OptionalFlag(string key)
    {
        if (Take(key) is not { } value)
            return null;
        return value is { IsArray: false, Type: GgufType.Bool }
            ? file.Number(value, Full(key)).Integer == 1
            : throw Fault($"{Full(key)} is {Shown(value, key)}; true or false is expected");
    }

    public IEnumerable<string>? OptionalTexts(string key)
    {
        if (Take(key) is not { } value)
            return null;
        return value is { IsArray: true, Type: GgufType.String }
            ? file.Texts(value, Full(key))
            : throw Fault($"{Full(key)} is {Shown(value, key)}; a list of texts is expected");
    }

    public IEnumerable<long?>? OptionalIntegers(string key)
    {
        if (Take(key) is not { } value)
            return null;
        return value.IsArray && value.Type is not (GgufType.String or GgufType.Float32 or GgufType.Float64)
            ? file.Integers(value, Full(key))
            : throw Fault($"{Full(key)} is {Shown(value, key)}; a list of whole numbers is expected");
    }

    public IEnumerable<float>? OptionalNumbers(string key)
    {
        if (Take(key) is not { } value)
            return null;
        return value is { IsArray: true, Type: GgufType.Float32 }
            ? file.Numbers(value, Full(key))
            : throw Fault($"{Full(key)} is {Shown(value, key)}; a list of Float32 is expected");
    }

    public long Count(string key) => file.Metadata.TryGetValue(Full(key), out var value) && value.IsArray ? value.Count : 0;

    /// <summary>Takes keys whose value cannot matter here.</summary>
    public void Ignore(params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys)
            taken.Add(Full(key));
    }

    /// <summary>Takes a key that must be missing or have one of the values that keep the model what is computed here.</summary>
    public void Expect(string key, Func<double, bool> holds, string why)
    {
        if (OptionalNumber(key) is { } number && !holds(number))
            throw Fault($"{Full(key)} is {number}, which is not supported: {why}");
    }

    public void Finish()
    {
        var left = file.Metadata.Keys.Where(key => key.StartsWith(Architecture + ".", StringComparison.Ordinal) && !taken.Contains(key))
            .Order(StringComparer.Ordinal)
            .ToArray();
        if (left.Length > 0)
            throw Fault($"the metadata {string.Join(", ", left.Take(8))} {(left.Length > 1 ? "are" : "is")} unknown for '{Architecture}' "
                + "and could change the mathematics. Give the model in Hugging Face's layout");
    }

    public InputException Fault(string what) => new($"{file.Path}: {what}.");

    private GgufValue? Take(string key)
    {
        taken.Add(Full(key));
        return file.Metadata.GetValueOrDefault(Full(key));
    }

    private string Full(string key) => key.StartsWith('.') ? Architecture + key : key;

    private string Shown(GgufValue value, string key)
    {
        if (value.IsArray)
            return $"a list of {value.Count} x {value.Type}";
        var text = file.Describe().First(entry => entry.Key == Full(key)).Value;
        return $"{value.Type} {(text.Length > 80 ? text[..77] + "..." : text)}";
    }
}
