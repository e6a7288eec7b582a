using G2RL.Onnx.Gradients;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;
using G2RL.Onnx.Graphs.Passes;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Models;

/// <summary>
/// Every graph of a decoder from one description: <see cref="Decode"/> (KV cache), <see cref="Body"/> and <see cref="Head"/> (scoring), and
/// <see cref="Train"/> (loss and explicit backward) share their blocks, so sampler and trainer cannot drift apart. Weights are graph inputs
/// under their Hugging Face names, in Hugging Face's layout; the rotary tables are the inputs that <see cref="RotaryTable.Of"/> lists.
/// </summary>
/// <remarks>
/// Axes: B rows, T tokens, S new tokens, C cache capacity, R scored rows, P positions of the rotary tables, D width, V vocabulary.
/// Activations are [B*T, D], so that every projection is one Gemm over all tokens and its weight gradient needs no batched product.
/// </remarks>
public static partial class DecoderGraph
{
    /// <summary>Input: cosines, see <see cref="RotaryTable"/>.</summary>
    public const string RopeCos = "rope.cos";

    /// <summary>Input: sines.</summary>
    public const string RopeSin = "rope.sin";

    /// <summary>Input: cosines of the layers that have a window, where these turn otherwise.</summary>
    public const string LocalRopeCos = "rope.local.cos";

    /// <summary>Input: sines of the layers that have a window, where these turn otherwise.</summary>
    public const string LocalRopeSin = "rope.local.sin";

    /// <summary>Suffix of a gradient accumulator's input; the output adds ".out" and may be bound on the same buffer.</summary>
    public const string GradientSuffix = ".grad";

    /// <summary>Suffix of an output: what the look-up of each token adds to a weight's gradient [B*T, D].</summary>
    public const string RowsSuffix = GradientSuffix + ".rows";

    /// <summary>Input of a train graph that scales its gradients: what the loss counts for.</summary>
    public const string LossScale = "loss_scale";

    /// <summary>Input of a packed graph: how the tokens of its only row belong together, int64 [S, 2], see
    /// <see cref="Graphs.Fused.FusedOperators.CausalAttention"/>.</summary>
    public const string Segments = "segments";

    /// <summary>The parameter that is the LM head [V, D]: the embedding when tied.</summary>
    public static string HeadWeightName(DecoderSpec spec) =>
        (spec.TieEmbeddings ? DecoderNames.Of(spec).Embedding : DecoderNames.Of(spec).Head) + ".weight";

    /// <summary>What scores are multiplied by.</summary>
    internal static double AttentionScale(DecoderSpec spec) => 1 / Math.Sqrt(spec.AttentionScalar ?? spec.HeadDimension);

    /// <summary>
    /// Whole sequences without a cache. Inputs: input_ids, attention_mask, position_ids [B, T] (padding on either side); rows [R]. Output:
    /// last_hidden_state [R, D], the input of the LM head.
    /// </summary>
    public static Graph Body(DecoderSpec spec, int opset = 21, GraphMemory? memory = null)
    {
        var graph = new Graph("score.body", opset);
        var op = Builder(graph, memory);
        graph.Output(op.Named("last_hidden_state", Forward(graph, op, spec, memory ?? GraphMemory.Plain).Last));
        Finish(op);
        return graph;
    }

    /// <summary>
    /// <see cref="Body"/> and <see cref="Head"/> in one: inputs input_ids, attention_mask, position_ids [B, T], rows [R], targets [R] and
    /// inverse_temperature (scalar); outputs log_probs [R], entropy [R] and last_hidden_state [R, D].
    /// </summary>
    public static Graph Score(DecoderSpec spec, int opset = 21, GraphMemory? memory = null)
    {
        memory ??= GraphMemory.Plain;
        var graph = new Graph("score", opset);
        var op = Builder(graph, memory);
        var forward = Forward(graph, op, spec, memory);
        var targets = graph.Input("targets", ElementType.Int64, "R");
        var inverseTemperature = graph.Input("inverse_temperature", ElementType.Float32);
        var (logProb, entropy) = new ChunkedHead(op, spec, forward.Last, targets, inverseTemperature, memory).Scores();
        graph.Output(op.Named("log_probs", logProb));
        graph.Output(op.Named("entropy", entropy));
        graph.Output(op.Named("last_hidden_state", forward.Last));
        graph.Prune();
        return graph;
    }

    /// <summary>
    /// The LM head over a chunk of rows. Inputs: last_hidden_state [R, D], targets [R], inverse_temperature (scalar). Outputs: log_probs
    /// [R] and entropy [R] of softmax(z / temperature), nats; with <paramref name="withLogits"/> also logits [R, V] before the temperature,
    /// with <paramref name="withSquares"/> also squares [R], the sum of the squared probabilities.
    /// </summary>
    public static Graph Head(
        DecoderSpec spec,
        bool withLogits = false,
        int opset = 21,
        bool withSquares = false,
        GraphKernels kernels = GraphKernels.Standard)
    {
        var graph = new Graph("score.head", opset);
        var op = new OpBuilder(graph) { Fuses = kernels == GraphKernels.Fused };
        var hidden = graph.Input("last_hidden_state", ElementType.Float32, "R", spec.HiddenSize);
        var targets = graph.Input("targets", ElementType.Int64, "R");
        var inverseTemperature = graph.Input("inverse_temperature", ElementType.Float32);
        var logits = DecoderBlocks.Logits(op, spec, hidden);
        var z = op.Mul(logits, inverseTemperature);
        Value logProb, entropy;
        if (op.Fuses)
            (logProb, entropy, _) = op.TokenScores(z, targets);
        else
            (logProb, entropy) = LogProbAndEntropy(op, z, targets);
        graph.Output(op.Named("log_probs", logProb));
        graph.Output(op.Named("entropy", entropy));
        if (withLogits)
            graph.Output(op.Named("logits", logits));
        if (withSquares)
        {
            var p = op.Softmax(z);
            graph.Output(op.Named("squares", op.ReduceSum(op.Mul(p, p), keepDims: false, 1)));
        }
        return graph;
    }

    /// <summary>
    /// Gradient times hidden state of each row. Inputs as of <see cref="Head"/>; output products [R, D] = (p E - E[y]) * h, elementwise.
    /// </summary>
    public static Graph GradientTimesHidden(DecoderSpec spec, int opset = 21)
    {
        var graph = new Graph("alignment", opset);
        var op = new OpBuilder(graph);
        var hidden = graph.Input("last_hidden_state", ElementType.Float32, "R", spec.HiddenSize);
        var targets = graph.Input("targets", ElementType.Int64, "R");
        var inverseTemperature = graph.Input("inverse_temperature", ElementType.Float32);
        var p = op.Softmax(op.Mul(DecoderBlocks.Logits(op, spec, hidden), inverseTemperature));
        var head = DecoderBlocks.HeadWeight(op, spec);
        graph.Output(op.Named("products", op.Mul(op.Sub(op.Gemm(p, head), op.Gather(head, targets)), hidden)));
        return graph;
    }

    /// <summary>The LM head's product alone: last_hidden_state [R, D] to logits [R, V], before the temperature.</summary>
    public static Graph Logits(DecoderSpec spec, int opset = 21)
    {
        var graph = new Graph("score.logits", opset);
        var op = new OpBuilder(graph);
        graph.Output(op.Named(
            "logits",
            DecoderBlocks.Logits(op, spec, graph.Input("last_hidden_state", ElementType.Float32, "R", spec.HiddenSize))));
        return graph;
    }

    /// <summary>Raw product of feature weights and the LM head: features [M, D] = weights [M, V] x E [V, D].</summary>
    public static Graph Features(DecoderSpec spec, int opset = 21)
    {
        var graph = new Graph("features", opset);
        var op = new OpBuilder(graph);
        var weights = graph.Input("feature_weights", ElementType.Float32, "M", spec.VocabularySize);
        graph.Output(op.Named("features", op.Gemm(weights, DecoderBlocks.HeadWeight(op, spec))));
        return graph;
    }

    /// <summary>
    /// Loss and gradients. Inputs of <see cref="Body"/>, targets [R], inverse_temperature, whatever the objective declares, and one
    /// accumulator <c>NAME.grad</c> per trainable parameter. Outputs: loss (scalar), log_probs [R], entropy [R], and <c>NAME.grad.out</c> =
    /// accumulator + gradient.
    /// </summary>
    /// <param name="spec">The decoder.</param>
    /// <param name="objective">Writes the loss (a scalar) from log-probs [R] and entropies [R]; declares further inputs on the
    /// graph.</param>
    /// <param name="trainable">Which of <see cref="DecoderSpec.Trainable"/> receive gradients; null means all.</param>
    /// <param name="opset">Version of ONNX's own operator set.</param>
    /// <param name="scaled">Whether gradients are those of <see cref="LossScale"/> (a scalar input) times the loss; the loss itself is
    /// given unscaled.</param>
    /// <param name="memory">How memory is spent; null is the plain graph.</param>
    /// <exception cref="GraphException">A gradient's shape differs from its parameter's, or an operator has no gradient rule.</exception>
    public static Graph Train(
        DecoderSpec spec,
        Func<OpBuilder, Value, Value, Value> objective,
        Func<string, bool>? trainable = null,
        int opset = 21,
        bool scaled = false,
        GraphMemory? memory = null)
    {
        memory ??= GraphMemory.Plain;
        var graph = new Graph("train", opset);
        var op = Builder(graph, memory);
        var forward = Forward(graph, op, spec, memory);
        var targets = graph.Input("targets", ElementType.Int64, "R");
        var inverseTemperature = graph.Input("inverse_temperature", ElementType.Float32);
        var seed = scaled ? graph.Input(LossScale, ElementType.Float32) : null;
        var parameters = spec.Trainable.Where(p => trainable?.Invoke(p.Name) != false).Select(p => graph[p.Name]).ToList();
        var head = parameters.Find(p => p.Name == HeadWeightName(spec));
        Value Accumulator(Value of) => graph.Input(of.Name + GradientSuffix, of.Type, [.. of.Shape]);
        var ours = memory is { InPlaceSums: true, Kernels: GraphKernels.Fused };
        bool IsShared(Value parameter) => ours && memory.SharedSums && (parameter != head || memory.HeadChunks == 1)
            && spec.Trainable.First(p => p.Name == parameter.Name).Count >= GraphMemory.FewestShared;
        // Only our products take it from the beginning: the standard head's gradient lies the other way until its end.
        var begun = head is not null && ours ? Accumulator(head) : null;
        var result = new ChunkedHead(op, spec, forward.Last, targets, inverseTemperature, memory, head is not null)
            .Loss(objective, seed, begun, begun is not null && IsShared(head!));
        graph.Output(op.Named("loss", result.Loss));
        graph.Output(op.Named("log_probs", result.LogProbs));
        graph.Output(op.Named("entropy", result.Entropy));
        List<(Value, Value)> known = [(forward.Last, result.HiddenGradient)];
        if (head is not null)
            known.Add((head, result.WeightGradient!));
        var gradients = Differentiator.Backward(op, known, parameters, GradientRules.All);
        foreach (var parameter in parameters)
        {
            var (shared, rows) = IsShared(parameter)
                ? GradientSums.Shared(op, () => Accumulator(parameter), gradients[parameter], SumName(parameter.Name))
                : default;
            if (rows is not null)
                graph.Output(op.Named(parameter.Name + RowsSuffix, rows));
            if (shared is not null)
                graph.Output(shared);
            if ((shared ?? rows) is not null)
                continue;
            var sum = begun is not null && parameter == head ? GradientSums.Begun(op, gradients[parameter])
                : memory.InPlaceSums ? GradientSums.Add(op, Accumulator(parameter), gradients[parameter])
                : op.Add(Accumulator(parameter), gradients[parameter]);
            graph.Output(op.Named(SumName(parameter.Name), sum));
        }
        Finish(op);
        return graph;
    }

    /// <summary>
    /// The forward pass of <see cref="Train"/>: its inputs without the accumulators, and the outputs loss, log_probs and entropy.
    /// </summary>
    internal static LossGraph Loss(string name, DecoderSpec spec, Func<OpBuilder, Value, Value, Value> objective, int opset = 21)
    {
        var graph = new Graph(name, opset);
        var op = new OpBuilder(graph);
        var forward = Forward(graph, op, spec, GraphMemory.Plain);
        var targets = graph.Input("targets", ElementType.Int64, "R");
        var inverseTemperature = graph.Input("inverse_temperature", ElementType.Float32);
        var logits = op.Mul(forward.Blocks.Logits(forward.Last), inverseTemperature);
        var (logProb, entropy) = LogProbAndEntropy(op, logits, targets);
        var loss = objective(op, logProb, entropy);
        graph.Output(op.Named("loss", loss));
        graph.Output(op.Named("log_probs", logProb));
        graph.Output(op.Named("entropy", entropy));
        return new(spec, op, loss, forward.Last);
    }

    /// <summary>The output that is a parameter's accumulator and its gradient.</summary>
    internal static string SumName(string parameter) => parameter + GradientSuffix + ".out";

    private static OpBuilder Builder(Graph graph, GraphMemory? memory) =>
        new(graph)
        {
            Fuses = memory?.Kernels == GraphKernels.Fused,
            FusesMaps = memory is { Kernels: not GraphKernels.Standard },
        };

    // What leaves this project keeps its form; sessions of our operators are built from fewer nodes, which compute less.
    private static void Finish(OpBuilder op)
    {
        op.Graph.Prune();
        if (!op.FusesMaps)
            return;
        UnreadOutputs.Run(op.Graph);
        SharedShapes.Run(op.Graph);
    }

    private static (DecoderBlocks Blocks, Value Last) Forward(Graph graph, OpBuilder op, DecoderSpec spec, GraphMemory memory)
    {
        var ids = graph.Input("input_ids", ElementType.Int64, "B", "T");
        var mask = graph.Input("attention_mask", ElementType.Int64, "B", "T");
        var positions = graph.Input("position_ids", ElementType.Int64, "B", "T");
        var rows = graph.Input("rows", ElementType.Int64, "R");
        var blocks = new DecoderBlocks(op, spec, ids, positions);
        Value hidden;
        var segments = memory.Packed ? graph.Input(Segments, ElementType.Int64, "S", 2) : null;
        if (memory.Packed && memory.Kernels == GraphKernels.Standard)
            throw new GraphException(
                "Packed rows are attended by our operators alone. Set GraphMemory.Kernels to Fused or Device, or no Packed.");
        if (op.FusesMaps)
            hidden = blocks.Layers(
                (layer, q, k, v) => blocks.FusedAttention(q, k, v, mask, spec.WindowOf(layer), segments),
                memory);
        else if (memory.AttentionBlocks > 1)
        {
            var attention = new BlockedAttention(op, blocks, mask, memory.AttentionBlocks);
            hidden = blocks.Layers((layer, q, k, v) => attention.Run(q, k, v, spec.WindowOf(layer)), memory);
        }
        else
        {
            // One bias a window, shared by the layers that have it.
            var biases = Enumerable.Range(0, spec.Layers)
                .Select(spec.WindowOf)
                .Distinct()
                .ToDictionary(window => window, window => blocks.CausalBias(mask, window));
            hidden = blocks.Layers((layer, q, k, v) => blocks.Attention(q, k, v, biases[spec.WindowOf(layer)]), memory);
        }
        return (blocks, blocks.FinalNorm(blocks.Rows(hidden, rows)));
    }

    /// <summary>log p of the targets and the entropy, both of softmax(z).</summary>
    /// <param name="op">The graph.</param>
    /// <param name="z">Logits over the temperature [R, V].</param>
    /// <param name="targets">Token ids [R].</param>
    /// <returns>[R] each; the entropy in nats.</returns>
    public static (Value LogProb, Value Entropy) LogProbAndEntropy(OpBuilder op, Value z, Value targets)
    {
        var logProbs = op.LogSoftmax(z);
        var chosen = op.Squeeze(op.GatherElements(logProbs, op.Unsqueeze(targets, 1), 1), 1);
        return (chosen, op.Neg(op.ReduceSum(op.Mul(op.Exp(logProbs), logProbs), keepDims: false, 1)));
    }
}
