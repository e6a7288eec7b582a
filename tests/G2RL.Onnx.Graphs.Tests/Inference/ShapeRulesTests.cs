using G2RL.Onnx.Graphs.Fused;

namespace G2RL.Onnx.Graphs.Tests.Inference;

[TestClass]
public sealed class ShapeRulesTests
{
    // The current runtime has no training inside; tests/ort-training-interop runs this operator in the last one that has.
    private const string TrainingOnly = "com.microsoft::InPlaceAccumulatorV2";

    // Our own run where their kernels are: tests/G2RL.Onnx.Tests/Kernels has their cases, and sees that none lacks one.
    private static bool IsOurs(string op) => op.StartsWith(FusedOperators.Domain + "::", StringComparison.Ordinal);

    [TestMethod]
    public void Rules_All_HaveACase()
    {
        var covered = ShapeCases.All.Select(c => c.Op).ToHashSet(StringComparer.Ordinal);
        Assert.AreEqual(
            "",
            string.Join(", ", ShapeRules.All.Keys.Where(op => !covered.Contains(op) && op != TrainingOnly && !IsOurs(op))),
            "Add a case to ShapeCases");
        Assert.AreEqual("", string.Join(", ", covered.Where(op => !ShapeRules.All.ContainsKey(op))), "No such rule");
    }

    [TestMethod]
    [DynamicData(nameof(Cases))]
    public void Inference_OfACase_IsWhatTheRuntimeGives(string name)
    {
        var shapeCase = ShapeCases.All.Single(c => c.ToString() == name);
        var (graph, values) = shapeCase.Graph();
        Assert.IsTrue(
            graph.Nodes.Any(n => (n.Domain.Length == 0 ? n.Op : $"{n.Domain}::{n.Op}") == shapeCase.Op),
            "the case does not hold its operator");
        var lengths = new AxisLengths();
        var results = OrtRunner.Run(graph, shapeCase.Inputs(graph, lengths));
        for (var i = 0; i < values.Count; i++)
        {
            Assert.AreEqual(values[i].Type, results[i].Type);
            Assert.AreEqual(values[i].Rank, results[i].Shape.Count, values[i].ToString());
            for (var axis = 0; axis < values[i].Rank; axis++)
                Assert.AreEqual(
                    lengths.Of(values[i].Shape[axis]) ?? results[i].Shape[axis],
                    results[i].Shape[axis],
                    $"axis {axis} of {values[i]}");
            if (values[i].KnownElements is { } known)
                CollectionAssert.AreEqual(known.Select(d => lengths.Of(d)!.Value).ToArray(), results[i].AsInt64().ToArray());
            if (shapeCase.Name.EndsWith("keeps elements", StringComparison.Ordinal))
                Assert.IsNotNull(values[i].KnownElements);
        }
    }

    // Lengths that only the run can tell would make the comparison above empty.
    [TestMethod]
    public void Cases_WithLengthsThatOnlyTheRunTells_AreFew()
    {
        var unknown = ShapeCases.All.Where(c => c.Graph().Values.Any(v => v.Shape.Any(d => new AxisLengths().Of(d) is null)))
            .Select(c => c.ToString());
        CollectionAssert.AreEquivalent(
            new[] { "Range: of unknown length", "Slice: part of a symbolic axis", "TopK: a number that the run tells" },
            unknown.ToArray());
    }

    private static IEnumerable<object[]> Cases => ShapeCases.All.Select(c => new object[] { c.ToString() });
}
