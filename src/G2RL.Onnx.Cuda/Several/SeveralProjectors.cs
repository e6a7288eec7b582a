using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Cuda.Several;

/// <summary>A projector on each device, made when its device first has features to project. Each device calls for its own place.</summary>
/// <param name="spec">The architecture.</param>
/// <param name="count">Devices.</param>
internal sealed class SeveralProjectors(DecoderSpec spec, int count) : IDisposable
{
    private readonly IFeatureProjector?[] projectors = new IFeatureProjector?[count];

    /// <summary>Features of what a device has accumulated.</summary>
    /// <param name="device">The device.</param>
    /// <param name="place">Its place among all.</param>
    /// <param name="policy">The weights.</param>
    /// <param name="weights">What was accumulated.</param>
    public float[][] Project(CudaBackend device, int place, Policy policy, FeatureWeights[] weights) =>
        (projectors[place] ??= SeveralDevices.FeaturesOf(device, spec)).Project(policy, weights);

    public void Dispose()
    {
        foreach (var projector in projectors)
            projector?.Dispose();
    }
}
