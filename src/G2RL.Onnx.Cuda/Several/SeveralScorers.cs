using G2RL.Onnx.Cuda.Scoring;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Cuda.Several;

/// <summary>
/// Scores on every device: the batches that one device would make, batch i on device i modulo their number, so that every row has the
/// neighbours that it has with one.
/// </summary>
internal sealed class SeveralScorers : IScorer
{
    private readonly SeveralDevices devices;
    private readonly DecoderSpec spec;
    private readonly DeviceScorer[] scorers;
    private readonly IFeatureProjector?[] projectors;

    public SeveralScorers(SeveralDevices devices, DecoderSpec spec)
    {
        (this.devices, this.spec) = (devices, spec);
        scorers = devices.Make(device => new DeviceScorer(device, spec));
        projectors = new IFeatureProjector?[devices.Count];
    }

    public Scores[] Score(
        Policy policy,
        IReadOnlyList<Sequence> sequences,
        double temperature,
        int maxTokens,
        bool withHidden = false,
        bool withFeatures = false,
        Action<int>? progress = null,
        TokenWeight? tokenWeight = null,
        bool withMeanHidden = false,
        bool withSquares = false,
        CancellationToken cancel = default)
    {
        devices.Follow(policy);
        var batches = scorers[0].Plan(sequences, maxTokens);
        var (results, ended) = (new Scores[sequences.Count], new EndedCount(devices.Count, progress));
        devices.Each(
            (device, i, stop) =>
            {
                var own = batches.Where((_, b) => b % devices.Count == i).ToArray();
                if (own.Length == 0)
                    return;
                var scores = scorers[i].Score(
                    policy,
                    sequences,
                    own,
                    temperature,
                    withHidden,
                    withFeatures,
                    count => ended.Tell(i, count),
                    tokenWeight,
                    withMeanHidden,
                    withSquares,
                    stop);
                int[] places = [.. own.SelectMany(b => b)];
                var features = withFeatures ? Projector(device, i).Project(policy, [.. places.Select(p => scores[p].Features)]) : null;
                for (var k = 0; k < places.Length; k++)
                    results[places[k]] = features is null
                        ? scores[places[k]]
                        : scores[places[k]] with { Feature = features[k], FeatureRow = -1 };
            },
            cancel);
        return results;
    }

    public void Dispose()
    {
        foreach (var scorer in scorers)
            scorer.Dispose();
        foreach (var projector in projectors)
            projector?.Dispose();
    }

    private IFeatureProjector Projector(CudaBackend device, int place) => projectors[place] ??= SeveralDevices.FeaturesOf(device, spec);
}
