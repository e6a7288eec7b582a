using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Training;

/// <summary>What the train graph reads for each scored token of a micro-batch, and where it writes what it found. All arrays are [R].</summary>
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

    /// <summary>Out: log-probs under the current weights.</summary>
    public float[] LogProbs { get; } = new float[batch.Targets.Length];

    /// <summary>Out: entropies under the current weights, nats.</summary>
    public float[] Entropies { get; } = new float[batch.Targets.Length];
}

/// <summary>Runs the train graph over micro-batches; gradients add up in one buffer per parameter, which the graph updates in place.</summary>
public sealed class GradientAccumulator : IDisposable
{
    private readonly Policy policy;
    private readonly OrtSession session;
    private readonly float[] loss = new float[1];
    private readonly float[] inverseTemperature = new float[1];

    /// <summary>Builds the train graph and its session.</summary>
    /// <param name="policy">The weights; read, never written.</param>
    /// <param name="objective">The loss, see <see cref="PolicyLoss"/>.</param>
    /// <param name="temperature">Temperature of the log-probs.</param>
    /// <param name="threads">Threads inside one operator.</param>
    public GradientAccumulator(Policy policy, Func<OpBuilder, Value, Value, Value> objective, double temperature, int threads)
    {
        this.policy = policy;
        inverseTemperature[0] = (float)(1 / temperature);
        session = new OrtSession(DecoderGraph.Train(policy.Spec, objective), threads);
        Gradients = [.. policy.Parameters.Select(p => new Parameter(p.Name, [.. p.Shape]))];
    }

    /// <summary>Sums since the last <see cref="Clear"/>, in the order of the policy's parameters.</summary>
    public IReadOnlyList<Parameter> Gradients { get; }

    /// <summary>Zeroes the sums.</summary>
    public void Clear()
    {
        foreach (var gradient in Gradients)
            gradient.Buffer.Clear();
    }

    /// <summary>Adds the gradient of a micro-batch and returns its share of the loss.</summary>
    public double Add(Microbatch micro)
    {
        var count = micro.Batch.Targets.Length;
        using var binding = session.Bind();
        policy.BindTo(binding);
        micro.Batch.BindTo(binding, targets: true);
        binding.Input("inverse_temperature", inverseTemperature);
        foreach (var (name, data) in new[] { (PolicyLoss.Weights, micro.Weights), (PolicyLoss.Advantages, micro.Advantages), (PolicyLoss.OldLogProbs, micro.OldLogProbs), (PolicyLoss.ReferenceLogProbs, micro.ReferenceLogProbs) })
            if (session.InputNames.Contains(name))
                binding.Input(name, data, count);
        foreach (var gradient in Gradients)
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

    /// <inheritdoc/>
    public void Dispose()
    {
        session.Dispose();
        foreach (var gradient in Gradients)
            gradient.Dispose();
    }
}
