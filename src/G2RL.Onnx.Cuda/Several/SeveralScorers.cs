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
    private readonly DeviceScorer[] scorers;
    private readonly SeveralProjectors projectors;

    public SeveralScorers(SeveralDevices devices, DecoderSpec spec)
    {
        this.devices = devices;
        scorers = devices.Make(device => new DeviceScorer(device, spec));
        projectors = new(spec, devices.Count);
    }

    public Scores[] Score(Policy policy, IReadOnlyList<Sequence> sequences, ScoreRequest request, CancellationToken cancel = default)
    {
        devices.Follow(policy);
        var batches = scorers[0].Plan(sequences, request.MaxTokens);
        var (results, ended) = (new Scores[sequences.Count], new EndedCount(devices.Count, request.Progress));
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
                    request with { Progress = count => ended.Tell(i, count) },
                    stop);
                int[] places = [.. own.SelectMany(b => b)];
                var features = request.WithFeatures
                    ? projectors.Project(device, i, policy, [.. places.Select(p => scores[p].Features)])
                    : null;
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
        projectors.Dispose();
    }
}
