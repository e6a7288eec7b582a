using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;

namespace G2RL.Onnx.Models;

/// <summary>
/// What ONNX Runtime knows of shapes before a graph runs, which is less than this project does: numbers, names of inputs' axes, and what a
/// file says of our operators' outputs. A product of names (<c>B*T</c>) has no name there, and a shape that is computed is not known, as
/// <see cref="OpBuilder.After"/> computes one. Values whose shapes it does not know never share memory by plan.
/// </summary>
internal sealed class RuntimeShapes
{
    private static readonly HashSet<string> Broadcasting = new(StringComparer.Ordinal)
    {
        "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Where", "And", "Or", "Less", "LessOrEqual", "Greater", "Equal",
    };

    // Operators whose lengths along their own axis are numbers in the file.
    private static readonly HashSet<string> Sized = new(StringComparer.Ordinal) { "Split", "Slice", "Concat", "Unsqueeze", "Gather" };

    private readonly Dictionary<Value, Dimension?[]> known = new(ReferenceEqualityComparer.Instance);

    /// <param name="graph">The graph.</param>
    public RuntimeShapes(Graph graph)
    {
        foreach (var node in graph.Nodes)
            foreach (var output in node.Outputs.OfType<Value>())
                known[output] = Of(node, output);
        foreach (var output in graph.Outputs)
            known[output] = Whole(output);
    }

    /// <summary>Whether it knows that two values are of one type and shape.</summary>
    public bool AreSame(Value a, Value b)
    {
        if (a.Type != b.Type || a.Rank != b.Rank)
            return false;
        var (of, and) = (Known(a), Known(b));
        for (var i = 0; i < of.Length; i++)
            if (of[i] is not { } length || and[i] != length)
                return false;
        return true;
    }

    private Dimension?[] Known(Value value) => known.TryGetValue(value, out var shape) ? shape : Whole(value);

    private static Dimension?[] Whole(Value value) => [.. value.Shape.Select(d => (Dimension?)d)];

    private Dimension?[] Of(Node node, Value output)
    {
        if (node.Domain == FusedOperators.Domain)
            return Whole(output);
        if (Broadcasting.Contains(node.Op))
            return [.. output.Shape.Select((length, axis) => Common(node, length, output.Rank - axis))];
        var target = node.Op switch
        {
            "Reshape" or "Expand" => node.Inputs[1],
            "ConstantOfShape" => node.Inputs[0],
            _ => null,
        };
        if (target is not null)
            return [.. output.Shape.Select(d => target.Constant is not null && IsNamed(d) ? d : (Dimension?)null)];
        var before = node.Inputs.OfType<Value>().SelectMany(Known).OfType<Dimension>().ToHashSet();
        return [.. output.Shape.Select(d => before.Contains(d) || (Sized.Contains(node.Op) && d.IsKnown) ? d : (Dimension?)null)];
    }

    // A number beyond 1 stands against anything; a name only where nobody has another, or none.
    private Dimension? Common(Node node, Dimension length, int fromEnd)
    {
        var lengths = node.Inputs.OfType<Value>().Where(v => v.Rank >= fromEnd).Select(v => Known(v)[^fromEnd]).ToArray();
        var isKnown = length.IsKnown ? lengths.Any(d => d == length) : lengths.All(d => d == length || d is { IsOne: true });
        return isKnown ? length : (Dimension?)null;
    }

    private static bool IsNamed(Dimension length) => length.IsKnown || length.ToString().AsSpan().IndexOfAny("*+/") < 0;
}
