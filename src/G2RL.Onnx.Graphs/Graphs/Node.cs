namespace G2RL.Onnx.Graphs;

/// <summary>One operator application.</summary>
public sealed class Node
{
    internal Node(
        string name,
        string op,
        string domain,
        IReadOnlyList<Value?> inputs,
        IReadOnlyDictionary<string, AttributeValue> attributes)
    {
        (Name, Op, Domain, Inputs, Attributes) = (name, op, domain, inputs, attributes);
    }

    /// <summary>Unique within its graph.</summary>
    public string Name { get; }

    /// <summary>Operator, for example <c>MatMul</c>.</summary>
    public string Op { get; }

    /// <summary>Operator set: empty for ONNX's own, else for example <c>com.microsoft</c>.</summary>
    public string Domain { get; }

    /// <summary>Inputs in order; null where an optional one is left out.</summary>
    public IReadOnlyList<Value?> Inputs { get; internal set; }

    /// <summary>Outputs in order; null where an optional one is left out.</summary>
    public IReadOnlyList<Value?> Outputs { get; internal set; } = [];

    /// <summary>Attributes by name.</summary>
    public IReadOnlyDictionary<string, AttributeValue> Attributes { get; }

    /// <summary>Whether gradients stop here: an Identity that <see cref="OpBuilder.Detach"/> wrote.</summary>
    public bool IsDetached => Op == "Identity" && Name.StartsWith(DetachedPrefix, StringComparison.Ordinal);

    internal const string DetachedPrefix = "detached/";

    /// <summary>An integer attribute, or its default.</summary>
    public long Int(string name, long otherwise) =>
        Attributes.TryGetValue(name, out var a) ? a.Int ?? throw Wrong(name, "an integer") : otherwise;

    /// <summary>A number attribute, or its default.</summary>
    public float Float(string name, float otherwise) =>
        Attributes.TryGetValue(name, out var a) ? a.Float ?? throw Wrong(name, "a number") : otherwise;

    /// <summary>A text attribute, or its default.</summary>
    public string Text(string name, string otherwise) =>
        Attributes.TryGetValue(name, out var a) ? a.Text ?? throw Wrong(name, "a text") : otherwise;

    /// <summary>A list of integers, or null.</summary>
    public IReadOnlyList<long>? Ints(string name) =>
        Attributes.TryGetValue(name, out var a) ? a.Ints ?? throw Wrong(name, "a list of integers") : null;

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Op}({string.Join(", ", Inputs.Select(i => i?.Name ?? "-"))}) -> {string.Join(", ", Outputs.Select(o => o?.Name ?? "-"))}";

    private GraphException Wrong(string name, string kind) => new($"Attribute '{name}' of {Op} '{Name}' is not {kind}.");
}

/// <summary>The value of an attribute: exactly one of its fields is set.</summary>
public sealed record AttributeValue
{
    /// <summary>Integer.</summary>
    public long? Int { get; init; }

    /// <summary>Number.</summary>
    public float? Float { get; init; }

    /// <summary>Text.</summary>
    public string? Text { get; init; }

    /// <summary>Integers.</summary>
    public IReadOnlyList<long>? Ints { get; init; }

    /// <summary>Numbers.</summary>
    public IReadOnlyList<float>? Floats { get; init; }

    /// <summary>Tensor.</summary>
    public TensorData? Tensor { get; init; }

    /// <summary>An integer.</summary>
    public static implicit operator AttributeValue(long value) => new() { Int = value };

    /// <summary>A number.</summary>
    public static implicit operator AttributeValue(float value) => new() { Float = value };

    /// <summary>A text.</summary>
    public static implicit operator AttributeValue(string value) => new() { Text = value };

    /// <summary>Integers.</summary>
    public static implicit operator AttributeValue(long[] value) => new() { Ints = value };

    /// <summary>A tensor.</summary>
    public static implicit operator AttributeValue(TensorData value) => new() { Tensor = value };
}

/// <summary>
/// A graph is wrong: an unknown name, a cycle, types or shapes that conflict, an operator without a rule. The message names the node.
/// </summary>
public sealed class GraphException : Exception
{
    /// <summary>One fault.</summary>
    public GraphException(string message) : base(message) { }

    /// <summary>One fault, with what caused it.</summary>
    public GraphException(string message, Exception inner) : base(message, inner) { }

    /// <summary>No message: for serialisers only.</summary>
    public GraphException() { }
}
