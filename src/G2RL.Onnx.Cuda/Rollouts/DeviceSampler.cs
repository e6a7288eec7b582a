using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Cuda.Rollouts;

/// <summary>
/// Draws rollouts on a device. Weights, cache, logits, hidden states and feature weights stay there; of a step only tokens, stop flags and
/// faults come to the host. A rollout is a function of (weights, prompt, seed, step, prompt index, sample index), as the host's is.
/// </summary>
internal sealed class DeviceSampler : IRolloutSource
{
    private readonly CudaBackend backend;
    private readonly Policy policy;
    private readonly SamplerSettings settings;
    private readonly RolloutText text;
    private readonly DecodeLane lane;
    private readonly DrawBuffers buffers;

    /// <summary>Builds the decode session and reserves the memory.</summary>
    /// <exception cref="InputException">A setting out of range, or a memory budget below three rows.</exception>
    public DeviceSampler(CudaBackend backend, Policy policy, Tokenizer tokenizer, SamplerSettings settings)
    {
        settings.Validate();
        (this.backend, this.policy, this.settings, text) = (backend, policy, settings, new RolloutText(tokenizer, settings));
        Plan = backend.Invoke(() =>
            SamplerPlan.For(policy.Spec, policy.Positions, settings with { Threads = 1 }, Memory(backend, backend.Of(policy))));
        (lane, buffers) = backend.Invoke(() =>
        {
            var made = new DecodeLane(backend, backend.Of(policy), policy.Spec, policy.Positions, settings, Plan);
            return (made, new DrawBuffers(backend.Memory.Driver, made.Columns, policy.Spec.HiddenSize));
        });
    }

    public SamplerPlan Plan { get; }

    /// <summary>Rollouts that were begun again so far, as the cache did not hold them all.</summary>
    public int Repeated { get; private set; }

    public DrawnRollouts Draw(DrawRequest request, Action<int>? progress = null, CancellationToken cancel = default)
    {
        request.Validate(settings, policy.Positions);
        return backend.Invoke(() =>
        {
            var draw = new DeviceDraw(backend, lane, text, buffers, policy, settings, request, progress);
            var drawn = draw.Run(cancel);
            Repeated += draw.Repeated;
            return new DrawnRollouts(drawn, draw.LargestLogit);
        });
    }

    // Training comes later and takes gradients and two moments a weight, in float32, and activations: these have the other half. Where
    // nothing is updated, scoring has it.
    private static CacheMemory Memory(CudaBackend backend, DevicePolicy policy)
    {
        var learning = backend.Settings.Updates ? 3 * sizeof(float) * policy.Parameters.Sum(p => p.Count) : 0;
        var free = Math.Max(0, backend.Memory.Driver.MemoryInfo().Free - learning);
        // Where every place is read, its length is part of a row's bits: such rows have theirs from the beginning.
        var grows = backend.Settings.Attention == CacheAttention.Grouped;
        return new(backend.Settings.CacheType == ElementType.Float32 ? sizeof(float) : sizeof(short), free, free / 2)
        {
            Block = grows ? backend.Settings.CacheBlock : policy.Positions,
        };
    }

    public void Dispose() => backend.Invoke(() =>
    {
        lane.Dispose();
        buffers.Dispose();
    });
}
