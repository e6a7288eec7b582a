namespace G2RL.Onnx.Tests;

/// <summary>
/// All solutions of a small countdown problem by trying everything; those that differ only in the order of terms or factors count once.
/// </summary>
internal static class CountdownSolutions
{
    private readonly record struct Part(string Text, long Numerator, long Denominator);

    /// <summary>One text a solution.</summary>
    public static HashSet<string> Of(IReadOnlyList<int> numbers, int target)
    {
        var found = new HashSet<string>();
        Search([.. numbers.Select(n => new Part($"{n}", n, 1))], target, found);
        return found;
    }

    // Any two parts are joined in every way; what is left over need not be used.
    private static void Search(List<Part> parts, int target, HashSet<string> found)
    {
        foreach (var part in parts)
            if (part.Denominator != 0 && part.Numerator == target * part.Denominator)
                found.Add(part.Text);
        for (var i = 0; i < parts.Count; i++)
        {
            for (var j = i + 1; j < parts.Count; j++)
            {
                List<Part> rest = [.. parts.Where((_, k) => k != i && k != j)];
                foreach (var joined in Joined(parts[i], parts[j]))
                    Search([joined, .. rest], target, found);
            }
        }
    }

    private static IEnumerable<Part> Joined(Part a, Part b)
    {
        if (string.CompareOrdinal(a.Text, b.Text) > 0)
            (a, b) = (b, a);
        yield return new(
            $"({a.Text}+{b.Text})",
            (a.Numerator * b.Denominator) + (b.Numerator * a.Denominator),
            a.Denominator * b.Denominator);
        yield return new($"({a.Text}*{b.Text})", a.Numerator * b.Numerator, a.Denominator * b.Denominator);
        foreach (var (x, y) in new[] { (a, b), (b, a) })
        {
            yield return new(
                $"({x.Text}-{y.Text})",
                (x.Numerator * y.Denominator) - (y.Numerator * x.Denominator),
                x.Denominator * y.Denominator);
            if (y.Numerator != 0)
                yield return new($"({x.Text}/{y.Text})", x.Numerator * y.Denominator, x.Denominator * y.Numerator);
        }
    }
}
