using System.Collections.Concurrent;
using System.Numerics;
using System.Numerics.Tensors;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution.Scoring;

/// <summary>What a policy thinks of one response.</summary>
/// <param name="LogProbs">log p of each token under softmax(z / temperature), nats, [T].</param>
/// <param name="Entropies">Entropy at each token, nats, [T].</param>
/// <param name="HiddenStates">Input of the LM head at each scoring position, [T, D] row-major; null unless asked for.</param>
/// <param name="FeatureWeights">u = sum_t a_t (onehot(y_t) - p_t) / (sum_t a_t + eps) in R^V; null unless asked for, or where a device
/// holds it.</param>
/// <param name="FeatureRow">Row of the device's accumulators that holds u; -1 where none does.</param>
public sealed record Scores(float[] LogProbs, float[] Entropies, float[]? HiddenStates, float[]? FeatureWeights, int FeatureRow = -1)
{
    /// <summary>Mean over the response of the LM head's inputs [D]; null unless asked for.</summary>
    public float[]? MeanHidden { get; init; }

    /// <summary>sum p^2 of the distribution of each token [T]; null unless asked for.</summary>
    public float[]? Squares { get; init; }

    /// <summary>Phi = u E [D], where the scores came from elsewhere and u stayed there; else null.</summary>
    public float[]? Feature { get; init; }

    /// <summary>u, where it was accumulated, or what became of it there.</summary>
    public FeatureWeights Features => new(FeatureWeights, FeatureRow) { Projected = Feature };
}

/// <summary>
/// Log-probs and entropies of given responses in full forward passes: the body over whole rows, then the LM head over chunks of rows, so
/// that [B, T, V] is never held. Serves any policy of its architecture, with its adapters or without.
/// </summary>
public sealed class Scorer : IScorer
{
    private const long ChunkBytes = 32L << 20;

    private readonly DecoderSpec spec;
    private readonly Lanes lanes;
    private readonly KernelChoice kernels;
    private readonly bool packs;
    private readonly ConcurrentDictionary<(DecoderSpec Spec, GraphMemory Memory), Lazy<OrtSession>> bodies = new();
    private readonly OrtSession head;
    private readonly Lazy<OrtSession> headWithLogits;
    private readonly Lazy<OrtSession> headWithSquares;
    private readonly int chunk;

    /// <summary>Builds the sessions.</summary>
    /// <param name="spec">The architecture.</param>
    /// <param name="threads">Threads, >= 1.</param>
    /// <param name="kernels">Whose operators.</param>
    /// <param name="packing">How sequences lie in a batch.</param>
    public Scorer(DecoderSpec spec, int threads, KernelChoice kernels = KernelChoice.Auto, Packing packing = Packing.Auto)
    {
        (this.spec, lanes, this.kernels, packs) = (spec, Lanes.For(spec, threads), kernels, packing.Here(kernels));
        var own = kernels.Here();
        head = new OrtSession(DecoderGraph.Head(spec, kernels: own), lanes.ThreadsEach);
        headWithLogits = new(() => new OrtSession(DecoderGraph.Head(spec, withLogits: true, kernels: own), lanes.ThreadsEach));
        headWithSquares = new(() => new OrtSession(DecoderGraph.Head(spec, withSquares: true, kernels: own), lanes.ThreadsEach));
        chunk = (int)Math.Clamp(ChunkBytes / (spec.VocabularySize * sizeof(float)), 16, 8192);
    }

    /// <inheritdoc/>
    public Scores[] Score(Policy policy, IReadOnlyList<Sequence> sequences, ScoreRequest request, CancellationToken cancel = default)
    {
        var results = new Scores[sequences.Count];
        var batches = Plan(sequences, request.MaxTokens);
        var (next, done) = (-1, 0);
        Lanes.Run(Math.Clamp(batches.Count, 1, lanes.Count), _ =>
        {
            while (Interlocked.Increment(ref next) is var b && b < batches.Count)
            {
                cancel.ThrowIfCancellationRequested();
                Score(policy, sequences, batches[b], request, results);
                request.Progress?.Invoke(Interlocked.Add(ref done, batches[b].Length));
            }
        });
        return results;
    }

    /// <summary>
    /// The batches in which sequences are taken, as their indices. Scored one batch at a time, anywhere, each gives the same
    /// bits.
    /// </summary>
    /// <param name="sequences">Prompts and responses.</param>
    /// <param name="maxTokens">Tokens of a batch at most, padding included.</param>
    public IReadOnlyList<int[]> Plan(IReadOnlyList<Sequence> sequences, int maxTokens) =>
        BatchPlan.Of(spec, sequences, maxTokens, packs);

    /// <summary>Scores one batch of a <see cref="Plan"/>, all its sequences together.</summary>
    /// <param name="policy">The weights.</param>
    /// <param name="sequences">Prompts and responses of the batch.</param>
    /// <param name="request">What is wanted of them.</param>
    public Scores[] ScoreBatch(Policy policy, IReadOnlyList<Sequence> sequences, ScoreRequest request)
    {
        var results = new Scores[sequences.Count];
        Score(policy, sequences, [.. Enumerable.Range(0, sequences.Count)], request, results);
        return results;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var body in bodies.Values)
            body.Value.Dispose();
        head.Dispose();
        if (headWithLogits.IsValueCreated)
            headWithLogits.Value.Dispose();
        if (headWithSquares.IsValueCreated)
            headWithSquares.Value.Dispose();
    }

    // Long rows attend in blocks; rows of about the same length share a session.
    private OrtSession Body(DecoderSpec model, int width)
    {
        var memory = MemoryChoice.Scoring(spec, 1, packs ? 1 : (int)BitOperations.RoundUpToPowerOf2((uint)width), kernels) with
        {
            HeadChunks = 1,
            Packed = packs,
        };
        return bodies.GetOrAdd(
            (model, memory),
            key => new(() => new OrtSession(DecoderGraph.Body(key.Spec, memory: key.Memory), lanes.ThreadsEach))).Value;
    }

    private void Score(Policy policy, IReadOnlyList<Sequence> sequences, int[] indices, ScoreRequest request, Scores[] results)
    {
        var batch = BatchPlan.Batch([.. indices.Select(i => sequences[i])], packs);
        using var hidden = new FloatBuffer((long)batch.Targets.Length * spec.HiddenSize);
        // The reference of a run with adapters has none.
        using (var binding = Body(policy.Spec.Adapter is null ? spec with { Adapter = null } : spec, batch.Width).Bind())
        {
            policy.BindTo(binding);
            batch.BindTo(binding, targets: false);
            binding.Output("last_hidden_state", hidden, 0, batch.Targets.Length, spec.HiddenSize);
            binding.Run();
        }
        var (logProbs, entropies, features, squares) = Head(policy, hidden, batch, indices, sequences, request);
        var offset = 0;
        for (var i = 0; i < indices.Length; i++)
        {
            var length = sequences[indices[i]].Response.Length;
            results[indices[i]] = new(
                logProbs[offset..(offset + length)],
                entropies[offset..(offset + length)],
                request.WithHidden ? hidden.Span.Slice(offset * spec.HiddenSize, length * spec.HiddenSize).ToArray() : null,
                features?[i])
            {
                Squares = squares?[offset..(offset + length)],
                MeanHidden = request.WithMeanHidden
                    ? Mean(hidden.Span.Slice(offset * spec.HiddenSize, length * spec.HiddenSize), spec.HiddenSize)
                    : null,
            };
            offset += length;
        }
    }

    private (float[] LogProbs, float[] Entropies, float[][]? Features, float[]? Squares) Head(
        Policy policy,
        FloatBuffer hidden,
        SequenceBatch batch,
        int[] indices,
        IReadOnlyList<Sequence> sequences,
        ScoreRequest request)
    {
        var withFeatures = request.WithFeatures;
        var count = batch.Targets.Length;
        var (logProbs, entropies) = (new float[count], new float[count]);
        var owners = withFeatures ? indices.SelectMany((s, i) => Enumerable.Repeat(i, sequences[s].Response.Length)).ToArray() : [];
        var places = withFeatures ? indices.SelectMany(s => Enumerable.Range(0, sequences[s].Response.Length)).ToArray() : [];
        var totals = new double[indices.Length];
        var features = withFeatures ? indices.Select(_ => new float[spec.VocabularySize]).ToArray() : null;
        var logits = withFeatures ? new float[Math.Min(chunk, count) * spec.VocabularySize] : [];
        var squares = request.WithSquares ? new float[count] : null;
        float[] inverse = [(float)(1 / request.Temperature)];
        for (var start = 0; start < count; start += chunk)
        {
            var rows = Math.Min(chunk, count - start);
            var (chunkLogProbs, chunkEntropies) = (new float[rows], new float[rows]);
            using var binding = (withFeatures ? headWithLogits.Value : request.WithSquares ? headWithSquares.Value : head).Bind();
            policy.BindTo(binding);
            binding.Input("last_hidden_state", hidden, (long)start * spec.HiddenSize, rows, spec.HiddenSize);
            binding.Input("targets", batch.Targets[start..(start + rows)], rows);
            binding.Input("inverse_temperature", inverse);
            binding.Output("log_probs", chunkLogProbs, rows);
            binding.Output("entropy", chunkEntropies, rows);
            if (withFeatures)
                binding.Output("logits", logits, rows, spec.VocabularySize);
            var chunkSquares = new float[request.WithSquares ? rows : 0];
            if (request.WithSquares)
                binding.Output("squares", chunkSquares, rows);
            binding.Run();
            if (squares is not null)
                chunkSquares.CopyTo(squares, start);
            chunkLogProbs.CopyTo(logProbs, start);
            chunkEntropies.CopyTo(entropies, start);
            for (var r = 0; withFeatures && r < rows; r++)
            {
                var (owner, place) = (owners[start + r], places[start + r]);
                var weight = request.TokenWeight?.Invoke(chunkEntropies[r], place, sequences[indices[owner]].Response.Length) ?? 1;
                AddRow(
                    logits.AsSpan(r * spec.VocabularySize, spec.VocabularySize),
                    inverse[0],
                    (int)batch.Targets[start + r],
                    weight,
                    features![owner]);
                totals[owner] += weight;
            }
        }
        if (features is not null)
            for (var i = 0; i < indices.Length; i++)
                TensorPrimitives.Divide(features[i], (float)(totals[i] + FeatureWeights.Epsilon), features[i]);
        return (logProbs, entropies, features, squares);
    }

    // u += a (onehot(y) - softmax(z / T))
    private static void AddRow(Span<float> logits, float inverseTemperature, int target, float weight, float[] u)
    {
        TensorPrimitives.Multiply(logits, inverseTemperature, logits);
        TensorPrimitives.SoftMax(logits, logits);
        TensorPrimitives.MultiplyAdd(logits, -weight, u, u);
        u[target] += weight;
    }

    /// <summary>The mean of states [T, D].</summary>
    internal static float[] Mean(ReadOnlySpan<float> states, int width)
    {
        var (mean, count) = (new float[width], states.Length / width);
        for (var d = 0; d < mean.Length; d++)
        {
            var sum = 0d;
            for (var t = 0; t < count; t++)
                sum += states[(t * mean.Length) + d];
            mean[d] = (float)(sum / count);
        }
        return mean;
    }
}
