using G2RL.Onnx.Graphs.Tests.Files;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Graphs.Tests.Gradients;

[TestClass]
public sealed class DecoderGradientTests
{
    // All rules together: a whole training graph, widened to float64, and a central difference for every element of every parameter.
    [TestMethod]
    public void Gradient_OfAWholeDecoder_IsTheFiniteDifference()
    {
        var spec = SampleGraphs.Decoder;
        var graph = SampleGraphs.Train();
        using var runner = new OrtRunner(Float64Stand.Rewrite(graph, widen: true));
        var random = new Random(20231105);
        // Two rows of T = 4, the second padded on the left; token 3 twice, so that its embedding sums.
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal)
        {
            ["input_ids"] = TensorData.Of([3L, 5, 3, 10, 0, 0, 7, 3], 2, 4),
            ["attention_mask"] = TensorData.Of([1L, 1, 1, 1, 0, 0, 1, 1], 2, 4),
            ["position_ids"] = TensorData.Of([0L, 1, 2, 3, 0, 0, 0, 1], 2, 4),
            ["rows"] = TensorData.Of([0L, 1, 2, 6], 4),
            ["targets"] = TensorData.Of([5L, 3, 10, 3], 4),
            ["inverse_temperature"] = TensorData.Of([1.25]),
        };
        float[] cos = new float[16 * 2], sin = new float[16 * 2];
        new RotaryEmbedding(spec).Fill(cos, sin, 16);
        feeds[DecoderGraph.RopeCos] = TensorData.Of(Array.ConvertAll(cos, c => (double)c), 16, 2);
        feeds[DecoderGraph.RopeSin] = TensorData.Of(Array.ConvertAll(sin, s => (double)s), 16, 2);
        foreach (var parameter in spec.Parameters)
        {
            var shape = parameter.Shape.Select(d => (long)d).ToArray();
            var values = new double[shape.Aggregate(1L, (a, b) => a * b)];
            for (var i = 0; i < values.Length; i++)
                values[i] = random.NextDouble() - (shape.Length == 1 ? -0.5 : 0.5);
            feeds[parameter.Name] = TensorData.Of(values, shape);
            feeds[parameter.Name + DecoderGraph.GradientSuffix] = TensorData.Of(new double[values.Length], shape);
        }

        var outputs = graph.Outputs.Select(o => o.Name).ToList();
        var analytic = runner.Run(feeds);
        var elements = 0;
        foreach (var parameter in spec.Parameters)
        {
            var gradient = FiniteDifferences.Doubles(analytic[outputs.IndexOf(parameter.Name + DecoderGraph.GradientSuffix + ".out")]);
            for (var e = 0; e < gradient.Length; e++, elements++)
            {
                var numeric =
                    (Loss(parameter.Name, e, Tolerances.Step) - Loss(parameter.Name, e, -Tolerances.Step)) / (2 * Tolerances.Step);
                Assert.AreEqual(
                    numeric,
                    gradient[e],
                    Tolerances.FiniteDifference * (1 + Math.Abs(numeric)),
                    $"element {e} of {parameter.Name}");
            }
        }
        Assert.AreEqual(spec.Parameters.Sum(p => p.Shape.Aggregate(1L, (a, b) => a * b)), elements);

        double Loss(string parameter, int element, double step)
        {
            var moved = FiniteDifferences.Doubles(feeds[parameter]);
            moved[element] += step;
            var changed = new Dictionary<string, TensorData>(
                feeds,
                StringComparer.Ordinal)
            { [parameter] = TensorData.Of(moved, [.. feeds[parameter].Shape]) };
            return FiniteDifferences.Doubles(runner.Run(changed)[outputs.IndexOf("loss")])[0];
        }
    }
}
