using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Mutation.Mutants;

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
    private const int SaveEvery = 200; // tests

    /// <summary>Runs every test alone, but for those of which an earlier run wrote down what they reach.</summary>
    /// <param name="worker">Runs them.</param>
    /// <param name="memory">What was found, now and before.</param>
    /// <param name="mutants">What is woven.</param>
    /// <param name="stamps">Names the text of each class of tests.</param>
    /// <param name="isWanted">Leaves tests out by name.</param>
    /// <param name="slowest">Seconds of the processor above which a test is left out.</param>
    /// <param name="rank">Which tests come first, the lowest number; matters where there is a limit.</param>
    /// <param name="seconds">Seconds after which no further test is run; 0 is no limit.</param>
    /// <param name="say">Told how it goes on.</param>
    public static Coverage Of(
        WorkerProcess worker,
        CoverageMemory memory,
        IReadOnlyList<Mutant> mutants,
        IReadOnlyDictionary<string, string> stamps,
        Func<string, bool> isWanted,
        double slowest,
        Func<string, int> rank,
        double seconds,
        Action<string> say)
    {
        var byId = mutants.ToDictionary(m => m.Id);
        var found = worker.Ask(new() { ["do"] = "names" }, _ => 120, _ => true)
            ?? throw new InvalidOperationException("the tests cannot be loaded");
        memory.KeepEarly(Hits(found));
        Made(found);
        var (tests, left, ran, clock) = (new Dictionary<string, StoredTest>(StringComparer.Ordinal), 0, 0, Stopwatch.StartNew());
        foreach (var name in found["names"]!.AsArray().Select(n => (string)n!).Where(isWanted).OrderBy(rank))
        {
            var stamp = stamps.GetValueOrDefault(name[..name.IndexOf('.')], "");
            var test = memory.Known(name, stamp);
            if (test is null || !test.IsWhole && test is { End: "Passed" } && test.Milliseconds <= 1000 * slowest)
            {
                if (seconds > 0 && clock.Elapsed.TotalSeconds > seconds)
                    break;
                test = Cover(name, stamp);
                if (++ran % SaveEvery == 0)
                {
                    memory.Save();
                    say($"{ran} tests looked at, {tests.Count} known ({clock.Elapsed.TotalSeconds:0} s)");
                }
            }
            if (test.IsWhole && test.Milliseconds <= 1000 * slowest)
                tests[name] = test;
            else if (test.End == "Passed")
                left++;
        }
        if (left > 0)
            say($"left out, slower than {slowest} s: {left} tests");
        memory.Save();
        return memory.Of(mutants, tests);

        StoredTest Cover(string name, string stamp)
        {
            var first = Run(name);
            Made(first);
            var (end, time) = ((string?)first?["end"], (double?)first?["ms"] ?? 0);
            if (end != "Passed" || time > 1000 * slowest)
            {
                // Whatever is static and made in a test that is left out is made for all.
                if (first is not null)
                    memory.KeepEarly(Hits(first));
                if (end is not ("Passed" or "Inconclusive"))
                    say($"left out, fails without a fault: {name}: {first?["message"] ?? "ended the process"}".ReplaceLineEndings(" "));
                return memory.Keep(name, new(stamp, end, time, [], [], [], IsWhole: false));
            }
            // What is made once is reached the first time only; where nothing is reached for the first time, nothing was made.
            var again = (bool)first!["isNew"]! ? Run(name) ?? first : first;
            return memory.Keep(name, new(
                stamp,
                end,
                Math.Min(time, (double)again["ms"]!),
                memory.Numbers(Hits(again)),
                memory.Numbers(Hits(first).Except(Hits(again))),
                [],
                IsWhole: true));
        }

        JsonNode? Run(string name) => worker.Ask(new() { ["do"] = "cover", ["test"] = name }, _ => 60, _ => true);
        void Made(JsonNode? node)
        {
            foreach (var (id, types) in node?["makers"].Deserialize<Dictionary<int, string[]?>>() ?? [])
                memory.KeepMakers(byId[id], types);
        }

        IEnumerable<Mutant> Hits(JsonNode node) => node["hits"]!.AsArray().Select(h => byId[(int)h!]);
    }
}

/// <summary>A test that passes.</summary>
/// <param name="Milliseconds">How long it takes the processor.</param>
/// <param name="Hits">Mutants that it reaches each time.</param>
/// <param name="Once">Mutants that it reaches the first time in a process: what initializes something static.</param>
internal sealed record CoveredTest(double Milliseconds, int[] Hits, int[] Once);
