namespace G2RL.Onnx.Graphs;

/// <summary>A tensor in a graph: an input, an initializer or the output of a node.</summary>
public sealed class Value
{
    internal Value(string name, ElementType type, IReadOnlyList<Dimension> shape, Node? producer)
    {
        (Name, Type, Shape, Producer) = (name, type, shape, producer);
    }

    /// <summary>Unique within its graph.</summary>
    public string Name { get; }

    /// <summary>Element type.</summary>
    public ElementType Type { get; }

    /// <summary>Lengths of its axes; the rank is always known.</summary>
    public IReadOnlyList<Dimension> Shape { get; }

    /// <summary>Number of axes.</summary>
    public int Rank => Shape.Count;

    /// <summary>The node that computes it; null for inputs and initializers.</summary>
    public Node? Producer { get; internal set; }

    /// <summary>The bytes, for an initializer; else null.</summary>
    public TensorData? Constant { get; internal set; }

    /// <summary>
    /// The elements of a small int64 tensor that are known when the graph is built, symbols included (what Shape gives); else null.
    /// </summary>
    public IReadOnlyList<Dimension>? KnownElements { get; internal set; }

    /// <summary>Whether every axis has a known length.</summary>
    public bool HasKnownShape => Shape.All(d => d.IsKnown);

    /// <inheritdoc/>
    public override string ToString() => $"{Name}: {Type}{Shapes.Text(Shape)}";
}

/// <summary>Shapes as text and as comparisons.</summary>
internal static class Shapes
{
    /// <summary>[B, T, 64]</summary>
    public static string Text(IEnumerable<Dimension> shape) => $"[{string.Join(", ", shape)}]";

    /// <summary>Whether two shapes have the same axes.</summary>
    public static bool Same(IReadOnlyList<Dimension> a, IReadOnlyList<Dimension> b) => a.SequenceEqual(b);

    /// <summary>The number of elements.</summary>
    public static Dimension Product(IEnumerable<Dimension> shape) => shape.Aggregate((Dimension)1, (a, b) => a * b);

    /// <summary>Multidirectional broadcasting as ONNX defines it; a symbolic axis meets only itself or 1.</summary>
    /// <returns>The common shape, or null when the shapes conflict.</returns>
    public static IReadOnlyList<Dimension>? Broadcast(IReadOnlyList<Dimension> a, IReadOnlyList<Dimension> b)
    {
        var shape = new Dimension[Math.Max(a.Count, b.Count)];
        for (var i = 1; i <= shape.Length; i++)
        {
            var (x, y) = (i <= a.Count ? a[^i] : 1, i <= b.Count ? b[^i] : 1);
            if (x != y && !x.IsOne && !y.IsOne)
                return null;
            shape[^i] = x.IsOne ? y : x;
        }
        return shape;
    }
}
