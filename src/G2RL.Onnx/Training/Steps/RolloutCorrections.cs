using G2RL.Onnx.Algorithms.Corrections;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Training.Steps;

/// <summary>Weights and masks of a step's tokens from what sampler and trainer think of them.</summary>
internal static class RolloutCorrections
{
    /// <summary>
    /// Fills <see cref="Sample.Corrections"/> and <see cref="Sample.Kept"/>, once advantages and old log-probs are known.
    /// </summary>
    /// <param name="samples">The step's samples.</param>
    /// <param name="entropies">Entropies of each sample's tokens under the trainer, nats.</param>
    /// <param name="config">What to do.</param>
    /// <param name="metrics">Receives the mean weight and the share of rejected tokens.</param>
    public static void Apply(IReadOnlyList<Sample> samples, IReadOnlyList<float[]> entropies, CorrectionConfig config, StepMetrics metrics)
    {
        if (!config.IsOn || samples.Count == 0)
            return;
        var (rows, width) = (samples.Count, samples.Max(s => s.Rollout.Tokens.Length));
        double[] Laid(Func<int, int, double> value)
        {
            var laid = new double[checked(rows * width)];
            for (var row = 0; row < rows; row++)
                for (var t = 0; t < samples[row].Rollout.Tokens.Length; t++)
                    laid[(row * width) + t] = value(row, t);
            return laid;
        }
        var mask = Laid((_, _) => 1);
        var total = mask.Sum();
        var ratios = Laid((row, t) => (double)samples[row].OldLogProbs[t] - samples[row].Rollout.LogProbs[t]);
        var gap = MismatchStatistics.Of(
            Laid((row, t) => samples[row].OldLogProbs[t]), Laid((row, t) => samples[row].Rollout.LogProbs[t]), mask, rows);
        metrics.Set("mismatch/kl_nats", gap.Kl);
        metrics.Set("mismatch/k3_nats", gap.K3);
        metrics.Set("mismatch/perplexity_ratio", gap.PerplexityRatio);
        metrics.Set("mismatch/chi_square_token", gap.ChiSquareToken);
        metrics.Set("mismatch/chi_square_sequence", gap.ChiSquareSequence);
        var kept = mask;
        if (config.Rejection != "none")
            kept = Rejection.Mask(ratios, kept, rows, config.Rejection, config.RejectionLow, config.RejectionHigh);
        if (config.EntropyQuantile > 0)
            kept = TokenMasks.HighEntropy(Laid((row, t) => entropies[row][t]), kept, config.EntropyQuantile);
        if (config.OffPolicyBound > 0)
        {
            var policy = TokenMasks.OffPolicy(
                [.. samples.Select(s => s.Advantage)],
                Laid((row, t) => samples[row].OldLogProbs[t]),
                Laid((row, t) => samples[row].Rollout.LogProbs[t]),
                kept,
                config.OffPolicyBound);
            kept = [.. kept.Select((k, i) => k * policy[i / width])];
        }
        if (config.Masks)
        {
            metrics.Set("correction/masked_share", 1 - (kept.Sum() / total));
            for (var row = 0; row < rows; row++)
                samples[row].Kept = [.. kept.AsSpan(row * width, samples[row].Rollout.Tokens.Length).ToArray().Select(k => k != 0)];
        }
        if (config.Weights == CorrectionKind.None)
            return;
        var sequence = config.Level == CorrectionLevel.Sequence;
        var weights = RolloutCorrection.Weights(
            ratios,
            mask,
            rows,
            sequence,
            config.Low,
            config.High,
            config.Weights == CorrectionKind.IcePop ? OutOfBounds.Zero : OutOfBounds.Truncate);
        if (config.Normalize)
            RolloutCorrection.DivideByMean(weights, mask, rows, sequence);
        metrics.Set("correction/weight_mean", weights.Zip(mask, (w, m) => w * m).Sum() / total);
        for (var row = 0; row < rows; row++)
            samples[row].Corrections = [.. weights.AsSpan(row * width, samples[row].Rollout.Tokens.Length).ToArray().Select(w => (float)w)];
    }
}
