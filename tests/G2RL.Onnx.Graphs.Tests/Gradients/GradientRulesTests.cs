using G2RL.Onnx.Gradients;
using G2RL.Onnx.Graphs.Fused;
using G2RL.Onnx.Graphs.Tests.Inference;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Graphs.Tests.Gradients;

[TestClass]
public sealed class GradientRulesTests
{
    [TestMethod]
    public void Rules_ThatLetGradientsThrough_HaveACase()
    {
        var covered = GradientCases.All.Select(c => c.Op).ToHashSet(StringComparer.Ordinal);
        Assert.AreEqual("", string.Join(", ", Flowing.Where(op => !covered.Contains(op))), "Add a case to GradientCases");
        Assert.AreEqual("", string.Join(", ", covered.Where(op => !Flowing.Contains(op))), "No such rule");
        CollectionAssert.IsSubsetOf(GradientRules.All.Keys.ToArray(), ShapeRules.All.Keys.ToArray());
    }

    [TestMethod]
    public void Rules_ByName_AreTheCoverageThatIsPromised()
    {
        var own = FusedOperators.Domain + "::";
        Assert.AreEqual(
            "Abs Add And Cast Clip Concat ConstantOfShape Cos Div Equal Erf Exp Expand Gather GatherElements Gemm Greater GreaterOrEqual "
                + "Identity IsInf IsNaN Less LessOrEqual Log LogSoftmax MatMul Max Min Mul Neg Not OneHot Or Pow Range Reciprocal "
                + "ReduceMean ReduceSum Relu Reshape Shape Sigmoid Sign Sin Slice Softmax Softplus Split Sqrt Squeeze Sub Sum Tanh "
                + "Transpose Unsqueeze Where",
            string.Join(' ', GradientRules.All.Keys
                .Where(k => !k.StartsWith(own, StringComparison.Ordinal))
                .Order(StringComparer.Ordinal)));
        Assert.AreEqual(
            "CausalAttention GatedUnit Product RmsNorm Rotary Rows TokenScores",
            string.Join(' ', GradientRules.All.Keys
                .Where(k => k.StartsWith(own, StringComparison.Ordinal))
                .Select(k => k[own.Length..])
                .Order(StringComparer.Ordinal)));
    }

    // What STYLE asks of every rule: odd, empty and size-1 axes, beside an ordinary case.
    [TestMethod]
    public void Cases_OfEveryRule_HoldAnEmptyAxisAndOneOfLength1()
    {
        foreach (var op in Flowing.Except(["Cast"]))
        {
            var shapes = GradientCases.All.Where(c => c.Op == op).SelectMany(c => c.Inputs).Select(i => i.Shape).ToArray();
            Assert.IsTrue(shapes.Any(s => s.Contains(0)), $"{op}: no empty axis");
            Assert.IsTrue(op is "Slice" or "Gather" or "GatherElements" || shapes.Any(s => s.Contains(1)), $"{op}: no axis of length 1");
        }
    }

    [TestMethod]
    [DynamicData(nameof(Cases))]
    public void Gradient_OfACase_IsTheFiniteDifference(string name) =>
        FiniteDifferences.Check(GradientCases.All.Single(c => c.ToString() == name), symbolic: false);

    [TestMethod]
    [DynamicData(nameof(SymbolicCases))]
    public void Gradient_OfACaseWithSymbolicAxes_IsTheFiniteDifference(string name) =>
        FiniteDifferences.Check(GradientCases.All.Single(c => c.ToString() == name), symbolic: true);

    // The check itself: a rule that is wrong by a thousandth in one input is found by that operator's cases.
    [TestMethod]
    [DynamicData(nameof(FlowingInputs))]
    public void FiniteDifference_OfAWrongRule_DoesNotAgree(string op, int input)
    {
        var wrong = new Dictionary<string, GradientRule>(GradientRules.All, StringComparer.Ordinal)
        {
            [op] = g => [.. GradientRules.All[op](g).Select((d, i) => i == input && d is not null ? g.Op.Mul(d, g.Op.Like(d, 1.001)) : d)],
        };
        Assert.IsTrue(GradientCases.All.Where(c => c.Op == op).Any(c => Fails(c, wrong)));
    }

    // Each on a use of its operator from ShapeCases: the outputs, cast to float where they are not, have no gradient in any float input.
    [TestMethod]
    [DynamicData(nameof(NotDifferentiable))]
    public void Gradient_OfAnOperatorThatLetsNothingThrough_IsZero(string op)
    {
        var shapeCase = ShapeCases.All.First(c => c.Op == op);
        var graph = new Graph("case");
        var builder = new OpBuilder(graph);
        var values = shapeCase.Build(builder);
        var inputs = graph.Inputs.Where(i => i.Type.IsFloat()).DefaultIfEmpty(graph.Input("other", ElementType.Float32, "B")).ToList();
        var loss = builder.Op("ReduceSum", [builder.Cast(values[0], ElementType.Float32)], ("keepdims", 0L));
        var gradients = Differentiator.Backward(builder, loss, seedGradient: null, inputs);
        foreach (var input in inputs)
        {
            Assert.AreEqual("ConstantOfShape", gradients[input].Producer!.Op);
            graph.Output(gradients[input]);
        }
        graph.Prune();
        foreach (var gradient in OrtRunner.Run(graph, shapeCase.Inputs(graph, new AxisLengths())))
            Assert.AreEqual(-1, gradient.Bytes.Span.IndexOfAnyExcept((byte)0));
    }

    [TestMethod]
    public void StandIns_ForMissingFloat64Kernels_AgreeWithTheFloat32Kernels()
    {
        foreach (var name in Float64Stand.Operators)
        {
            float[] values = [-1.9f, -1, -0.3f, 0, 1e-3f, 0.5f, 1.25f, 1.9f];
            var single = new Graph("single");
            single.Output(new OpBuilder(single).Op(name, [single.Input("x", ElementType.Float32, 8)]));
            var expected = OrtRunner.Run(
                single,
                new Dictionary<string, TensorData>(StringComparer.Ordinal) { ["x"] = TensorData.Of(values, 8) })[0];
            var wide = new Graph("wide");
            wide.Output(new OpBuilder(wide).Op(name, [wide.Input("x", ElementType.Float64, 8)]));
            var actual = OrtRunner.Run(Float64Stand.Rewrite(wide), new Dictionary<string, TensorData>(
                StringComparer.Ordinal)
            { ["x"] = TensorData.Of(Array.ConvertAll(values, v => (double)v), 8) })[0];
            for (var i = 0; i < values.Length; i++)
                Assert.AreEqual(
                    BitConverter.ToSingle(expected.Bytes.Span[(4 * i)..]),
                    FiniteDifferences.Doubles(actual)[i],
                    Tolerances.Float32Kernel,
                    $"{name}({values[i]})");
        }
    }

    // When this fails a newer runtime has learnt the operator: delete its stand-in.
    [TestMethod]
    public void StandIns_AreOnlyForOperatorsThatTheRuntimeLacksInFloat64()
    {
        foreach (var name in Float64Stand.Operators)
        {
            var graph = new Graph("g");
            graph.Output(new OpBuilder(graph).Op(name, [graph.Input("x", ElementType.Float64, 8)]));
            var refused = Assert.ThrowsExactly<OnnxRuntimeException>(() => new OrtRunner(graph).Dispose(), name);
            StringAssert.Contains(refused.Message, "Could not find an implementation", name);
        }
    }

    private static bool Fails(GradientCase gradientCase, IReadOnlyDictionary<string, GradientRule> rules)
    {
        try
        {
            FiniteDifferences.Check(gradientCase, symbolic: false, rules);
            return false;
        }
        catch (AssertFailedException)
        {
            return true;
        }
    }

    // Our own have their cases where their kernels are, see ShapeRulesTests.
    private static HashSet<string> Flowing => [.. GradientRules.All.Where(r => r.Value != GradientRules.NotDifferentiable)
        .Select(r => r.Key)
        .Where(op => !op.StartsWith(FusedOperators.Domain + "::", StringComparison.Ordinal))];

    private static IEnumerable<object[]> Cases => GradientCases.All.Select(c => new object[] { c.ToString() });

    // Inputs that a rule gives a gradient for: all but conditions, shapes and indices.
    private static IEnumerable<object[]> FlowingInputs => Flowing.SelectMany(op => op switch
    {
        "Add" or "Sub" or "Mul" or "Div" or "Pow" or "Max" or "Min" or "Sum" or "MatMul" or "Concat" => new[] { 0, 1 },
        "Gemm" or "Clip" => [0, 1, 2],
        "Where" => [1, 2],
        _ => [0],
    }, (op, input) => new object[] { op, input });

    private static IEnumerable<object[]> SymbolicCases =>
        GradientCases.All.Where(c => c.Inputs.Any(i => !i.Known && i.Shape.Any(n => n != 1))).Select(c => new object[] { c.ToString() });

    private static IEnumerable<object[]> NotDifferentiable =>
        GradientRules.All.Where(r => r.Value == GradientRules.NotDifferentiable).Select(r => new object[] { r.Key });
}
