using G2RL.Onnx.Gradients;

namespace G2RL.Onnx.Graphs.Tests.Gradients;

/// <summary>What the backward pass computes again: the same gradients, from nodes that are written once more and wait for theirs.</summary>
[TestClass]
public sealed class RecomputationTests
{
    private static readonly double[] X = [0.3, -1.2, 0.7, 2.1, -0.4, 0.9];
    private static readonly double[] W = [0.5, -0.25, 1.5];

    // A layer: w and x each enter twice, once by a value that is made outside.
    private static Value Layer(OpBuilder op, Value x, Value w) =>
        op.Tanh(op.Add(op.Mul(op.Exp(op.Mul(x, w)), w), x));

    private static Value Inverse(OpBuilder op, Value x) => op.Op("Reciprocal", [x]);

    [TestMethod]
    public void Backward_RegionComputedAgain_GivesTheSameGradients()
    {
        var plain = Run((op, x, w) => Layer(op, Inverse(op, x), w));
        var again = Run((op, x, w) =>
        {
            var outside = Inverse(op, x);
            return op.Recompute(() => Layer(op, outside, w));
        });
        Same(plain, again);
        Assert.AreEqual((1, 2), (plain.Exps, again.Exps), "the region was not written again");
        // What comes from outside is not.
        Assert.AreEqual((1, 1), (plain.Inverses, again.Inverses));
    }

    [TestMethod]
    public void Backward_ChainOfRegions_GivesTheSameGradientsAndWritesEachOnce()
    {
        var plain = Run((op, x, w) => Layer(op, Layer(op, Layer(op, x, w), w), w));
        var again = Run((op, x, w) =>
        {
            var y = x;
            for (var i = 0; i < 3; i++)
            {
                var before = y;
                y = op.Recompute(() => Layer(op, before, w));
            }
            return y;
        });
        Same(plain, again);
        Assert.AreEqual((3, 6), (plain.Exps, again.Exps));
    }

    [TestMethod]
    public void Backward_RegionsBesideEachOther_GiveTheSameGradients()
    {
        static Value Both(OpBuilder op, Value x, Value w, Func<Func<Value>, Value> make)
        {
            var left = make(() => Layer(op, x, w));
            var right = make(() => Inverse(op, Layer(op, op.Neg(x), w)));
            return op.Mul(left, op.Add(right, left));
        }
        var plain = Run((op, x, w) => Both(op, x, w, write => write()));
        var again = Run((op, x, w) => Both(op, x, w, op.Recompute));
        Same(plain, again);
        Assert.AreEqual((2, 4), (plain.Exps, again.Exps));
    }

    [TestMethod]
    public void Backward_RegionsInsideARegion_AreComputedAgainInItsCopy()
    {
        static Value Outer(OpBuilder op, Value x, Value w, Func<Func<Value>, Value> make)
        {
            var first = make(() => Layer(op, x, w));
            var second = make(() => Layer(op, first, w));
            return Inverse(op, op.Add(first, second));
        }
        var plain = Run((op, x, w) => Outer(op, x, w, write => write()));
        var outerAlone = Run((op, x, w) => op.Recompute(() => Outer(op, x, w, write => write())));
        var nested = Run((op, x, w) => op.Recompute(() => Outer(op, x, w, op.Recompute)));
        Same(plain, outerAlone);
        Same(plain, nested);
        // Forward; the outer one's copy; and of that both inner ones once more.
        Assert.AreEqual((2, 4, 6), (plain.Exps, outerAlone.Exps, nested.Exps));
        Assert.AreEqual((1, 2, 2), (plain.Inverses, outerAlone.Inverses, nested.Inverses));
    }

    [TestMethod]
    public void Backward_RegionThatEndsWithAnInnerOne_TakesTheOutermost()
    {
        static Value Outer(OpBuilder op, Value x, Value w, Func<Func<Value>, Value> make)
        {
            var first = Inverse(op, x);
            return make(() => Layer(op, first, w));
        }
        var plain = Run((op, x, w) => Outer(op, x, w, write => write()));
        var nested = Run((op, x, w) => op.Recompute(() => Outer(op, x, w, op.Recompute)));
        Same(plain, nested);
        Assert.AreEqual((1, 2), (plain.Inverses, nested.Inverses));
        // Forward, the outer one's copy, and the inner one's copy of that.
        Assert.AreEqual((1, 3), (plain.Exps, nested.Exps));
    }

    // What is detached within a region is so in its copy.
    [TestMethod]
    public void Backward_RegionThatDetaches_LetsNoGradientThrough()
    {
        static Value Part(OpBuilder op, Value x, Value w) => op.Mul(op.Mul(op.Detach(op.Exp(x)), x), w);
        var plain = Run(Part);
        var again = Run((op, x, w) => op.Recompute(() => Part(op, x, w)));
        Same(plain, again);
        Assert.AreEqual((1, 2), (plain.Exps, again.Exps));
    }

    [TestMethod]
    public void Backward_RegionOfOneNode_CountsOnce()
    {
        var plain = Run((op, x, w) => op.Mul(op.Exp(x), w));
        var again = Run((op, x, w) => op.Mul(op.Recompute(() => op.Exp(x)), w));
        Same(plain, again);
        Assert.AreEqual((1, 2), (plain.Exps, again.Exps));
    }

    [TestMethod]
    public void Backward_RegionWithoutAGradient_IsLeftAlone()
    {
        var (graph, op, x, w) = Begin();
        var frozen = op.Recompute(() => op.Exp(x));
        var gradients = Differentiator.Backward(op, Total(op, op.Mul(frozen, w)), null, [w]);
        Assert.HasCount(1, gradients);
        Assert.AreEqual(1, graph.Nodes.Count(n => n.Op == "Exp"), "what has no gradient is computed once");
    }

    [TestMethod]
    public void Backward_AfterARegionThatNobodyReadsWasPruned_GoesOn()
    {
        var (graph, op, x, w) = Begin();
        _ = op.Recompute(() => op.Exp(x));
        var y = op.Recompute(() => Layer(op, x, w));
        var total = Total(op, y);
        graph.Output(op.Named("t", total));
        graph.Prune();
        Assert.HasCount(1, Differentiator.Backward(op, total, null, [x]));
    }

    [TestMethod]
    public void Backward_Copy_WaitsForItsGradient()
    {
        var (graph, op, x, w) = Begin();
        var y = op.Recompute(() => Layer(op, x, w));
        graph.Output(op.Named("d", Differentiator.Backward(op, Total(op, op.Mul(y, y)), null, [x])[x]));
        // Input of the copy's product is no longer x itself but a view of x that is made from the gradient.
        var copy = graph.Nodes.Where(n => n.Op == "Exp").ElementAt(1);
        var product = copy.Inputs[0]!.Producer!;
        Assert.AreEqual("Mul", product.Op);
        Assert.AreNotSame(x, product.Inputs[0]);
        Assert.AreEqual("Reshape", product.Inputs[0]!.Producer!.Op);
        // The weights are there anyway; their shape is known.
        Assert.AreSame(w, product.Inputs[1]);
    }

    private static (Graph Graph, OpBuilder Op, Value X, Value W) Begin()
    {
        var graph = new Graph("g");
        return (graph, new OpBuilder(graph), graph.Input("x", ElementType.Float64, "N", 3), graph.Input("w", ElementType.Float64, 3));
    }

    private static Value Total(OpBuilder op, Value y) => op.Op("ReduceSum", [y], ("keepdims", 0L));

    private static void Same(Result plain, Result again)
    {
        for (var i = 0; i < X.Length; i++)
            Assert.AreEqual(plain.X[i], again.X[i], 1e-12, $"d/dx {i}");
        for (var i = 0; i < W.Length; i++)
            Assert.AreEqual(plain.W[i], again.W[i], 1e-12, $"d/dw {i}");
    }

    private static Result Run(Func<OpBuilder, Value, Value, Value> write)
    {
        var (graph, op, x, w) = Begin();
        var y = write(op, x, w);
        var gradients = Differentiator.Backward(op, Total(op, op.Mul(y, y)), null, [x, w]);
        graph.Output(gradients[x]);
        graph.Output(gradients[w]);
        int Count(string name) => graph.Nodes.Count(n => n.Op == name);
        // What the rules themselves write takes the values, and makes no exponential or inverse of its own.
        var (exps, inverses) = (Count("Exp"), Count("Reciprocal"));
        using var runner = new OrtRunner(graph);
        var outputs = runner.Run(new Dictionary<string, TensorData>(StringComparer.Ordinal)
        {
            ["x"] = TensorData.Of(X, 2, 3),
            ["w"] = TensorData.Of(W, 3),
        });
        return new(FiniteDifferences.Doubles(outputs[0]), FiniteDifferences.Doubles(outputs[1]), exps, inverses);
    }

    private sealed record Result(double[] X, double[] W, int Exps, int Inverses);
}
