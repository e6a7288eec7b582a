using G2RL.Onnx.Mutation.Running;

namespace G2RL.Onnx.Mutation;

/// <summary>Counts of a folder's mutants.</summary>
internal static class Summary
{
    /// <summary>Prints survivors and a table; gives the exit code.</summary>
    /// <param name="outcomes">Outcomes by folder.</param>
    /// <param name="equivalents">Names of mutants that no test can notice.</param>
    /// <param name="least">Share that must be noticed.</param>
    public static int Print(IReadOnlyDictionary<string, IReadOnlyList<Outcome>> outcomes, NamedMutants equivalents, double least)
    {
        foreach (var o in outcomes.Values.SelectMany(o => o).Where(o => !o.IsNoticed && !equivalents.Contains(o.Key)))
            Console.WriteLine($"{(o.End == MutantEnd.Survived ? "survived" : "not covered")}: {o.Key} (line {o.Line}, {o.Kind})");
        Console.WriteLine("| folder | mutants | killed | timed out | survived | not covered | equivalent | noticed |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|");
        foreach (var (folder, list) in outcomes)
            Console.WriteLine(Row(folder, list, equivalents));
        var all = outcomes.Values.SelectMany(o => o).Where(o => !equivalents.Contains(o.Key)).ToArray();
        // Nothing tried is nothing shown.
        return least > 0 && (all.Length == 0 || all.Count(o => o.IsNoticed) < least * all.Length) ? 1 : 0;
    }

    /// <summary>One row of the table.</summary>
    public static string Row(string folder, IReadOnlyList<Outcome> outcomes, NamedMutants equivalents)
    {
        var alike = outcomes.Count(o => !o.IsNoticed && equivalents.Contains(o.Key));
        var (real, noticed) = (outcomes.Count - alike, outcomes.Count(o => o.IsNoticed));
        int Count(MutantEnd end) => outcomes.Count(o => o.End == end && (o.IsNoticed || !equivalents.Contains(o.Key)));
        return $"| {folder} | {outcomes.Count} | {Count(MutantEnd.Killed)} | {Count(MutantEnd.TimedOut)} | {Count(MutantEnd.Survived)} | "
            + $"{Count(MutantEnd.NotCovered)} | {alike} | {(real == 0 ? 100 : 100.0 * noticed / real):0.0} % |";
    }
}
