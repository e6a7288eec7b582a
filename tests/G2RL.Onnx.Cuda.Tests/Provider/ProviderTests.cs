using System.Globalization;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Cuda.Tests.Driver;
using G2RL.Onnx.Cuda.Tests.Operators;
using G2RL.Onnx.Cuda.Tests.Serving;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using G2RL.Onnx.Tests;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Cuda.Tests.Provider;

/// <summary>What ONNX Runtime's real CUDA provider takes and does with our graphs, asked of itself.</summary>
[TestClass]
[DoNotParallelize]
public sealed class ProviderTests
{
    private static readonly string Table = SharedFolder.InRepository("tests", "G2RL.Onnx.Cuda.Tests", "Provider", "placement.tsv");

    public static IEnumerable<object[]> Architectures => Decoders.All.Keys.Select(name => new object[] { name });

    // An update sets what it does not name back to its default, and the provider drops a stream that comes without its flag.
    [TestMethod]
    public void Options_ReadBackFromTheProvider_AreThoseThatWereSet()
    {
        ProviderStubs.Require();
        using var driver = new CudaDriver(0);
        using var options = DeviceSessions.Provider(0, driver.Stream);
        var taken = options.GetOptions().Split(';').Select(o => o.Split('=', 2)).ToDictionary(o => o[0], o => o[1], StringComparer.Ordinal);
        Assert.AreEqual("1", taken["has_user_compute_stream"]);
        Assert.AreEqual(((ulong)driver.Stream).ToString(CultureInfo.InvariantCulture), taken["user_compute_stream"]);
        Assert.AreNotEqual("0", taken["user_compute_stream"]);
        // Whether graphs are captured it does not give back; CaptureTests sees it do so.
        foreach (var (name, value) in DeviceSessions.ProviderOptions(0, driver.Stream).Where(o => o.Key != "enable_cuda_graph"))
            Assert.AreEqual(value, taken[name], name);
    }

    [TestMethod]
    public void Open_OnCuda_OpensOnceAndSaysNothing()
    {
        ProviderStubs.Require();
        using var driver = new CudaDriver(0);
        var warnings = new List<string>();
        using var session = new DeviceSessions(new DeviceMemory(driver), warnings.Add)
            .Open(DecoderGraph.Decode(Decoders.All["Qwen3ForCausalLM"], CudaOperators.Opset, CacheAttention.Plain));
        Assert.AreEqual("", string.Join('\n', warnings));
        Assert.IsGreaterThan(100, session.Placement.Count(p => p.Provider == NodePlacement.Cuda));
    }

    // The planted fault: the provider has no GroupQueryAttention in float32.
    [TestMethod]
    public void Open_NodesWithoutAKernel_AreNamedAndCopied()
    {
        ProviderStubs.Require();
        using var driver = new CudaDriver(0);
        var warnings = new List<string>();
        var graph = DecoderGraph.Decode(Decoders.All["Qwen3ForCausalLM"], CudaOperators.Opset, CacheAttention.Grouped);
        using var opened = new DeviceSessions(new DeviceMemory(driver), warnings.Add).Open(graph);
        Assert.HasCount(1, warnings);
        StringAssert.StartsWith(warnings[0], $"ONNX Runtime runs 2 of the {graph.Nodes.Count} nodes of the graph 'decode' on the CPU");
        StringAssert.Contains(warnings[0], "in every run: GroupQueryAttention_");
        var file = Path.GetTempFileName();
        using var options = DeviceSessions.Provider(0, driver.Stream);
        using (new OrtSession(graph, threads: 1, (session, run) =>
        {
            DeviceSessions.Configure(graph, session, run, options);
            session.OptimizedModelFilePath = file;
        }))
            Assert.IsGreaterThan(0, Copies(File.ReadAllBytes(file)));
        File.Delete(file);
    }

    // The committed table is what the provider of 1.31.0 does; G2RL_WRITE_PLACEMENT=1 writes it anew, to be read before it is committed.
    [TestMethod]
    [DynamicData(nameof(Architectures))]
    public void Placement_OfEveryGraph_IsTheCommittedTable(string architecture)
    {
        ProviderStubs.Require();
        using var driver = new CudaDriver(0);
        using var options = DeviceSessions.Provider(0, driver.Stream);
        var rows = new List<string>();
        foreach (var precision in new[] { ElementType.Float32, ElementType.Float16, ElementType.BFloat16 })
            foreach (var (name, graph) in Graphs(Decoders.All[architecture], precision))
            {
                var file = Path.GetTempFileName();
                using var session = new OrtSession(graph, threads: 1, (session, run) =>
                {
                    DeviceSessions.Configure(graph, session, run, options);
                    session.OptimizedModelFilePath = file;
                });
                var placement = session.Placement;
                var host = placement.Count(p => p.Provider == NodePlacement.Cpu);
                rows.Add($"{architecture}\t{precision}\t{name}\t{placement.Length - host}\t{host}\t"
                    + $"{Copies(File.ReadAllBytes(file))}");
                Assert.AreEqual("", string.Join(", ", HostNodes.Beyond(graph, placement)), rows[^1]);
                File.Delete(file);
            }
        if (Environment.GetEnvironmentVariable("G2RL_WRITE_PLACEMENT") == "1")
        {
            var others = File.Exists(Table)
                ? File.ReadLines(Table).Skip(1).Where(r => !r.StartsWith(architecture + "\t", StringComparison.Ordinal))
                : [];
            File.WriteAllLines(
                Table,
                ["architecture\tproducts in\tgraph\tCUDA nodes\tCPU nodes\tcopies", .. others.Concat(rows).Order(StringComparer.Ordinal)]);
        }
        var expected = File.ReadLines(Table)
            .Where(r => r.StartsWith(architecture + "\t", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);
        Assert.AreEqual(string.Join('\n', expected), string.Join('\n', rows.Order(StringComparer.Ordinal)));
    }

    // As the backend opens them.
    private static IEnumerable<(string Name, Graph Graph)> Graphs(DecoderSpec spec, ElementType precision)
    {
        var objective = PolicyLoss.Objective(new(KlCoefficient: 0.1, EntropyCoefficient: 0.1));
        var narrow = precision != ElementType.Float32;
        var weights = spec.Parameters.Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        Graph[] graphs =
        [
            DecoderGraph.Decode(spec, CudaOperators.Opset, narrow ? CacheAttention.Grouped : CacheAttention.Plain),
            DecoderGraph.Body(spec, CudaOperators.Opset),
            DecoderGraph.Logits(spec, CudaOperators.Opset),
            DecoderGraph.Train(spec, objective, opset: CudaOperators.Opset, scaled: precision == ElementType.Float16),
            // As of long rows: in two chunks and two blocks, recomputed.
            DecoderGraph.Train(
                spec,
                objective,
                opset: CudaOperators.Opset,
                scaled: precision == ElementType.Float16,
                memory: new(HeadChunks: 2, AttentionBlocks: 2, Recompute: true)),
        ];
        foreach (var (g, i) in graphs.Select((g, i) => (g, i)))
            yield return (i < graphs.Length - 1 ? g.Name : "train in pieces", narrow ? MixedPrecision.Lower(g, precision, weights) : g);
        if (precision != ElementType.BFloat16 || DeviceKernels.Misfit(spec) is not null)
            yield break;
        GraphMemory ours = new(HeadChunks: 2, Recompute: true, Kernels: GraphKernels.Device, Packed: true);
        yield return ("score, our attention", MixedPrecision.Lower(DecoderGraph.Body(spec, CudaOperators.Opset, ours), precision, weights));
        yield return (
            "train, our attention",
            MixedPrecision.Lower(DecoderGraph.Train(spec, objective, opset: CudaOperators.Opset, memory: ours), precision, weights));
    }

    // Its nodes launch our kernels on our stream: one forward and three backward a layer, what packed tokens see once, and nothing else of
    // ours in a micro-batch.
    [TestMethod]
    [DataRow(Packing.Auto)]
    [DataRow(Packing.None)]
    public void Step_WithOurAttention_LaunchesItsKernels(Packing packing)
    {
        ProviderStubs.Require();
        using var model = new TinyModel(headDimension: 16);
        using var policy = Policy.Load(model.Folder, 64);
        var warnings = new List<string>();
        var driver = new HostSideDriver(new CudaDriver(0), onDevice: true);
        using var backend = new CudaBackend(driver, new() { Precision = ElementType.BFloat16, Warning = warnings.Add });
        var config = model.Config with
        {
            Execution = new() { Device = "cuda:0", Precision = "bfloat16", Kernels = KernelChoice.Fused },
            Training = model.Config.Training with { Recompute = Recomputation.None, Packing = packing },
        };
        using var optimizer = backend.Optimizer(policy, config);
        optimizer.Clear();
        Assert.AreEqual(packing == Packing.Auto, optimizer.Packs);
        optimizer.Add(new Microbatch(BatchPlan.Batch([new([1, 2, 3], [4, 5, 6, 7]), new([2], [8, 9])], optimizer.Packs)));
        Assert.AreEqual("", string.Join(' ', warnings));
        Assert.AreEqual("", StandIn.Fault);
        Assert.AreEqual(
            $"attention_delta {policy.Spec.Layers}, attention_forward_64 {policy.Spec.Layers}, attention_keys_64 {policy.Spec.Layers}, "
                + (optimizer.Packs ? "attention_places 1, " : "") + $"attention_queries_64 {policy.Spec.Layers}",
            string.Join(", ", driver.Launches.Where(l => l.Key.StartsWith("attention", StringComparison.Ordinal))
                .OrderBy(l => l.Key, StringComparer.Ordinal)
                .Select(l => $"{l.Key} {l.Value}")));
    }

    // The decode graph for throughput, of what fits: every node on the device, so that a step can be captured.
    [TestMethod]
    [DynamicData(nameof(Serving))]
    public void Serving_EveryNode_RunsOnTheDevice(string architecture, ElementType precision)
    {
        ProviderStubs.Require();
        using var driver = new CudaDriver(0);
        var graph = ServingGraph.Decode(ServingGraphTests.Fitting[architecture], precision, CudaOperators.Opset);
        var warnings = new List<string>();
        using var session = new DeviceSessions(new DeviceMemory(driver), warnings.Add).OpenDecode(graph, captures: true);
        Assert.AreEqual("", string.Join('\n', warnings));
        Assert.AreEqual("", string.Join(", ", session.Placement.Where(p => p.Provider != NodePlacement.Cuda).Select(p => p.Name)));
        Assert.IsTrue(session.Captures);
        // Of two layers: a third to two fifths of the nodes of the plain one.
        var plain = File.ReadLines(Table).Select(r => r.Split('\t'))
            .Single(r => r[0] == architecture && r[1] == precision.ToString() && r[2] == "decode");
        Assert.IsLessThan(0.4 * int.Parse(plain[3], CultureInfo.InvariantCulture), session.Placement.Count);
    }

    public static IEnumerable<object[]> Serving =>
        from architecture in ServingGraphTests.Fitting.Keys
        from precision in new[] { ElementType.Float16, ElementType.BFloat16 }
        select new object[] { architecture, precision };

    // Nodes of a saved model (ONNX's protobuf: op_type is field 4 of a node) that copy between host and device.
    private static int Copies(ReadOnlySpan<byte> model)
    {
        var count = 0;
        foreach (var name in new[] { "MemcpyFromHost", "MemcpyToHost" })
        {
            byte[] field = [4 << 3 | 2, (byte)name.Length, .. System.Text.Encoding.ASCII.GetBytes(name)];
            for (var rest = model; rest.IndexOf(field) is >= 0 and var at; rest = rest[(at + field.Length)..])
                count++;
        }
        return count;
    }
}
