using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Arms;
using G2RL.Onnx.Algorithms.Novelty;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Training.Backends;

namespace G2RL.Onnx.Training.Steps;

/// <summary>
/// The features by which an algorithm compares the rollouts of a group: what sampler and scorer must keep for them, and how they are made
/// of it.
/// </summary>
internal sealed class RolloutFeatures : IDisposable
{
    private readonly FeatureKind kind;
    private readonly IFeatureProjector? projector;
    private readonly SentenceEmbedder? embedder;
    private readonly ExpertAlignment? alignment;

    /// <summary>Builds what the configured algorithm needs.</summary>
    /// <exception cref="InputException">The embedder cannot be read.</exception>
    public RolloutFeatures(AlgorithmConfig config, DecoderSpec spec, IBackend backend, int threads, ExpertAlignment? alignment = null)
    {
        this.alignment = alignment;
        kind = AlgorithmTable.All[config.Name].Features;
        if (kind == FeatureKind.Embedding && config.Embedder.Length == 0)
            kind = FeatureKind.Hidden;
        projector = kind == FeatureKind.Gradient ? backend.Features(spec) : null;
        embedder = kind == FeatureKind.Embedding ? new SentenceEmbedder(config.Embedder, threads) : null;
        Weight = TokenWeights.Of(config);
        WhileSampling = kind == FeatureKind.Gradient && Weight is null && config.Features == FeatureSource.Sampling;
        WhileScoring = kind == FeatureKind.Gradient && !WhileSampling;
    }

    /// <summary>Whether the sampler accumulates feature weights.</summary>
    public bool WhileSampling { get; }

    /// <summary>Where the sampler takes feature weights from; they come back when they are projected.</summary>
    public FeatureBuffers Buffers { get; } = new();

    /// <summary>Whether the scorer does.</summary>
    public bool WhileScoring { get; }

    /// <summary>Whether the scorer averages hidden states.</summary>
    public bool MeanHidden => kind == FeatureKind.Hidden;

    /// <summary>Whether the scorer sums squared probabilities.</summary>
    public bool Squares => kind == FeatureKind.Energy;

    /// <summary>Weight of a token; null where all count alike.</summary>
    public TokenWeight? Weight { get; }

    /// <summary>Bytes that are kept for a rollout until its group is done.</summary>
    public static long BytesOf(AlgorithmConfig config, DecoderSpec spec) => AlgorithmTable.All[config.Name].Features switch
    {
        FeatureKind.Gradient => (long)spec.VocabularySize * sizeof(float),
        FeatureKind.Hidden or FeatureKind.Embedding or FeatureKind.Alignment => (long)spec.HiddenSize * sizeof(float),
        _ => 0,
    };

    /// <summary>A feature of each rollout; null for algorithms without.</summary>
    /// <param name="policy">The weights that drew and scored the rollouts.</param>
    /// <param name="samples">The rollouts.</param>
    /// <param name="scores">Their scores.</param>
    public float[][]? Of(Policy policy, IReadOnlyList<Sample> samples, IReadOnlyList<Scores> scores)
    {
        if (kind == FeatureKind.Energy)
            foreach (var group in Enumerable.Range(0, samples.Count).GroupBy(i => samples[i].Scored))
                group.Key.Energies = [.. group.Select(i => OptimalTokenBaseline.Energies(scores[i].LogProbs, scores[i].Squares!))];
        return Features(policy, samples, scores);
    }

    private float[][]? Features(Policy policy, IReadOnlyList<Sample> samples, IReadOnlyList<Scores> scores) => kind switch
    {
        FeatureKind.Alignment => alignment!.Of(policy, samples),
        FeatureKind.Gradient =>
            Projected(policy, [.. samples.Select((s, i) => WhileScoring ? scores[i].Features : s.Rollout.Features)]),
        FeatureKind.Hidden => [.. scores.Select(s => s.MeanHidden!)],
        FeatureKind.Embedding => embedder!.Embed([.. samples.Select(s => s.Rollout.Text)]),
        _ => null,
    };

    /// <summary>Lets a device compute the cosines and novelties of a group.</summary>
    public void Measure(ScoredGroup group, IReadOnlyList<float[]>? features)
    {
        if (features is not null && projector?.Measure(features, group.Rewards) is var (cosines, novelty))
        {
            group.Cosines = cosines;
            novelty.CopyTo(group.Novelty, 0);
        }
    }

    // Those that came from elsewhere were projected there.
    private float[][] Projected(Policy policy, FeatureWeights[] weights)
    {
        var (made, next) = (projector!.Project(policy, [.. weights.Where(w => w.Projected is null)]), 0);
        if (WhileSampling)
            foreach (var w in weights)
                if (w.Host is not null)
                    Buffers.Return(w.Host);
        return [.. weights.Select(w => w.Projected ?? made[next++])];
    }

    public void Dispose()
    {
        projector?.Dispose();
        embedder?.Dispose();
        alignment?.Dispose();
    }
}
