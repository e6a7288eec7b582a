namespace G2RL.Onnx.Algorithms.Advantages;

/// <summary>The advantages: one line here and one function in a file.</summary>
internal static class AdvantageTable
{
    /// <summary>Advantages by name.</summary>
    public static IReadOnlyDictionary<string, AdvantageRule> All { get; } = new SortedDictionary<string, AdvantageRule>(
        StringComparer.Ordinal)
    {
        ["batch-std"] = GroupStandard.OverBatch,
        ["gpg"] = Gpg.Compute,
        ["gdpo"] = Gdpo.Compute,
        ["global-whiten"] = GlobalWhitening.Compute,
        ["group-mean"] = GroupStandard.MeanOnly,
        ["group-normal"] = GroupNormal.Compute,
        ["group-std"] = GroupStandard.Compute,
        ["opo"] = Opo.Compute,
        ["pass-at-k"] = PassAtKBest.Compute,
        ["reinforce++"] = ReinforcePlusPlus.Compute,
        ["reinforce++-baseline"] = ReinforcePlusPlus.Baseline,
        ["rloo"] = Rloo.Compute,
    };
}
