using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using G2RL.Onnx.Mutation.Mutants;
using G2RL.Onnx.Mutation.Running;
using G2RL.Onnx.Mutation.Weaving;

namespace G2RL.Onnx.Mutation;

/// <summary>What to try.</summary>
internal sealed record Settings
{
    /// <summary>Folders or files below src whose mutants are tried, each with the share of its mutants, drawn by their names.</summary>
    public required IReadOnlyList<(string Path, double Share)> Folders { get; init; }

    /// <summary>Only lines that differ from this commit; null takes all.</summary>
    public string? Since { get; init; }

    /// <summary>Most mutants; 0 is no limit.</summary>
    public int Most { get; init; }

    /// <summary>Tests whose name matches; null takes all.</summary>
    public string? Tests { get; init; }

    /// <summary>Slower tests are left out, seconds.</summary>
    public double Slowest { get; init; } = 3;

    /// <summary>Seconds of tests that a mutant must survive.</summary>
    public double SecondsPerMutant { get; init; } = 10;

    /// <summary>
    /// Seconds for finding out which test reaches what, tests of the files' own names first; 0 is no limit. What is not reached then is
    /// said not to be covered.
    /// </summary>
    public double Cover { get; init; }

    /// <summary>Seconds of trying after which no mutant of a folder is begun; 0 is no limit.</summary>
    public double Budget { get; init; }

    /// <summary>Tries again what survived or was not covered.</summary>
    public bool Again { get; init; }

    /// <summary>Where results are kept.</summary>
    public required string Output { get; init; }
}

/// <summary>Weaves, covers and tries, folder by folder; goes on where it was broken off.</summary>
/// <param name="root">The repository.</param>
/// <param name="say">Told how it goes on.</param>
internal sealed class Campaigns(string root, Action<string> say)
{
    private readonly Stopwatch clock = Stopwatch.StartNew();

    /// <summary>Runs.</summary>
    /// <returns>All outcomes of the mutants chosen, by folder.</returns>
    public IReadOnlyDictionary<string, IReadOnlyList<Outcome>> Run(Settings settings)
    {
        var changed = settings.Since is { } commit ? Changes.Since(root, commit) : null;
        var all = new Dictionary<string, IReadOnlyList<Outcome>>(StringComparer.Ordinal);
        foreach (var group in settings.Folders.GroupBy(f => Target.Of(f.Path + "/")))
        {
            var target = group.Key ?? throw new ArgumentException($"{group.First().Path} lies in no project that has mutation tests.");
            foreach (var (folder, outcomes) in Run(settings, target, [.. group], changed))
                all[folder] = outcomes;
        }
        return all;
    }

    /// <summary>The file of a folder's outcomes.</summary>
    public static string FileOf(string output, string folder) =>
        Path.Combine(output, folder.Replace("src/", "", StringComparison.Ordinal).Replace('/', '.') + ".jsonl");

    /// <summary>The file with the number of all mutants of a folder.</summary>
    public static string CountOf(string output, string folder) => Path.ChangeExtension(FileOf(output, folder), "count");

    private IEnumerable<(string Folder, IReadOnlyList<Outcome> Outcomes)> Run(
        Settings settings,
        Target target,
        (string Path, double Share)[] folders,
        Dictionary<string, HashSet<int>>? changed)
    {
        var source = ProjectSource.Read(Path.Combine(root, "src", target.Name, target.Name + ".csproj"));
        // Whole files are woven, so that what tests reach in them is known once and for all; files without survivors are not.
        var alive = settings.Again
            ? folders.SelectMany(f => new Outcomes(FileOf(settings.Output, f.Path)).Read().Values)
                .Where(o => !o.IsNoticed)
                .Select(o => o.Key[..o.Key.IndexOf(' ')])
                .ToHashSet()
            : [];
        var mutants = source.Compilation.SyntaxTrees
            .Select(t => (Tree: t, File: Path.GetRelativePath(root, t.FilePath).Replace('\\', '/')))
            .Where(t => folders.Any(f => IsIn(t.File, f.Path)))
            .SelectMany(t => MutantFinder.In(t.Tree, source.Compilation.GetSemanticModel(t.Tree), t.File))
            .Where(m => changed is null || changed.TryGetValue(m.File, out var lines) && lines.Contains(m.Line))
            .Where(m => !settings.Again || alive.Contains(m.File))
            .OrderBy(m => settings.Most > 0 ? Draw(m.Key) : 0)
            .Take(settings.Most > 0 ? settings.Most : int.MaxValue)
            .ToArray();
        say($"{target.Name}: {mutants.Length} mutants");
        if (mutants.Length == 0)
            yield break;
        var stage = Path.Combine(settings.Output, target.Name);
        var woven = WovenAssembly.Of(source, mutants, new(Path.Combine(stage, "woven.json")), say);
        say($"{target.Name}: {woven.Mutants.Count} mutants compile, {woven.Stillborn} do not ({clock.Elapsed.TotalSeconds:0} s)");
        var built = Path.Combine(root, "artifacts", "bin", target.Tests, "release");
        var bin = Path.Combine(stage, "bin");
        Stage.Make(bin, built, target.Assembly + ".dll", woven.Image);
        using var worker = new WorkerProcess(bin, target.Tests, target.Assembly, mutants.Length);
        var wanted = settings.Tests is { } filter ? new Regex(filter) : null;
        var stamps = Hashes.OfClasses(Path.Combine(root, "tests", target.Tests));
        var coverage = Coverage.Of(
            worker,
            new(Path.Combine(stage, "reach.json"), woven.Mutants),
            woven.Mutants,
            stamps,
            n => wanted is null || wanted.IsMatch(n),
            settings.Slowest,
            Rank(woven.Mutants),
            settings.Cover,
            say);
        say($"{target.Name}: {coverage.Tests.Count} tests ({clock.Elapsed.TotalSeconds:0} s)");
        var campaign = new Campaign(worker, coverage, stamps, settings.SecondsPerMutant, settings.Again);
        foreach (var (folder, share) in folders)
            yield return (folder, Try(settings, folder, share, woven, campaign));
    }

    // 0 for tests whose class bears a file's name, 1 for its folder's, 2 for all others.
    private static Func<string, int> Rank(IReadOnlyList<Mutant> mutants)
    {
        var files = mutants.Select(m => Path.GetFileNameWithoutExtension(m.File)).ToHashSet();
        var folders = mutants.Select(m => Path.GetFileName(Path.GetDirectoryName(m.File)!)).ToHashSet();
        return test => files.Any(f => test.StartsWith(f, StringComparison.Ordinal)) ? 0
            : folders.Any(f => test.StartsWith(f.TrimEnd('s'), StringComparison.Ordinal)) ? 1
            : 2;
    }

    private static bool IsIn(string file, string folder) => file == folder || file.StartsWith(folder + "/", StringComparison.Ordinal);

    private List<Outcome> Try(Settings settings, string folder, double share, WovenAssembly woven, Campaign campaign)
    {
        var (file, tried) = (new Outcomes(FileOf(settings.Output, folder)), Stopwatch.StartNew());
        var known = file.Read();
        var mine = woven.Mutants.Where(m => IsIn(m.File, folder)).ToArray();
        // What was looked at and has its reason is not tried again.
        NamedMutants[] named = settings.Again
            ? [.. new[] { "equivalent.txt", "judged.txt" }.Select(n => NamedMutants.Read(Path.Combine(root, "tests/mutation", n)))]
            : [];
        var asked = mine.Where(m => Draw(m.Key) < share)
            .Where(m => !settings.Again || (known.ContainsKey(m.Key) && !named.Any(n => n.Contains(m.Key))));
        if (settings is { Again: false, Since: null, Most: 0 })
            File.WriteAllText(CountOf(settings.Output, folder), $"{mine.Length}\n");
        var outcomes = new List<Outcome>();
        // In an order that has nothing to do with the sources: what is done when it is broken off is a fair sample.
        foreach (var mutant in asked.OrderBy(m => Draw(m.Key)))
        {
            if (!known.TryGetValue(mutant.Key, out var outcome)
                || settings.Again && !outcome.IsNoticed)
            {
                if (settings.Budget > 0 && tried.Elapsed.TotalSeconds > settings.Budget)
                    continue;
                var before = outcome;
                outcome = campaign.Try(mutant, mine, before);
                // Tried again with some of the tests alone: others reach it.
                if (before is not null && outcome.End == MutantEnd.NotCovered)
                    outcome = before;
                file.Add(outcome);
            }
            outcomes.Add(outcome);
            if (outcomes.Count % 100 == 0)
                say($"{folder}: {outcomes.Count} of {mine.Length}, {outcomes.Count(o => o.IsNoticed)} "
                    + $"noticed ({clock.Elapsed.TotalSeconds:0} s)");
        }
        return outcomes;
    }

    // In [0, 1), the same for the same name.
    private static double Draw(string key) =>
        BitConverter.ToUInt32(SHA256.HashData(Encoding.UTF8.GetBytes(key))) / 4294967296.0;
}
