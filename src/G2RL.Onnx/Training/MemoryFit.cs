using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Models;

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
    /// The configuration with a number of tokens for its micro-batches where it leaves them to the machine
    /// (<see cref="TrainingConfig.TokensPerMicrobatch"/> 0): the usual one where the memory plan is within this machine's memory, else
    /// the most that are. What lies on a GPU is divided there.
    /// </summary>
    /// <param name="config">The run; one that is faulty or has its number stays as it is.</param>
    /// <exception cref="InputException">The model cannot be opened.</exception>
    public static RunConfig Resolved(RunConfig config)
    {
        if (config.Training.TokensPerMicrobatch > 0 || RunConfigRules.Faults(config).Count > 0)
            return config;
        using var checkpoint = HuggingFaceCheckpoint.Open(config.Model, config.AllowUnknownConfig);
        return Resolved(config, checkpoint.Spec);
    }

    /// <summary>The same of a model as its config.json describes it.</summary>
    public static RunConfig Resolved(RunConfig config, DecoderSpec spec)
    {
        var threads = config.Execution.Threads > 0 ? config.Execution.Threads : Environment.ProcessorCount;
        var model = RunAdapter.Applied(config, spec);
        return Resolved(
            config,
            config.Execution.Lead == ExecutionConfig.Cpu ? Available : long.MaxValue,
            c => MemoryPlan.Of(c, model, threads));
    }

    /// <summary>The same with so many bytes, by a plan.</summary>
    internal static RunConfig Resolved(RunConfig config, long bytes, Func<RunConfig, MemoryPlan> plan)
    {
        if (config.Training.TokensPerMicrobatch > 0)
            return config;
        RunConfig With(int tokens) => config with { Training = config.Training with { TokensPerMicrobatch = tokens } };
        var usual = With(TrainingConfig.UsualMicrobatch);
        if (plan(usual).Total <= bytes)
            return usual;
        // A row is the least that can be asked for, whether it fits or not.
        var row = config.Sampling.MaxPromptTokens + config.Sampling.MaxNewTokens;
        return With(Math.Min(TrainingConfig.UsualMicrobatch, Math.Max(row, LargestMicrobatch(config, bytes, plan))));
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
