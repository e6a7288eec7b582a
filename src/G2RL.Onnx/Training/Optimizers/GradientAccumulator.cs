using System.Numerics.Tensors;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Memory;
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
    /// The same filled up, see <see cref="SequenceBatch.Padded"/>: what is repeated has a weight of 0 and adds nothing to a loss or a
    /// gradient. Log-probs and entropies of the first tokens are those of this one.
    /// </summary>
    internal Microbatch Padded(int width, int scored)
    {
        var padded = new Microbatch(Batch.Padded(width, scored));
        foreach (var (from, to) in new[]
        {
            (Weights, padded.Weights),
            (KlWeights, padded.KlWeights),
            (EntropyWeights, padded.EntropyWeights),
            (Lots, padded.Lots),
        })
            from.CopyTo(to, 0);
        foreach (var (from, to) in new[]
        {
            (Advantages, padded.Advantages),
            (OldLogProbs, padded.OldLogProbs),
            (ReferenceLogProbs, padded.ReferenceLogProbs),
            (Corrections, padded.Corrections),
            (Moved, padded.Moved),
        })
            SequenceBatch.Repeated(from, scored).CopyTo(to, 0);
        return padded;
    }

    /// <summary>Gives the train graph what it reads of a micro-batch.</summary>
    internal void BindTo(ITensorInputs binding)
    {
        var count = Batch.Targets.Length;
        Batch.BindTo(binding, targets: true);
        foreach (var (name, data) in new[]
        {
            (PolicyLoss.Weights, Weights),
            (PolicyLoss.Advantages, Advantages),
            (PolicyLoss.OldLogProbs, OldLogProbs),
            (PolicyLoss.ReferenceLogProbs, ReferenceLogProbs),
            (PolicyLoss.Corrections, Corrections),
            (PolicyLoss.KlWeights, KlWeights),
            (PolicyLoss.EntropyWeights, EntropyWeights),
            (PolicyLoss.Lots, Lots),
            (PolicyLoss.Moved, Moved),
        })
            if (binding.Names.Contains(name))
                binding.Input(name, data, count);
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
    private readonly Parameter[][] scratch;
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
        Packs = memory?.Packed == true;
        session = new OrtSession(DecoderGraph.Train(policy.Spec, objective, memory: memory), lanes.ThreadsEach);
        Gradients = Reserve();
        scratch = [.. Enumerable.Range(0, Scratch(policy.Spec, threads)).Select(_ => Reserve())];
    }

    /// <summary>Whether the rows of its micro-batches are packed, see <see cref="PackedPrompts"/>.</summary>
    public bool Packs { get; }

    /// <summary>Sums since the last <see cref="Clear"/>, in the order of <see cref="Policy.Trainable"/>.</summary>
    public IReadOnlyList<Parameter> Gradients { get; }

    /// <summary>Gradients that are held beside the sums.</summary>
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
                return Run(micro, Gradients);
            });
        var (losses, next, turn, failed, gate) = (new double[micros.Count], -1, 0, false, new object());
        Lanes.Run(Math.Min(lanes.Count, micros.Count), lane =>
        {
            try
            {
                while (Interlocked.Increment(ref next) is var i && i < micros.Count)
                {
                    cancel.ThrowIfCancellationRequested();
                    Zero(scratch[lane]);
                    losses[i] = Run(micros[i], scratch[lane]);
                    lock (gate)
                    {
                        while (turn != i && !failed)
                            Monitor.Wait(gate);
                        if (failed)
                            return;
                        foreach (var (sum, part) in Gradients.Zip(scratch[lane]))
                            TensorPrimitives.Add(sum.Buffer.Span, part.Buffer.Span, sum.Buffer.Span);
                        turn++;
                        Monitor.PulseAll(gate);
                    }
                }
            }
            catch
            {
                // Nobody waits for the turn of a lane that is gone.
                lock (gate)
                {
                    failed = true;
                    Monitor.PulseAll(gate);
                }
                throw;
            }
        });
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
        foreach (var gradient in scratch.SelectMany(s => s).Concat(Gradients))
            gradient.Dispose();
    }

    private static void Zero(IReadOnlyList<Parameter> gradients)
    {
        foreach (var gradient in gradients)
            gradient.Buffer.Clear();
    }

    /// <summary>Room for another sum.</summary>
    internal Parameter[] Reserve() => [.. policy.Trainable.Select(p => new Parameter(p.Name, [.. p.Shape]))];

    // The graph adds to the buffers in place.
    private double Run(Microbatch micro, IReadOnlyList<Parameter> gradients)
    {
        var count = micro.Batch.Targets.Length;
        var loss = new float[1];
        using var binding = session.Bind();
        policy.BindTo(binding);
        micro.BindTo(binding);
        binding.Input("inverse_temperature", inverseTemperature);
        foreach (var gradient in gradients)
        {
            binding.Input(gradient.Name + DecoderGraph.GradientSuffix, gradient.Value);
            binding.Output(gradient.Name + DecoderGraph.GradientSuffix + ".out", gradient.Value);
        }
        binding.Output("loss", loss);
        binding.Output("log_probs", micro.LogProbs, count);
        binding.Output("entropy", micro.Entropies, count);
        binding.Run();
        return loss[0];
    }
}
