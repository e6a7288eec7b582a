using System.Numerics;
using G2RL.Onnx.Algorithms.Novelty;
using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace G2RL.Onnx.Cuda.Scoring;

/// <summary>
/// Log-probs and entropies of given responses on a device: the body over whole rows, then the LM head over chunks of rows, whose logits
/// kernels turn into statistics and feature weights. [B, T, V] is never held, and logits never leave the device.
/// </summary>
internal sealed class DeviceScorer : IScorer
{
    private const long ChunkBytes = 256L << 20;

    private readonly CudaBackend backend;
    private readonly DecoderSpec spec;
    // By blocks of queries, and whether without the adapter.
    private readonly Dictionary<(int Blocks, bool Bare), DeviceSession> bodies = [];
    private readonly DeviceSession head;
    private readonly SamplingKernels statistics;
    private readonly FeatureKernels features;
    private readonly StagingArea staging;
    private readonly int chunk;
    private readonly bool attends;
    private readonly bool packs;

    /// <summary>Builds the sessions.</summary>
    public DeviceScorer(CudaBackend backend, DecoderSpec spec)
    {
        (this.backend, this.spec) = (backend, spec);
        attends = backend.Attends(backend.Settings.Kernels, spec);
        packs = attends && backend.Settings.Packing.OnDevice(backend.Settings.Kernels);
        statistics = new SamplingKernels(backend.Kernels, ElementType.Float32, spec.VocabularySize);
        features = new FeatureKernels(backend.Kernels, ElementType.Float32, spec.VocabularySize);
        staging = new StagingArea(backend.Memory, Purpose.Scoring);
        chunk = (int)Math.Clamp(ChunkBytes / (spec.VocabularySize * sizeof(float)), 16, 8192);
        head = backend.Invoke(() => backend.OpenNarrow(spec, DecoderGraph.Logits(spec, CudaOperators.Opset)));
    }

    public Scores[] Score(Policy policy, IReadOnlyList<Sequence> sequences, ScoreRequest request, CancellationToken cancel = default) =>
        Score(policy, sequences, Plan(sequences, request.MaxTokens), request, cancel);

    /// <summary>The batches in which sequences are taken, as their places.</summary>
    /// <param name="sequences">Prompts and responses.</param>
    /// <param name="maxTokens">Tokens of a batch at most, padding included.</param>
    public IReadOnlyList<int[]> Plan(IReadOnlyList<Sequence> sequences, int maxTokens) =>
        packs ? PackedPrompts.Plan(sequences, maxTokens) : SequenceBatch.Plan(sequences, maxTokens);

    /// <summary>The same in batches that were made before.</summary>
    /// <param name="policy">The weights.</param>
    /// <param name="sequences">Prompts and responses.</param>
    /// <param name="batches">Places among them, each at most once; of the others there are no scores.</param>
    /// <param name="asked">What is wanted; squares are refused.</param>
    /// <param name="cancel">Stops between batches.</param>
    public Scores[] Score(
        Policy policy,
        IReadOnlyList<Sequence> sequences,
        IReadOnlyList<int[]> batches,
        ScoreRequest asked,
        CancellationToken cancel) => asked.WithSquares
        ? throw new NotSupportedException("Sums of squared probabilities are computed on the host alone.")
        : backend.Invoke(() =>
        {
            var results = new Scores[sequences.Count];
            var (slots, count) = (new int[sequences.Count], 0);
            foreach (var place in batches.SelectMany(b => b).Order())
                slots[place] = count++;
            if (asked.WithFeatures)
                backend.Features.Reserve(count, spec.VocabularySize);
            var request = new Request(backend.Of(policy), sequences, asked, asked.WithFeatures ? backend.Features.Buffer : null, slots,
                new double[count], policy.Spec.Adapter == spec.Adapter);
            var done = 0;
            foreach (var indices in batches)
            {
                cancel.ThrowIfCancellationRequested();
                Score(request, indices, results);
                asked.Progress?.Invoke(done += indices.Length);
            }
            Average(request);
            return results;
        });

    public void Dispose() => backend.Invoke(() =>
    {
        foreach (var body in bodies.Values)
            body.Dispose();
        head.Dispose();
        staging.Dispose();
    });

    private void Score(Request request, int[] indices, Scores[] results)
    {
        var batch = BatchPlan.Batch([.. indices.Select(i => request.Sequences[i])], packs);
        var (count, width) = (batch.Targets.Length, spec.HiddenSize);
        var padded = batch.Padded(LengthBuckets.Up(batch.Width), LengthBuckets.Up(count));
        staging.Reset();
        // The head's last chunk is filled up as well; what lies behind the rows is read and its logits by nobody.
        using var hidden = backend.Memory.Allocate(
            Purpose.Scoring,
            (long)Math.Max(padded.Targets.Length, Filled(count)) * width * sizeof(float));
        // The reference of a run with adapters has none.
        using (var binding = Body(padded.Width, !request.HasAdapter).Bind(staging))
        {
            request.Policy.BindTo(binding);
            padded.BindTo(binding, targets: false);
            binding.Output("last_hidden_state", hidden, TensorElementType.Float, 0, padded.Targets.Length, width);
            binding.Run();
        }
        var (logProbs, entropies) = Head(request, batch, indices, hidden);
        var states = request.Asked.WithHidden || request.Asked.WithMeanHidden ? new float[(long)count * width] : [];
        hidden.Read<float>(states);
        var offset = 0;
        foreach (var i in indices)
        {
            var length = request.Sequences[i].Response.Length;
            var own = states.Length == 0 ? [] : states[(offset * width)..((offset + length) * width)];
            results[i] = new(
                logProbs[offset..(offset + length)],
                entropies[offset..(offset + length)],
                request.Asked.WithHidden ? own : null,
                null,
                request.Accumulators is null ? -1 : request.Slots[i])
            {
                MeanHidden = request.Asked.WithMeanHidden ? Scorer.Mean(own, width) : null,
            };
            offset += length;
        }
    }

    // Opened for powers of two, so that there are few; our attention takes rows of any length in one.
    private DeviceSession Body(int width, bool bare)
    {
        var blocks = attends
            ? 1
            : MemoryChoice.Device(spec, 1, (int)BitOperations.RoundUpToPowerOf2((uint)width), recompute: false).AttentionBlocks;
        if (!bodies.TryGetValue((blocks, bare), out var found))
        {
            var model = bare ? spec.Bare() : spec;
            var memory = GraphMemory.Plain with
            {
                AttentionBlocks = blocks,
                Kernels = attends ? GraphKernels.Device : GraphKernels.Standard,
                Packed = packs,
            };
            bodies[(blocks, bare)] = found = backend.OpenNarrow(model, DecoderGraph.Body(model, CudaOperators.Opset, memory));
        }
        return found;
    }

    // Rows of all chunks, the last one's filled up.
    private int Filled(int count)
    {
        var start = (count - 1) / chunk * chunk;
        return start + LengthBuckets.Up(count - start);
    }

    private (float[] LogProbs, float[] Entropies) Head(Request request, SequenceBatch batch, int[] indices, DeviceBuffer hidden)
    {
        var count = batch.Targets.Length;
        var (logProbs, entropies, faults) = (new float[count], new float[count], new int[count]);
        var owners = indices.SelectMany(i => Enumerable.Repeat(i, request.Sequences[i].Response.Length)).ToArray();
        var places = indices.SelectMany(i => Enumerable.Range(0, request.Sequences[i].Response.Length)).ToArray();
        var most = LengthBuckets.Up(Math.Min(chunk, count));
        using var logits = backend.Memory.Allocate(Purpose.Scoring, (long)most * spec.VocabularySize * sizeof(float));
        // Log-probs, entropies, normalizers (two), faults of a row: five words.
        using var words = backend.Memory.Allocate(Purpose.Scoring, 5L * count * sizeof(float));
        using var targets = backend.Memory.Allocate(Purpose.Scoring, (long)count * sizeof(int));
        targets.Write<int>([.. batch.Targets.Select(t => (int)t)]);
        for (var start = 0; start < count; start += chunk)
        {
            var rows = Math.Min(chunk, count - start);
            var filled = LengthBuckets.Up(rows);
            using (var binding = head.Bind())
            {
                request.Policy.BindTo(binding);
                binding.Input(
                    "last_hidden_state",
                    hidden,
                    TensorElementType.Float,
                    (long)start * spec.HiddenSize * sizeof(float),
                    filled,
                    spec.HiddenSize);
                binding.Output("logits", logits, TensorElementType.Float, 0, filled, spec.VocabularySize);
                binding.Run();
            }
            statistics.Measure(
                logits.Pointer,
                rows,
                request.Asked.Temperature,
                targets.At(4L * start),
                words.At(4L * start),
                words.At(4L * (count + start)),
                words.At(4L * (2 * (count + start))),
                words.At(4L * ((4 * count) + start)));
            if (request.Accumulators is not null)
                Accumulate(request, logits, words, targets, owners, places, start, rows);
        }
        words.Read<float>(logProbs);
        words.Read<float>(entropies, 4L * count);
        words.Read<int>(faults, 4L * 4 * count);
        for (var r = 0; r < count; r++)
            if (faults[r] != 0)
                throw SamplingKernels.Fault(faults[r], $"Response {owners[r]}, token {places[r]}");
        return (logProbs, entropies);
    }

    // The chunk's rows to the accumulators of their sequences.
    private void Accumulate(
        Request request,
        DeviceBuffer logits,
        DeviceBuffer words,
        DeviceBuffer targets,
        int[] owners,
        int[] places,
        int start,
        int rows)
    {
        var (offsets, slots, weights, count) = (new List<int> { 0 }, new List<int>(), new float[rows], owners.Length);
        var entropies = new float[request.Asked.TokenWeight is null ? 0 : rows];
        words.Read<float>(entropies, 4L * (count + start));
        for (var r = 0; r < rows; r++)
        {
            var (owner, slot) = (owners[start + r], request.Slots[owners[start + r]]);
            weights[r] = request.Asked.TokenWeight?.Invoke(entropies[r], places[start + r], request.Sequences[owner].Response.Length) ?? 1;
            request.Totals[slot] += weights[r];
            if (slots.Count > 0 && slots[^1] == slot)
                offsets[^1] = r + 1;
            else
            {
                slots.Add(slot);
                offsets.Add(r + 1);
            }
        }
        var (weightsAt, offsetsAt, slotsAt) = (Send(weights), Send(offsets.ToArray()), Send(slots.ToArray()));
        features.Accumulate(logits.Pointer, spec.VocabularySize, slots.Count, request.Asked.Temperature, targets.At(4L * start), weightsAt,
            words.At(4L * (2 * (count + start))), offsetsAt, slotsAt, request.Accumulators!.Pointer);
    }

    private nint Send<T>(T[] values) where T : unmanaged
    {
        var bytes = (long)values.Length * System.Runtime.CompilerServices.Unsafe.SizeOf<T>();
        var (buffer, offset) = staging.Take(bytes);
        buffer.Write<T>(values, offset);
        return buffer.At(offset, bytes);
    }

    private void Average(Request request)
    {
        if (request.Accumulators is null || request.Totals.Length == 0)
            return;
        staging.Reset();
        var factors = Send(request.Totals.Select(t => (float)(1 / (t + ExplorationScore.Epsilon))).ToArray());
        OptimizerKernels.ScaleRows(backend.Kernels, request.Accumulators.Pointer, request.Totals.Length, spec.VocabularySize, factors);
    }

    // A call of Score.
    private sealed record Request(
        DevicePolicy Policy,
        IReadOnlyList<Sequence> Sequences,
        ScoreRequest Asked,
        DeviceBuffer? Accumulators,
        int[] Slots,
        double[] Totals,
        bool HasAdapter);
}
