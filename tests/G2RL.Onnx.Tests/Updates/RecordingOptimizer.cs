using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests.Updates;

/// <summary>Computes nothing: gives log-probs as told, and remembers what it was given.</summary>
internal sealed class RecordingOptimizer : IPolicyOptimizer
{
    /// <summary>What the graph finds for each token; the old log-prob of the tests' rollouts is -1.</summary>
    public float LogProb { get; init; } = -1;

    /// <summary>Loss of each micro-batch.</summary>
    public double Loss { get; init; }

    public bool Packs { get; init; }

    public bool GradientIsFinite { get; init; } = true;

    /// <summary>Calls of <see cref="Step"/>, by learning rate.</summary>
    public List<double> Rates { get; } = [];

    /// <summary>Micro-batches by update.</summary>
    public List<List<Microbatch>> Updates { get; } = [];

    public void Clear() => Updates.Add([]);

    public double Add(Microbatch micro)
    {
        Updates[^1].Add(micro);
        micro.LogProbs.AsSpan().Fill(LogProb);
        return Loss;
    }

    public double? GradientNorm() => GradientIsFinite ? 2 : throw new Execution.NonFiniteException("The gradient of 'w' is NaN.");

    public void Step(double learningRate) => Rates.Add(learningRate);

    public void Save(string folder)
    {
    }

    public void Load(string folder)
    {
    }

    public void Dispose()
    {
    }
}
