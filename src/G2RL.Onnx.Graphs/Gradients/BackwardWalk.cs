using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;

namespace G2RL.Onnx.Gradients;

/// <summary>
/// Goes through forward nodes from the last to the first and appends what their rules write. A region that is to be recomputed is written
/// once more when its result's gradient is there, and the copy is gone through in its place: nothing inside the region outlives the forward
/// pass.
/// </summary>
/// <param name="op">Receives the nodes.</param>
/// <param name="gradients">The gradients so far, by value.</param>
/// <param name="varying">Values through which gradients flow.</param>
/// <param name="rules">Rules by operator.</param>
internal sealed class BackwardWalk(
    OpBuilder op,
    Dictionary<Value, Value> gradients,
    HashSet<Value> varying,
    IReadOnlyDictionary<string, GradientRule> rules)
{
    // What the region before gave.
    private readonly List<Value> contributed = [];

    /// <summary>Goes through all nodes.</summary>
    /// <param name="forward">In order.</param>
    /// <param name="regions">Those among them that are recomputed; one lies inside another or apart from it.</param>
    public void Run(IReadOnlyList<Node> forward, IReadOnlyList<RecomputedRegion> regions)
    {
        var places = new Dictionary<Node, int>(ReferenceEqualityComparer.Instance);
        for (var i = 0; i < forward.Count; i++)
            places[forward[i]] = i;
        // What nobody reads may have been taken out of the graph since.
        var present = regions.Where(r => places.ContainsKey(r.Nodes[^1])).ToArray();
        int Begin(RecomputedRegion r) => places[r.Nodes.First(places.ContainsKey)];
        // By the last node, the outermost.
        var ends = present.GroupBy(r => places[r.Nodes[^1]]).ToDictionary(g => g.Key, g => g.MaxBy(r => r.Nodes.Count)!);
        for (var i = forward.Count - 1; i >= 0; i--)
        {
            if (ends.TryGetValue(i, out var region))
            {
                if (Flows(region.Nodes[^1]))
                    Again(region, [.. present.Where(r =>
                        r.Nodes.Count < region.Nodes.Count && Begin(r) >= Begin(region) && places[r.Nodes[^1]] <= i)]);
                i = Begin(region);
                continue;
            }
            if (Flows(forward[i]))
                Apply(forward[i]);
        }
    }

    private bool Flows(Node node) => node.Outputs.Any(o => o is not null && varying.Contains(o) && gradients.ContainsKey(o));

    // The copy reads what the region read, but not before the gradient is there: else it might be computed early and kept.
    private void Again(RecomputedRegion region, IReadOnlyList<RecomputedRegion> inside)
    {
        var result = region.Nodes[^1].Outputs[0]!;
        // Regions that do not depend on each other wait for each other: all at once they would hold what one after the other holds once.
        var gradient = contributed.Aggregate(gradients[result], op.After);
        var own = region.Nodes.SelectMany(n => n.Outputs).OfType<Value>().ToHashSet<Value>(ReferenceEqualityComparer.Instance);
        var late = new Dictionary<Value, Value>(ReferenceEqualityComparer.Instance);
        foreach (var input in region.Nodes.SelectMany(n => n.Inputs).OfType<Value>())
            // Weights, constants and lengths are there anyway.
            if (!own.Contains(input)
                && !late.ContainsKey(input)
                && input.Constant is null
                && input.KnownElements is null
                && !input.HasKnownShape)
            {
                late[input] = op.After(input, gradient);
                if (varying.Contains(input))
                    varying.Add(late[input]);
            }
        if (region.Backward is { } backward)
        {
            contributed.Clear();
            foreach (var (input, contribution) in backward(v => late.GetValueOrDefault(v, v), varying.Contains, gradient))
                if (varying.Contains(input))
                    Contribute(input, contribution);
            return;
        }
        var values = new Dictionary<Value, Value>(late, ReferenceEqualityComparer.Instance);
        var copies = NodeCopies.Append(op, region.Nodes, values);
        foreach (var value in own.Where(varying.Contains))
            varying.Add(values[value]);
        gradients[values[result]] = gradient;
        var byOriginal =
            region.Nodes.Zip(copies).ToDictionary(p => p.First, p => p.Second, (IEqualityComparer<Node>)ReferenceEqualityComparer.Instance);
        Run(copies, [.. inside.Select(r => new RecomputedRegion([.. r.Nodes.Select(n => byOriginal[n])], Copied(r.Backward, values)))]);
        contributed.Clear();
        var makers = new HashSet<Node?>(ReferenceEqualityComparer.Instance);
        foreach (var (input, copy) in late)
            if (varying.Contains(input) && gradients.Remove(copy, out var contribution))
                // One part of what a node divides stands for all.
                Contribute(input, contribution, makers.Add(contribution.Producer));
    }

    private void Contribute(Value input, Value contribution, bool waits = true)
    {
        // Not inside a product: what others wait for is not to be written twice.
        gradients[input] = gradients.TryGetValue(input, out var sum) ? op.Add(sum, contribution) : contribution;
        if (waits && !contribution.HasKnownShape)
            contributed.Add(contribution);
    }

    // Of a copied region: it reads copies, and the gradients are theirs.
    private static RegionGradient? Copied(RegionGradient? backward, Dictionary<Value, Value> values) => backward is null
        ? null
        : (at, learns, gradient) =>
        [
            .. backward(v => at(values.GetValueOrDefault(v, v)), v => learns(values.GetValueOrDefault(v, v)), gradient)
                .Select(g => (values.GetValueOrDefault(g.Value, g.Value), g.Gradient)),
        ];

    private void Apply(Node node)
    {
        if (!rules.TryGetValue(node.Domain.Length == 0 ? node.Op : $"{node.Domain}::{node.Op}", out var rule))
            throw new GraphException($"No gradient for operator '{node.Op}' (node output '{node.Outputs[0]?.Name}'). "
                + "Add a rule to GradientRules, or freeze the parameters behind it.");
        var outputs = node.Outputs.Select(o => o is not null && gradients.TryGetValue(o, out var g) ? g : null).ToArray();
        var contributions = rule(new GradientContext(op, node, outputs));
        for (var i = 0; i < node.Inputs.Count && i < contributions.Length; i++)
        {
            if (node.Inputs[i] is not { } input || !varying.Contains(input) || contributions[i] is not { } contribution)
                continue;
            var reduced = ReduceTo(contribution, input);
            if (reduced.Type != input.Type || !Shapes.Same(reduced.Shape, input.Shape))
                throw new GraphException($"The gradient rule of {node.Op} (node '{node.Name}') gives '{contribution}' for input {i}, "
                    + $"'{input}'. A gradient has its value's type and shape.");
            Add(input, reduced);
        }
    }

    private void Add(Value value, Value contribution) =>
        gradients[value] = gradients.TryGetValue(value, out var sum) ? op.AddedTo(sum, contribution) : contribution;

    // Sums over the axes along which the forward operator broadcast its input.
    private Value ReduceTo(Value gradient, Value input)
    {
        var extra = gradient.Rank - input.Rank;
        if (extra < 0)
            return gradient;
        var leading = Enumerable.Range(0, extra).Select(i => (long)i).ToArray();
        var stretched = Enumerable.Range(0, input.Rank)
            .Where(i => input.Shape[i].IsOne && !gradient.Shape[i + extra].IsOne)
            .Select(i => (long)i)
            .ToArray();
        if (leading.Length > 0)
            gradient = op.ReduceSum(gradient, keepDims: false, leading);
        return stretched.Length > 0 ? op.ReduceSum(gradient, keepDims: true, stretched) : gradient;
    }
}
