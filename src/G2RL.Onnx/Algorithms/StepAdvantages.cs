using G2RL.Onnx.Algorithms.Advantages;

namespace G2RL.Onnx.Algorithms;

/// <summary>
/// The advantages of a step that an algorithm's own groups do not give: those of another convention, or of the whole step.
/// </summary>
internal static class StepAdvantages
{
    /// <summary>Replaces the advantages of every unmasked group by those of the chosen rule over the shaped rewards.</summary>
    public static void Apply(IReadOnlyList<ScoredGroup> groups, AlgorithmConfig config)
    {
        var choice = AlgorithmChoice.Of(config);
        // What the groups have already.
        if (choice.Advantage == "group-normal" || AlgorithmTable.All[config.Name].OwnAdvantages)
            return;
        var members = groups.SelectMany((g, i) =>
            g.Masked ? [] : g.Members.Select((rollout, m) => (Scored: g, Group: i, Rollout: rollout, Member: m))).ToArray();
        if (members.Length == 0)
            return;
        var batch = new AdvantageBatch(
            [.. members.Select(m => m.Scored.Shaped[m.Member])],
            [.. members.Select(m => m.Group)],
            [.. members.Select(m => (double)m.Scored.Group.Rollouts[m.Rollout].Tokens.Length)]);
        if (members[0].Scored.Parts is { } parts)
            batch = batch with { Parts = [.. members.Select(m => m.Scored.Parts!.Scores[m.Rollout])], Weights = parts.Weights };
        var advantages = new double[members.Length];
        AdvantageTable.All[choice.Advantage](batch, choice.Settings(config), advantages);
        foreach (var (m, advantage) in members.Zip(advantages))
            m.Scored.Advantages[m.Member] = advantage;
    }
}
