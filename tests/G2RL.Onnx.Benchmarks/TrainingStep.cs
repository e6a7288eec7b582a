using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Benchmarks;

/// <summary>One optimizer step as the trainer makes it.</summary>
internal sealed class TrainingStep : IDisposable
{
    private readonly GradientAccumulator gradients;
    private readonly AdamW? optimizer;

    /// <param name="policy">The weights.</param>
    /// <param name="threads">Threads.</param>
    /// <param name="tokens">Tokens of the largest micro-batch.</param>
    /// <param name="withOptimizer">Whether <see cref="Run"/> is wanted, and memory for its moments.</param>
    /// <param name="memory">How the graph spends memory; null is what a run chooses.</param>
    public TrainingStep(Policy policy, int threads, int tokens, bool withOptimizer = true, GraphMemory? memory = null)
    {
        memory ??= MemoryChoice.Training(policy.Spec, tokens, policy.Positions, recompute: false);
        gradients = new GradientAccumulator(policy, PolicyLoss.Objective(new(KlCoefficient: 0.001)), temperature: 1, threads, memory);
        optimizer = withOptimizer ? new AdamW(policy.Parameters, gradients.Gradients, new(), threads) : null;
    }

    /// <summary>Gives every token a weight, an advantage and old log-probs.</summary>
    public static Microbatch Microbatch(IReadOnlyList<Sequence> sequences)
    {
        var micro = new Microbatch(new SequenceBatch(sequences));
        Array.Fill(micro.Weights, 1f / micro.Weights.Length);
        for (var t = 0; t < micro.Advantages.Length; t++)
            micro.Advantages[t] = (t % 3) - 1;
        // Far from the policy's own, so that every branch of the loss is taken; a rate of zero keeps the weights where they are.
        Array.Fill(micro.OldLogProbs, -4f);
        Array.Fill(micro.ReferenceLogProbs, -4f);
        return micro;
    }

    /// <summary>Loss and all gradients.</summary>
    public void Gradients(IReadOnlyList<Microbatch> micros)
    {
        gradients.Clear();
        gradients.Add(micros);
    }

    /// <summary>Rows of a shape, divided into micro-batches of so many tokens.</summary>
    public static Microbatch[] Microbatches(Shape shape, int rows, int length, int tokens)
    {
        var sequences = shape.Sequences(rows, length);
        var micros = SequenceBatch.Plan(sequences, tokens).Select(p => Microbatch([.. p.Select(i => sequences[i])])).ToArray();
        foreach (var micro in micros)
            Array.Fill(micro.Weights, 1f / (rows * length));
        return micros;
    }

    /// <summary>A whole step.</summary>
    public void Run(IReadOnlyList<Microbatch> micros)
    {
        Gradients(micros);
        optimizer!.Step(0, optimizer.GradientNorm());
    }

    public void Dispose()
    {
        optimizer?.Dispose();
        gradients.Dispose();
    }
}
