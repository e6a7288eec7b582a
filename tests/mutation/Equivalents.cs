namespace G2RL.Onnx.Mutation;

/// <summary>Mutants that no test can tell from the original, each with its reason: a line with the name, then indented lines.</summary>
internal static class Equivalents
{
    /// <summary>Their names.</summary>
    public static HashSet<string> Read(string path) => !File.Exists(path) ? [] :
        [.. File.ReadLines(path).Where(l => l.StartsWith("src/", StringComparison.Ordinal)).Select(l => l.TrimEnd())];
}
