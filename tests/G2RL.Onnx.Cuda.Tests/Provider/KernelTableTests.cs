using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Losses;
using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Cuda.Tests.Operators;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Cuda.Tests.Provider;

/// <summary>
/// Whether the table of kernels (tests/fixtures/ort-cuda-kernels.json), by which graphs are judged without the provider, says what the
/// provider says.
/// </summary>
[TestClass]
[DoNotParallelize]
public sealed class KernelTableTests
{
    [TestMethod]
    [DataRow(CudaOperators.Opset)]
    [DataRow(21)]
    public void Table_OfKernels_AgreesWithTheProvider(int opset)
    {
        ProviderStubs.Require();
        using var driver = new CudaDriver(0);
        using var options = DeviceSessions.Provider(0, driver.Stream);
        var table = CudaKernelTable.Load();
        var wrong = new SortedSet<string>(StringComparer.Ordinal);
        var asked = new HashSet<string>(StringComparer.Ordinal);
        foreach (var graph in Graphs(opset))
        {
            using var session = new OrtSession(
                graph, threads: 1, (session, run) => DeviceSessions.Configure(graph, session, run, options));
            var uses = graph.Nodes.Zip(OperatorUse.Of(graph)).ToDictionary(p => p.First.Name, p => p.Second, StringComparer.Ordinal);
            var beyond = HostNodes.Beyond(graph, session.Placement).Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
            foreach (var node in session.Placement)
            {
                // Nodes that ONNX Runtime has made, and arithmetic on shapes, which it keeps on the host whatever there is.
                if (!uses.TryGetValue(node.Name, out var use) || (node.Provider == NodePlacement.Cpu && !beyond.Contains(node.Name)))
                    continue;
                asked.Add(use.Operator);
                if ((table.Fault(use) is null) != (node.Provider == NodePlacement.Cuda))
                    wrong.Add($"{use.Operator}-{use.Since}: {node.Provider}, and the table says {table.Fault(use) ?? "there is a kernel"}");
            }
        }
        Assert.AreEqual("", string.Join('\n', wrong));
        Assert.IsGreaterThan(30, asked.Count);
    }

    private static IEnumerable<Graph> Graphs(int opset) =>
        Decoders.All.Values.Select(spec => DecoderGraph.Decode(spec, opset, CacheAttention.Plain))
            .Concat(LossTable.All.Keys.Select(loss => DecoderGraph.Train(
                Decoders.All["Gemma3ForCausalLM"],
                PolicyLoss.Objective(new(KlCoefficient: 0.1, EntropyCoefficient: 0.1) { Loss = loss }),
                opset: opset)))
            .Append(DecoderGraph.Train(Decoders.All["GPT2LMHeadModel"], PolicyLoss.Objective(new()), opset: opset));
}
