using System.Numerics.Tensors;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Converter;

/// <summary>
/// What few bits did to a model's predictions: both models read the texts that the full one writes, and their next-token distributions are
/// compared.
/// </summary>
/// <param name="Positions">Distributions compared.</param>
/// <param name="LargestLogit">Largest absolute difference of a logit.</param>
/// <param name="RelativeLogit">Root of the mean squared difference of logits over the root of their mean square.</param>
/// <param name="MeanDivergence">Mean of KL(full, quantised), nats.</param>
/// <param name="LargestDivergence">Largest of them, nats.</param>
/// <param name="OtherChoices">Positions whose most likely token is another one.</param>
internal sealed record QuantizationReport(
    int Positions,
    double LargestLogit,
    double RelativeLogit,
    double MeanDivergence,
    double LargestDivergence,
    int OtherChoices)
{
    private const int Texts = 4;
    private const int Prompt = 8;
    private const int Steps = 24;

    /// <summary>
    /// Compares two converted folders with decode.onnx of the same model, on greedy texts from random prompts of a fixed seed.
    /// </summary>
    public static QuantizationReport Of(ConvertedModel full, ConvertedModel quantized)
    {
        var random = new Random(20261124);
        int longest = Math.Min(full.Manifest.Settings.MaxLength ?? int.MaxValue, quantized.Manifest.Settings.MaxLength ?? int.MaxValue);
        int positions = 0, others = 0;
        double largest = 0, squaredDifference = 0, squaredLogits = 0, divergence = 0, worst = 0;
        for (var text = 0; text < Texts; text++)
        {
            var (a, b) = (new GenerationCheck(full), new GenerationCheck(quantized));
            int[] fed = [.. Enumerable.Range(0, Math.Min(Prompt, longest)).Select(_ => random.Next(full.Spec.VocabularySize))];
            for (var length = fed.Length; length <= Math.Min(Prompt + Steps, longest); length++)
            {
                float[] expected = a.Feed(fed), actual = b.Feed(fed);
                positions++;
                fed = [TensorPrimitives.IndexOfMax<float>(expected)];
                others += TensorPrimitives.IndexOfMax<float>(actual) == fed[0] ? 0 : 1;
                for (var i = 0; i < expected.Length; i++)
                {
                    var difference = (double)actual[i] - expected[i];
                    largest = Math.Max(largest, Math.Abs(difference));
                    squaredDifference += difference * difference;
                    squaredLogits += (double)expected[i] * expected[i];
                }
                var here = Divergence(expected, actual);
                divergence += here;
                worst = Math.Max(worst, here);
            }
        }
        return new(positions, largest, Math.Sqrt(squaredDifference / squaredLogits), divergence / positions, worst, others);
    }

    /// <summary>For people.</summary>
    public override string ToString() =>
        $"against the full model over {Positions} positions: logits differ by {100 * RelativeLogit:0.00} % (root mean square; "
            + $"{LargestLogit:0.000} at most), divergence {MeanDivergence:0.0e+0} nats on average and {LargestDivergence:0.0e+0} at most, "
            + $"{OtherChoices} greedy tokens differ";

    /// <summary>For programs.</summary>
    public JsonObject ToJson() => new()
    {
        ["positions"] = Positions,
        ["largest_logit_difference"] = LargestLogit,
        ["relative_logit_difference"] = RelativeLogit,
        ["mean_divergence_nats"] = MeanDivergence,
        ["largest_divergence_nats"] = LargestDivergence,
        ["greedy_tokens_that_differ"] = OtherChoices,
    };

    // KL(p, q) of the softmaxes, in double.
    private static double Divergence(float[] p, float[] q)
    {
        double maxP = p.Max(), maxQ = q.Max(), sumP = 0, sumQ = 0, mean = 0;
        for (var i = 0; i < p.Length; i++)
        {
            var share = Math.Exp(p[i] - maxP);
            sumP += share;
            sumQ += Math.Exp(q[i] - maxQ);
            mean += share * (p[i] - maxP - (q[i] - maxQ));
        }
        return Math.Max(0, (mean / sumP) - Math.Log(sumP) + Math.Log(sumQ));
    }
}
