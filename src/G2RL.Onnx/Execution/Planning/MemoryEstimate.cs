using System.Numerics;
using G2RL.Onnx.Execution.Kernels;
using G2RL.Onnx.Execution.Memory;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution.Planning;

/// <summary>Bytes of a session: what its tensors take at most while it runs, and what it is itself.</summary>
/// <param name="Tensors">Tensors, of all runs at once.</param>
/// <param name="Own">The session.</param>
internal readonly record struct SessionBytes(long Tensors, long Own)
{
    /// <summary>Two sessions that run one after the other.</summary>
    public static SessionBytes InTurn(SessionBytes a, SessionBytes b) =>
        new(TensorMemory.IsUsed ? Math.Max(a.Tensors, b.Tensors) : a.Tensors + b.Tensors, a.Own + b.Own);
}

/// <summary>Bytes that the sessions of a model take, reckoned from its graphs; no session is built and no weight read.</summary>
internal static class MemoryEstimate
{
    // A node of a session: its graph, plan and kernel. Measured.
    private const long NodeBytes = 7L << 10;

    // Padded tokens of the prompts that a device runs in one call.
    internal const int TokensOfPrompts = 16_384;

    // Layers beyond these are like them: what they add is known from two smaller models.
    private const int Fewer = 3;
    private const int More = 5;

    /// <summary>Runs of the train graph, beside weights and gradients.</summary>
    /// <param name="spec">The model.</param>
    /// <param name="memory">How the graph spends memory.</param>
    /// <param name="micro">The micro-batch.</param>
    /// <param name="positions">Length of the rotary tables.</param>
    /// <param name="lanes">Micro-batches at work at once, and their threads.</param>
    public static SessionBytes Training(DecoderSpec spec, GraphMemory memory, MicrobatchShape micro, int positions, Lanes lanes) =>
        Session(spec, s => DecoderGraph.Train(s, CrossEntropy, memory: memory), micro.Axes(positions), lanes);

    /// <summary>The weights of which each lane holds a gradient of its own beside the sums: all whose sums lanes do not share.</summary>
    public static IEnumerable<ParameterSpec> LaneGradients(DecoderSpec spec, GraphMemory memory) =>
        LaneGradients(spec, DecoderGraph.Train(spec, CrossEntropy, memory: memory));

    /// <summary>The same of a train graph.</summary>
    public static IEnumerable<ParameterSpec> LaneGradients(DecoderSpec spec, Graph train)
    {
        var shared = train.Nodes.Where(n => n.Op == "Product" && n.Int(FusedOperators.InTurn, 0) == 1)
            .Select(n => n.Inputs[2]!.Name)
            .ToHashSet(StringComparer.Ordinal);
        var inputs = train.Inputs.Select(i => i.Name).ToHashSet(StringComparer.Ordinal);
        inputs.ExceptWith(shared);
        return spec.Trainable.Where(p => inputs.Contains(p.Name + DecoderGraph.GradientSuffix));
    }

    /// <summary>
    /// The same on a device, whose graph has its products in a narrow type, and whose arena loses a quarter between values.
    /// </summary>
    public static long DeviceActivations(DecoderSpec spec, GraphMemory memory, MicrobatchShape micro, int positions, ElementType type)
    {
        Graph Train(DecoderSpec s)
        {
            var graph = DecoderGraph.Train(s, CrossEntropy, memory: memory);
            var weights = s.Parameters.Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
            return type == ElementType.Float32 ? graph : MixedPrecision.Lower(graph, type, weights);
        }

        return OnDevice(Session(spec, Train, micro.Axes(positions), new(1, 1)));
    }

    /// <summary>Scoring of micro-batches: the layers, then the head over chunks of rows.</summary>
    public static SessionBytes Scoring(DecoderSpec spec, MicrobatchShape micro, int positions, Lanes lanes, KernelChoice kernels)
    {
        var longest = (int)BitOperations.RoundUpToPowerOf2((uint)micro.Width);
        var memory = MemoryChoice.Scoring(spec, 1, longest, kernels) with { HeadChunks = 1 };
        var rows = Math.Min((long)micro.Rows * micro.Scored, Math.Clamp((32L << 20) / (spec.VocabularySize * sizeof(float)), 16, 8192));
        var head = new Dictionary<string, long>(StringComparer.Ordinal) { ["R"] = rows };
        return SessionBytes.InTurn(
            Session(spec, s => DecoderGraph.Body(s, memory: memory), micro.Axes(positions), lanes),
            Session(spec, s => DecoderGraph.Head(s, kernels: memory.Kernels), head, lanes));
    }

    /// <summary>A sampler, beside its cache and results: so many tokens of prompts side by side, then steps of all rows.</summary>
    public static SessionBytes Decoding(
        DecoderSpec spec,
        int positions,
        (int Count, int Tokens) prompts,
        int rows,
        Lanes lanes,
        KernelChoice kernels,
        ElementType cache)
    {
        // Of the model as it is: one with fewer layers may count as small.
        var ours = DecodeGraphs.UsesOurs(spec, kernels, cache);
        Graph Graph(DecoderSpec s) =>
            ours ? DecoderGraph.Decode(s, attention: CacheAttention.Fused, cache: cache) : DecoderGraph.Decode(s);

        SessionBytes Step(long count, long tokens)
        {
            var axes = new Dictionary<string, long>(
                StringComparer.Ordinal)
            { ["B"] = count, ["S"] = tokens, ["R"] = count, ["C"] = positions, ["P"] = positions };
            return Session(spec, Graph, axes, lanes);
        }

        var (first, later) = (Step(prompts.Count, prompts.Tokens), Step(rows, 1));
        return later with { Tensors = Math.Max(first.Tensors, later.Tensors) };
    }

    /// <summary>Logits and hidden states of a step and what choosing a token needs, of all lanes of a sampler.</summary>
    public static long Choosing(DecoderSpec spec, int rows, int lanes) =>
        lanes * (rows + 3L) * (spec.VocabularySize + spec.HiddenSize) * sizeof(float);

    /// <summary>
    /// The same on a device beside its cache: the larger of a step of all rows and the prompts of a call, by the graph that the device
    /// decodes with, and logits and hidden states of both.
    /// </summary>
    public static long DeviceDecoding(
        DecoderSpec spec, ElementType type, int positions, int prompt, int rows, int promptSlots)
    {
        var serves = type != ElementType.Float32 && ServingGraph.Misfit(spec) is null;
        var attention = type == ElementType.Float32 ? CacheAttention.Plain : CacheAttention.Grouped;
        Graph Graph(DecoderSpec s)
        {
            if (serves)
                return ServingGraph.Decode(s, type, opset: 18);
            var graph = DecoderGraph.Decode(s, opset: 18, attention);
            return type == ElementType.Float32
                ? graph
                : MixedPrecision.Lower(graph, type, s.Parameters.Select(p => p.Name).ToHashSet(StringComparer.Ordinal));
        }

        long Call(long count, long tokens) => OnDevice(Session(spec, Graph, new Dictionary<string, long>(StringComparer.Ordinal)
        {
            ["B"] = count,
            ["S"] = tokens,
            ["R"] = count,
            ["C"] = positions,
            ["P"] = positions,
        }, new(1, 1)));

        var together = Math.Clamp(TokensOfPrompts / Math.Max(1, prompt), 1, promptSlots);
        var each = (spec.VocabularySize * (long)(serves ? type.Size() : sizeof(float))) + (spec.HiddenSize * sizeof(float));
        return Math.Max(Call(rows, 1), Call(together, prompt))
            + ((rows + (2L * promptSlots)) * each);
    }

    // The arena of a device loses a quarter between values.
    private static long OnDevice(SessionBytes session) => (session.Tensors * 5 / 4) + session.Own;

    // Gaps between values included; arenas, where sessions have them, lose a quarter.
    private static SessionBytes Session(
        DecoderSpec spec,
        Func<DecoderSpec, Graph> graph,
        IReadOnlyDictionary<string, long> axes,
        Lanes lanes)
    {
        (long Peak, long Nodes) Of(DecoderSpec model)
        {
            var made = graph(model);
            return (PeakMemory.Of(made, axes, (node, length) => KernelScratch.Of(node, length, lanes.ThreadsEach)), made.Nodes.Count);
        }

        var (peak, nodes) = spec.Layers > More && spec.Windows.Length == 0 ? Beyond(Of) : Of(spec);
        return new(lanes.Count * (TensorMemory.IsUsed ? peak : peak * 5 / 4), nodes * NodeBytes);

        (long Peak, long Nodes) Beyond(Func<DecoderSpec, (long Peak, long Nodes)> of)
        {
            var (few, more) = (of(spec with { Layers = Fewer }), of(spec with { Layers = More }));
            long Grown(long at, long later) => later + ((spec.Layers - More) * (later - at) / (More - Fewer));
            return (Grown(few.Peak, more.Peak), Grown(few.Nodes, more.Nodes));
        }
    }

    // The simplest of all losses: what another one needs beside it is small.
    private static Value CrossEntropy(OpBuilder op, Value logProbs, Value entropy) =>
        op.Neg(op.ReduceSum(op.Mul(logProbs, op.Graph.Input("weights", ElementType.Float32, "R")), keepDims: false, 0));
}

/// <summary>The largest micro-batch of a mini-batch.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="Width">Padded tokens of each.</param>
/// <param name="Scored">Scored tokens of each.</param>
/// <param name="Count">Micro-batches of the mini-batch.</param>
internal readonly record struct MicrobatchShape(int Rows, int Width, int Scored, int Count)
{
    /// <summary>Lengths of a graph's axes.</summary>
    public Dictionary<string, long> Axes(int positions) => new(StringComparer.Ordinal)
    {
        ["B"] = Rows,
        ["T"] = Width,
        ["R"] = (long)Rows * Scored,
        ["P"] = positions,
    };
}
