using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Cuda.Several;

/// <summary>
/// Draws on every device: prompt i on device i modulo their number, whole groups. Features are projected where they were accumulated, at
/// once, since each device counts its own.
/// </summary>
internal sealed class SeveralRollouts : IRolloutSource
{
    private readonly SeveralDevices devices;
    private readonly Policy policy;
    private readonly SamplerSettings settings;
    private readonly IRolloutSource[] sources;
    private readonly SeveralProjectors projectors;

    public SeveralRollouts(SeveralDevices devices, Policy policy, Tokenizer tokenizer, SamplerSettings settings)
    {
        (this.devices, this.policy, this.settings) = (devices, policy, settings);
        devices.Follow(policy);
        sources = devices.Make(device => device.Rollouts(policy, tokenizer, settings));
        projectors = new(policy.Spec, devices.Count);
    }

    /// <summary>Of the first device, which holds gradients and moments besides.</summary>
    public SamplerPlan Plan => sources[0].Plan;

    public DrawnRollouts Draw(DrawRequest request, Action<int>? progress = null, CancellationToken cancel = default)
    {
        request.Validate(settings, policy.Positions);
        devices.Follow(policy);
        var (results, largest) = (new Rollout[request.Prompts.Count][], new float[devices.Count]);
        var ended = new EndedCount(devices.Count, progress);
        devices.Each(
            (device, i, stop) =>
            {
                int[] own = [.. Enumerable.Range(0, request.Prompts.Count).Where(p => p % devices.Count == i)];
                if (own.Length == 0)
                    return;
                var drawn = sources[i].Draw(request.Part(own) with { KeepsFeatures = false }, count => ended.Tell(i, count), stop);
                largest[i] = drawn.LargestLogit;
                var groups = request.WithFeatures ? Projected(device, i, drawn.Rollouts) : drawn.Rollouts;
                for (var k = 0; k < own.Length; k++)
                    results[own[k]] = groups[k];
            },
            cancel);
        return new(results, largest.Max());
    }

    public void Dispose()
    {
        foreach (var source in sources)
            source.Dispose();
        projectors.Dispose();
    }

    private Rollout[][] Projected(CudaBackend device, int place, Rollout[][] drawn)
    {
        var features = projectors.Project(device, place, policy, [.. drawn.SelectMany(g => g).Select(r => r.Features)]);
        var next = 0;
        return Array.ConvertAll(drawn, group => Array.ConvertAll(group, r => r with { Feature = features[next++], FeatureRow = -1 }));
    }
}
