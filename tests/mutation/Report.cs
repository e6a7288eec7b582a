using System.Globalization;
using System.Text;
using G2RL.Onnx.Mutation.Mutants;
using G2RL.Onnx.Mutation.Running;
using G2RL.Onnx.Mutation.Weaving;

namespace G2RL.Onnx.Mutation;

/// <summary>
/// The table of results.md and the list of survivors.md, from what runs wrote down. Outcomes of mutants that the sources no longer have are
/// left out.
/// </summary>
/// <param name="root">The repository.</param>
internal sealed class Report(string root)
{
    private const string Head = """
        # Mutants that are alive

        Not noticed and not named in [equivalent.txt](equivalent.txt), as the runs of [results.md](results.md) left them. "reached" means
        that tests reach it and pass; "not reached" that none does (or only tests that were left out: slow ones, and those of the
        command line). Those that [judged.txt](judged.txt) names with a reason are counted, not listed.

        """;

    /// <summary>Prints a row for each folder and, where asked for, writes the list.</summary>
    /// <param name="folders">Folders that were run.</param>
    /// <param name="output">Where the runs wrote.</param>
    /// <param name="list">Path of the list; null writes none.</param>
    public void Write(IReadOnlyList<string> folders, string output, string? list)
    {
        var equivalent = NamedMutants.Read(Path.Combine(root, "tests/mutation/equivalent.txt"));
        var judged = NamedMutants.Read(Path.Combine(root, "tests/mutation/judged.txt"));
        var (text, sources) = (new StringBuilder(Head), new Dictionary<Target, ProjectSource>());
        Console.WriteLine(
            "| folder | mutants | tried | killed | timed out | survived | not covered | of these judged | equivalent | noticed |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|");
        foreach (var folder in folders)
        {
            var target = Target.Of(folder + "/") ?? throw new ArgumentException($"{folder} lies in no project that has mutation tests.");
            if (!sources.TryGetValue(target, out var source))
                sources[target] = source = ProjectSource.Read(Path.Combine(root, "src", target.Name, target.Name + ".csproj"));
            var memory = new WeavingMemory(Path.Combine(output, target.Name, "woven.json"));
            var keys = source.Compilation.SyntaxTrees
                .Select(t => (Tree: t, File: Path.GetRelativePath(root, t.FilePath).Replace('\\', '/')))
                .Where(t => t.File.StartsWith(folder + "/", StringComparison.Ordinal))
                .SelectMany(t => MutantFinder.In(t.Tree, source.Compilation.GetSemanticModel(t.Tree), t.File))
                .Where(m => !memory.IsDead(m))
                .Select(m => m.Key)
                .ToHashSet(StringComparer.Ordinal);
            var outcomes = new Outcomes(Campaigns.FileOf(output, folder)).Read().Values.Where(o => keys.Contains(o.Key)).ToArray();
            var alike = outcomes.Count(o => !o.IsNoticed && equivalent.Contains(o.Key));
            var alive = outcomes.Where(o => !o.IsNoticed && !equivalent.Contains(o.Key))
                .OrderBy(o => o.Key, StringComparer.Ordinal)
                .ToArray();
            var left = alive.Where(o => !judged.Contains(o.Key)).ToArray();
            int Count(MutantEnd end) => outcomes.Count(o => o.End == end) - (end is MutantEnd.Killed or MutantEnd.TimedOut
                ? 0
                : outcomes.Count(o => o.End == end && equivalent.Contains(o.Key)));
            var share = 100.0 * outcomes.Count(o => o.IsNoticed) / Math.Max(1, outcomes.Length - alike);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| `{folder}` | {keys.Count} | {outcomes.Length} ({100.0 * outcomes.Length / Math.Max(1, keys.Count):0} %) | "
                    + $"{Count(MutantEnd.Killed)} | {Count(MutantEnd.TimedOut)} | {Count(MutantEnd.Survived)} | "
                    + $"{Count(MutantEnd.NotCovered)} | {alive.Length - left.Length} | {alike} | {share:0.0} % |"));
            text.Append(CultureInfo.InvariantCulture, $"\n## {folder}: {left.Length}, and {alive.Length - left.Length} judged\n\n");
            foreach (var o in left)
                text.Append(o.End == MutantEnd.Survived ? "- reached: `" : "- not reached: `")
                    .Append(o.Key[(folder.Length + 1)..])
                    .Append("`\n");
            var idles = equivalent.Idle(keys).Concat(judged.Idle(keys));
            foreach (var idle in idles.Where(n => n.StartsWith(folder + "/", StringComparison.Ordinal)))
                Console.Error.WriteLine($"named, but not in the sources: {idle}");
        }
        if (list is not null)
            File.WriteAllText(list, text.ToString());
    }
}
