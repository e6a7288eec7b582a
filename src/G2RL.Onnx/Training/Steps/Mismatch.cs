using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Training.Steps;

/// <summary>
/// Sampler and trainer compute the same log-probs in different sessions. How far they are apart is a metric; too far ends the run.
/// </summary>
internal static class Mismatch
{
    /// <summary>
    /// Rounding that float32 sessions may differ by: 1e-5 + 4e-6 x the largest |logit / temperature|; other types by so much more.
    /// </summary>
    public static double Allowed(double largestLogit, double rounding = 1) => rounding * (1e-5 + (4e-6 * largestLogit));

    /// <summary>Compares the sampler's log-probs with the scorer's.</summary>
    /// <exception cref="InvalidOperationException">Beyond ten times what rounding explains.</exception>
    public static void Check(StepMetrics metrics, IReadOnlyList<Sample> samples, double largestLogit, bool corrected, double rounding = 1)
    {
        var worst = 0d;
        foreach (var sample in samples)
            for (var t = 0; t < sample.OldLogProbs.Length; t++)
                worst = Math.Max(worst, Math.Abs((double)sample.OldLogProbs[t] - sample.Rollout.LogProbs[t]));
        metrics.Set("mismatch/sampler_trainer_max_nats", worst);
        metrics.Set("mismatch/allowed_nats", Allowed(largestLogit, rounding));
        // A run that corrects for the difference expects one.
        if (!corrected)
            Limit(metrics.Step, "sampler and trainer", worst, Allowed(largestLogit, rounding));
    }

    /// <summary>Ends the run when a difference is beyond ten times what rounding explains.</summary>
    public static void Limit(int step, string who, double worst, double allowed)
    {
        if (!(worst <= 10 * allowed))
            throw new InvalidOperationException($"Step {step}: log-probs of {who} differ by {worst:E2} nats; "
                + $"rounding explains {allowed:E2}. One of them computes something else: stop here and report it.");
    }
}
