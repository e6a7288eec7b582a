using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>
/// Tables of answers, a pair a line: "left :: right" where the two are the same answer, "left :=: right" where they have one canonical
/// form, too, so that no evidence of numbers is needed, "left !! right" where they are not the same. All lines are tried, so that a failure
/// names every line at fault.
/// </summary>
internal static class AnswerTable
{
    /// <summary>Tries all lines, each in both directions.</summary>
    public static void Holds(AnswerPolicy policy, string table)
    {
        var faults = new List<string>();
        foreach (var line in table.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var sign = new[] { " :=: ", " :: ", " !! " }.First(line.Contains);
            var (same, sides) = (sign != " !! ", line.Split(sign));
            Assert.HasCount(2, sides, line);
            if (policy.Equivalent(sides[0], sides[1]) != same || policy.Equivalent(sides[1], sides[0]) != same)
                faults.Add(line);
            var hasOneForm = policy.Canonical(sides[0]) is { } form && form == policy.Canonical(sides[1]);
            if (sign == " :=: " && !hasOneForm || sign == " !! " && hasOneForm)
                faults.Add($"{line} (canonical: {policy.Canonical(sides[0])} and {policy.Canonical(sides[1])})");
        }
        Assert.IsEmpty(faults, string.Join('\n', faults));
    }

    /// <summary>Tries a pattern with each word in the place of "@".</summary>
    public static void HoldsForEach(AnswerPolicy policy, string pattern, string words) =>
        Holds(policy, string.Join('\n', words.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
            .Select(w => pattern.Replace("@", w, StringComparison.Ordinal))));
}
