using System.Numerics.Tensors;
using System.Runtime.ExceptionServices;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Kernels.Products;
using G2RL.Onnx.Execution.Memory;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Training.Optimizers;

/// <summary>
/// What the train graph reads for each scored token of a micro-batch, and where it writes what it found. All arrays are [R].
/// </summary>
public sealed class Microbatch(SequenceBatch batch)
{
    /// <summary>The rows.</summary>
    public SequenceBatch Batch { get; } = batch;

    /// <summary>w_t = m_t / N.</summary>
    public float[] Weights { get; } = new float[batch.Targets.Length];

    /// <summary>Advantages.</summary>
    public float[] Advantages { get; } = new float[batch.Targets.Length];

    /// <summary>Log-probs when the rollouts were drawn.</summary>
    public float[] OldLogProbs { get; } = new float[batch.Targets.Length];

    /// <summary>Log-probs of the reference policy.</summary>
    public float[] ReferenceLogProbs { get; } = new float[batch.Targets.Length];

    /// <summary>Weights against a sampler that differs; 1 unless there is a correction.</summary>
    public float[] Corrections { get; } = [.. Enumerable.Repeat(1f, batch.Targets.Length)];

    /// <summary>Weights of the divergences, where they are averaged apart from the losses.</summary>
    public float[] KlWeights { get; } = new float[batch.Targets.Length];

    /// <summary>Weights of the entropies, where they are averaged apart from the losses.</summary>
    public float[] EntropyWeights { get; } = new float[batch.Targets.Length];

    /// <summary>A different number for each token, for losses that draw some by lot.</summary>
    public float[] Lots { get; } = new float[batch.Targets.Length];

    /// <summary>1 where the weights have moved since the old log-probs were found, 0 in the first update of a batch.</summary>
    public float[] Moved { get; } = [.. Enumerable.Repeat(1f, batch.Targets.Length)];

    /// <summary>Out: log-probs under the current weights.</summary>
    public float[] LogProbs { get; } = new float[batch.Targets.Length];

    /// <summary>Out: entropies under the current weights, nats.</summary>
    public float[] Entropies { get; } = new float[batch.Targets.Length];

    /// <summary>
    /// All that the graph reads of a token: the input's name, its values, and whether a token that is repeated to fill up keeps them;
    /// else it has 0, as its weight is.
    /// </summary>
    internal IReadOnlyList<(string Name, float[] Values, bool IsRepeated)> Inputs =>
    [
        (PolicyLoss.Weights, Weights, false),
        (PolicyLoss.Advantages, Advantages, true),
        (PolicyLoss.OldLogProbs, OldLogProbs, true),
        (PolicyLoss.ReferenceLogProbs, ReferenceLogProbs, true),
        (PolicyLoss.Corrections, Corrections, true),
        (PolicyLoss.KlWeights, KlWeights, false),
        (PolicyLoss.EntropyWeights, EntropyWeights, false),
        (PolicyLoss.Lots, Lots, false),
        (PolicyLoss.Moved, Moved, true),
    ];

    /// <summary>
    /// The same filled up, see <see cref="SequenceBatch.Padded"/>: what is repeated has a weight of 0 and adds nothing to a loss or a
    /// gradient. Log-probs and entropies of the first tokens are those of this one.
    /// </summary>
    internal Microbatch Padded(int width, int scored)
    {
        var padded = new Microbatch(Batch.Padded(width, scored));
        foreach (var (from, to) in Inputs.Zip(padded.Inputs))
            (from.IsRepeated ? SequenceBatch.Repeated(from.Values, scored) : from.Values).CopyTo(to.Values, 0);
        return padded;
    }

    /// <summary>Gives the train graph what it reads of a micro-batch.</summary>
    internal void BindTo(ITensorInputs binding)
    {
        var count = Batch.Targets.Length;
        Batch.BindTo(binding, targets: true);
        foreach (var (name, values, _) in Inputs)
            if (binding.Names.Contains(name))
                binding.Input(name, values, count);
        if (binding.Names.Contains(PolicyLoss.SequenceOfToken))
            binding.Input<long>(PolicyLoss.SequenceOfToken, [.. Batch.Owners.Select(owner => (long)owner)], count);
        if (binding.Names.Contains(PolicyLoss.Membership))
        {
            var members = new float[checked(Batch.Sequences.Count * count)];
            for (var i = 0; i < count; i++)
                members[(Batch.Owners[i] * count) + i] = Weights[i] == 0 ? 0 : 1;
            binding.Input(PolicyLoss.Membership, members, Batch.Sequences.Count, count);
        }
    }
}

/// <summary>
/// Runs the train graph over micro-batches and adds their gradients up, always in the order in which they are given, so that the sum does
/// not depend on how many are at work at once (see <see cref="Lanes"/>).
/// </summary>
internal sealed class GradientAccumulator : IDisposable
{
    private readonly Policy policy;
    private readonly OrtSession session;
    private readonly Lanes lanes;
    private readonly Lane[] scratch;
    private readonly Dictionary<string, RowSums> lookedUp;
    private readonly float[] inverseTemperature = new float[1];

    /// <summary>Builds the train graph and its session.</summary>
    /// <param name="policy">The weights; read, never written.</param>
    /// <param name="objective">The loss, see <see cref="PolicyLoss"/>.</param>
    /// <param name="temperature">Temperature of the log-probs.</param>
    /// <param name="threads">Threads, >= 1.</param>
    /// <param name="memory">How the graph spends memory; null is the plain graph.</param>
    public GradientAccumulator(
        Policy policy,
        Func<OpBuilder, Value, Value, Value> objective,
        double temperature,
        int threads,
        GraphMemory? memory = null)
    {
        (this.policy, lanes) = (policy, Lanes.For(policy.Spec, threads));
        inverseTemperature[0] = (float)(1 / temperature);
        memory ??= GraphMemory.Plain;
        Packs = memory.Packed;
        var count = Scratch(policy.Spec, threads);
        var graph = DecoderGraph.Train(policy.Spec, objective, memory: count == 0 ? memory with { SharedSums = false } : memory);
        session = new OrtSession(graph, lanes.ThreadsEach);
        Gradients = Reserve();
        var own = MemoryEstimate.LaneGradients(policy.Spec, graph).Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        lookedUp = Gradients.Where(g => graph.Outputs.Any(o => o.Name == g.Name + DecoderGraph.RowsSuffix))
            .ToDictionary(g => g.Name, g => new RowSums((int)g.Shape[0], (int)g.Shape[1]), StringComparer.Ordinal);
        scratch = [.. Enumerable.Range(0, count).Select(_ => new Lane(
            [.. policy.Trainable.Select(p => own.Contains(p.Name) ? new Parameter(p.Name, [.. p.Shape]) : null)]))];
    }

    /// <summary>Whether the rows of its micro-batches are packed, see <see cref="PackedPrompts"/>.</summary>
    public bool Packs { get; }

    /// <summary>Sums since the last <see cref="Clear"/>, in the order of <see cref="Policy.Trainable"/>.</summary>
    public IReadOnlyList<Parameter> Gradients { get; }

    /// <summary>
    /// Gradients that are held beside the sums: of the weights whose sums lanes do not share
    /// (<see cref="GraphMemory.SharedSums"/>).
    /// </summary>
    /// <remarks>
    /// ONNX Runtime may add to the accumulator inside a product, which rounds otherwise than adding the product: a model that lanes could
    /// share goes through a gradient of its own also where there is one lane, so that one thread gives the bits of many.
    /// </remarks>
    internal static int Scratch(DecoderSpec spec, int threads) =>
        Lanes.For(spec, threads: 2).Count == 1 ? 0 : Lanes.For(spec, threads).Count;

    /// <summary>Zeroes the sums.</summary>
    public void Clear() => Zero(Gradients);

    /// <summary>Adds the gradient of a micro-batch and returns its share of the loss.</summary>
    public double Add(Microbatch micro) => Add([micro]);

    /// <summary>
    /// Adds the gradients of micro-batches, to the bits of adding one after the other, and returns their share of the loss.
    /// </summary>
    /// <param name="micros">The micro-batches.</param>
    /// <param name="cancel">Stops between them; the sums are then to be cleared.</param>
    public double Add(IReadOnlyList<Microbatch> micros, CancellationToken cancel = default)
    {
        if (scratch.Length == 0)
            return micros.Sum(micro =>
            {
                cancel.ThrowIfCancellationRequested();
                return Run(micro, lane: null);
            });
        var (losses, next, turns, failure) = (new double[micros.Count], -1, new LaneTurns(micros.Count), (ExceptionDispatchInfo?)null);
        foreach (var rows in lookedUp.Values)
            rows.Begin(micros.Select(m => m.Batch.InputIds));
        try
        {
            Lanes.Run(Math.Min(lanes.Count, micros.Count), lane =>
            {
                try
                {
                    while (Interlocked.Increment(ref next) is var i && i < micros.Count)
                    {
                        cancel.ThrowIfCancellationRequested();
                        Zero(scratch[lane].Own.OfType<Parameter>());
                        if (lanes.Count > 1)
                            turns.Begin(i);
                        losses[i] = Run(micros[i], scratch[lane]);
                        turns.AwaitLast(i);
                        AddOwn(micros[i], scratch[lane]);
                        turns.End(i);
                    }
                }
                catch (Exception e)
                {
                    Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(e), null);
                    turns.Fail();
                    throw;
                }
            });
        }
        catch when (failure is not null)
        {
            // The lane that failed first, not one that was let go.
            failure.Throw();
        }
        foreach (var sum in Gradients)
            if (lookedUp.TryGetValue(sum.Name, out var rows))
                rows.AddTo(sum.Buffer);
        return losses.Sum();
    }

    /// <summary>
    /// Gives back what holds nothing between updates: the gradients' memory, and that of the graph's values. Of a small model it stays,
    /// since touching it again would take a good part of a step.
    /// </summary>
    public void Rest()
    {
        SystemHeap.Trim();
        if (scratch.Length > 0)
            return;
        foreach (var gradient in Gradients)
            gradient.Buffer.Release();
        TensorMemory.Trim();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        session.Dispose();
        foreach (var gradient in Gradients)
            gradient.Dispose();
        foreach (var held in scratch.Cast<IDisposable>().Concat(lookedUp.Values))
            held.Dispose();
    }

    private static void Zero(IEnumerable<Parameter> gradients)
    {
        foreach (var gradient in gradients)
            gradient.Buffer.Clear();
    }

    /// <summary>Room for another sum.</summary>
    internal Parameter[] Reserve() => [.. policy.Trainable.Select(p => new Parameter(p.Name, [.. p.Shape]))];

    private void AddOwn(Microbatch micro, Lane lane)
    {
        foreach (var (sum, part) in Gradients.Zip(lane.Own))
            if (part is not null)
                TensorPrimitives.Add(sum.Buffer.Span, part.Buffer.Span, sum.Buffer.Span);
        foreach (var (name, sums) in lookedUp)
            sums.Add(micro.Batch.InputIds, lane.Rows[name]);
    }

    // What a micro-batch at work holds of its own: gradients of the weights whose sums are not shared (null: those that are), and what
    // tokens' look-ups add.
    private sealed record Lane(Parameter?[] Own) : IDisposable
    {
        public Dictionary<string, FloatBuffer> Rows { get; } = new(StringComparer.Ordinal);

        public FloatBuffer RowsOf(string name, long numbers)
        {
            if (Rows.TryGetValue(name, out var rows) && rows.Length >= numbers)
                return rows;
            rows?.Dispose();
            return Rows[name] = new(numbers);
        }

        public void Dispose()
        {
            foreach (var held in Own.OfType<IDisposable>().Concat(Rows.Values))
                held.Dispose();
        }
    }

    // The graph adds to the buffers in place.
    private double Run(Microbatch micro, Lane? lane)
    {
        var count = micro.Batch.Targets.Length;
        var loss = new float[1];
        using var binding = session.Bind();
        policy.BindTo(binding);
        micro.BindTo(binding);
        binding.Input("inverse_temperature", inverseTemperature);
        for (var p = 0; p < Gradients.Count; p++)
        {
            var (gradient, width) = (lane?.Own[p] ?? Gradients[p], Gradients[p].Shape[^1]);
            var name = gradient.Name + DecoderGraph.GradientSuffix;
            if (binding.Names.Contains(name))
            {
                binding.Input(name, gradient.Value);
                binding.Output(name + ".out", gradient.Value);
            }
            if (lane is not null && lookedUp.ContainsKey(gradient.Name))
                binding.Output(
                    gradient.Name + DecoderGraph.RowsSuffix,
                    lane.RowsOf(gradient.Name, micro.Batch.InputIds.Length * width),
                    0,
                    micro.Batch.InputIds.Length,
                    width);
        }
        binding.Output("loss", loss);
        binding.Output("log_probs", micro.LogProbs, count);
        binding.Output("entropy", micro.Entropies, count);
        binding.Run();
        return loss[0];
    }
}
