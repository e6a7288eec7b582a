using G2RL.Onnx.Gradients;

namespace G2RL.Onnx.Graphs.Tests.Gradients;

[TestClass]
public sealed class DifferentiatorTests
{
    private readonly Graph graph = new("g");
    private readonly OpBuilder op;
    private readonly Value x;

    public DifferentiatorTests()
    {
        op = new OpBuilder(graph);
        x = graph.Input("x", ElementType.Float64, 2, 3);
    }

    [TestMethod]
    public void Operator_WithoutARule_IsNamed()
    {
        var loss = Total(graph.Add("ReduceMax", [x], outputNames: ["largest"]).Outputs[0]!);
        Refused("No gradient for operator 'ReduceMax' (node output 'largest'). Add a rule to GradientRules", () => Backward(loss, x));
    }

    // x sg(x): the product is x^2, the gradient only what the first factor gives.
    [TestMethod]
    public void Detach_Factor_KeepsItsValueAndStopsItsGradient()
    {
        var y = op.Mul(x, op.Detach(x));
        CollectionAssert.AreEqual(new double[] { 1, 2, 3, 4, 5, 6 }, Run(Backward(Total(y), x)[x], [1, 2, 3, 4, 5, 6]));
        CollectionAssert.AreEqual(new double[] { 0, 0, 0, 0, 0, 0 }, Run(Backward(Total(op.Detach(op.Exp(x))), x)[x], [1, 2, 3, 4, 5, 6]));
    }

    [TestMethod]
    public void Detach_OfTheOutputItself_StopsEveryGradient() =>
        CollectionAssert.AreEqual(new double[6], Run(Backward(op.Detach(Total(x)), x)[x], [1, 2, 3, 4, 5, 6]));

    // Behind whole numbers nothing varies, floats made of them included: x d with d = 0.5 (whole part of x), a constant.
    [TestMethod]
    public void Operator_WithoutARule_BehindWholeNumbers_DoesNotMatter()
    {
        var single = op.Cast(x, ElementType.Float32);
        var whole = op.Op("DequantizeLinear", [op.Cast(single, ElementType.Int8), op.Scalar(0.5)]);
        var loss = Total(op.Mul(single, whole));
        CollectionAssert.AreEqual(new[] { 0.5, 1, 1.5, 2, 2.5, 3 }, Run(Backward(loss, x)[x], [1.5, 2, 3.25, 4, 5, 6]));
    }

    // What the parameters do not reach may hold any operator.
    [TestMethod]
    public void Operator_WithoutARule_BehindFrozenValues_DoesNotMatter()
    {
        var w = graph.Input("w", ElementType.Float64, 3);
        var loss = Total(op.Mul(op.Op("ReduceMax", [x, op.Ints(0)], ("keepdims", 0L)), w));
        CollectionAssert.AreEqual(new double[] { 4, 5, 6 }, Run(Backward(loss, w)[w], [1, 2, 3, 4, 5, 6], [0, 0, 0]));
    }

    // A transposed gradient of a square matrix would pass unseen; of any other it is an error when the graph is built.
    [TestMethod]
    public void Rule_ThatGivesATransposedGradient_IsRefusedWhenTheGraphIsBuilt()
    {
        var w = graph.Input("w", ElementType.Float64, 3, 4);
        var loss = Total(op.MatMul(x, w));
        var rules = With("MatMul", g => [g.Op.SwapLastTwo(GradientRules.All["MatMul"](g)[0]!), GradientRules.All["MatMul"](g)[1]]);
        Refused("gradient rule of MatMul (node 'MatMul_0')", () => Differentiator.Backward(op, loss, null, [x, w], rules));
        Refused("input 0, 'x: Float64[2, 3]'", () => Differentiator.Backward(op, loss, null, [x, w], rules));
    }

    [TestMethod]
    [DataRow("alpha")]
    [DataRow("beta")]
    public void Gemm_ThatScales_IsRefused(string name)
    {
        var w = graph.Input("w", ElementType.Float64, 3, 4);
        var loss = Total(op.Op("Gemm", [x, w], (name, 2f)));
        Refused("No gradient for Gemm with alpha or beta other than 1", () => Backward(loss, x));
    }

    [TestMethod]
    public void Rule_ThatGivesAnotherTypeOrTooFewAxes_IsRefused()
    {
        var loss = Total(op.Exp(x));
        Refused(
            "gradient rule of Exp",
            () => Differentiator.Backward(op, loss, null, [x], With("Exp", g => [g.Op.Cast(g.DY, ElementType.Float32)])));
        Refused(
            "gradient rule of Exp",
            () => Differentiator.Backward(op, loss, null, [x], With("Exp", g => [g.Op.ReduceSum(g.DY, keepDims: false, 0)])));
    }

    [TestMethod]
    public void Output_ThatIsNoScalar_NeedsAGradientToStartFrom()
    {
        var y = op.Exp(x);
        Refused("is no scalar", () => Backward(y, x));
        Refused("does not have the shape of", () => Differentiator.Backward(op, y, graph.Input("dy", ElementType.Float64, 3, 2), [x]));
        Refused("does not have the shape of", () => Differentiator.Backward(op, y, graph.Input("dy32", ElementType.Float32, 2, 3), [x]));
    }

    [TestMethod]
    public void Gradient_StartsFromTheSeed()
    {
        var seed = graph.Input("seed", ElementType.Float64, 2, 3);
        var gradient = Differentiator.Backward(op, op.Mul(x, x), seed, [x])[x];
        // d/dx of seed x^2 = 2 x seed.
        CollectionAssert.AreEqual(new double[] { 2, 8, 18, 32, 50, 72 }, Run(gradient, [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]));
    }

    [TestMethod]
    public void Value_ThatIsUsedSeveralTimes_SumsItsContributions()
    {
        // x + x + x exp(0) + x^2 -> 3 + 2x
        var loss = Total(op.Add(op.Add(x, x), op.Add(op.Mul(x, op.Exp(op.Scalar(0, ElementType.Float64))), op.Mul(x, x))));
        CollectionAssert.AreEqual(new double[] { 3, 5, 7, 9, 11, 13 }, Run(Backward(loss, x)[x], [0, 1, 2, 3, 4, 5]));
    }

    [TestMethod]
    public void Parameter_ThatNothingUses_GetsZeros()
    {
        var unused = graph.Input("unused", ElementType.Float64, 2, "N");
        var gradients = Backward(Total(op.Exp(x)), x, unused);
        Assert.AreEqual("[2, N]", Shapes.Text(gradients[unused].Shape));
        CollectionAssert.AreEqual(new double[4], Run(gradients[unused], new double[6], [9, 9, 9, 9]));
    }

    [TestMethod]
    public void Gradient_OfAValueInTheMiddle_IsThatOfTheLoss()
    {
        var middle = op.Mul(x, op.Scalar(3, ElementType.Float64));
        var gradients = Backward(Total(op.Mul(middle, middle)), middle, x);
        CollectionAssert.AreEqual(new double[] { 6, 12, 0, 0, 0, 0 }, Run(gradients[middle], [1, 2, 0, 0, 0, 0]));
        CollectionAssert.AreEqual(new double[] { 18, 36, 0, 0, 0, 0 }, Run(gradients[x], [1, 2, 0, 0, 0, 0]));
    }

    // Two layers, the first frozen: the only product of the backward pass is the second weight's gradient.
    [TestMethod]
    public void FrozenParameters_CostNoNodes()
    {
        var (w1, w2) = (graph.Input("w1", ElementType.Float64, 3, 4), graph.Input("w2", ElementType.Float64, 4, 5));
        var loss = Total(op.MatMul(op.Tanh(op.MatMul(x, w1)), w2));
        graph.Output(op.Named("d", Backward(loss, w2)[w2]));
        graph.Prune();
        // Forward of the first layer (the loss itself is no output), and A^T dY.
        Assert.AreEqual(2, graph.Nodes.Count(n => n.Op == "MatMul"));
    }

    [TestMethod]
    public void Pruning_DropsGradientsThatNobodyWants()
    {
        var (w1, w2) = (graph.Input("w1", ElementType.Float64, 3, 4), graph.Input("w2", ElementType.Float64, 4, 5));
        var loss = Total(op.MatMul(op.Tanh(op.MatMul(x, w1)), w2));
        graph.Output(op.Named("d", Backward(loss, x, w1, w2)[x]));
        var before = graph.Nodes.Count;
        graph.Prune();
        Assert.IsLessThan(before, graph.Nodes.Count);
        // Forward of the first layer, dY w2^T and dH w1^T; neither weight's gradient.
        Assert.AreEqual(3, graph.Nodes.Count(n => n.Op == "MatMul"));
    }

    // The conventions at points without a derivative, as torch has them.
    [TestMethod]
    [DataRow("Abs", 0.0, 0.0)]
    [DataRow("Relu", 0.0, 0.0)]
    [DataRow("Relu", 1.0, 1.0)]
    [DataRow("Clip", -1.0, 1.0)]
    [DataRow("Clip", 1.0, 1.0)]
    [DataRow("Clip", 1.5, 0.0)]
    [DataRow("Max", 1.0, 0.5)]
    [DataRow("Min", 1.0, 0.5)]
    [DataRow("Max", 2.0, 1.0)]
    [DataRow("Min", 2.0, 0.0)]
    [DataRow("Pow0", 0.0, 0.0)]
    [DataRow("Pow1", 0.0, 1.0)]
    [DataRow("Pow3", 0.0, 0.0)]
    public void Gradient_AtAKink_FollowsTheConvention(string name, double at, double expected)
    {
        var one = op.Scalar(1, ElementType.Float64);
        var y = name switch
        {
            "Clip" => op.Clip(x, -1, 1),
            "Max" or "Min" => op.Op(name, [x, one]),
            "Pow0" or "Pow1" or "Pow3" => op.Pow(x, op.Like(x, name[^1] - '0')),
            _ => op.Op(name, [x]),
        };
        Assert.AreEqual(expected, Run(Backward(Total(y), x)[x], [at, 0, 0, 0, 0, 0])[0]);
    }

    // d/db x^b = x^b ln x, whatever float type the exponent has; 0 where x is 0 and b is not below it, as torch has it.
    [TestMethod]
    public void Pow_ExponentThatLearns_HasAGradientOfItsType()
    {
        var b = graph.Input("b", ElementType.Float64, 2, 3);
        var single = op.Cast(b, ElementType.Float32);
        double[] bases = [0.5, 1, 2, 3, 0, 0], exponents = [2, 3, 3, -1, 2, 0];
        double[] expected =
        [
            .. bases.Zip(exponents, (of, to) => of == 0 ? 0 : Math.Pow(of, to) * Math.Log(of)),
        ];
        foreach (var exponent in new[] { b, single })
        {
            var found = Run(Backward(Total(op.Pow(x, exponent)), b)[b], bases, exponents);
            for (var i = 0; i < expected.Length; i++)
                Assert.AreEqual(expected[i], found[i], 1e-6, $"{exponent.Type} {i}");
        }
    }

    [TestMethod]
    public void Concat_PartOfUnknownLength_GivesEachItsShare()
    {
        var s = graph.Input("s", ElementType.Float64, "N", 3);
        var c = op.Concat(0, s, x);
        var gradients = Backward(Total(op.Mul(c, c)), s, x);
        CollectionAssert.AreEqual(new double[] { 14, 16, 18, 20, 22, 24 }, Run(gradients[s], [1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]));
        CollectionAssert.AreEqual(new double[] { 2, 4, 6, 8, 10, 12 }, Run(gradients[x], [1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]));
    }

    // Until opset 18 the axes of a mean were an attribute.
    [TestMethod]
    public void ReduceMean_AxesAsAnAttribute_AreRead()
    {
        var old = new Graph("g", opset: 17);
        var write = new OpBuilder(old);
        var of = old.Input("x", ElementType.Float64, 2, 3);
        var means = write.Op("ReduceMean", [of], ("axes", new long[] { 1 }), ("keepdims", 0L));
        var seed = old.Input("seed", ElementType.Float64, 2);
        old.Output(Differentiator.Backward(write, means, seed, [of])[of]);
        using var runner = new OrtRunner(old);
        var found = FiniteDifferences.Doubles(runner.Run(new Dictionary<string, TensorData>(StringComparer.Ordinal)
        {
            ["x"] = TensorData.Of(new double[6], 2, 3),
            ["seed"] = TensorData.Of((double[])[3, 6], 2),
        })[0]);
        for (var i = 0; i < found.Length; i++)
            Assert.AreEqual(i < 3 ? 1 : 2, found[i], 1e-12, $"{i}");
    }

    [TestMethod]
    public void Gradient_ThatIsNotWritten_SaysSoWhenTheGraphIsBuilt()
    {
        var s = graph.Input("s", ElementType.Float64, "N", 3);
        Refused("Max of 3 inputs", () => Backward(Total(op.Op("Max", [x, x, x])), x));
        Refused(
            "Gemm with alpha",
            () => Backward(Total(op.Op("Gemm", [x, graph.Input("w", ElementType.Float64, 3, 4)], ("alpha", 2f))), x));
        Refused("Slice along an axis of unknown length", () => Backward(Total(op.Slice(s, 0, 0, 1)), s));
        Refused("Slice with steps", () => Backward(Total(op.Op("Slice", [x, op.Ints(0), op.Ints(3), op.Ints(1), op.Ints(2)])), x));
        Refused(
            "Slice with steps",
            () => Backward(Total(op.Op("Slice", [x, op.Ints(0, 0), op.Ints(2, 3), op.Ints(0, 1), op.Ints(1, 2)])), x));
    }

    private Value Total(Value y) => op.Op("ReduceSum", [y], ("keepdims", 0L));

    private IReadOnlyDictionary<Value, Value> Backward(Value loss, params Value[] wrt) => Differentiator.Backward(op, loss, null, wrt);

    // The value, given x and, if there is one, the second input (its symbolic axis being 2).
    private double[] Run(Value value, double[] first, double[]? second = null)
    {
        graph.Output(value);
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = TensorData.Of(first, 2, 3) };
        if (second is not null)
            feeds[graph.Inputs[1].Name] = TensorData.Of(second, [.. graph.Inputs[1].Shape.Select(d => d.IsKnown ? d.Size : 2)]);
        using var runner = new OrtRunner(graph);
        return FiniteDifferences.Doubles(runner.Run(feeds)[^1]);
    }

    private static Dictionary<string, GradientRule> With(
        string name,
        GradientRule rule) => new(GradientRules.All, StringComparer.Ordinal) { [name] = rule };

    private static void Refused(string named, Action action) =>
        StringAssert.Contains(Assert.ThrowsExactly<GraphException>(action).Message, named);
}
