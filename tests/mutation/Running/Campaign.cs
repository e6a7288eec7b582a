using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Mutation.Mutants;

namespace G2RL.Onnx.Mutation.Running;

/// <summary>Tries mutants one after the other against the tests that reach them.</summary>
/// <param name="worker">Runs the tests.</param>
/// <param name="coverage">Who reaches what.</param>
/// <param name="stamps">Names the text of each class of tests.</param>
/// <param name="secondsPerMutant">Tests are tried, the quickest first, until those tried take this long; a mutant that is alive then has
/// survived.</param>
/// <param name="thorough">Whether what survived in static constructors is tried in a process of its own, too: seconds for each.</param>
internal sealed class Campaign(
    WorkerProcess worker,
    Coverage coverage,
    IReadOnlyDictionary<string, string> stamps,
    double secondsPerMutant,
    bool thorough)
{
    private const int Killers = 3;

    // Times as long as others may take the tests that bear the file's name: they are the likeliest to notice, though not the quickest.
    private const int OwnLimit = 4;

    // Tests that noticed the last mutants of a member, then of a file, are tried first.
    private readonly Dictionary<string, LinkedList<string>> killers = new(StringComparer.Ordinal);

    private readonly Dictionary<string, string> hashes = new(StringComparer.Ordinal); // of files

    private readonly ILookup<int, string> reach =
        coverage.Tests.SelectMany(t => t.Value.Hits.Select(h => (h, t.Key))).ToLookup(p => p.h, p => p.Key);

    private readonly ILookup<int, string> reachOnce =
        coverage.Tests.SelectMany(t => t.Value.Once.Select(h => (h, t.Key))).ToLookup(p => p.h, p => p.Key);

    /// <summary>Tries one.</summary>
    /// <param name="mutant">The mutant.</param>
    /// <param name="folder">All of its folder: what is static is seen by whoever reaches its file, then its folder.</param>
    /// <param name="before">What became of it before, or null.</param>
    public Outcome Try(Mutant mutant, IReadOnlyList<Mutant> folder, Outcome? before)
    {
        var isStatic = !reach[mutant.Id].Any() && (reachOnce[mutant.Id].Any() || coverage.Early.Contains(mutant.Id));
        var tried = before?.Tried?.ToHashSet() ?? [];
        var tests = isStatic
            ? Order([Reach(folder.Where(m => m.File == mutant.File)), Reach(Neighbours(mutant, folder))], mutant, tried)
            : Order([reach[mutant.Id]], mutant, tried);
        if (tests.Count == 0)
            return Ended(tried.Count > 0 ? MutantEnd.Survived : MutantEnd.NotCovered, null, tried);
        var makers = isStatic ? coverage.Makers.GetValueOrDefault(mutant.Id) : null;
        var (end, test) = isStatic && makers is null ? Alone(mutant.Id, tests) : Run(mutant.Id, tests, makers);
        // Others may have taken over what was made before.
        if (thorough && makers is not null && end == MutantEnd.Survived)
            (end, test) = Alone(mutant.Id, tests);
        if (test is not null)
        {
            Remember(mutant.File, test);
            Remember(MemberOf(mutant), test);
        }
        return Ended(end, test, test is null ? [.. tried, .. tests.Select(t => Trial(t, mutant))] : null);

        Outcome Ended(MutantEnd how, string? killer, IReadOnlyCollection<int>? passed) =>
            new(mutant.Key, mutant.Line, mutant.Kind, how, killer, passed is null ? null : [.. passed]);
    }

    private static string MemberOf(Mutant mutant) => $"{mutant.File} {mutant.Member}";

    private int Trial(string test, Mutant mutant)
    {
        if (!hashes.TryGetValue(mutant.File, out var hash))
            hashes[mutant.File] = hash = Hashes.Of(mutant.Original.SyntaxTree.ToString());
        return Hashes.OfTrial(test, stamps.GetValueOrDefault(test[..test.IndexOf('.')], ""), hash);
    }

    private static IEnumerable<Mutant> Neighbours(Mutant mutant, IReadOnlyList<Mutant> folder)
    {
        var own = Path.GetDirectoryName(mutant.File);
        return folder.Where(m => Path.GetDirectoryName(m.File) == own);
    }

    private HashSet<string> Reach(IEnumerable<Mutant> mutants) =>
        [.. mutants.SelectMany(m => reach[m.Id].Concat(reachOnce[m.Id]))];

    // In a process of its own, which makes everything static with the fault.
    private (MutantEnd End, string? Test) Alone(int id, List<string> tests)
    {
        var line = Ask(id, tests, null, id, out var at) ?? Ask(id, [at ?? tests[0]], null, id, out _);
        return line is null ? (MutantEnd.TimedOut, at ?? tests[0]) : End(line);
    }

    private (MutantEnd End, string? Test) Run(int id, List<string> tests, string[]? makers)
    {
        var line = Ask(id, tests, makers, null, out var at);
        if (line is null)
        {
            // Once more by itself: the process may have been spoiled before.
            var hung = at ?? tests[0];
            line = Ask(id, [hung], makers, null, out _);
            if (line is null)
                return (MutantEnd.TimedOut, hung);
        }
        if (line["unmade"] is not null)
            return (MutantEnd.Survived, null);
        if (!(bool)line["clean"]!)
        {
            worker.End();
            if ((string?)line["killed"] is { } killer)
            {
                line = Ask(id, [killer], makers, null, out _);
                if (line is not null && line["killed"] is null)
                    return Run(id, [.. tests.Where(t => t != killer).DefaultIfEmpty(killer)], makers);
                if (line is null || !(bool)line["clean"]!)
                    worker.End();
                if (line is null)
                    return (MutantEnd.TimedOut, killer);
            }
        }
        return End(line);
    }

    private static (MutantEnd End, string? Test) End(JsonNode line) => (string?)line["killed"] is not { } killer
        ? (MutantEnd.Survived, null)
        : ((bool)line["stopped"]! ? MutantEnd.TimedOut : MutantEnd.Killed, killer);

    private JsonNode? Ask(int id, List<string> tests, string[]? makers, int? alone, out string? at)
    {
        string? reached = null;
        var order = new JsonObject
        {
            ["do"] = "mutant",
            ["id"] = id,
            ["tests"] = JsonSerializer.SerializeToNode(tests.Select(t => new Worker.Candidate(t, coverage.Tests[t].Milliseconds))),
            ["makers"] = JsonSerializer.SerializeToNode(makers),
        };
        var line = worker.Ask(
            order,
            before =>
            {
                reached = (string?)before?["at"] ?? reached;
                return 3 + (reached is null ? 30 : coverage.Tests[reached].Milliseconds / 50);
            },
            l => l["at"] is null,
            alone);
        at = reached;
        return line;
    }

    // The last that noticed something in this member and file, then of each circle of tests those that bear the file's name and the
    // others, the quickest first.
    private List<string> Order(IEnumerable<IEnumerable<string>> circles, Mutant mutant, HashSet<int> tried)
    {
        var (chosen, own, others) = (new List<string>(), 0d, 0d);
        string[] recent = [.. new[] { MemberOf(mutant), mutant.File }.SelectMany(n => killers.TryGetValue(n, out var list) ? list : [])];
        var ordered = circles.Select(c => c.ToHashSet(StringComparer.Ordinal))
            .SelectMany(c => recent.Where(c.Contains)
                .Concat(c.OrderBy(t => IsOwn(t, mutant) ? 0 : 1).ThenBy(t => coverage.Tests[t].Milliseconds)))
            .Distinct()
            .Where(t => !tried.Contains(Trial(t, mutant)));
        foreach (var test in ordered)
        {
            ref var seconds = ref IsOwn(test, mutant) ? ref own : ref others;
            var (takes, most) = (coverage.Tests[test].Milliseconds / 1000, secondsPerMutant * (IsOwn(test, mutant) ? OwnLimit : 1));
            if (chosen.Count > 0 && seconds + takes > most)
                continue;
            seconds += takes;
            chosen.Add(test);
        }
        return chosen;
    }

    private static bool IsOwn(string test, Mutant mutant) =>
        test.StartsWith(Path.GetFileNameWithoutExtension(mutant.File), StringComparison.Ordinal);

    private void Remember(string place, string test)
    {
        var recent = killers.TryGetValue(place, out var list) ? list : killers[place] = new();
        recent.Remove(test);
        recent.AddFirst(test);
        if (recent.Count > Killers)
            recent.RemoveLast();
    }
}
