using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts.Decoding;

namespace G2RL.Onnx.Rollouts;

/// <summary>How many rows decode at once.</summary>
/// <param name="Threads">Lanes that draw side by side.</param>
/// <param name="RowsPerThread">Rows of a lane, prompt slot apart.</param>
/// <param name="CacheBytes">Key/value memory of all lanes.</param>
public sealed record SamplerPlan(int Threads, int RowsPerThread, long CacheBytes)
{
    /// <summary>
    /// Threads inside the operators of a lane: one for a small model, whose lanes share nothing and whose rollouts do not depend on their
    /// number. A large model, which no cache holds, has one lane of all threads: its weights are read once a step, not once a lane.
    /// </summary>
    public int ThreadsEach { get; init; } = 1;

    /// <summary>Prompts whose caches are kept beside the rows'.</summary>
    public int PromptSlots { get; init; } = 1;

    /// <summary>
    /// Positions by which the rows of a cache grow that does not hold all rows at their full length; 0 where it does.
    /// </summary>
    public int Block { get; init; }

    /// <summary>
    /// Whether the cache's memory is given back between draws, so that training has it: of a large model, whose steps are long beside the
    /// time that it takes to touch the memory again.
    /// </summary>
    public bool IsReleased { get; init; }

    // Prompts that are run at once, on a device or of a large model.
    private const int MostPrompts = 8;

    // Where little is free, decoding still gets this much before anything else is told to shrink.
    private const long LeastBudget = 256L << 20;

    /// <summary>The plan of settings under their memory budget.</summary>
    /// <param name="spec">The decoder.</param>
    /// <param name="positions">Positions of a row.</param>
    /// <param name="settings">Rows, threads and budget.</param>
    /// <param name="memory">Where the cache will lie; null is the host, in float32.</param>
    /// <exception cref="InputException">The budget does not hold two rows and a prompt, or the logits of a step are beyond ONNX Runtime's
    /// indices.</exception>
    public static SamplerPlan For(DecoderSpec spec, int positions, SamplerSettings settings, CacheMemory? memory = null)
    {
        // The same models are trained by all threads together, too.
        memory ??= CacheMemory.OfHost();
        var isLarge = memory.IsHost && Lanes.IsLarge(spec);
        var isExact = !isLarge || DecodeGraphs.UsesOurs(spec, settings.Kernels, settings.CacheType.Element());
        var perRow = memory.IsHost
            ? KvCache.BytesPerRow(spec, positions, settings.CacheType)
            : KvCache.BytesPerRow(spec, positions, memory.ElementBytes);
        OrtLimits.RequireIndices(settings.MaxRows, spec.VocabularySize, "the logits of a decode step", "sampling.maxRows");
        // Every lane needs two rows (one alone would take another path through the matrix product) and a slot for the prompt.
        var least = 3 * perRow;
        var budget = settings.CacheBudgetBytes > 0
            ? settings.CacheBudgetBytes
            : Math.Max(Math.Max(LeastBudget, Fair(memory, isLarge, isExact)), Math.Min(least, memory.FreeBytes));
        var fitting = budget / perRow;
        if (memory.Block > 0 && fitting >= 3)
            return OnDevice(spec, positions, settings, memory, budget);
        if (fitting < 3)
            throw new InputException(
                "sampling.cacheBudgetMiB is "
                    + $"{settings.CacheBudgetBytes >> 20}{(settings.CacheBudgetBytes > 0 ? "" : $", which gives {budget >> 20} here")}; "
                    + "one row "
                + $"of {positions} tokens takes {perRow / 1048576.0:0.##} MiB and a lane needs 3 rows. "
                + $"Raise the budget to {(least >> 20) + 1}, or shorten "
                + "sampling.maxNewTokens.");
        var threads = isLarge ? 1 : (int)Math.Clamp(Math.Min(settings.Threads, fitting / 3), 1, settings.Threads);
        // Two rows at least: one row takes another path through the products and gives other bits. That path is the faster one where
        // nothing but the weights' bytes counts, and no bits are at stake where a row is always alone.
        var fewest = isLarge && settings.MaxRows == 1 ? 1 : 2;
        var rows = (int)Math.Max(fewest, Math.Min((fitting / threads) - 1, (settings.MaxRows + threads - 1) / threads));
        var slots = isLarge && isExact ? (int)Math.Clamp(fitting - rows, 1, MostPrompts) : 1;
        return new(threads, rows, (rows + slots) * perRow * threads)
        {
            ThreadsEach = isLarge ? settings.Threads : 1,
            IsReleased = isLarge,
            PromptSlots = slots,
        };
    }

    // How many rows are in flight must not change bits, and what is free changes from run to run: where they do, only what is always there
    // is taken. A large model gives its cache back between draws, so it takes twice as much: with a quarter beside weights, their moments
    // and a reference policy a machine that trains the model with gradients in the cache's stead never lacks memory.
    private static long Fair(CacheMemory memory, bool isLarge, bool isExact) =>
        !isLarge ? memory.FairBytes : isExact ? 2 * memory.FairBytes : 0;

    // All rows at their full length where they fit; else more rows, that begin with a block each and grow together.
    private static SamplerPlan OnDevice(DecoderSpec spec, int positions, SamplerSettings settings, CacheMemory memory, long budget)
    {
        var perRow = KvCache.BytesPerRow(spec, positions, memory.ElementBytes);
        var (rows, fitting) = (Math.Max(2, settings.MaxRows), budget / perRow);
        if (fitting > rows || memory.Block >= positions)
        {
            rows = (int)Math.Min(rows, fitting - 1);
            var prompts = (int)Math.Clamp(fitting - rows, 1, MostPrompts);
            return new(1, rows, (rows + prompts) * perRow) { PromptSlots = prompts };
        }
        // One buffer of a layer is kept free: a buffer's rows are laid anew by copying them there.
        var buffers = 2L * spec.Layers;
        var usable = budget / (buffers + 1) * buffers;
        if (usable / perRow < 3)
            return new(1, 2, 3 * perRow);
        var slots = (int)Math.Clamp(usable / perRow / MostPrompts, 1, MostPrompts);
        var first = usable / KvCache.BytesPerRow(spec, memory.Block, memory.ElementBytes);
        return new(1, (int)Math.Min(rows, first - slots), usable / buffers * (buffers + 1)) { PromptSlots = slots, Block = memory.Block };
    }
}

/// <summary>The memory that a key/value cache is taken from.</summary>
/// <param name="ElementBytes">Bytes of a number in the cache: 4 in float32, 2 in a narrow type.</param>
/// <param name="FreeBytes">What it may take where it must, for the three rows without which nothing decodes.</param>
/// <param name="FairBytes">What it may take for more rows, when training wants memory too.</param>
public sealed record CacheMemory(int ElementBytes, long FreeBytes, long FairBytes)
{
    /// <summary>The length of a block where nobody says otherwise.</summary>
    public const int UsualBlock = 256;

    /// <summary>Positions of a block by which rows grow, on a device; 0 where they have their full length from the beginning.</summary>
    public int Block { get; init; }

    /// <summary>Whether it is the host's, whose cache has a type of its own.</summary>
    public bool IsHost { get; init; }

    /// <summary>
    /// The host's: of the machine's or container's memory less what is held there, half and an eighth.
    /// </summary>
    public static CacheMemory OfHost()
    {
        var memory = GC.GetGCMemoryInfo();
        // What other processes hold is known from the last collection on.
        return OfHost(memory.TotalAvailableMemoryBytes, Math.Max(Environment.WorkingSet, memory.MemoryLoadBytes));
    }

    /// <summary>The same of so much memory.</summary>
    internal static CacheMemory OfHost(long total, long held)
    {
        var free = Math.Max(0, total - held);
        return new(sizeof(float), free / 2, free / 8) { IsHost = true };
    }
}
