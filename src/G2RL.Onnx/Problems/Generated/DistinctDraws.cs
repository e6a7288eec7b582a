namespace G2RL.Onnx.Problems.Generated;

/// <summary>Draws problems number 0, 1, 2, ... and keeps those that were not drawn before.</summary>
internal static class DistinctDraws
{
    /// <summary>Draws in vain after which a set counts as used up; also how often a single draw may be rejected.</summary>
    public const int MaxAttempts = 20_000;

    /// <summary>So many problems; when the settings allow fewer distinct ones, some occur more than once.</summary>
    /// <param name="count">How many, >= 0.</param>
    /// <param name="key">Problems with the same key are the same problem.</param>
    /// <param name="draw">The problem of a draw's number.</param>
    public static List<Problem> Exactly(int count, Func<Problem, string> key, Func<ulong, Problem> draw)
    {
        var (problems, seen, misses) = (new List<Problem>(count), new HashSet<string>(), 0);
        for (var number = 0UL; problems.Count < count; number++)
        {
            var problem = draw(number);
            if (seen.Add(key(problem)) || ++misses > MaxAttempts)
                problems.Add(problem);
        }

        return problems;
    }

    /// <summary>So many distinct problems; fewer when the settings allow fewer.</summary>
    /// <param name="count">How many at most, >= 0.</param>
    /// <param name="key">Problems with the same key are the same problem.</param>
    /// <param name="draw">The problem of a draw's number.</param>
    public static List<Problem> AtMost(int count, Func<Problem, string> key, Func<ulong, Problem> draw)
    {
        var (problems, seen, misses) = (new List<Problem>(count), new HashSet<string>(), 0);
        for (var number = 0UL; problems.Count < count && misses < MaxAttempts; number++)
        {
            var problem = draw(number);
            if (seen.Add(key(problem)))
                problems.Add(problem);
            else
                misses++;
        }

        return problems;
    }
}
