using System.Runtime.InteropServices;
using G2RL.Onnx.Gradients;

namespace G2RL.Onnx.Graphs.Tests.Gradients;

[TestClass]
public sealed class GatherGradientTests
{
    // An embedding's gradient: many tokens share a row, and the runtime may use several threads. Ones sum exactly, in any order.
    [TestMethod]
    [DataRow(1)]
    [DataRow(8)]
    public void Gather_OfTheSameRowsByManyTokens_LosesNoContribution(int threads)
    {
        const int tokens = 20_000, rows = 3, width = 256;
        var graph = new Graph("g");
        var op = new OpBuilder(graph);
        var table = graph.Input("table", ElementType.Float32, rows, width);
        var ids = graph.Input("ids", ElementType.Int64, "T");
        var loss = op.Op("ReduceSum", [op.Gather(table, ids)], ("keepdims", 0L));
        graph.Output(Differentiator.Backward(op, loss, null, [table])[table]);
        graph.Prune();
        using var runner = new OrtRunner(graph, threads);
        var feeds = new Dictionary<string, TensorData>(StringComparer.Ordinal)
        {
            ["table"] = TensorData.Of(new float[rows * width], rows, width),
            ["ids"] = TensorData.Of([.. Enumerable.Range(0, tokens).Select(t => (long)(t % rows))], tokens),
        };
        // 20,000 = 6,667 + 6,667 + 6,666.
        float[] expected = [6_667, 6_667, 6_666];
        for (var run = 0; run < 3; run++)
        {
            var gradient = MemoryMarshal.Cast<byte, float>(runner.Run(feeds)[0].Bytes.Span);
            for (var r = 0; r < rows; r++)
                for (var d = 0; d < width; d++)
                    Assert.AreEqual(expected[r], gradient[(r * width) + d]);
        }
    }
}
