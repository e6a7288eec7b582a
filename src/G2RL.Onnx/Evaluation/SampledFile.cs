using System.Text.Json;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Sources;

namespace G2RL.Onnx.Evaluation;

/// <summary>
/// Completions made elsewhere: rows of any file that problems are read from, each with a <c>completion</c> (or <c>response</c>,
/// <c>output</c>, <c>text</c>; or <c>completions</c>, a list), and what it answers: the problem's <c>id</c>, its <c>index</c> from 0, or
/// its <c>problem</c> (<c>question</c>, <c>prompt</c>) as text. <c>benchmark</c> names the benchmark where there are several.
/// </summary>
internal static class SampledFile
{
    private static readonly string[] Texts = ["completion", "completions", "response", "responses", "output", "outputs", "text"];
    private static readonly string[] Questions = ["problem", "question", "prompt"];

    /// <summary>Reads the completions of each benchmark's problems.</summary>
    /// <param name="path">A file, a folder or a glob.</param>
    /// <param name="benchmarks">Names and problems.</param>
    /// <returns>By benchmark: the problems that have completions, and those.</returns>
    /// <exception cref="InputException">A row is wrong or answers no problem; or there is none.</exception>
    public static IReadOnlyDictionary<string, (List<Problem> Problems, List<Completion[]> Completions)> Read(
        string path, IReadOnlyList<(string Name, IReadOnlyList<Problem> Problems)> benchmarks)
    {
        var faults = new RowFaults();
        var places = benchmarks.ToDictionary(b => b.Name, b => new Places(b.Problems), StringComparer.Ordinal);
        foreach (var row in SourceReader.Rows(path, faults))
        {
            // Our own files say first what was drawn.
            if (row.Find("samples_of") is not null)
                continue;
            faults.Guard(row, () =>
            {
                var name = row.Find("benchmark") is { ValueKind: JsonValueKind.String } own
                    ? own.GetString()!
                    : benchmarks.Count == 1 ? benchmarks[0].Name
                        : throw row.Missing("benchmark", "There are several benchmarks, so each row must name its own.");
                if (!places.TryGetValue(name, out var of))
                    throw new RowException($": there is no benchmark '{name}'; there are {string.Join(", ", places.Keys)}.");
                of.Add(row);
                return true;
            });
        }
        faults.ThrowIfAny();
        return places.Values.Sum(p => p.Count) > 0
            ? places.ToDictionary(p => p.Key, p => p.Value.Found(), StringComparer.Ordinal)
            : throw new InputException($"{path} holds no completions.");
    }

    private sealed class Places
    {
        private readonly IReadOnlyList<Problem> problems;
        private readonly Dictionary<string, int> byId = new(StringComparer.Ordinal);
        private readonly Dictionary<string, int> byQuestion = new(StringComparer.Ordinal);
        private readonly List<Completion>[] completions;

        public Places(IReadOnlyList<Problem> problems)
        {
            this.problems = problems;
            completions = [.. problems.Select(_ => new List<Completion>())];
            for (var i = 0; i < problems.Count; i++)
            {
                byId.TryAdd(problems[i].Id, i);
                byQuestion.TryAdd(problems[i].Question, i);
                byQuestion.TryAdd(problems[i].Prompt, i);
            }
        }

        public int Count => completions.Sum(c => c.Count);

        public void Add(SourceRow row)
        {
            var (name, value) = row.FindFirst(Texts) ?? throw row.Missing("completion");
            var finished = row.Find("finished") is not { ValueKind: JsonValueKind.False };
            var tokens = row.Find("tokens") is { ValueKind: JsonValueKind.Number } count && count.TryGetInt32(out var known)
                ? known
                : (int?)null;
            var list = completions[Place(row)];
            foreach (var item in value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : new[] { value })
                list.Add(new(SourceRow.Text(name, item, numberAllowed: true) ?? throw Nothing(name), tokens, finished));
        }

        public (List<Problem>, List<Completion[]>) Found()
        {
            var with = Enumerable.Range(0, problems.Count).Where(i => completions[i].Count > 0).ToArray();
            return ([.. with.Select(i => problems[i])], [.. with.Select(i => completions[i].ToArray())]);
        }

        private static RowException Nothing(string name) =>
            new($" has null as its {name}; write \"\" where nothing was said, or leave it out.");

        private int Place(SourceRow row)
        {
            if (row.Find("id") is { } id && byId.TryGetValue(SourceRow.Text("id", id, numberAllowed: true) ?? "", out var at))
                return at;
            if (row.Find("index") is { ValueKind: JsonValueKind.Number } index
                && index.TryGetInt32(out at)
                && at >= 0
                && at < problems.Count)
                return at;
            if (row.FindFirst(Questions) is { Value.ValueKind: JsonValueKind.String } asked
                && byQuestion.TryGetValue(asked.Value.GetString()!, out at))
                return at;
            throw new RowException(" answers no problem that is asked: "
                + $"by id (such as {problems[0].Id}), index (0 to {problems.Count - 1}) or problem. It has {row.Names()}.");
        }
    }
}
