namespace G2RL.Onnx.Converter;

/// <summary>The largest difference of one quantity.</summary>
/// <param name="Quantity">What was compared.</param>
/// <param name="Largest">Largest absolute difference.</param>
/// <param name="Allowed">Tolerance.</param>
internal sealed record Difference(string Quantity, double Largest, double Allowed)
{
    /// <summary>Whether it is within the tolerance; NaN is not.</summary>
    public bool Holds => Largest <= Allowed;
}

/// <summary>Collects differences by quantity.</summary>
internal sealed class Verification
{
    private readonly Dictionary<string, Difference> differences = new(StringComparer.Ordinal);

    /// <summary>What was compared, in order.</summary>
    public IReadOnlyCollection<Difference> Differences => differences.Values;

    /// <summary>Compares numbers; a length or number that differs beyond repair counts as an infinite difference.</summary>
    public void Compare(string quantity, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double allowed)
    {
        var largest = actual.Length == expected.Length ? 0d : double.PositiveInfinity;
        for (var i = 0; i < actual.Length && largest < double.PositiveInfinity; i++)
        {
            var difference = Math.Abs((double)actual[i] - expected[i]);
            largest = double.IsNaN(difference) ? double.PositiveInfinity : Math.Max(largest, difference);
        }
        Add(quantity, largest, allowed);
    }

    /// <summary>Notes a difference.</summary>
    public void Add(string quantity, double largest, double allowed) =>
        differences[quantity] = differences.TryGetValue(quantity, out var before) && before.Largest - before.Allowed > largest - allowed
            ? before
            : new(quantity, largest, allowed);
}
