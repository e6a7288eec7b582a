using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Tests;

/// <summary>Problems made up as they are asked for, each of its own step, place and seed; what was asked is written down.</summary>
internal sealed class MadeUpProblems(string name = "made up") : IProblemSet
{
    public List<(int Step, int Count, ulong Seed)> Asked { get; } = [];

    public List<int> HeldOutAsked { get; } = [];

    public string Name => name;

    public IReadOnlyList<Problem> Batch(int step, int count, ulong seed)
    {
        Asked.Add((step, count, seed));
        return [.. Enumerable.Range(0, count).Select(i => new Problem($"{step}/{i}/{seed}", $"{i}", ""))];
    }

    public IReadOnlyList<Problem> HeldOut(int count)
    {
        HeldOutAsked.Add(count);
        return count > 0 ? [new(name, name, "")] : [];
    }

    public Outcome Judge(Problem problem, string completion, bool finished) => Outcome.Judged(true);
}
