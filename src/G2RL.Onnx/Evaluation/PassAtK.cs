namespace G2RL.Onnx.Evaluation;

/// <summary>Several tries at a problem: the chance that at least one of k is right, and what their majority says.</summary>
public static class PassAtK
{
    /// <summary>Unbiased estimate from n samples of which c are right: 1 - C(n-c, k) / C(n, k).</summary>
    /// <param name="n">Samples, >= k.</param>
    /// <param name="c">Right ones, 0 to n.</param>
    /// <param name="k">>= 1</param>
    /// <remarks>Source: Chen et al., arXiv:2107.03374, in its numerically stable product form.</remarks>
    public static double Estimate(int n, int c, int k)
    {
        if (k < 1 || n < k || c < 0 || c > n)
            throw new ArgumentException($"n = {n}, c = {c}, k = {k}: 1 <= k <= n and 0 <= c <= n must hold.");
        if (n - c < k)
            return 1;
        var none = 1d;
        for (var i = n - c + 1; i <= n; i++)
            none *= 1 - ((double)k / i);
        return 1 - none;
    }

    /// <summary>
    /// The sample whose answer most samples share; among equally frequent answers the one given first. -1 if no sample has an answer.
    /// </summary>
    /// <param name="answers">Answers in a form in which equal answers are equal texts; null where a sample gives none, which has no
    /// vote.</param>
    /// <returns>The index of the first sample with the winning answer.</returns>
    public static int Majority(IReadOnlyList<string?> answers)
    {
        // In the order in which they were first given.
        var votes = new OrderedDictionary<string, (int First, int Count)>(StringComparer.Ordinal);
        for (var i = 0; i < answers.Count; i++)
            if (answers[i] is { } answer)
                votes[answer] = votes.TryGetValue(answer, out var v) ? (v.First, v.Count + 1) : (i, 1);
        var (winner, most) = (-1, 0);
        foreach (var (first, count) in votes.Values)
            if (count > most)
                (winner, most) = (first, count);
        return winner;
    }
}
