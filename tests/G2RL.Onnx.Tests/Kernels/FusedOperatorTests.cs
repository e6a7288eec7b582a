using G2RL.Onnx.Execution.Kernels;
using G2RL.Onnx.Gradients;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;

namespace G2RL.Onnx.Tests.Kernels;

/// <summary>Operators of ours give what the standard operators give, forward and backward, whatever the vectors and the threads.</summary>
[TestClass]
public sealed class FusedOperatorTests
{
    // Where all of a gradient cancels (one key to attend to, one number to norm) its terms, which are sums of products up to 10, still
    // round.
    private const double Cancelled = 0.1;

    [TestMethod]
    public void Operators_All_HaveACaseAndAKernel()
    {
        var rules = ShapeRules.All.Keys.Where(k => k.StartsWith(FusedOperators.Domain + "::", StringComparison.Ordinal))
            .Select(k => k[(FusedOperators.Domain.Length + 2)..])
            // Devices alone compute it; G2RL.Onnx.Cuda.Tests hold its kernel.
            .Where(k => k != FusedOperators.GradientSum)
            .Order(StringComparer.Ordinal)
            .ToArray();
        CollectionAssert.AreEqual(rules, KernelTable.Names.Order(StringComparer.Ordinal).ToArray());
        var written = FusedCases.All
            .SelectMany(c => Written(c, c.Fused).Nodes)
            .Where(n => n.Domain == FusedOperators.Domain)
            .Select(n => n.Op)
            .Distinct()
            .Order(StringComparer.Ordinal);
        CollectionAssert.AreEqual(rules, written.ToArray());
    }

    [TestMethod]
    [DynamicData(nameof(Cases))]
    public void Operator_ForwardAndBackward_IsTheStandardOne(string name)
    {
        var one = FusedCases.All.Single(c => c.Name == name);
        var feeds = Feeds(one);
        var standard = FusedRun.Of(Written(one, one.Standard), feeds, KernelWidths.Here);
        var graph = Written(one, one.Fused);
        var first = FusedRun.Of(graph, feeds, KernelWidths.Here);
        foreach (var (output, values) in standard)
            FusedRun.AssertClose(
                values,
                first[output],
                output.StartsWith('d')
                    ? Tolerances.GradientRelative * Math.Max(Cancelled, FusedRun.Largest(values))
                    : Tolerances.LogProbs,
                output);
        foreach (var width in Enum.GetValues<KernelWidth>())
            foreach (var threads in new[] { 1, 3 })
                foreach (var (output, values) in FusedRun.Of(graph, feeds, width, threads))
                    CollectionAssert.AreEqual(first[output], values, $"{output} with {width} and {threads} threads");
    }

    [TestMethod]
    [DataRow(53, 1301)]
    [DataRow(50, 100)]
    [DataRow(7, 15)]
    public void RowProduct_ARow_HasTheSameBitsAmongAnyOthers(int columns, int inner)
    {
        const int most = 150;
        var random = new Random(7);
        var rows = Enumerable.Range(0, most * inner).Select(_ => (float)((4 * random.NextDouble()) - 2)).ToArray();
        var weight = Numbers(random, [columns, inner]);
        float[] Product(int first, int count)
        {
            var graph = new Graph("product");
            var op = new OpBuilder(graph);
            var x = graph.Input("x", ElementType.Float32, count, inner);
            graph.Output(op.Named("y", op.RowProduct(x, graph.Input("w", ElementType.Float32, columns, inner))));
            var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal)
            {
                ["x"] = TensorData.Of(rows.AsSpan(first * inner, count * inner), count, inner),
                ["w"] = weight,
            };
            return FusedRun.Of(graph, feeds, KernelWidths.Here)["y"];
        }

        var alone = Enumerable.Range(0, most).SelectMany(row => Product(row, 1)).ToArray();
        foreach (var count in new[] { 2, 6, 12, 13, 16, 17, 33, 64, 65, 77, most })
            CollectionAssert.AreEqual(
                alone.AsSpan((most - count) * columns).ToArray(),
                Product(most - count, count),
                $"the last {count} rows");
    }

    [TestMethod]
    [DataRow(1, 52, 32)]
    [DataRow(5, 52, 1312)]
    [DataRow(14, 100, 576)]
    [DataRow(70, 52, 1312)]
    public void RowProduct_AWeightInBFloat16_GivesTheBitsOfTheWideOne(int rows, int columns, int inner)
    {
        var graph = new Graph("product");
        var op = new OpBuilder(graph);
        var x = graph.Input("x", ElementType.Float32, rows, inner);
        var (narrow, other) = (Stored("w"), Stored("v"));
        graph.Output(op.Named("narrow", op.RowProduct(x, narrow)));
        graph.Output(op.Named("wide", op.RowProduct(x, op.Cast(narrow, ElementType.Float32))));
        var both = op.RowProducts(x, narrow, other);
        graph.Output(op.Named("first", both[0]));
        graph.Output(op.Named("second", both[1]));
        graph.Output(op.Named("other", op.RowProduct(x, op.Cast(other, ElementType.Float32))));
        var random = new Random(3);
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal)
        {
            ["x"] = Numbers(random, [rows, inner]),
            ["w"] = Numbers(random, [columns, inner]),
            ["v"] = Numbers(random, [columns, inner]),
        };
        foreach (var width in Enum.GetValues<KernelWidth>())
        {
            var results = FusedRun.Of(graph, feeds, width, threads: 2);
            CollectionAssert.AreEqual(results["wide"], results["narrow"], $"{width}");
            CollectionAssert.AreEqual(results["wide"], results["first"], $"{width}");
            CollectionAssert.AreEqual(results["other"], results["second"], $"{width}");
        }

        Value Stored(string name) => op.Cast(graph.Input(name, ElementType.Float32, columns, inner), ElementType.BFloat16);
    }

    private static IEnumerable<object[]> Cases => FusedCases.All.Select(c => new object[] { c.Name });

    // Outputs y0, y1, ..., and the gradients of sum(y g) with g an input.
    private static Graph Written(FusedCase one, Func<OpBuilder, Value[]> write)
    {
        var graph = new Graph("case");
        var op = new OpBuilder(graph);
        var inputs = one.Inputs.Select(i => graph.Input(i.Name, ElementType.Float32, Lengths(i.Shape))).ToArray();
        foreach (var (name, shape, _) in one.Integers)
            graph.Input(name, ElementType.Int64, Lengths(shape));
        var outputs = write(op);
        var loss = outputs
            .Select((y, i) => op.ReduceSum(
                op.Mul(y, graph.Input($"g{i}", ElementType.Float32, [.. y.Shape])),
                keepDims: false,
                [.. Enumerable.Range(0, y.Rank).Select(axis => (long)axis)]))
            .Aggregate(op.Add);
        for (var i = 0; i < outputs.Length; i++)
            graph.Output(op.Named($"y{i}", outputs[i]));
        // Tables of angles do not learn.
        var wanted = one.Learns ? inputs.Where(i => i.Name is not ("cos" or "sin")).ToArray() : [];
        var gradients = Differentiator.Backward(op, loss, null, wanted);
        foreach (var input in wanted)
            graph.Output(op.Named("d" + input.Name, gradients[input]));
        graph.Prune();
        return graph;
    }

    private static Dimension[] Lengths(long[] shape) => [.. shape.Select(n => (Dimension)n)];

    private static Dictionary<string, TensorData> Feeds(FusedCase one)
    {
        var random = new Random(20261127);
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        foreach (var (name, shape) in one.Inputs)
            feeds[name] = Numbers(random, shape);
        foreach (var (name, shape, bound) in one.Integers)
            feeds[name] = TensorData.Of(
                [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(i => Integer(random, name, shape, bound, i))],
                shape);
        foreach (var input in Written(one, one.Fused).Inputs.Where(i => !feeds.ContainsKey(i.Name)))
            feeds[input.Name] = Numbers(random, [.. input.Shape.Select(d => d.Size)]);
        return feeds;
    }

    // Of two rows, one is padded on the left and one on the right.
    private static long Integer(Random random, string name, long[] shape, int bound, int i) => name != "mask"
        ? random.Next(bound)
        : shape[0] == 1 || (i < shape[1] ? i >= shape[1] / 3 : i < shape[1] * 5 / 3) ? 1 : 0;

    private static TensorData Numbers(Random random, long[] shape) => TensorData.Of(
        [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => (float)((4 * random.NextDouble()) - 2))],
        shape);
}
