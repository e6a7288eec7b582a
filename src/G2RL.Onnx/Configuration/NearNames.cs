namespace G2RL.Onnx.Configuration;

/// <summary>What a mistyped name was probably meant to be.</summary>
public static class NearNames
{
    /// <summary>The names nearest to one that is not among them, nearest first.</summary>
    /// <param name="name">As it was typed.</param>
    /// <param name="names">What there is.</param>
    /// <param name="count">How many at most.</param>
    public static IEnumerable<string> Nearest(string name, IEnumerable<string> names, int count = 3) =>
        names.OrderBy(n => Distance(n, name)).ThenBy(n => n, StringComparer.Ordinal).Take(count);

    /// <summary>
    /// The names that are likely enough to ask about: within a third of the typed letters (at least two), or that begin with them.
    /// </summary>
    /// <inheritdoc cref="Nearest"/>
    public static IReadOnlyList<string> Likely(string name, IEnumerable<string> names, int count = 3)
    {
        var bound = Math.Max(2, name.Length / 3);
        return [.. Nearest(name, names.Where(n => Distance(n, name) <= bound
            || (name.Length >= 3 && n.StartsWith(name, StringComparison.OrdinalIgnoreCase))), count)];
    }

    /// <summary>
    /// A sentence with the likely names, a space before it; empty where none is likely. Of a path such as sampling.groupSize the last part
    /// alone may have been typed, or another group's.
    /// </summary>
    /// <param name="path">As it was typed.</param>
    /// <param name="paths">What there is.</param>
    public static string Hint(string path, IEnumerable<string> paths)
    {
        string[] all = [.. paths];
        var likely = Likely(path, all);
        if (likely.Count == 0)
        {
            var parts = Likely(Last(path), all.Select(Last).Distinct(StringComparer.Ordinal)).ToList();
            likely = [.. all.Where(p => parts.Contains(Last(p))).OrderBy(p => parts.IndexOf(Last(p))).Take(3)];
        }
        return likely.Count == 0 ? "" : $" Nearest: {string.Join(", ", likely)}.";
    }

    private static string Last(string path) => path[(path.LastIndexOf('.') + 1)..];

    // Edits, where two letters that changed places count as one (optimal string alignment); upper and lower case are equal.
    private static int Distance(string a, string b)
    {
        var rows = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
            rows[i, 0] = i;
        for (var j = 0; j <= b.Length; j++)
            rows[0, j] = j;
        bool Same(int i, int j) => char.ToUpperInvariant(a[i]) == char.ToUpperInvariant(b[j]);
        for (var i = 1; i <= a.Length; i++)
            for (var j = 1; j <= b.Length; j++)
            {
                var edits = Math.Min(Math.Min(rows[i - 1, j], rows[i, j - 1]) + 1, rows[i - 1, j - 1] + (Same(i - 1, j - 1) ? 0 : 1));
                if (i > 1 && j > 1 && Same(i - 1, j - 2) && Same(i - 2, j - 1))
                    edits = Math.Min(edits, rows[i - 2, j - 2] + 1);
                rows[i, j] = edits;
            }
        return rows[a.Length, b.Length];
    }
}
