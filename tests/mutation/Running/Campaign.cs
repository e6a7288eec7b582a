using System.Text.Json.Nodes;
using G2RL.Onnx.Mutation.Mutants;

namespace G2RL.Onnx.Mutation.Running;

/// <summary>Tries mutants one after the other against the tests that reach them.</summary>
/// <param name="worker">Runs the tests.</param>
/// <param name="coverage">Who reaches what.</param>
/// <param name="secondsPerMutant">Tests are tried, the quickest first, until those tried take this long; a mutant that is alive then has
/// survived.</param>
internal sealed class Campaign(WorkerProcess worker, Coverage coverage, double secondsPerMutant)
{
    private const int Killers = 3;

    // Tests that noticed the last mutants of a file are tried first.
    private readonly Dictionary<string, LinkedList<string>> killers = new(StringComparer.Ordinal);

    private readonly ILookup<int, string> reach =
        coverage.Tests.SelectMany(t => t.Value.Hits.Select(h => (h, t.Key))).ToLookup(p => p.h, p => p.Key);

    private readonly ILookup<int, string> reachOnce =
        coverage.Tests.SelectMany(t => t.Value.Once.Select(h => (h, t.Key))).ToLookup(p => p.h, p => p.Key);

    /// <summary>Tries one.</summary>
    /// <param name="mutant">The mutant.</param>
    /// <param name="folder">All of its folder: what is static is seen by whoever reaches its file, or else its folder.</param>
    public Outcome Try(Mutant mutant, IReadOnlyList<Mutant> folder)
    {
        var isStatic = !reach[mutant.Id].Any() && (reachOnce[mutant.Id].Any() || coverage.Early.Contains(mutant.Id));
        var candidates = reach[mutant.Id];
        if (isStatic)
        {
            candidates = Reach(folder.Where(m => m.File == mutant.File));
            if (!candidates.Any())
                candidates = Reach(folder);
        }
        var tests = Order(candidates, mutant.File);
        if (tests.Count == 0)
            return new(mutant.Key, mutant.Line, mutant.Kind, MutantEnd.NotCovered, null);
        var (end, test) = Run(mutant.Id, tests, isStatic);
        if (test is not null)
            Remember(mutant.File, test);
        return new(mutant.Key, mutant.Line, mutant.Kind, end, test);
    }

    private HashSet<string> Reach(IEnumerable<Mutant> mutants) =>
        [.. mutants.SelectMany(m => reach[m.Id].Concat(reachOnce[m.Id]))];

    private (MutantEnd End, string? Test) Run(int id, List<string> tests, bool isStatic)
    {
        string? at = null;
        var line = Ask(tests, isStatic ? id : null);
        if (line is null)
        {
            // Once more by itself: the process may have been spoiled before.
            var hung = at ?? tests[0];
            line = Ask([hung], isStatic ? id : null);
            if (line is null)
                return (MutantEnd.TimedOut, hung);
        }
        if ((string?)line["killed"] is not { } killer)
            return (MutantEnd.Survived, null);
        if (!isStatic && !(bool)line["clean"]!)
        {
            worker.End();
            line = Ask([killer], null);
            if (line is not null && line["killed"] is null)
                return Run(id, [.. tests.Where(t => t != killer).DefaultIfEmpty(killer)], isStatic);
        }
        return (MutantEnd.Killed, killer);

        JsonNode? Ask(List<string> some, int? alone) => worker.Ask(
            new() { ["do"] = "mutant", ["id"] = id, ["tests"] = new JsonArray([.. some.Select(t => JsonValue.Create(t))]) },
            before =>
            {
                at = (string?)before?["at"] ?? at;
                return 3 + (at is null ? 30 : coverage.Tests[at].Milliseconds / 100);
            },
            l => l["at"] is null,
            alone);
    }

    private List<string> Order(IEnumerable<string> candidates, string file)
    {
        var (all, chosen, seconds) = (candidates.ToHashSet(StringComparer.Ordinal), new List<string>(), 0d);
        var first = killers.TryGetValue(file, out var recent) ? recent.Where(all.Contains).ToArray() : [];
        foreach (var test in first.Concat(all.Except(first).OrderBy(t => coverage.Tests[t].Milliseconds)))
        {
            seconds += coverage.Tests[test].Milliseconds / 1000;
            if (chosen.Count > 0 && seconds > secondsPerMutant)
                break;
            chosen.Add(test);
        }
        return chosen;
    }

    private void Remember(string file, string test)
    {
        var recent = killers.TryGetValue(file, out var list) ? list : killers[file] = new();
        recent.Remove(test);
        recent.AddFirst(test);
        if (recent.Count > Killers)
            recent.RemoveLast();
    }
}
