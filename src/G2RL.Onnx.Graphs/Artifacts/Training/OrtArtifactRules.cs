using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Artifacts.Training;

/// <summary>
/// What the training runtime's loader takes for granted, and what it would let pass and train wrongly. Each rule was seen in ONNX Runtime
/// 1.19.2.
/// </summary>
internal static class OrtArtifactRules
{
    public const string GradientSuffix = "_grad";
    public const string BufferSuffix = "_grad.accumulation.buffer";
    public const string DoneSuffix = "_grad.accumulation.out";
    public const string LazyResetGrad = "lazy_reset_grad";
    public const int NewestOpset = 21;

    /// <summary>Checks a training model.</summary>
    /// <param name="graph">The model.</param>
    /// <param name="learning">Names of the parameters that learn, in order.</param>
    /// <exception cref="GraphException">The first rule that is broken.</exception>
    public static void CheckTraining(Graph graph, IReadOnlyList<string> learning)
    {
        CheckCommon(graph, learning);
        var buffers = learning.Select(p => p + BufferSuffix).ToArray();
        var done = learning.Select(p => p + DoneSuffix).ToArray();
        var inputs = graph.Inputs.Select(i => i.Name).ToArray();
        var users = inputs.Length - (2 * learning.Count) - 1;
        if (users < 0 || !inputs.Skip(users).SequenceEqual([.. learning, .. buffers, LazyResetGrad], StringComparer.Ordinal))
            throw new GraphException($"The inputs of '{graph.Name}' must be the user's, then every parameter that learns, then "
                + $"NAME{BufferSuffix} of each in the same order, then {LazyResetGrad}; they are {string.Join(", ", inputs)}.");
        CheckUserNames(graph, inputs.Take(users));
        if (graph[LazyResetGrad] is not { Type: ElementType.Bool, Shape: [{ IsOne: true }] })
            throw new GraphException($"'{graph[LazyResetGrad]}' must be a bool [1].");
        foreach (var name in learning)
        {
            var (parameter, buffer) = (graph[name], graph[name + BufferSuffix]);
            if (buffer.Type != parameter.Type || !Shapes.Same(buffer.Shape, parameter.Shape))
                throw new GraphException($"'{buffer}' does not have the type and shape of '{parameter}'; "
                    + "the runtime would copy between them unchecked.");
        }
        var outputs = graph.Outputs.Select(o => o.Name).ToArray();
        if (outputs.Length < done.Length || !outputs.TakeLast(done.Length).SequenceEqual(done, StringComparer.Ordinal))
            throw new GraphException($"The outputs of '{graph.Name}' must end with NAME{DoneSuffix} of every parameter that learns; "
                + $"they are {string.Join(", ", outputs)}.");
        CheckUserNames(graph, outputs.SkipLast(done.Length));
        var accumulators = graph.Nodes.Where(n => n.Op == "InPlaceAccumulatorV2").ToArray();
        if (accumulators.Length != learning.Count || accumulators.Any(n => n.Inputs[2] != graph[LazyResetGrad] || n.Attributes.Count > 0))
            throw new GraphException($"'{graph.Name}' must have one InPlaceAccumulatorV2 without attributes for each of its "
                + $"{learning.Count} parameters that learn; it has {accumulators.Length}.");
    }

    /// <summary>Checks an evaluation model.</summary>
    /// <inheritdoc cref="CheckTraining"/>
    public static void CheckEvaluation(Graph graph, IReadOnlyList<string> learning)
    {
        CheckCommon(graph, learning);
        // The runtime feeds weights by position, in the training model's order.
        var inputs = graph.Inputs.Select(i => i.Name).ToArray();
        var parameters = inputs.Where(learning.Contains).ToArray();
        if (!parameters.SequenceEqual(learning, StringComparer.Ordinal))
            throw new GraphException($"The parameters of '{graph.Name}' must come in the order of the training model: "
                + $"{string.Join(", ", learning)}; they are {string.Join(", ", parameters)}.");
        CheckUserNames(graph, inputs.Except(learning, StringComparer.Ordinal));
        CheckUserNames(graph, graph.Outputs.Select(o => o.Name));
    }

    private static void CheckCommon(Graph graph, IReadOnlyList<string> learning)
    {
        if (graph.Opset > NewestOpset)
            throw new GraphException($"'{graph.Name}' uses opset {graph.Opset}; the training runtime reads up to {NewestOpset}.");
        if (graph.Outputs is not [{ Name: "loss", Type: ElementType.Float32, Rank: 0 }, ..])
            throw new GraphException($"The first output of '{graph.Name}' must be the loss, a float32 scalar; "
                + $"they are {string.Join(", ", graph.Outputs)}.");
        foreach (var node in graph.Nodes)
            if (!Known(node))
                throw new GraphException($"Node '{node.Name}' is {node.Domain}::{node.Op}; the training artifacts hold standard operators "
                    + "only.");
        if (learning.Distinct(StringComparer.Ordinal).Count() != learning.Count)
            throw new GraphException($"A parameter of '{graph.Name}' is named twice.");
        foreach (var name in learning)
        {
            if (!graph.Contains(name) || !graph.Inputs.Contains(graph[name]))
                throw new GraphException($"Parameter '{name}' learns, so it must be an input of '{graph.Name}', not a constant.");
            if (graph[name].Type != ElementType.Float32 || !graph[name].HasKnownShape)
                throw new GraphException($"Parameter '{graph[name]}' must be float32 of known shape: the training runtime holds no other.");
        }
    }

    private static bool Known(Node node) =>
        node.Domain.Length == 0 || (node.Domain == "com.microsoft" && node.Op == "InPlaceAccumulatorV2");

    private static void CheckUserNames(Graph graph, IEnumerable<string> names)
    {
        foreach (var name in names)
            if (name == LazyResetGrad
                || name.EndsWith(GradientSuffix, StringComparison.Ordinal)
                || name.EndsWith(BufferSuffix, StringComparison.Ordinal)
                || name.EndsWith(DoneSuffix, StringComparison.Ordinal))
                throw new GraphException($"'{name}' is an input or output of '{graph.Name}'; "
                    + $"names ending in {GradientSuffix}, {BufferSuffix} or {DoneSuffix} are the training runtime's own. Rename it.");
    }
}
