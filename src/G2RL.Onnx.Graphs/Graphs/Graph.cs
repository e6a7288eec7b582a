namespace G2RL.Onnx.Graphs;

/// <summary>A graph of operators in execution order: what an ONNX file holds, without the file.</summary>
public sealed class Graph
{
    /// <summary>The most axes a value may have: more than any honest graph needs, and a bound on what a hostile file can cost.</summary>
    public const int MaxRank = 64;

    // Longer int64 tensors are data, not shapes.
    private const int MostKnownElements = 64;

    private readonly Dictionary<string, Value> values = new(StringComparer.Ordinal);
    private readonly HashSet<string> nodeNames = new(StringComparer.Ordinal);
    private readonly List<Node> nodes = [];
    private readonly List<Value> inputs = [];
    private readonly List<Value> outputs = [];
    private readonly HashSet<Value> declaredOutputs = new(ReferenceEqualityComparer.Instance);
    private readonly List<Value> initializers = [];
    private int counter;

    /// <summary>An empty graph.</summary>
    /// <param name="name">Name, shown by viewers.</param>
    /// <param name="opset">Version of ONNX's own operator set; 21 is the newest that the ORT training runtime reads.</param>
    public Graph(string name, int opset = 21) => (Name, Opset) = (name, opset);

    /// <summary>Name, shown by viewers.</summary>
    public string Name { get; }

    /// <summary>Version of ONNX's own operator set.</summary>
    public int Opset { get; }

    /// <summary>Nodes; every input is defined before its use.</summary>
    public IReadOnlyList<Node> Nodes => nodes;

    /// <summary>Inputs, in order.</summary>
    public IReadOnlyList<Value> Inputs => inputs;

    /// <summary>Outputs, in order.</summary>
    public IReadOnlyList<Value> Outputs => outputs;

    /// <summary>Constants, in order.</summary>
    public IReadOnlyList<Value> Initializers => initializers;

    /// <summary>The value of a name.</summary>
    /// <exception cref="GraphException">No such value.</exception>
    public Value this[string name] =>
        values.TryGetValue(name, out var v) ? v : throw new GraphException($"Graph '{Name}' has no value '{name}'.");

    /// <summary>Whether a value of this name exists.</summary>
    public bool Contains(string name) => values.ContainsKey(name);

    /// <summary>Declares an input.</summary>
    public Value Input(string name, ElementType type, params Dimension[] shape)
    {
        var value = Define(new Value(name, type, shape, producer: null));
        inputs.Add(value);
        return value;
    }

    /// <summary>Adds a constant.</summary>
    /// <exception cref="GraphException">A name used twice, or another number of bytes than the shape needs.</exception>
    public Value Initializer(string name, TensorData data)
    {
        if (data.IsHere && data.Bytes.Length != data.Length)
            throw new GraphException($"Constant '{name}' of graph '{Name}' has {data.Bytes.Length} bytes; "
                + $"{data.Type} [{string.Join(", ", data.Shape)}] needs {data.Length}.");
        var value = Define(new Value(name, data.Type, [.. data.Shape.Select(d => (Dimension)d)], producer: null) { Constant = data });
        if (data is { Type: ElementType.Int64, IsHere: true }
            && data.Shape.Count <= 1
            && data.AsInt64() is var elements
            && elements.Length <= MostKnownElements
            && elements.IndexOfAnyInRange(long.MinValue, -1) < 0)
            value.KnownElements = [.. elements.ToArray().Select(e => (Dimension)e)];
        initializers.Add(value);
        return value;
    }

    /// <summary>
    /// Turns an input into a constant that every node goes on reading under the input's name. A constant of another floating type is kept
    /// under NAME.TYPE and cast.
    /// </summary>
    /// <exception cref="GraphException">No such input, or a constant of another shape or kind.</exception>
    public void Fix(string input, TensorData data)
    {
        var value = inputs.Find(i => i.Name == input) ?? throw new GraphException($"Graph '{Name}' has no input '{input}'.");
        // A table's length may be open in the graph; the constant decides it.
        var fits = value.Rank == data.Shape.Count
            && value.Shape.Zip(data.Shape).All(pair => !pair.First.IsKnown || pair.First.Size == pair.Second);
        if (!fits || !(data.Type == value.Type || (data.Type.IsFloat() && value.Type.IsFloat())))
            throw new GraphException($"Input '{value}' of graph '{Name}' cannot be fixed to a {data.Type} of shape "
                + $"[{string.Join(", ", data.Shape)}].");
        if (data.Type == value.Type)
        {
            inputs.Remove(value);
            value.Constant = data;
            initializers.Add(value);
            return;
        }
        var stored = Initializer($"{input}.{data.Type.ToString().ToUpperInvariant()}", data);
        var node = new Node(
            Fresh("Cast", nodeNames.Contains),
            "Cast",
            "",
            [stored],
            new Dictionary<string, AttributeValue>(StringComparer.Ordinal) { ["to"] = (long)value.Type });
        inputs.Remove(value);
        nodeNames.Add(node.Name);
        node.Outputs = [value];
        value.Producer = node;
        nodes.Insert(0, node);
    }

    /// <summary>Declares a value of the graph as an output.</summary>
    public Value Output(Value value)
    {
        if (!values.TryGetValue(value.Name, out var known) || !ReferenceEquals(known, value))
            throw new GraphException($"Output '{value.Name}' is no value of graph '{Name}'.");
        if (!declaredOutputs.Add(value))
            throw new GraphException($"Output '{value.Name}' of graph '{Name}' is declared twice.");
        outputs.Add(value);
        return value;
    }

    /// <summary>Appends a node; types and shapes of its outputs follow from <see cref="ShapeRules"/>.</summary>
    /// <param name="op">Operator.</param>
    /// <param name="inputs">Inputs, null where an optional one is left out.</param>
    /// <param name="attributes">Attributes.</param>
    /// <param name="outputNames">Names of the outputs; null lets the graph choose, and an empty name leaves an optional output out.</param>
    /// <param name="domain">Operator set.</param>
    /// <param name="name">Name of the node; null lets the graph choose.</param>
    /// <param name="outputCount">Number of outputs when <paramref name="outputNames"/> is null.</param>
    /// <exception cref="GraphException">Unknown operator, foreign value, conflicting types or shapes, or a name used twice.</exception>
    public Node Add(
        string op,
        IReadOnlyList<Value?> inputs,
        IReadOnlyDictionary<string, AttributeValue>? attributes = null,
        IReadOnlyList<string>? outputNames = null,
        string domain = "",
        string? name = null,
        int outputCount = 1)
    {
        foreach (var input in inputs)
            if (input is not null && (!values.TryGetValue(input.Name, out var known) || !ReferenceEquals(known, input)))
                throw new GraphException($"Input '{input.Name}' of {op} is no value of graph '{Name}'.");
        name ??= Fresh(op, nodeNames.Contains);
        if (nodeNames.Contains(name))
            throw new GraphException($"Graph '{Name}' has two nodes named '{name}'.");
        var node = new Node(name, op, domain, inputs, attributes ?? NoAttributes);
        var count = outputNames?.Count ?? outputCount;
        var inferred = ShapeRules.Infer(node, count);
        var fresh = new HashSet<string>(StringComparer.Ordinal);
        foreach (var output in outputNames ?? [])
            if (output.Length > 0 && (values.ContainsKey(output) || !fresh.Add(output)))
                throw new GraphException($"Graph '{Name}' defines '{output}' twice.");
        // ONNX lets optional outputs be left out, but these are parts of one; ONNX Runtime crashes on a missing one.
        if (op == "Split" && outputNames?.Contains("") == true)
            throw new GraphException($"Split '{name}' of graph '{Name}' leaves out a part; every part needs a name.");
        nodeNames.Add(name);
        var made = new Value?[count];
        for (var i = 0; i < count; i++)
        {
            if (outputNames is not null && outputNames[i].Length == 0)
                continue;
            var outputName = outputNames?[i] ?? Fresh(op, values.ContainsKey);
            made[i] = Define(new Value(
                outputName,
                inferred[i].Type,
                inferred[i].Shape,
                node)
            { KnownElements = inferred[i].Elements is { Count: <= MostKnownElements } known ? known : null });
        }
        node.Outputs = made;
        nodes.Add(node);
        return node;
    }

    /// <summary>
    /// Deletes nodes that no output depends on, and constants that no node reads. Inputs stay: they are the graph's signature.
    /// </summary>
    /// <param name="alsoInputs">Inputs that may go when nothing reads them.</param>
    public void Prune(Func<Value, bool>? alsoInputs = null)
    {
        var live = new HashSet<Value>(outputs, ReferenceEqualityComparer.Instance);
        for (var i = nodes.Count - 1; i >= 0; i--)
        {
            if (nodes[i].Outputs.Any(o => o is not null && live.Contains(o)))
                foreach (var input in nodes[i].Inputs)
                    if (input is not null)
                        live.Add(input);
        }
        nodes.RemoveAll(n => !n.Outputs.Any(o => o is not null && live.Contains(o)) && Forget(n));
        initializers.RemoveAll(v => !live.Contains(v) && values.Remove(v.Name));
        inputs.RemoveAll(v => !live.Contains(v) && alsoInputs?.Invoke(v) == true && values.Remove(v.Name));
    }

    /// <summary>Turns an input into a constant: a weight that no longer changes, a table that is known.</summary>
    /// <param name="input">The input.</param>
    /// <param name="data">Its elements; of its type, and of its shape where that is known.</param>
    /// <exception cref="GraphException">No input of this graph, or data of another type or shape.</exception>
    public void Freeze(Value input, TensorData data)
    {
        if (!inputs.Contains(input))
            throw new GraphException($"'{input.Name}' is no input of graph '{Name}'.");
        if (data.Type != input.Type
            || data.Shape.Count != input.Rank
            || data.Shape.Where((size, axis) => input.Shape[axis].IsKnown && input.Shape[axis].Size != size).Any())
            throw new GraphException($"Input '{input}' of graph '{Name}' cannot become a constant of {data.Type} "
                + $"[{string.Join(", ", data.Shape)}].");
        inputs.Remove(input);
        input.Constant = data;
        initializers.Add(input);
    }

    /// <summary>Puts the inputs into another order; those of equal rank keep theirs.</summary>
    public void OrderInputs(Func<Value, int> rank)
    {
        var ordered = inputs.OrderBy(rank).ToArray();
        inputs.Clear();
        inputs.AddRange(ordered);
    }

    /// <summary>Takes the last output from a node, which nothing reads.</summary>
    internal void LeaveLastOutput(Node node)
    {
        values.Remove(node.Outputs[^1]!.Name);
        node.Outputs = [.. node.Outputs.SkipLast(1)];
    }

    private static readonly Dictionary<string, AttributeValue> NoAttributes = [];

    private bool Forget(Node node)
    {
        nodeNames.Remove(node.Name);
        foreach (var output in node.Outputs)
            if (output is not null)
                values.Remove(output.Name);
        return true;
    }

    private Value Define(Value value)
    {
        if (value.Name.Length == 0)
            throw new GraphException($"A value of graph '{Name}' has no name.");
        if (value.Rank > MaxRank)
            throw new GraphException($"'{value.Name}' of graph '{Name}' has {value.Rank} axes; {MaxRank} is the most.");
        return values.TryAdd(value.Name, value) ? value : throw new GraphException($"Graph '{Name}' defines '{value.Name}' twice.");
    }

    private string Fresh(string stem, Func<string, bool> taken)
    {
        string name;
        do
            name = $"{stem}_{counter++}";
        while (taken(name));
        return name;
    }
}
