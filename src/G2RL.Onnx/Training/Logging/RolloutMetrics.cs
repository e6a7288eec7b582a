using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Problems;
using MathNet.Numerics.Statistics;

namespace G2RL.Onnx.Training.Logging;

/// <summary>Metrics of rewards and responses.</summary>
internal static class RolloutMetrics
{
    public static void Report(StepMetrics metrics, IReadOnlyList<ScoredGroup> groups, double seconds)
    {
        var rollouts = groups.SelectMany(g => g.Group.Rollouts).ToArray();
        var outcomes = groups.SelectMany(g => g.Outcomes).ToArray();
        var rewards = outcomes.Where(o => o.Kind == OutcomeKind.Score).ToArray();
        var lengths = rollouts.Select(r => (double)r.Tokens.Length).ToArray();
        if (rewards.Length > 0)
        {
            metrics.Set("reward/mean", rewards.Average(o => o.Score));
            metrics.Set("reward/right_share", groups.SelectMany(g => g.Verdicts).Average(v => v > 0 ? 1.0 : 0));
            metrics.Set("reward/well_formed_share", rewards.Average(o => o.WellFormed ? 1.0 : 0));
        }
        foreach (var (name, kind) in new[]
        {
            ("abstain", OutcomeKind.Abstain),
            ("error", OutcomeKind.Error),
            ("timeout", OutcomeKind.Timeout),
        })
            metrics.Set($"reward/{name}_count", outcomes.Count(o => o.Kind == kind));
        metrics.Set("response/length_mean", lengths.Mean());
        metrics.Set("response/length_p95", lengths.Quantile(0.95));
        metrics.Set("response/truncated_share", rollouts.Average(r => r.Finished ? 0.0 : 1));
        metrics.Set("response/tokens", lengths.Sum());
        metrics.Set("policy/sampling_entropy_nats", rollouts.Sum(r => r.Entropies.Sum(e => (double)e)) / lengths.Sum());
        metrics.Set("speed/sample_tokens_per_s", lengths.Sum() / seconds);
    }
}

/// <summary>Metrics of the method: novelty, geometry, shaped rewards, advantages.</summary>
internal static class AdvantageMetrics
{
    public static void Report(StepMetrics metrics, IReadOnlyList<ScoredGroup> groups)
    {
        var used = groups.Where(g => g.Members.Length >= 2).ToArray();
        metrics.Set("reward/homogeneous_share", used.Length == 0 ? 0 : used.Average(g => g.IsHomogeneous ? 1.0 : 0));
        if (used.Length == 0)
            return;
        metrics.Set("reward/shaped_mean", used.SelectMany(g => g.Shaped).Mean());
        var advantages = used.Where(g => !g.Masked).SelectMany(g => g.Advantages).DefaultIfEmpty(0).ToArray();
        metrics.Set("policy/advantage_min", advantages.Min());
        metrics.Set("policy/advantage_max", advantages.Max());
        metrics.Set("policy/advantage_abs_mean", advantages.Average(Math.Abs));
        var measured = used.Where(g => g.Cosines.Length > 0).ToArray();
        if (measured.Length == 0)
            return;
        var novelty = measured.SelectMany(g => g.Novelty).ToArray();
        metrics.Set("g2rl/nu_mean", novelty.Mean());
        metrics.Set("g2rl/nu_min", novelty.Min());
        metrics.Set("g2rl/nu_max", novelty.Max());
        var cosines = measured.SelectMany(Pairs).ToArray();
        metrics.Set("g2rl/cosine_mean", cosines.Mean());
        metrics.Set("g2rl/cosine_negative_share", cosines.Average(c => c < 0 ? 1.0 : 0));
        metrics.Set("g2rl/cosine_small_share", cosines.Average(c => Math.Abs(c) < 0.1 ? 1.0 : 0));
    }

    private static IEnumerable<double> Pairs(ScoredGroup group)
    {
        var m = group.Members.Length;
        for (var i = 0; i < m; i++)
            for (var j = i + 1; j < m; j++)
                yield return group.Cosines[(i * m) + j];
    }
}
