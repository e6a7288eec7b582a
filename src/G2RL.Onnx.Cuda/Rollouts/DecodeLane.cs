using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Rollouts.Decoding;

namespace G2RL.Onnx.Cuda.Rollouts;

/// <summary>
/// What a sampler holds on the device: cache, tables, logits, bound calls; and the enqueuing of a step and a draw. Of the cache the first
/// rows are prompts', the others those of the columns.
/// </summary>
internal sealed class DecodeLane : IDisposable
{
    // Bindings exist for 2, 4 and the multiples of this many rows only; the rows that fill up are dead weight, at most seven.
    private const int Granularity = 8;

    private readonly CudaBackend backend;
    private readonly DevicePolicy policy;
    private readonly DecoderSpec spec;
    private readonly SamplingSettings sampling;
    private readonly DeviceSession session;
    private readonly SamplingKernels sampler;
    private readonly FeatureKernels features;
    private readonly DecodeMemory stepMemory;
    private readonly DeviceBuffer results;
    private readonly DeviceBuffer stopTokens;
    private readonly int stopCount;
    private readonly DecodeKind kind;
    private readonly SamplerPlan plan;
    private readonly DeviceCache cache;
    private readonly Dictionary<int, DeviceDecodeStep> steps = [];
    private int captured;

    /// <summary>Reserves everything.</summary>
    public DecodeLane(CudaBackend backend, DevicePolicy policy, DecoderSpec spec, int positions, SamplerSettings settings, SamplerPlan plan)
    {
        (this.backend, this.policy, this.spec, sampling, stopCount) = (backend, policy, spec, settings.Sampling, settings.StopTokens.Count);
        (this.plan, Columns) = (plan, Padded(plan.RowsPerThread));
        var memory = backend.Memory;
        var (serves, precision) = (policy.Serves, backend.Settings.Precision);
        session = serves
            ? backend.Sessions.OpenDecode(ServingGraph.Decode(spec, precision, CudaOperators.Opset), backend.Settings.Captures)
            : backend.OpenNarrow(spec, DecoderGraph.Decode(spec, CudaOperators.Opset, backend.Settings.Attention), shapesVary: false);
        kind = new(serves, session.Captures, serves ? precision : ElementType.Float32);
        var type = backend.Settings.CacheType;
        var first = plan.Block > 0 ? plan.Block : positions;
        cache = new DeviceCache(
            memory,
            new MemoryKernels(backend.Kernels),
            spec,
            type,
            Columns + plan.PromptSlots,
            first,
            plan.Block > 0
                ? plan.CacheBytes / ((2 * spec.Layers) + 1) / (KvCache.BytesPerRow(spec, first, type.Size()) / (2 * spec.Layers))
                : Columns + plan.PromptSlots,
            plan.Block > 0);
        Table = new RowTable(memory, Columns);
        Ledger = new Ledger(memory, Columns);
        Prompts = new(session, backend, policy, cache, kind, plan.PromptSlots, positions);
        sampler = new SamplingKernels(backend.Kernels, kind.Logits, spec.VocabularySize);
        features = new FeatureKernels(backend.Kernels, kind.Logits, spec.VocabularySize);
        results = memory.Zeros<int>(Purpose.Small, 3 * Columns);
        stopTokens = memory.Allocate(Purpose.Small, stopCount * sizeof(int));
        stopTokens.Write<int>([.. settings.StopTokens]);
        stepMemory = new(
            memory.Zeros<long>(Purpose.Small, Columns),
            Table.Buffer,
            Table.PositionOffset,
            Table.Buffer,
            Table.EndOffset,
            memory.Zeros<byte>(Purpose.Decoding, (long)Columns * spec.VocabularySize * kind.LogitBytes),
            memory.Allocate(Purpose.Decoding, (long)Columns * spec.HiddenSize * sizeof(float)));
    }

    /// <summary>Columns of every table: the most rows of a step.</summary>
    public int Columns { get; }

    /// <summary>Rows that may be in flight while the cache is laid out as it is.</summary>
    public int Capacity => CapacityAt(cache.Positions);

    /// <summary>Positions of a row.</summary>
    public int Positions => cache.Positions;

    /// <summary>The prompts.</summary>
    public PromptSlots Prompts { get; }

    public RowTable Table { get; }

    public Ledger Ledger { get; }

    private ICudaDriver Driver => backend.Memory.Driver;

    /// <summary>Two rows at least: a product of one row takes another path and gives other bits.</summary>
    public static int Padded(int count) => count <= 2 ? 2 : count <= 4 ? 4 : (count + Granularity - 1) / Granularity * Granularity;

    /// <summary>The length that rows are given so that each holds so many positions: whole blocks, within what the policy has.</summary>
    public int LengthFor(int positions) => plan.Block == 0
        ? cache.Positions
        : (int)Math.Min(policy.Positions, ((long)positions + plan.Block - 1) / plan.Block * plan.Block);

    /// <summary>Rows that may be in flight when each has so many positions.</summary>
    public int CapacityAt(int positions)
    {
        if (plan.Block == 0)
            return plan.RowsPerThread;
        // A step's binding reads as many rows as it is padded to.
        var room = cache.Room(positions) - plan.PromptSlots;
        var whole = room >= Granularity ? room / Granularity * Granularity : room >= 4 ? 4 : 2;
        return Math.Min(plan.RowsPerThread, whole);
    }

    /// <summary>Empties the cache and gives its rows a length.</summary>
    public void Begin(int positions)
    {
        Prompts.Clear();
        if (positions == cache.Positions)
            return;
        cache.Reset(positions);
        ForgetCalls();
    }

    /// <summary>Gives the rows another length; the first columns and the prompts keep what they hold.</summary>
    public void Relay(int positions, int columns)
    {
        cache.Relay(positions, plan.PromptSlots + columns);
        ForgetCalls();
    }

    /// <summary>A prompt's cache to columns.</summary>
    public void SharePrompt(int slot, ReadOnlySpan<int> columns, int length)
    {
        var rows = new int[columns.Length];
        for (var i = 0; i < rows.Length; i++)
            rows[i] = plan.PromptSlots + columns[i];
        cache.Share(slot, rows, length);
    }

    /// <summary>A row's cache and token to another column.</summary>
    public void Move(int from, int to, int filled)
    {
        cache.Share(plan.PromptSlots + from, [plan.PromptSlots + to], filled);
        Driver.CopyOnDevice(stepMemory.Ids.At((long)to * sizeof(long)), stepMemory.Ids.At((long)from * sizeof(long)), sizeof(long));
    }

    /// <summary>Runs a step of the first <paramref name="rows"/> rows, the table sent before.</summary>
    public void Step(int rows)
    {
        if (!steps.TryGetValue(rows, out var call))
            steps[rows] = call = new(session, backend.Memory, policy, cache, stepMemory, spec.VocabularySize, spec.HiddenSize,
                plan.PromptSlots, rows, tokens: 1, kind, kind.Captures ? ++captured : DeviceBinding.NotCaptured);
        call.Run(Table.Longest(rows));
    }

    /// <summary>Draws the next token of the first rows from the step's logits.</summary>
    public void Draw(int rows, int line) =>
        sampler.Sample(Target(stepMemory.Logits.Pointer, spec.VocabularySize, 0, line), rows, sampling, stopTokens.Pointer, stopCount);

    /// <summary>Draws the first token of rows from a prompt's logits, and adds their features where there are accumulators.</summary>
    public void DrawFirst(int slot, int column, int count, int line, DeviceBuffer? accumulators)
    {
        var logits = Prompts.Logits(slot);
        sampler.Sample(Target(logits, 0, column, line), count, sampling, stopTokens.Pointer, stopCount);
        if (accumulators is not null)
            features.Accumulate(logits, 0, count, sampling.Temperature, Tokens(column), Table.Weights(column),
                Ledger.At(line, column).Normalizers, 0, Table.Slots(column), accumulators.Pointer);
    }

    /// <summary>
    /// Adds the features of the step that was drawn last; <paramref name="weights"/> are 0 for rows that had ended before.
    /// </summary>
    public void Accumulate(ReadOnlySpan<float> weights, int line, DeviceBuffer accumulators)
    {
        Table.SendWeights(weights);
        features.Accumulate(stepMemory.Logits.Pointer, spec.VocabularySize, weights.Length, sampling.Temperature, Tokens(0),
            Table.Weights(0), Ledger.At(line, 0).Normalizers, 0, Table.Slots(0), accumulators.Pointer);
    }

    /// <summary>Starts the copy of tokens, stop flags and faults.</summary>
    public void Fetch(HostBuffer<int> destination) => destination.Fetch(results.Pointer, 3 * Columns);

    /// <summary>Starts the copy of the step's hidden states.</summary>
    public void FetchHidden(HostBuffer<float> destination, int rows) =>
        destination.Fetch(stepMemory.Hidden.Pointer, rows * spec.HiddenSize);

    public void Dispose()
    {
        ForgetCalls();
        Prompts.Dispose();
        session.Dispose();
        cache.Dispose();
        Table.Dispose();
        Ledger.Dispose();
        foreach (var buffer in new[] { results, stopTokens, stepMemory.Ids, stepMemory.Logits, stepMemory.Hidden })
            buffer.Dispose();
    }

    // They are bound on rows of the old length, at the old places.
    private void ForgetCalls()
    {
        foreach (var call in steps.Values)
            call.Dispose();
        steps.Clear();
        Prompts.ForgetCalls();
    }

    private nint Tokens(int column) => results.At((long)column * sizeof(int));

    private SampleTarget Target(nint logits, long stride, int column, int line)
    {
        var (logProbs, entropies, normalizers) = Ledger.At(line, column);
        return new()
        {
            Logits = logits,
            Stride = stride,
            Seeds = Table.Seeds(column),
            Counters = Table.Counters(column),
            Tokens = Tokens(column),
            NextIds = stepMemory.Ids.At((long)column * sizeof(long)),
            LogProbs = logProbs,
            Entropies = entropies,
            Normalizers = normalizers,
            Stopped = results.At((long)(Columns + column) * sizeof(int)),
            Faults = results.At((long)((2 * Columns) + column) * sizeof(int)),
        };
    }
}
