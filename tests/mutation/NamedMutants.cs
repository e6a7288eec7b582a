namespace G2RL.Onnx.Mutation;

/// <summary>
/// Mutants that are named in a file with a reason: equivalent.txt holds those that no test can tell from the original, judged.txt those
/// that were looked at and left alive. A line is the name that a run prints, or the beginning of names and a star; indented lines are the
/// reason.
/// </summary>
/// <param name="names">The lines.</param>
internal sealed class NamedMutants(IReadOnlyList<string> names)
{
    private readonly HashSet<string> whole = [.. names.Where(n => !n.EndsWith('*'))];
    private readonly string[] beginnings = [.. names.Where(n => n.EndsWith('*')).Select(n => n[..^1])];

    /// <summary>Reads a file; one that is not there names none.</summary>
    public static NamedMutants Read(string path) => new(!File.Exists(path) ? [] :
        [.. File.ReadLines(path).Where(l => l.StartsWith("src/", StringComparison.Ordinal)).Select(l => l.TrimEnd())]);

    /// <summary>The lines that name none of some mutants.</summary>
    public IEnumerable<string> Idle(IReadOnlyCollection<string> keys) => names.Where(n => n.EndsWith('*')
        ? !keys.Any(k => k.StartsWith(n[..^1], StringComparison.Ordinal))
        : !keys.Contains(n));

    /// <summary>Whether a mutant is named.</summary>
    public bool Contains(string key) => whole.Contains(key) || beginnings.Any(b => key.StartsWith(b, StringComparison.Ordinal));
}
