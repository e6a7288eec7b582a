using G2RL.Onnx.Algorithms;

namespace G2RL.Onnx.Training.Steps;

/// <summary>Penalties of long responses, which an algorithm adds to its shaped rewards.</summary>
internal static class OverlongShaping
{
    /// <summary>Fills <see cref="ScoredGroup.Penalties"/> of every group.</summary>
    public static void Apply(IReadOnlyList<ScoredGroup> groups, OverlongConfig config, int most)
    {
        if (config.Kind == OverlongKind.None)
            return;
        foreach (var group in groups)
            group.Penalties =
                [.. group.Members.Select(i => group.Group.Rollouts[i].Tokens.Length).Select(length => config.Kind == OverlongKind.Bounded
                    ? OverlongPenalty.Bounded(length, most, config.Buffer)
                    : OverlongPenalty.Linear(length, most, config.Buffer, config.Factor))];
    }
}
