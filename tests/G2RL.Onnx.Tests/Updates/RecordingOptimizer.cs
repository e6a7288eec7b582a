using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests.Updates;

/// <summary>Computes nothing: gives log-probs as told, and remembers what it was given.</summary>
internal sealed class RecordingOptimizer : IPolicyOptimizer
{
    /// <summary>What the graph finds for each token; the old log-prob of the tests' rollouts is -1.</summary>
    public float LogProb { get; init; } = -1;

    /// <summary>The same in every update but the first; null where they are alike.</summary>
    public float? LaterLogProb { get; init; }

    /// <summary>Loss of each micro-batch.</summary>
    public double Loss { get; init; }

    public bool Packs { get; init; }

    public int MostTokens { get; init; } = int.MaxValue;

    /// <summary>Called before each update of the weights.</summary>
    public Action OnStep { get; init; } = () => { };

    /// <summary>How often it was told that nothing more comes.</summary>
    public int Rests { get; private set; }

    /// <summary>What it had saved, once it was read again.</summary>
    public string? Loaded { get; private set; }

    public bool GradientIsFinite { get; init; } = true;

    /// <summary>Calls of <see cref="Step"/>, by learning rate.</summary>
    public List<double> Rates { get; } = [];

    /// <summary>Micro-batches by update.</summary>
    public List<List<Microbatch>> Updates { get; } = [];

    public void Clear() => Updates.Add([]);

    public double Add(Microbatch micro)
    {
        Updates[^1].Add(micro);
        micro.LogProbs.AsSpan().Fill(Updates.Count > 1 ? LaterLogProb ?? LogProb : LogProb);
        return Loss;
    }

    public double? GradientNorm() => GradientIsFinite ? 2 : throw new Execution.NonFiniteException("The gradient of 'w' is NaN.");

    public void Step(double learningRate)
    {
        OnStep();
        Rates.Add(learningRate);
    }

    public void Rest() => Rests++;

    public void Save(string folder) => File.WriteAllText(Path.Combine(folder, "recorded"), $"{Rates.Count}");

    public void Load(string folder) => Loaded = File.ReadAllText(Path.Combine(folder, "recorded"));

    public void Dispose()
    {
    }
}
