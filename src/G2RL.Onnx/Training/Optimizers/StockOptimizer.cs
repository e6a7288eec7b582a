using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Training.Optimizers;

/// <summary>The update on stock ONNX Runtime: our train graph and our optimizers.</summary>
internal sealed class StockOptimizer : IPolicyOptimizer
{
    private readonly Policy policy;
    private readonly GradientAccumulator gradients;
    private readonly IWeightOptimizer optimizer;
    private double? norm;

    /// <summary>Builds the train graph's session and reserves gradients and moments.</summary>
    public StockOptimizer(
        Policy policy,
        Func<OpBuilder, Value, Value, Value> objective,
        double temperature,
        AdamWSettings settings,
        int threads,
        GraphMemory? memory = null)
    {
        this.policy = policy;
        gradients = new GradientAccumulator(policy, objective, temperature, threads, memory);
        optimizer = WeightOptimizers.All[settings.Kind](policy, gradients.Gradients, settings, threads);
    }

    /// <summary>The optimizer, for its moments and step.</summary>
    public AdamW AdamW => (AdamW)optimizer;

    public void Clear()
    {
        gradients.Clear();
        norm = null;
    }

    public double Add(Microbatch micro)
    {
        norm = null;
        return gradients.Add(micro);
    }

    public double Add(IReadOnlyList<Microbatch> micros, CancellationToken cancel = default)
    {
        norm = null;
        return gradients.Add(micros, cancel);
    }

    public double? GradientNorm() => norm ??= optimizer.GradientNorm();

    public void Step(double learningRate) => optimizer.Step(learningRate, norm ??= optimizer.GradientNorm());

    public void Save(string folder) => TrainingState.Save(folder, policy, optimizer);

    public void Load(string folder) => TrainingState.Load(folder, policy, optimizer);

    public void Dispose()
    {
        optimizer.Dispose();
        gradients.Dispose();
    }
}
