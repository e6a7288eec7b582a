using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Cuda.Rollouts;

/// <summary>
/// Draws rollouts on a device. Weights, cache, logits, hidden states and feature weights stay there; of a step only tokens, stop flags and faults come to the
/// host. A rollout is a function of (weights, prompt, seed, step, prompt index, sample index), as the host's is.
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
        Plan = SamplerPlan.For(policy.Spec, policy.Positions, settings with { Threads = 1 });
        (lane, buffers) = backend.Invoke(() =>
        {
            var made = new DecodeLane(backend, backend.Of(policy), policy.Spec, policy.Positions, settings, Plan.RowsPerThread);
            return (made, new DrawBuffers(backend.Memory.Driver, made.Columns, policy.Spec.HiddenSize));
        });
    }

    public SamplerPlan Plan { get; }

    public float LargestLogit { get; private set; }

    public Rollout[][] Draw(DrawRequest request, Action<int>? progress = null, CancellationToken cancel = default)
    {
        request.Validate(settings, policy.Positions);
        return backend.Invoke(() =>
        {
            var draw = new DeviceDraw(backend, lane, text, buffers, policy, settings, request, Plan.RowsPerThread, progress);
            var results = draw.Run(cancel);
            LargestLogit = draw.LargestLogit;
            return results;
        });
    }

    public void Dispose() => backend.Invoke(() =>
    {
        lane.Dispose();
        buffers.Dispose();
    });
}
