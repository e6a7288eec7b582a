using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Cuda.Rollouts;

/// <summary>
/// What a sampler holds on the device: cache, tables, logits, bound calls; and the enqueuing of a prefill, a step and a draw.
/// </summary>
internal sealed class DecodeLane : IDisposable
{
    // Bindings exist for 2, 4 and the multiples of this many rows only; the rows that fill up are dead weight, at most seven.
    private const int Granularity = 8;
    private const int KeptPrefills = 64;

    private readonly CudaBackend backend;
    private readonly DevicePolicy policy;
    private readonly DecoderSpec spec;
    private readonly SamplingSettings sampling;
    private readonly DeviceSession session;
    private readonly SamplingKernels sampler;
    private readonly FeatureKernels features;
    private readonly DecodeMemory stepMemory;
    private readonly DecodeMemory promptMemory;
    private readonly DeviceBuffer results;
    private readonly DeviceBuffer stopTokens;
    private readonly int stopCount;
    private readonly DecodeKind kind;
    private readonly Dictionary<int, DeviceDecodeStep> steps = [];
    private readonly Dictionary<int, DeviceDecodeStep> prefills = [];

    /// <summary>Reserves everything.</summary>
    public DecodeLane(CudaBackend backend, DevicePolicy policy, DecoderSpec spec, int positions, SamplerSettings settings, int capacity)
    {
        (this.backend, this.policy, this.spec, sampling, stopCount) = (backend, policy, spec, settings.Sampling, settings.StopTokens.Count);
        Columns = Padded(capacity);
        var memory = backend.Memory;
        var (serves, precision) = (policy.Serves, backend.Settings.Precision);
        session = serves
            ? backend.Sessions.OpenDecode(ServingGraph.Decode(spec, precision, CudaOperators.Opset), backend.Settings.Captures)
            : backend.OpenNarrow(spec, DecoderGraph.Decode(spec, CudaOperators.Opset, backend.Settings.Attention), shapesVary: false);
        kind = new(serves, session.Captures, serves ? precision : ElementType.Float32, positions);
        Cache = new DeviceCache(memory, new MemoryKernels(backend.Kernels), spec, backend.Settings.CacheType, Columns + 1, positions);
        Table = new RowTable(memory, Columns);
        Ledger = new Ledger(memory, Columns);
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
        promptMemory = new(
            memory.Allocate(Purpose.Small, positions * sizeof(long)),
            memory.Allocate(Purpose.Small, positions * sizeof(long)),
            0,
            memory.Allocate(Purpose.Small, sizeof(int)),
            0,
            memory.Zeros<byte>(Purpose.Decoding, (long)spec.VocabularySize * kind.LogitBytes),
            memory.Allocate(Purpose.Decoding, spec.HiddenSize * sizeof(float)));
        promptMemory.Places.Write<long>([.. Enumerable.Range(0, positions).Select(p => (long)p)]);
    }

    /// <summary>Columns of every table: the most rows of a step.</summary>
    public int Columns { get; }

    public DeviceCache Cache { get; }

    public RowTable Table { get; }

    public Ledger Ledger { get; }

    private int Slot => Columns;

    private ICudaDriver Driver => backend.Memory.Driver;

    /// <summary>Two rows at least: a product of one row takes another path and gives other bits.</summary>
    public static int Padded(int count) => count <= 2 ? 2 : count <= 4 ? 4 : (count + Granularity - 1) / Granularity * Granularity;

    /// <summary>Runs a prompt into the slot beyond the rows.</summary>
    public void Prefill(int[] prompt)
    {
        if (!prefills.TryGetValue(prompt.Length, out var call))
        {
            if (prefills.Count == KeptPrefills)
                Forget(prefills);
            prefills[prompt.Length] = call = new(session, backend.Memory, policy, Cache, promptMemory, spec.VocabularySize, spec.HiddenSize,
                Slot, rows: 1, prompt.Length, kind);
        }
        promptMemory.Ids.Write<long>([.. prompt.Select(id => (long)id)]);
        promptMemory.Ends.Write<int>([prompt.Length - 1]);
        call.Run(prompt.Length);
    }

    /// <summary>The LM head's input behind the prompt's logits [D].</summary>
    public float[] PromptHidden()
    {
        var hidden = new float[spec.HiddenSize];
        promptMemory.Hidden.Read<float>(hidden);
        return hidden;
    }

    /// <summary>The prompt's cache to rows.</summary>
    public void SharePrompt(ReadOnlySpan<int> columns, int length) => Cache.Share(Slot, columns, length);

    /// <summary>A row's cache and token to another column.</summary>
    public void Move(int from, int to, int filled)
    {
        Cache.Share(from, [to], filled);
        Driver.CopyOnDevice(stepMemory.Ids.At((long)to * sizeof(long)), stepMemory.Ids.At((long)from * sizeof(long)), sizeof(long));
    }

    /// <summary>Runs a step of the first <paramref name="rows"/> rows, the table sent before.</summary>
    public void Step(int rows)
    {
        if (!steps.TryGetValue(rows, out var call))
            steps[rows] = call =
                new(session, backend.Memory, policy, Cache, stepMemory, spec.VocabularySize, spec.HiddenSize, first: 0, rows, tokens: 1,
                    kind);
        call.Run(Table.Longest(rows));
    }

    /// <summary>Draws the next token of the first rows from the step's logits.</summary>
    public void Draw(int rows, int line) =>
        sampler.Sample(Target(stepMemory.Logits.Pointer, spec.VocabularySize, 0, line), rows, sampling, stopTokens.Pointer, stopCount);

    /// <summary>Draws the first token of rows from the prompt's logits, and adds their features where there are accumulators.</summary>
    public void DrawFirst(int column, int count, int line, DeviceBuffer? accumulators)
    {
        sampler.Sample(Target(promptMemory.Logits.Pointer, 0, column, line), count, sampling, stopTokens.Pointer, stopCount);
        if (accumulators is not null)
            features.Accumulate(promptMemory.Logits.Pointer, 0, count, sampling.Temperature, Tokens(column), Table.Weights(column),
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
        Forget(steps);
        Forget(prefills);
        session.Dispose();
        Cache.Dispose();
        Table.Dispose();
        Ledger.Dispose();
        foreach (var buffer in new[]
        {
            results, stopTokens, stepMemory.Ids, stepMemory.Logits, stepMemory.Hidden, promptMemory.Ids, promptMemory.Places,
            promptMemory.Ends, promptMemory.Logits, promptMemory.Hidden,
        })
            buffer.Dispose();
    }

    private static void Forget(Dictionary<int, DeviceDecodeStep> calls)
    {
        foreach (var call in calls.Values)
            call.Dispose();
        calls.Clear();
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
