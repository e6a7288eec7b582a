namespace G2RL.Onnx.Evaluation;

/// <summary>The votes of a problem's samples: equal answers, however they are spelled, are one candidate.</summary>
internal sealed class Votes
{
    /// <summary>Samples up to which <see cref="Majority"/> of fewer than all is worked out.</summary>
    public const int MostSamples = 512;

    private readonly (int Count, bool IsRight)[] candidates;
    private readonly int samples;

    private Votes((int Count, bool IsRight)[] candidates, int samples) => (this.candidates, this.samples) = (candidates, samples);

    /// <summary>Counts votes.</summary>
    /// <param name="answers">Each sample's answer, null where it gives none and has no vote, and whether it was judged right.</param>
    /// <param name="spelling">A spelling that equal answers share as far as spelling can tell.</param>
    /// <param name="isSame">Whether two answers are equal; their equality is carried on, so that no order of the samples matters.</param>
    public static Votes Of(
        IReadOnlyList<(string? Answer, bool IsRight)> answers,
        Func<string, string> spelling,
        Func<string, string, bool> isSame)
    {
        var spelled = answers.Where(a => a.Answer is not null).GroupBy(a => spelling(a.Answer!), StringComparer.Ordinal)
            .OrderBy(g => g.Key, StringComparer.Ordinal)
            .Select(g => (
                Answer: g.Select(a => a.Answer!).Min(StringComparer.Ordinal)!,
                Count: g.Count(),
                Right: g.Count(a => a.IsRight))).ToArray();
        var root = Enumerable.Range(0, spelled.Length).ToArray();
        int Find(int i) => root[i] == i ? i : root[i] = Find(root[i]);
        for (var i = 0; i < spelled.Length; i++)
            for (var j = 0; j < i; j++)
                if (Find(i) != Find(j) && isSame(spelled[i].Answer, spelled[j].Answer))
                    root[Find(i)] = Find(j);
        var groups = Enumerable.Range(0, spelled.Length).GroupBy(Find)
            .Select(g => (Count: g.Sum(i => spelled[i].Count), Right: g.Sum(i => spelled[i].Right)));
        return new([.. groups.Select(g => (g.Count, g.Right * 2 > g.Count))], answers.Count);
    }

    /// <summary>
    /// The chance that the majority of k of the samples, each subset alike, is right. Where several answers have most votes, each wins with
    /// the same chance: no order of samples and no spelling decides.
    /// </summary>
    /// <param name="k">1 to the number of samples; below it at most <see cref="MostSamples"/> samples.</param>
    public double Majority(int k)
    {
        if (k < 1 || k > samples)
            throw new ArgumentException($"k is {k}; it must be 1 to the {samples} samples.", nameof(k));
        if (k == samples)
            return OfAll();
        if (samples > MostSamples)
            throw new ArgumentException(
                $"{samples} samples; of more than {MostSamples} only the majority of all is worked out.",
                nameof(k));
        // The most votes within a subset are v; sum over v. Votes of a candidate are drawn without replacement: C(count, x) ways to have x.
        // The candidate with most votes of all has at least those that the other samples leave over.
        var right = 0d;
        var largest = candidates.Select(c => c.Count).DefaultIfEmpty(0).Max();
        for (var v = Math.Max(1, k - (samples - largest)); v <= Math.Min(k, largest); v++)
            right += 2 * v > k ? CreditAlone(k, v) : Credit(k, v);
        return right / Choose(samples, k);
    }

    // The same where v is more than half of the subset: one candidate alone can have so many, whatever the others have.
    private double CreditAlone(int k, int v) =>
        candidates.Where(c => c.IsRight).Sum(c => Choose(c.Count, v) * Choose(samples - c.Count, k - v));

    private double OfAll()
    {
        if (candidates.Length == 0)
            return 0;
        var most = candidates.Max(c => c.Count);
        var tied = candidates.Where(c => c.Count == most).ToArray();
        return (double)tied.Count(c => c.IsRight) / tied.Length;
    }

    // Ways, weighted by the share of right ones among the tied, in which the subset's most votes are v. ways[j, t, r]: j chosen, t
    // candidates at v, r of them right. Candidates of fewer than v votes bound nothing: with samples that have no vote they are the rest.
    private double Credit(int k, int v)
    {
        var able = candidates.Where(c => c.Count >= v).ToArray();
        var rest = samples - able.Sum(c => c.Count);
        var most = Math.Min(able.Length, k / v);
        var mostRight = Math.Min(most, able.Count(c => c.IsRight));
        if (mostRight == 0)
            return 0;
        var ways = new double[k + 1, most + 1, mostRight + 1];
        ways[0, 0, 0] = 1;
        var chosen = 0;
        foreach (var (count, isRight) in able)
        {
            var next = new double[k + 1, most + 1, mostRight + 1];
            for (var x = 0; x <= v; x++)
            {
                var (choices, t, r) = (Choose(count, x), x == v ? 1 : 0, x == v && isRight ? 1 : 0);
                for (var j = 0; j <= Math.Min(chosen, k - x); j++)
                    for (var tied = 0; tied + t <= most; tied++)
                        for (var rights = 0; rights + r <= mostRight; rights++)
                            next[j + x, tied + t, rights + r] += choices * ways[j, tied, rights];
            }
            ways = next;
            chosen = Math.Min(k, chosen + v);
        }
        var credit = 0d;
        for (var j = Math.Max(0, k - rest); j <= k; j++)
            for (var tied = 1; tied <= most; tied++)
                for (var rights = 1; rights <= Math.Min(tied, mostRight); rights++)
                    credit += ways[j, tied, rights] * Choose(rest, k - j) * rights / tied;
        return credit;
    }

    private static double Choose(int n, int k)
    {
        if (k < 0 || k > n)
            return 0;
        var ways = 1d;
        for (var i = 1; i <= Math.Min(k, n - k); i++)
            ways = ways * (n - i + 1) / i;
        return ways;
    }
}
