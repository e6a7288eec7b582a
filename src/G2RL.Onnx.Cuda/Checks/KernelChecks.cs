namespace G2RL.Onnx.Cuda.Checks;

/// <summary>Every kernel of the embedded PTX beside the host's computation of the same, with its time.</summary>
public static class KernelChecks
{
    private static readonly Func<CheckBench, IEnumerable<CheckResult>>[] Families =
        [RowChecks.Run, NoveltyChecks.Run, OptimizerChecks.Run, MemoryChecks.Run, AttentionChecks.Run, LayerChecks.Run];

    /// <summary>Runs them one after another; memory of one family is given back before the next.</summary>
    /// <param name="driver">The device.</param>
    /// <param name="sizes">How large.</param>
    public static IEnumerable<CheckResult> Run(ICudaDriver driver, CheckSizes sizes)
    {
        foreach (var family in Families)
        {
            using var bench = new CheckBench(driver, sizes);
            foreach (var result in family(bench))
                yield return result;
        }
    }
}
