using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Mutation.Running;

/// <summary>Which test reaches which mutant, and how long it takes.</summary>
/// <param name="Tests">Those that pass without any mutant, by name.</param>
/// <param name="Early">Mutants that are reached before any test runs.</param>
/// <param name="Makers">Static constructors in which a mutant was reached first, the innermost first; null where one lies
/// elsewhere.</param>
internal sealed record Coverage(
    IReadOnlyDictionary<string, CoveredTest> Tests,
    IReadOnlySet<int> Early,
    IReadOnlyDictionary<int, string[]?> Makers)
{
    /// <summary>Runs every test alone, or takes what an earlier run of the same assemblies wrote down.</summary>
    /// <param name="worker">Runs them.</param>
    /// <param name="path">Where it is written down.</param>
    /// <param name="stamp">Names the assemblies.</param>
    /// <param name="isWanted">Leaves tests out by name.</param>
    /// <param name="slowest">Seconds above which a test is left out.</param>
    /// <param name="rank">Which tests come first, the lowest number; matters where there is a limit.</param>
    /// <param name="seconds">Seconds after which no further test is run; 0 is no limit.</param>
    /// <param name="say">Told how it goes on.</param>
    public static Coverage Of(
        WorkerProcess worker,
        string path,
        string stamp,
        Func<string, bool> isWanted,
        double slowest,
        Func<string, int> rank,
        double seconds,
        Action<string> say)
    {
        if (File.Exists(path) && JsonSerializer.Deserialize<Stored>(File.ReadAllText(path)) is { } stored && stored.Stamp == stamp)
            return new(stored.Tests, stored.Early, stored.Makers);
        var found = worker.Ask(new() { ["do"] = "names" }, _ => 120, _ => true)
            ?? throw new InvalidOperationException("the tests cannot be loaded");
        var tests = new Dictionary<string, CoveredTest>(StringComparer.Ordinal);
        var (early, makers) = (Hits(found).ToHashSet(), new Dictionary<int, string[]?>());
        Made(found);
        var (left, clock) = (0, Stopwatch.StartNew());
        foreach (var name in found["names"]!.AsArray().Select(n => (string)n!).Where(isWanted).OrderBy(rank))
        {
            if (seconds > 0 && clock.Elapsed.TotalSeconds > seconds)
                break;
            var first = Run(name);
            Made(first);
            // Whatever is static and made in a test that is left out is made for all.
            if (first is not null && ((string?)first["end"] != "Passed" || (double)first["ms"]! > 1000 * slowest))
                early.UnionWith(Hits(first));
            if (first is not null && (string?)first["end"] == "Inconclusive")
                continue;
            if (first is null || (string?)first["end"] != "Passed")
            {
                say($"left out, fails without a fault: {name}: {first?["message"] ?? "ended the process"}".ReplaceLineEndings(" "));
                continue;
            }
            if ((double)first["ms"]! > 1000 * slowest)
            {
                left++;
                continue;
            }
            // What is made once is reached the first time only; where nothing is reached for the first time, nothing was made.
            var again = (bool)first["isNew"]! ? Run(name) : first;
            if (again is not null)
                tests[name] = new(Math.Min((double)first["ms"]!, (double)again["ms"]!), Hits(again), [.. Hits(first).Except(Hits(again))]);
        }
        if (left > 0)
            say($"left out, slower than {slowest} s: {left} tests");
        File.WriteAllText(path, JsonSerializer.Serialize(new Stored(stamp, tests, early, makers)));
        return new(tests, early, makers);

        JsonNode? Run(string name) => worker.Ask(new() { ["do"] = "cover", ["test"] = name }, _ => 60, _ => true);
        void Made(JsonNode? node)
        {
            foreach (var (id, types) in node?["makers"].Deserialize<Dictionary<int, string[]?>>() ?? [])
                makers.TryAdd(id, types);
        }

        static int[] Hits(JsonNode node) => [.. node["hits"]!.AsArray().Select(h => (int)h!)];
    }

    private sealed record Stored(
        string Stamp,
        Dictionary<string, CoveredTest> Tests,
        HashSet<int> Early,
        Dictionary<int, string[]?> Makers);
}

/// <summary>A test that passes.</summary>
/// <param name="Milliseconds">How long it takes.</param>
/// <param name="Hits">Mutants that it reaches each time.</param>
/// <param name="Once">Mutants that it reaches the first time in a process: what initializes something static.</param>
internal sealed record CoveredTest(double Milliseconds, int[] Hits, int[] Once);
