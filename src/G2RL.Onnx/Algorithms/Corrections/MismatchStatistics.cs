namespace G2RL.Onnx.Algorithms.Corrections;

/// <summary>How far sampler and trainer are apart over a step: log-ratio d = trainer - sampler of a token.</summary>
/// <param name="TrainerPerplexity">Mean over sequences of e^(-mean log p) under the trainer.</param>
/// <param name="SamplerPerplexity">The same under the sampler.</param>
/// <param name="TrainerLogPerplexity">Mean over sequences of -mean log p under the trainer, nats.</param>
/// <param name="SamplerLogPerplexity">The same under the sampler, nats.</param>
/// <param name="Kl">Mean of -d over tokens: divergence of the sampler from the trainer, nats.</param>
/// <param name="K3">Mean of e^d - d - 1 over tokens, nats.</param>
/// <param name="Difference">Mean over sequences of -mean d, nats.</param>
/// <param name="AbsoluteDifference">Mean over sequences of |mean d|, nats.</param>
/// <param name="LargestDifference">Largest -mean d of a sequence, nats.</param>
/// <param name="SmallestDifference">Smallest, nats.</param>
/// <param name="PerplexityRatio">Mean over sequences of e^(-mean d).</param>
/// <param name="ChiSquareToken">Mean of rho^2 over tokens, less 1.</param>
/// <param name="ChiSquareSequence">Mean over sequences of the square of the product of their ratios, less 1.</param>
/// <remarks>The diagnostics of verl's rollout correction.</remarks>
internal sealed record MismatchStatistics(
    double TrainerPerplexity,
    double SamplerPerplexity,
    double TrainerLogPerplexity,
    double SamplerLogPerplexity,
    double Kl,
    double K3,
    double Difference,
    double AbsoluteDifference,
    double LargestDifference,
    double SmallestDifference,
    double PerplexityRatio,
    double ChiSquareToken,
    double ChiSquareSequence)
{
    /// <summary>Statistics of log-probs [B, T].</summary>
    /// <param name="trainer">Row-major.</param>
    /// <param name="sampler">Row-major.</param>
    /// <param name="mask">1 where a token counts [B, T].</param>
    /// <param name="rows">B</param>
    public static MismatchStatistics Of(ReadOnlySpan<double> trainer, ReadOnlySpan<double> sampler, ReadOnlySpan<double> mask, int rows)
    {
        var width = trainer.Length / rows;
        var (own, theirs, sums) = (new double[rows], new double[rows], new double[rows]);
        var (kl, k3, squares, tokens) = (0d, 0d, 0d, 0d);
        for (var row = 0; row < rows; row++)
        {
            var count = 0d;
            for (var i = row * width; i < (row + 1) * width; i++)
            {
                if (mask[i] == 0)
                    continue;
                var d = trainer[i] - sampler[i];
                (own[row], theirs[row], sums[row], count) = (own[row] + trainer[i], theirs[row] + sampler[i], sums[row] + d, count + 1);
                (kl, k3, squares) = (kl - d, k3 + Math.Exp(d) - d - 1, squares + Math.Exp(2 * Bounded(d)));
            }
            (own[row], theirs[row]) = (own[row] / Math.Max(count, 1), theirs[row] / Math.Max(count, 1));
            tokens += count;
        }
        tokens = Math.Max(tokens, 1);
        double[] differences = [.. theirs.Zip(own, (s, t) => s - t)];
        return new(
            own.Average(m => Math.Exp(-m)),
            theirs.Average(m => Math.Exp(-m)),
            -own.Average(),
            -theirs.Average(),
            kl / tokens,
            k3 / tokens,
            differences.Average(),
            differences.Average(Math.Abs),
            differences.Max(),
            differences.Min(),
            differences.Average(Math.Exp),
            (squares / tokens) - 1,
            sums.Average(s => Math.Exp(2 * Bounded(s))) - 1);
    }

    /// <summary>Share of sequences whose mean ratio lies above a threshold.</summary>
    /// <param name="logRatios">d [B, T]</param>
    /// <param name="mask">1 where a token counts [B, T].</param>
    /// <param name="rows">B</param>
    /// <param name="threshold">> 0</param>
    public static double SequencesAbove(ReadOnlySpan<double> logRatios, ReadOnlySpan<double> mask, int rows, double threshold)
    {
        var (above, width) = (0d, logRatios.Length / rows);
        for (var row = 0; row < rows; row++)
        {
            var (sum, count) = (0d, 0d);
            for (var i = row * width; i < (row + 1) * width; i++)
                (sum, count) = mask[i] == 0 ? (sum, count) : (sum + Math.Exp(Bounded(logRatios[i])), count + 1);
            above += sum / Math.Max(count, 1) > threshold ? 1 : 0;
        }
        return above / rows;
    }

    private static double Bounded(double log) => Math.Clamp(log, -RolloutCorrection.LogClamp, RolloutCorrection.LogClamp);
}
