using System.Text.Json.Nodes;
using G2RL.Onnx.Algorithms.Novelty;

namespace G2RL.Onnx.Evaluation;

/// <summary>
/// How the responses to one prompt lie to each other, over all pairs within prompts, with p_t of the gradient features at one temperature.
/// </summary>
/// <param name="Step">Steps of training behind the weights.</param>
/// <param name="Problems">Held-out problems.</param>
/// <param name="Samples">Responses to each.</param>
/// <param name="SamplingTemperature">Temperature at which the responses were drawn.</param>
/// <param name="FeatureTemperature">Temperature of p_t in the features.</param>
/// <param name="Gradient">Cosines of the gradient features Phi.</param>
/// <param name="Histogram">Pairs by gradient cosine, <see cref="CosineHistogram.Bins"/> equal bins over [-1, 1].</param>
/// <param name="SemanticCosine">Mean cosine of the responses' embeddings: their mean hidden states, or what a sentence model makes of their
/// text.</param>
/// <param name="IdenticalShare">Share of pairs whose tokens are the same, in [0, 1]: their cosine is 1 whatever the weights.</param>
/// <remarks>Source: G2RL, arXiv:2512.15687, section on the geometry of exploration.</remarks>
public sealed record GeometryResult(
    int Step,
    int Problems,
    int Samples,
    double SamplingTemperature,
    double FeatureTemperature,
    FeatureGeometry Gradient,
    IReadOnlyList<long> Histogram,
    double SemanticCosine,
    double IdenticalShare)
{
    /// <summary>Whether novelty is a response's own: <see cref="NoveltySignal.Reliability"/>.</summary>
    public double? NoveltyReliability { get; init; }

    /// <summary>Mean novelty of right responses, of groups that hold both kinds.</summary>
    public double? NoveltyRight { get; init; }

    /// <summary>Mean novelty of wrong responses, of groups that hold both kinds.</summary>
    public double? NoveltyWrong { get; init; }

    /// <summary>A row of geometry.jsonl.</summary>
    public JsonObject ToJson() => new()
    {
        ["step"] = Step,
        ["problems"] = Problems,
        ["samples"] = Samples,
        ["sampling_temperature"] = SamplingTemperature,
        ["feature_temperature"] = FeatureTemperature,
        ["pairs"] = Gradient.Pairs,
        ["cosine_mean"] = Gradient.MeanCosine,
        ["cosine_negative_share"] = Gradient.NegativeShare,
        ["cosine_small_share"] = Gradient.OrthogonalShare,
        ["semantic_cosine_mean"] = SemanticCosine,
        ["identical_share"] = IdenticalShare,
        ["novelty_reliability"] = NoveltyReliability,
        ["novelty_right"] = NoveltyRight,
        ["novelty_wrong"] = NoveltyWrong,
        ["histogram"] = new JsonArray([.. Histogram.Select(n => (JsonNode)n)]),
    };
}

/// <summary>Cosines counted in equal bins over [-1, 1].</summary>
public static class CosineHistogram
{
    /// <summary>Bins, of width 0.05.</summary>
    public const int Bins = 40;

    /// <summary>The bin of a cosine: [-1, -0.95) is 0, [0.95, 1] the last. Rounding beyond +-1 falls into the ends.</summary>
    public static int Bin(double cosine) => Math.Clamp((int)Math.Floor((cosine + 1) * (Bins / 2)), 0, Bins - 1);

    /// <summary>Middle of a bin.</summary>
    public static double Middle(int bin) => ((bin + 0.5) / (Bins / 2)) - 1;

    /// <summary>Counts the pairs above the diagonal.</summary>
    /// <param name="cosines">S, row-major [m, m].</param>
    /// <param name="count">m</param>
    /// <param name="histogram">[<see cref="Bins"/>], added to.</param>
    /// <exception cref="ArgumentException">Another number of cosines than m x m, or of bins.</exception>
    public static void Add(ReadOnlySpan<double> cosines, int count, Span<long> histogram)
    {
        if (cosines.Length != checked(count * count) || histogram.Length != Bins)
            throw new ArgumentException(
                $"{cosines.Length} cosines of a group of {count} into {histogram.Length} bins; m x m and {Bins} are needed.",
                nameof(cosines));
        for (var i = 0; i < count; i++)
            for (var j = i + 1; j < count; j++)
                histogram[Bin(cosines[(i * count) + j])]++;
    }
}
