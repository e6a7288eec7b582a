using G2RL.Onnx.Configuration;
using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Operators;
using G2RL.Onnx.Cuda.Rollouts;
using G2RL.Onnx.Cuda.Scoring;
using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Cuda.Training;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Backends;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Cuda;

/// <summary>
/// A CUDA device: weights, caches, logits, accumulators, gradients and moments live in its memory, ONNX Runtime's graphs and our kernels
/// share one stream. Everything goes through an <see cref="ICudaDriver"/>, on one thread. What it makes has to be disposed of before it.
/// </summary>
public sealed class CudaBackend : IBackend
{
    private readonly ICudaDriver driver;
    private readonly DeviceThread thread;
    private readonly DeviceOperators operators;
    private readonly Dictionary<Policy, DevicePolicy> policies = new(ReferenceEqualityComparer.Instance);

    /// <summary>A backend on a device.</summary>
    /// <param name="driver">The device; taken over.</param>
    /// <param name="settings">How to compute; null for the defaults.</param>
    public CudaBackend(ICudaDriver driver, CudaSettings? settings = null)
    {
        this.driver = driver;
        Settings = settings ?? new();
        thread = new DeviceThread($"g2rl {Name}");
        thread.Invoke(driver.MakeCurrent);
        (Memory, Kernels) = (new DeviceMemory(driver), new KernelCache(driver));
        operators = new DeviceOperators(Kernels, Memory);
        Sessions = new DeviceSessions(Memory, Settings.Warning, Settings.ArenaLimit, operators);
        Features = new FeatureStore(Memory);
    }

    /// <inheritdoc/>
    public string Name => $"cuda:{driver.Device.Ordinal}";

    /// <inheritdoc/>
    // Sums are in float32, so rounding of the factors averages out: estimates, to be replaced by what hardware shows.
    public double Rounding => Settings.Precision switch
    {
        ElementType.Float16 => 64,
        ElementType.BFloat16 => 512,
        _ => 1,
    };

    internal CudaSettings Settings { get; }

    internal DeviceMemory Memory { get; }

    internal KernelCache Kernels { get; }

    internal DeviceSessions Sessions { get; }

    internal FeatureStore Features { get; }

    /// <inheritdoc/>
    public IRolloutSource Rollouts(Policy policy, Tokenizer tokenizer, SamplerSettings settings) =>
        new DeviceSampler(this, policy, tokenizer, settings);

    /// <inheritdoc/>
    public IScorer Scorer(DecoderSpec spec) => new DeviceScorer(this, spec);

    /// <inheritdoc/>
    IFeatureProjector IBackend.Features(DecoderSpec spec) => new DeviceProjector(this, spec);

    /// <inheritdoc/>
    public IPolicyOptimizer Optimizer(Policy policy, RunConfig config) => new DeviceOptimizer(this, policy, config);

    /// <inheritdoc/>
    public void Fetch(Policy policy) => Invoke(() => Of(policy).Download());

    /// <inheritdoc/>
    public void Dispose()
    {
        Invoke(() =>
        {
            foreach (var policy in policies.Values)
                policy.Dispose();
            Features.Dispose();
            operators.Dispose();
            driver.Dispose();
        });
        thread.Dispose();
    }

    /// <summary>A policy's weights on the device; copied there when first asked for.</summary>
    internal DevicePolicy Of(Policy policy)
    {
        if (!policies.TryGetValue(policy, out var found))
            policies[policy] = found = new DevicePolicy(Memory, new MemoryKernels(Kernels), policy, Settings.Precision, policies.Values);
        return found;
    }

    /// <summary>Opens a session whose products are in the backend's precision; weights are bound in it.</summary>
    internal DeviceSession OpenNarrow(DecoderSpec spec, Graph graph, bool shapesVary = true)
    {
        var weights = spec.Parameters.Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        return Sessions.Open(Settings.IsNarrow ? MixedPrecision.Lower(graph, Settings.Precision, weights) : graph, shapesVary);
    }

    /// <summary>Whether our attention is asked for.</summary>
    /// <param name="kernels">Whose operators are.</param>
    /// <param name="spec">The model.</param>
    /// <exception cref="InputException">It is, and this device or these products cannot have it, or the model has other heads.</exception>
    internal bool Attends(KernelChoice kernels, DecoderSpec spec)
    {
        if (kernels != KernelChoice.Fused)
            return false;
        // Where the driver's memory is the host's, graphs run on the host, whose operators take any head and float32.
        if (Sessions.IsCuda
            && (AttentionKernels.Misfit(driver.Device, Settings.Precision) ?? DeviceKernels.Misfit(spec)) is { } reason)
            throw DeviceKernels.Refusal(Name, reason);
        return true;
    }

    internal T Invoke<T>(Func<T> function) => thread.Invoke(function);

    internal void Invoke(Action action) => thread.Invoke(action);
}
