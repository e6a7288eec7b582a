using G2RL.Onnx.Conformance.Cases;

namespace G2RL.Onnx.Conformance;

/// <summary>A kind of golden case: how it is recognised, and how it is computed.</summary>
/// <param name="Name">Name for the table; the case's own word is added where it has one.</param>
/// <param name="Is">Whether a case is of this kind, by what it holds.</param>
/// <param name="Run">Computes it and compares; gives null, or what about it is not supported.</param>
internal sealed record CaseKind(string Name, Func<GoldenCase, bool> Is, Func<GoldenCase, Check, string?> Run);

/// <summary>The kinds of golden cases, the first that fits counts: one line here and one function in a file.</summary>
internal static class CaseKinds
{
    /// <summary>All kinds.</summary>
    public static IReadOnlyList<CaseKind> All { get; } =
    [
        new("verl policy loss", c => c.Field("loss_mode") is not null, VerlLossCases.Run),
        new("trl policy loss", c => c.HasInput("per_token_logps") && c.HasInput("completion_mask"), TrlLossCases.Run),
        new("openrlhf policy loss", c => c.HasParameter("token_level_loss"), OpenRlhfLossCases.Run),
        new("verl advantages", c => c.Field("estimator") is not null, AdvantageCases.Verl),
        new("trl advantages", c => c.HasInput("num_generations"), AdvantageCases.Trl),
        new("kl", c => c.Field("impl") is not null && c.HasInput("ref_logprob"), KlCases.Run),
        new("rollout correction", c => c.Field("kind") is not null, CorrectionCases.Verl),
        new("upstream vector", c => c.Field("algo") is not null, UpstreamCases.Run),
        new("statistic", StatisticsCases.Is, StatisticsCases.Run),
        new("reward", c => c.Field("fn") is not null, RewardCases.Run),
        new("pass@k", c => c.HasInput("n") && c.HasInput("c") && c.HasInput("k"), RewardCases.PassAtK),
        new("log-prob and entropy", c => c.HasInput("logits") && c.HasInput("token_ids"), LogProbCases.Run),
        new("aggregation", c => c.HasInput("loss_mat"), AggregationCases.Run),
        new("masked whitening", c => c.Id.StartsWith("masked_whiten", StringComparison.Ordinal), AggregationCases.Whiten),
        new("high-entropy mask", c => c.HasInput("entropies") && c.HasParameter("threshold"), CorrectionCases.HighEntropy),
        new("off-policy mask", c => c.HasInput("sampling_per_token_logps") && c.HasParameter("threshold"), CorrectionCases.OffPolicy),
        new("trl rollout correction", c => c.HasInput("sampling_per_token_logps") && c.HasParameter("mode"), CorrectionCases.Trl),
    ];
}
