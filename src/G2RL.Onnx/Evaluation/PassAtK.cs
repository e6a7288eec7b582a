namespace G2RL.Onnx.Evaluation;

/// <summary>The chance that at least one of k samples is right.</summary>
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
}
