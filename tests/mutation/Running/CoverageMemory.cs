using System.Text.Json;
using G2RL.Onnx.Mutation.Mutants;

namespace G2RL.Onnx.Mutation.Running;

/// <summary>
/// What earlier runs found out about which test reaches what. A test is run again when its class changed, when a file that it reaches did,
/// and for files that were never woven before. What it reaches only since code elsewhere changed is overlooked until the memory is deleted.
/// </summary>
internal sealed class CoverageMemory
{
    private readonly string path;
    private readonly Stored stored;
    private readonly Dictionary<string, int> numbers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> versions = new(StringComparer.Ordinal);
    private readonly HashSet<string> woven = new(StringComparer.Ordinal); // files
    private readonly HashSet<int> current = []; // their versions

    /// <summary>Reads what is kept.</summary>
    /// <param name="path">The file; it need not exist.</param>
    /// <param name="mutants">What is woven now.</param>
    public CoverageMemory(string path, IReadOnlyList<Mutant> mutants)
    {
        this.path = path;
        stored = File.Exists(path) ? JsonSerializer.Deserialize<Stored>(File.ReadAllText(path))! : new([], [], [], [], []);
        foreach (var key in stored.Keys)
            numbers[key] = numbers.Count;
        foreach (var version in stored.Versions)
            versions[version] = versions.Count;
        foreach (var file in mutants.GroupBy(m => m.File))
        {
            woven.Add(file.Key);
            current.Add(Number(versions, stored.Versions, $"{file.Key} {Hashes.Of(file)}"));
        }
        foreach (var mutant in mutants)
            Number(numbers, stored.Keys, mutant.Key);
    }

    /// <summary>What is known of a test, or null where it must be run.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="stamp">Names the text of its class.</param>
    public StoredTest? Known(string name, string stamp)
    {
        if (!stored.Tests.TryGetValue(name, out var test) || test.Stamp != stamp || test.End is not ("Passed" or "Inconclusive"))
            return null;
        var missing = current.Where(v => !test.Seen.Contains(v)).ToArray();
        if (missing.Length == 0)
            return test;
        var (seen, reached) = (
            test.Seen.Select(v => FileOf(stored.Versions[v])).ToHashSet(),
            test.Hits.Concat(test.Once).Select(h => FileOf(stored.Keys[h])).ToHashSet());
        if (test.IsWhole && !missing.Select(v => FileOf(stored.Versions[v])).All(f => seen.Contains(f) && !reached.Contains(f)))
            return null;
        // It never came to what changed.
        test.Seen.UnionWith(missing);
        return test;
    }

    /// <summary>Keeps what a run found about a test.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="test">What was found; what earlier runs found in files that are not woven now is added.</param>
    public StoredTest Keep(string name, StoredTest test)
    {
        test.Seen.UnionWith(current);
        if (stored.Tests.TryGetValue(name, out var before) && before.Stamp == test.Stamp && test.IsWhole)
        {
            test = test with { Hits = [.. test.Hits, .. Elsewhere(before.Hits)], Once = [.. test.Once, .. Elsewhere(before.Once)] };
            test.Seen.UnionWith(before.Seen.Where(v => !woven.Contains(FileOf(stored.Versions[v]))));
        }
        return stored.Tests[name] = test;

        IEnumerable<int> Elsewhere(int[] hits) => hits.Where(h => !woven.Contains(FileOf(stored.Keys[h])));
    }

    /// <summary>Keeps what is reached before any test, or in tests that are left out.</summary>
    public void KeepEarly(IEnumerable<Mutant> mutants) => stored.Early.UnionWith(mutants.Select(m => m.Key));

    /// <summary>Keeps the static constructors in which a mutant was reached first.</summary>
    public void KeepMakers(Mutant mutant, string[]? types) => stored.Makers.TryAdd(mutant.Key, types);

    /// <summary>Mutants by their numbers in this memory.</summary>
    public int[] Numbers(IEnumerable<Mutant> mutants) => [.. mutants.Select(m => numbers[m.Key])];

    /// <summary>The coverage of tests by what is woven now.</summary>
    public Coverage Of(IReadOnlyList<Mutant> mutants, IReadOnlyDictionary<string, StoredTest> tests)
    {
        var ids = mutants.ToDictionary(m => numbers[m.Key], m => m.Id);
        return new(
            tests.ToDictionary(t => t.Key, t => new CoveredTest(t.Value.Milliseconds, Ids(t.Value.Hits), Ids(t.Value.Once))),
            mutants.Where(m => stored.Early.Contains(m.Key)).Select(m => m.Id).ToHashSet(),
            mutants.Where(m => stored.Makers.ContainsKey(m.Key)).ToDictionary(m => m.Id, m => stored.Makers[m.Key]));

        int[] Ids(int[] of) => [.. of.Where(ids.ContainsKey).Select(n => ids[n])];
    }

    /// <summary>Writes it down.</summary>
    public void Save() => File.WriteAllText(path, JsonSerializer.Serialize(stored));

    private static string FileOf(string name) => name[..name.IndexOf(' ')];

    private static int Number(Dictionary<string, int> numbers, List<string> names, string name)
    {
        if (numbers.TryGetValue(name, out var number))
            return number;
        names.Add(name);
        return numbers[name] = numbers.Count;
    }

    private sealed record Stored(
        List<string> Keys,
        List<string> Versions,
        Dictionary<string, StoredTest> Tests,
        HashSet<string> Early,
        Dictionary<string, string[]?> Makers);
}

/// <summary>What is known of a test.</summary>
/// <param name="Stamp">Names the text of its class.</param>
/// <param name="End">How it ends without a mutant; null: it ended the process.</param>
/// <param name="Milliseconds">How long it takes the processor.</param>
/// <param name="Hits">Mutants that it reaches each time, by their numbers in the memory.</param>
/// <param name="Once">Mutants that it reaches the first time in a process: what initializes something static.</param>
/// <param name="Seen">Versions of files that were woven.</param>
/// <param name="IsWhole">Whether it was looked at what it reaches: it is not where it does not pass or is too slow.</param>
internal sealed record StoredTest(
    string Stamp,
    string? End,
    double Milliseconds,
    int[] Hits,
    int[] Once,
    HashSet<int> Seen,
    bool IsWhole);
