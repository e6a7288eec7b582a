using G2RL.Onnx.Gradients;
using G2RL.Onnx.Graphs.Fused;

namespace G2RL.Onnx.Graphs.Tests.Gradients;

/// <summary>
/// Which node an operator of our own leaves on the way back, with which inputs and settings. Its numbers are held where its kernels are.
/// </summary>
[TestClass]
public sealed class FusedGradientsTests
{
    private readonly Graph graph = new("g");
    private readonly OpBuilder op;

    public FusedGradientsTests() => op = new OpBuilder(graph);

    private Value Float(string name, params Dimension[] shape) => graph.Input(name, ElementType.Float32, shape);

    private (Node Node, Value Loss) Back(Value y, Value x)
    {
        var loss = op.ReduceSum(y, keepDims: false, [.. Enumerable.Range(0, y.Rank)]);
        return (Differentiator.Backward(op, loss, null, [x])[x].Producer!, loss);
    }

    [TestMethod]
    public void RmsNorm_KeepsItsEpsilon()
    {
        var (x, w) = (Float("x", 2, 3, 8), Float("w", 8));
        var (node, _) = Back(op.RmsNorm(x, w, 0.25), x);
        Assert.AreEqual(("RmsNormGrad", "g2rl", 2), (node.Op, node.Domain, node.Outputs.Count));
        Assert.AreEqual(0.25f, node.Float("epsilon", -1));
        CollectionAssert.AreEqual(new[] { x, w }, node.Inputs.Skip(1).ToArray());
    }

    [TestMethod]
    [DataRow(0L)]
    [DataRow(1L)]
    public void Rotary_TurnsTheOtherWay(long inverse)
    {
        var (x, cos, sin) = (Float("x", 2, 3, 4, 8), Float("cos", 2, 3, 1, 4), Float("sin", 2, 3, 1, 4));
        var y = op.Fused("Rotary", 1, [x, cos, sin], ("inverse", inverse))[0];
        var (node, _) = Back(y, x);
        Assert.AreEqual("Rotary", node.Op);
        Assert.AreEqual(1 - inverse, node.Int("inverse", -1));
        CollectionAssert.AreEqual(new[] { cos, sin }, node.Inputs.Skip(1).ToArray());
        Assert.AreNotEqual(x, node.Inputs[0]);
    }

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void GatedUnit_KeepsItsKind(bool gelu)
    {
        var (gate, up) = (Float("gate", 2, 8), Float("up", 2, 8));
        var (node, _) = Back(op.GatedUnit(gate, up, gelu), gate);
        Assert.AreEqual(("GatedUnitGrad", 2, gelu ? 1L : 0L), (node.Op, node.Outputs.Count, node.Int("gelu", -1)));
        CollectionAssert.AreEqual(new[] { gate, up }, node.Inputs.Skip(1).ToArray());
    }

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void CausalAttention_KeepsItsSettingsAndReadsItsResults(bool packed)
    {
        var (q, k, v) = (Float("q", 2, 3, 4, 8), Float("k", 2, 3, 2, 8), Float("v", 2, 3, 2, 8));
        var mask = graph.Input("mask", ElementType.Int64, 2, 3);
        var segments = packed ? graph.Input("segments", ElementType.Int64, 5, 2) : null;
        var y = op.CausalAttention(q, k, v, mask, scale: 0.5, window: 7, softcap: 30, segments);
        var (node, _) = Back(y, q);
        Assert.AreEqual(("CausalAttentionGrad", 3), (node.Op, node.Outputs.Count));
        Assert.AreEqual((0.5f, 7L, 30f), (node.Float("scale", -1), node.Int("window", -1), node.Float("softcap", -1)));
        Value?[] expected = [q, k, v, mask, y, y.Producer!.Outputs[1], .. packed ? new[] { segments } : []];
        CollectionAssert.AreEqual(expected, node.Inputs.Skip(1).ToArray());
    }

    [TestMethod]
    public void TokenScores_ReadsItsLogSumAndEntropy()
    {
        var (logits, targets) = (Float("logits", 5, 16), graph.Input("targets", ElementType.Int64, 5));
        var scores = op.TokenScores(logits, targets);
        var (node, _) = Back(scores.LogProb, logits);
        Assert.AreEqual("TokenScoresGrad", node.Op);
        CollectionAssert.AreEqual(new[] { logits, targets, scores.LogSum, scores.Entropy }, node.Inputs.Take(4).ToArray());
    }

    [TestMethod]
    public void Rows_AddToZeros()
    {
        var (x, numbers) = (Float("x", 6, 8), graph.Input("numbers", ElementType.Int64, 3));
        var (node, _) = Back(op.Rows(x, numbers), x);
        Assert.AreEqual("RowsAdded", node.Op);
        Assert.AreEqual(numbers, node.Inputs[1]);
    }

    [TestMethod]
    public void Product_IsAProductOnTheWayBack()
    {
        var (x, w) = (Float("x", 4, 8), Float("w", 8, 2));
        var (node, _) = Back(op.Product(x, w), x);
        Assert.AreEqual(("Gemm", 0L, 1L), (node.Op, node.Int("transA", -1), node.Int("transB", -1)));
        CollectionAssert.AreEqual(new[] { w }, node.Inputs.Skip(1).ToArray());
    }

    // Ours is the faster where its first operand lies turned and is a float; everywhere else ONNX Runtime's own is taken.
    [TestMethod]
    [DataRow(true, false, ElementType.Float32, "Product")]
    [DataRow(true, true, ElementType.Float32, "Gemm")]
    [DataRow(true, false, ElementType.Float64, "Gemm")]
    [DataRow(false, false, ElementType.Float32, "Gemm")]
    public void Gemm_WeightsGradient_IsOursWhereItsFirstOperandLiesTurned(bool fuses, bool turned, ElementType type, string expected)
    {
        var own = new OpBuilder(graph) { Fuses = fuses };
        var (x, w) = (graph.Input("x", type, turned ? 8 : 4, turned ? 4 : 8), graph.Input("w", type, 8, 2));
        var loss = own.ReduceSum(own.Gemm(x, w, null, transposeA: turned), keepDims: false, 0, 1);
        var node = Differentiator.Backward(own, loss, null, [w])[w].Producer!;
        // dW = op(X)^T dY.
        Assert.AreEqual((expected, turned ? 0L : 1L, 0L), (node.Op, node.Int("transA", -1), node.Int("transB", -1)));
        Assert.AreSame(x, node.Inputs[0]);
    }
}
