using G2RL.Onnx.Execution.Native;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Tests.Kernels;

namespace G2RL.Onnx.Tests;

/// <summary>A wrong place in ONNX Runtime's table of functions is a call of another function.</summary>
[TestClass]
public sealed class OrtFunctionsTests
{
    [TestMethod]
    public void Places_AreThoseOfTheHeaderThatThePackageShips()
    {
        var header = OrtHeader.Members("struct OrtApi {");
        Assert.IsGreaterThanOrEqualTo(428, header.Count);
        foreach (var (name, place) in OrtFunctions.Places)
            Assert.AreEqual(name, header[place], $"place {place}");
    }

    [TestMethod]
    public void Placement_OfASessionOnTheHost_NamesEveryNode()
    {
        var graph = new Graph("g");
        var op = new OpBuilder(graph);
        var x = graph.Input("x", ElementType.Float32, [3]);
        graph.Output(op.Exp(op.Tanh(x)));
        using var session = new OrtSession(graph, 1, (options, _) => options.AddSessionConfigEntry(NodePlacement.SessionOption, "1"));
        var placement = session.Placement;
        CollectionAssert.AreEquivalent(new[] { "Tanh", "Exp" }, placement.Select(p => p.Operator).ToArray());
        foreach (var node in placement)
            Assert.AreEqual(NodePlacement.Cpu, node.Provider);
        using var silent = new OrtSession(graph, 1);
        StringAssert.StartsWith(Assert.ThrowsExactly<InvalidOperationException>(() => silent.Placement).Message, "ONNX Runtime: ");
    }
}
