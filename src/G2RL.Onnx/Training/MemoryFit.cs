using G2RL.Onnx.Configuration;

namespace G2RL.Onnx.Training;

/// <summary>What fits a machine.</summary>
public static class MemoryFit
{
    /// <summary>Memory of an 80 GB accelerator that a process can have, bytes: what its driver keeps is gone.</summary>
    public const long EightyGigabytes = 78L << 30;

    /// <summary>Memory of this machine or container, bytes.</summary>
    public static long Available => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>
    /// The most padded tokens of a micro-batch with which a plan stays within so many bytes, a power of two times the longest row; 0 where
    /// not even one row does.
    /// </summary>
    /// <param name="config">The run.</param>
    /// <param name="bytes">What there is.</param>
    /// <param name="plan">The plan of a configuration.</param>
    public static int LargestMicrobatch(RunConfig config, long bytes, Func<RunConfig, MemoryPlan> plan)
    {
        var row = config.Sampling.MaxPromptTokens + config.Sampling.MaxNewTokens;
        var all = config.Sampling.PromptsPerStep * config.Sampling.GroupSize / config.Training.MinibatchesPerBatch;
        var best = 0;
        for (var rows = 1L; rows < 2L * all && rows * row <= int.MaxValue; rows *= 2)
        {
            var tokens = (int)(Math.Min(rows, all) * row);
            if (plan(config with { Training = config.Training with { TokensPerMicrobatch = tokens } }).Total > bytes)
                break;
            best = tokens;
        }
        return best;
    }

    /// <summary>
    /// The longest rollout, prompt included, of which a micro-batch of one row stays within so many bytes, in steps of 1,024 tokens; 0
    /// where not even the shortest does. The cache then has no more than three rows: what trains is asked, not how fast it draws.
    /// </summary>
    /// <param name="config">The run.</param>
    /// <param name="bytes">What there is.</param>
    /// <param name="positions">Positions of the model.</param>
    /// <param name="cacheRow">Bytes of a row of the cache.</param>
    /// <param name="plan">The plan of a configuration.</param>
    public static int LongestSequence(
        RunConfig config,
        long bytes,
        int positions,
        Func<int, long> cacheRow,
        Func<RunConfig, MemoryPlan> plan)
    {
        const int step = 1024;
        var prompt = config.Sampling.MaxPromptTokens;
        bool Fits(int steps)
        {
            var length = prompt + (steps * step);
            var budget = (int)Math.Min(int.MaxValue, (3 * cacheRow(length) >> 20) + 1);
            return plan(config with
            {
                Sampling = config.Sampling with { MaxNewTokens = steps * step, CacheBudgetMiB = budget },
                Training = config.Training with { TokensPerMicrobatch = length },
            }).Total <= bytes;
        }

        var (fits, fails) = (0, Math.Max(1, ((positions - prompt) / step) + 1));
        while (fails - fits > 1)
        {
            var middle = fits + ((fails - fits) / 2);
            (fits, fails) = Fits(middle) ? (middle, fails) : (fits, middle);
        }
        return fits == 0 ? 0 : prompt + (fits * step);
    }
}
