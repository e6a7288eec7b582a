namespace G2RL.Onnx.Rewards;

/// <summary>The rules of a run's rewards.</summary>
internal static class RewardRules
{
    /// <summary>All faults of a list of rewards; empty when it is sound.</summary>
    public static IEnumerable<string> Faults(IReadOnlyList<RewardConfig> rewards, int maxNewTokens)
    {
        if (rewards.Count == 0)
            yield return "rewards is empty; a run needs at least one, as [{\"name\": \"checker\"}].";
        for (var i = 0; i < rewards.Count; i++)
        {
            var at = $"rewards[{i}]";
            if (rewards[i] is not { } reward)
            {
                yield return $"{at} is null; leave it out.";
                continue;
            }
            if (!double.IsFinite(reward.Weight) || reward.Weight == 0)
                yield return $"{at}.weight is {reward.Weight}; it must be finite and not 0.";
            if (reward.Label.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_')) || reward.Label.Length > 40)
                yield return $"{at}.label is '{reward.Label}'; it is part of metrics' names: up to 40 letters, digits, '-' and '_'.";
            if (reward.MaxFailedShare is { } share && !(share is >= 0 and <= 1))
                yield return $"{at}.maxFailedShare is {share}; it must be 0 to 1.";
            if (reward.Scale is { } s
                && !(s.SourceHigh > s.SourceLow && new[] { s.SourceLow, s.SourceHigh, s.TargetLow, s.TargetHigh }.All(double.IsFinite)))
                yield return $"{at}.scale.sourceHigh is {s.SourceHigh}; all four ends must be finite, and it must be above sourceLow " +
                    $"({s.SourceLow}).";
            foreach (var fault in reward.Faults(at, maxNewTokens))
                yield return fault;
        }
        foreach (var twice in rewards.OfType<RewardConfig>().GroupBy(RewardSet.LabelOf, StringComparer.Ordinal).Where(g => g.Count() > 1))
            yield return $"rewards has {twice.Count()} entries called '{twice.Key}'; give each a label of its own.";
    }
}
