using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Training.Backends;

/// <summary>The host: ONNX Runtime's CPU provider and C#. Holds nothing itself.</summary>
/// <param name="threads">Threads, >= 1.</param>
/// <param name="kernels">Whose operators score; the optimizer asks the configuration.</param>
/// <param name="packing">How sequences lie where they are scored; likewise.</param>
public sealed class CpuBackend(int threads, KernelChoice kernels = KernelChoice.Auto, Packing packing = Packing.Auto) : IBackend
{
    /// <summary>The host as a configuration asks for it.</summary>
    public static CpuBackend Of(RunConfig config) => new(
        config.Execution.Threads > 0 ? config.Execution.Threads : Environment.ProcessorCount,
        config.Execution.Kernels,
        config.Training.Packing);

    /// <inheritdoc/>
    public string Name => ExecutionConfig.Cpu;

    /// <inheritdoc/>
    public double Rounding => 1;

    /// <inheritdoc/>
    public IRolloutSource Rollouts(Policy policy, Tokenizer tokenizer, SamplerSettings settings) =>
        new Sampler(policy, tokenizer, settings);

    /// <inheritdoc/>
    public IScorer Scorer(DecoderSpec spec) => new Scorer(spec, threads, kernels, packing);

    /// <inheritdoc/>
    public IFeatureProjector Features(DecoderSpec spec) => new FeatureProjector(spec, threads);

    /// <inheritdoc/>
    public IPolicyOptimizer Optimizer(Policy policy, RunConfig config) =>
        PolicyOptimizers.All[config.Execution.Gradients](policy, config, threads);

    /// <inheritdoc/>
    public void Fetch(Policy policy)
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
