using System.Runtime.InteropServices;
using G2RL.Onnx.Gradients;

namespace G2RL.Onnx.Graphs.Tests.Gradients;

/// <summary>Compares a case's gradients with central differences, everything in float64, computed by ONNX Runtime.</summary>
internal static class FiniteDifferences
{
    /// <summary>Checks every element of every input.</summary>
    /// <param name="gradientCase">The case.</param>
    /// <param name="symbolic">Whether axes longer than 1 are symbols while the graph is built.</param>
    /// <param name="rules">Rules to check; null: the real ones.</param>
    public static void Check(GradientCase gradientCase, bool symbolic, IReadOnlyDictionary<string, GradientRule>? rules = null)
    {
        var graph = new Graph("case");
        var op = new OpBuilder(graph);
        Value[] inputs = [.. gradientCase.Inputs.Select((input, i) => graph.Input(
            $"x{i}",
            ElementType.Float64,
            [.. input.Shape.Select(n => symbolic && !input.Known && n != 1 ? $"L{n}" : (Dimension)n)]))];
        var outputs = gradientCase.Build(op, inputs);
        Assert.IsTrue(graph.Nodes.Any(n => n.Op == gradientCase.Op), "the case does not hold its operator");

        // A weight of its own for every output element, so that no error cancels another.
        var weights = outputs.Select((y, i) => graph.Input($"w{i}", ElementType.Float64, [.. y.Shape])).ToArray();
        var loss = op.Scalar(0, ElementType.Float64);
        foreach (var (y, w) in outputs.Zip(weights))
            loss = op.Add(loss, op.Op("ReduceSum", [op.Mul(y, w)], ("keepdims", 0L)));
        var gradients = Differentiator.Backward(op, loss, seedGradient: null, inputs, rules ?? GradientRules.All);
        graph.Output(op.Named("loss", loss));
        foreach (var (input, i) in inputs.Select((x, i) => (x, i)))
            graph.Output(op.Named($"g{i}", gradients[input]));
        foreach (var (y, i) in outputs.Select((y, i) => (y, i)))
            graph.Output(op.Named($"y{i}", y));
        graph.Prune();

        using var runner = new OrtRunner(Float64Stand.Rewrite(graph));
        var random = new Random(20240229);
        var values = gradientCase.Inputs.Select(x => Draw(random, x.Shape, x.Low, x.High)).ToArray();
        var feeds = values.Select((v, i) => (Name: $"x{i}", Data: TensorData.Of(v, gradientCase.Inputs[i].Shape)))
            .ToDictionary(f => f.Name, f => f.Data, StringComparer.Ordinal);
        var shapes = OutputShapes(gradientCase, feeds);
        for (var i = 0; i < weights.Length; i++)
            feeds[$"w{i}"] = TensorData.Of(Draw(random, shapes[i], 0.5, 1.5), shapes[i]);

        var analytic = runner.Run(feeds);
        for (var i = 0; i < inputs.Length; i++)
        {
            CollectionAssert.AreEqual(gradientCase.Inputs[i].Shape, analytic[1 + i].Shape.ToArray(), $"shape of the gradient of input {i}");
            var gradient = Doubles(analytic[1 + i]);
            for (var e = 0; e < values[i].Length; e++)
            {
                var (plus, minus) = (Loss(i, e, Tolerances.Step), Loss(i, e, -Tolerances.Step));
                var numeric = (plus - minus) / (2 * Tolerances.Step);
                Assert.AreEqual(numeric, gradient[e], Tolerances.FiniteDifference * (1 + Math.Abs(numeric)), $"element {e} of input {i}");
            }
        }

        double Loss(int input, int element, double step)
        {
            var moved = (double[])values[input].Clone();
            moved[element] += step;
            var changed = new Dictionary<string, TensorData>(
                feeds,
                StringComparer.Ordinal)
            { [$"x{input}"] = TensorData.Of(moved, gradientCase.Inputs[input].Shape) };
            return Doubles(runner.Run(changed)[0])[0];
        }
    }

    public static double[] Doubles(TensorData data) => MemoryMarshal.Cast<byte, double>(data.Bytes.Span).ToArray();

    // What the operator alone gives; the weights need it before the whole graph can run.
    private static long[][] OutputShapes(GradientCase gradientCase, Dictionary<string, TensorData> feeds)
    {
        var graph = new Graph("shapes");
        var inputs = gradientCase.Inputs.Select((input, i) =>
            graph.Input($"x{i}", ElementType.Float64, [.. input.Shape.Select(n => (Dimension)n)])).ToArray();
        var outputs = gradientCase.Build(new OpBuilder(graph), inputs);
        return [.. outputs.Select(y => y.Shape.Select(d => d.Size).ToArray())];
    }

    private static double[] Draw(Random random, long[] shape, double low, double high)
    {
        var values = new double[shape.Aggregate(1L, (a, b) => a * b)];
        for (var i = 0; i < values.Length; i++)
            values[i] = low + ((high - low) * random.NextDouble());
        return values;
    }
}
