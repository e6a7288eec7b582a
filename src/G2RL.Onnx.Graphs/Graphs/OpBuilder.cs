namespace G2RL.Onnx.Graphs;

/// <summary>
/// Writes nodes into a graph, one method an operator: <c>op.MatMul(a, b)</c> appends the node and returns its output, shape inferred.
/// </summary>
/// <param name="graph">The graph that receives the nodes.</param>
public sealed class OpBuilder(Graph graph)
{
    private readonly Dictionary<string, Value> constants = new(StringComparer.Ordinal);
    private readonly List<RecomputedRegion> recomputed = [];

    /// <summary>The graph that receives the nodes.</summary>
    public Graph Graph => graph;

    /// <summary>Whether operators of ours may be written, by gradient rules, too (<see cref="Fused.FusedOperators"/>).</summary>
    internal bool Fuses { get; init; }

    /// <summary>Whether attention, norms, rotary embedding and gated units are ours, also where products are not.</summary>
    internal bool FusesMaps { get; init; }

    /// <summary>Whether products are over few rows, and may be ours, too.</summary>
    internal bool HasFewRows { get; init; }

    /// <summary>What the backward pass computes again.</summary>
    internal IReadOnlyList<RecomputedRegion> Recomputed => recomputed;

    /// <summary>
    /// Writes a value by nodes that the backward pass computes again rather than keeps what they made. Of them only that value may be read
    /// later.
    /// </summary>
    public Value Recompute(Func<Value> write) => Recompute(write, backward: null);

    /// <summary>The same where the backward pass is written by hand.</summary>
    internal Value Recompute(Func<Value> write, RegionGradient? backward)
    {
        var before = graph.Nodes.Count;
        var result = write();
        var nodes = graph.Nodes.Skip(before).ToArray();
        if (nodes.Length == 0 || !ReferenceEquals(nodes[^1].Outputs[0], result))
            throw new GraphException($"What is to be recomputed ends with the node that gives its value; '{result}' does not.");
        recomputed.Add(new(nodes, backward));
        return result;
    }

    /// <summary>Any operator with one output.</summary>
    public Value Op(string op, ReadOnlySpan<Value?> inputs, params ReadOnlySpan<(string Name, AttributeValue Value)> attributes) =>
        graph.Add(op, inputs.ToArray(), ToDictionary(attributes)).Outputs[0]!;

    /// <summary>Any operator with several outputs.</summary>
    public Value[] Ops(
        string op,
        int outputs,
        ReadOnlySpan<Value?> inputs,
        params ReadOnlySpan<(string Name, AttributeValue Value)> attributes) =>
        [.. graph.Add(op, inputs.ToArray(), ToDictionary(attributes), outputCount: outputs).Outputs.Select(o => o!)];

    /// <summary>An int64 vector; equal ones are shared.</summary>
    public Value Ints(params long[] values) => Constant($"i:{string.Join(',', values)}", TensorData.Of(values, values.Length));

    /// <summary>An int64 scalar; equal ones are shared.</summary>
    public Value Int(long value) => Constant($"s:{value}", TensorData.Of([value]));

    /// <summary>A scalar of a floating type; equal ones are shared.</summary>
    public Value Scalar(double value, ElementType type = ElementType.Float32) =>
        Constant($"{type}:{BitConverter.DoubleToInt64Bits(value)}", type switch
        {
            ElementType.Float32 => TensorData.Of([(float)value]),
            ElementType.Float64 => TensorData.Of([value]),
            ElementType.Float16 => new(type, [], BitConverter.GetBytes((Half)value)),
            _ => throw new GraphException($"No scalar of type {type} is written here."),
        });

    /// <summary>A scalar of another value's type.</summary>
    public Value Like(Value other, double value) => Scalar(value, other.Type);

    /// <summary>The same value under a given name, to be an output.</summary>
    public Value Named(string name, Value value) => graph.Add("Identity", [value], outputNames: [name]).Outputs[0]!;

    /// <summary>The same value, through which no gradient flows. Marked by the node's name, so that it survives a file.</summary>
    public Value Detach(Value value) => graph.Add("Identity", [value], name: DetachedName(value)).Outputs[0]!;

    internal string DetachedName(Value value) => Node.DetachedPrefix + value.Name + "/" + graph.Nodes.Count;

    /// <summary>a + b, broadcast.</summary>
    public Value Add(Value a, Value b) => Op("Add", [a, b]);

    /// <summary>a - b, broadcast.</summary>
    public Value Sub(Value a, Value b) => Op("Sub", [a, b]);

    /// <summary>a * b, broadcast.</summary>
    public Value Mul(Value a, Value b) => Op("Mul", [a, b]);

    /// <summary>a / b, broadcast.</summary>
    public Value Div(Value a, Value b) => Op("Div", [a, b]);

    /// <summary>a ^ b, broadcast.</summary>
    public Value Pow(Value a, Value b) => Op("Pow", [a, b]);

    /// <summary>Larger of a and b, broadcast.</summary>
    public Value Max(Value a, Value b) => Op("Max", [a, b]);

    /// <summary>Smaller of a and b, broadcast.</summary>
    public Value Min(Value a, Value b) => Op("Min", [a, b]);

    /// <summary>-x</summary>
    public Value Neg(Value x) => Op("Neg", [x]);

    /// <summary>e^x</summary>
    public Value Exp(Value x) => Op("Exp", [x]);

    /// <summary>Natural logarithm.</summary>
    public Value Log(Value x) => Op("Log", [x]);

    /// <summary>Square root.</summary>
    public Value Sqrt(Value x) => Op("Sqrt", [x]);

    /// <summary>1/x</summary>
    public Value Reciprocal(Value x) => Op("Reciprocal", [x]);

    /// <summary>1/(1+e^-x)</summary>
    public Value Sigmoid(Value x) => Op("Sigmoid", [x]);

    /// <summary>Hyperbolic tangent.</summary>
    public Value Tanh(Value x) => Op("Tanh", [x]);

    /// <summary>x limited to [low, high].</summary>
    public Value Clip(Value x, double low, double high) => Op("Clip", [x, Like(x, low), Like(x, high)]);

    /// <summary>Another element type.</summary>
    public Value Cast(Value x, ElementType to) => x.Type == to ? x : Op("Cast", [x], ("to", (long)to));

    /// <summary>condition ? a : b, broadcast.</summary>
    public Value Where(Value condition, Value a, Value b) => Op("Where", [condition, a, b]);

    /// <summary>[..., M, K] x [..., K, N] -> [..., M, N], batch axes broadcast.</summary>
    public Value MatMul(Value a, Value b) => Op("MatMul", [a, b]);

    /// <summary>alpha op(A) op(B) + C for matrices; a transposed operand is read in place, never copied.</summary>
    public Value Gemm(Value a, Value b, Value? c = null, bool transposeA = false, bool transposeB = false) =>
        Op("Gemm", c is null ? [a, b] : [a, b, c], ("transA", transposeA ? 1L : 0L), ("transB", transposeB ? 1L : 0L));

    /// <summary>Sum over axes.</summary>
    public Value ReduceSum(Value x, bool keepDims, params long[] axes) =>
        Op("ReduceSum", [x, Ints(axes)], ("keepdims", keepDims ? 1L : 0L), ("noop_with_empty_axes", 1L));

    /// <summary>Mean over axes.</summary>
    public Value ReduceMean(Value x, bool keepDims, params long[] axes) =>
        Op("ReduceMean", [x, Ints(axes)], ("keepdims", keepDims ? 1L : 0L), ("noop_with_empty_axes", 1L));

    /// <summary>Probabilities along an axis.</summary>
    public Value Softmax(Value x, long axis = -1) => Op("Softmax", [x], ("axis", axis));

    /// <summary>Log-probabilities along an axis.</summary>
    public Value LogSoftmax(Value x, long axis = -1) => Op("LogSoftmax", [x], ("axis", axis));

    /// <summary>The shape as an int64 vector: a constant when every length is known, else a Shape node.</summary>
    public Value ShapeOf(Value x) => x.HasKnownShape ? Ints([.. x.Shape.Select(d => d.Size)]) : Op("Shape", [x]);

    /// <summary>The same elements in another shape: 0 copies an axis, -1 is what remains.</summary>
    public Value Reshape(Value x, params long[] shape) => Op("Reshape", [x, Ints(shape)]);

    /// <summary>The same elements in a shape that is computed; lengths of 0 are kept.</summary>
    public Value Reshape(Value x, Value shape) => Op("Reshape", [x, shape], ("allowzero", 1L));

    /// <summary>The same elements in the shape of another value; lengths of 0 are kept.</summary>
    public Value ReshapeLike(Value x, Value like) => Reshape(x, ShapeOf(like));

    /// <summary>Axes in another order.</summary>
    public Value Transpose(Value x, params long[] perm) => Op("Transpose", [x], ("perm", perm));

    /// <summary>The last two axes exchanged.</summary>
    public Value SwapLastTwo(Value x)
    {
        var perm = Enumerable.Range(0, x.Rank).Select(i => (long)i).ToArray();
        (perm[^1], perm[^2]) = (perm[^2], perm[^1]);
        return Transpose(x, perm);
    }

    /// <summary>New axes of length 1.</summary>
    public Value Unsqueeze(Value x, params long[] axes) => Op("Unsqueeze", [x, Ints(axes)]);

    /// <summary>Axes of length 1 removed.</summary>
    public Value Squeeze(Value x, params long[] axes) => Op("Squeeze", [x, Ints(axes)]);

    /// <summary>x broadcast to the shape of another value.</summary>
    public Value ExpandLike(Value x, Value like)
    {
        if (Shapes.Same(x.Shape, like.Shape))
            return x;
        // Nothing to copy. (ONNX Runtime 1.31's optimizer takes an Expand from 1 to 0 for one that does nothing.)
        if (like.Shape.Any(d => d is { IsKnown: true, Size: 0 }))
            return Zeros(ShapeOf(like), x.Type);
        return Op("Expand", [x, ShapeOf(like)]);
    }

    /// <summary>Values one after another along an axis.</summary>
    public Value Concat(long axis, params Value[] values) => Op("Concat", values, ("axis", axis));

    /// <summary>Parts of given lengths along an axis.</summary>
    public Value[] Split(Value x, long axis, params long[] sizes) => Ops("Split", sizes.Length, [x, Ints(sizes)], ("axis", axis));

    /// <summary>Parts along an axis whose length need not be known, as even as it goes, longer ones first; parts may be empty.</summary>
    /// <param name="x">What is divided.</param>
    /// <param name="axis">0 to rank - 1.</param>
    /// <param name="count">Parts, 1 to 64.</param>
    public Value[] SplitEvenly(Value x, int axis, int count)
    {
        if (count == 1)
            return [x];
        // floor((n + c - 1) / c) + ... + floor(n / c) = n
        var ahead = Ints([.. Enumerable.Range(0, count).Select(i => (long)(count - 1 - i))]);
        var sizes = Op("Div", [Op("Add", [LengthOf(x, axis), ahead]), Ints(count)]);
        return Ops("Split", count, [x, sizes], ("axis", (long)axis));
    }

    /// <summary>The length of an axis, int64 [1].</summary>
    public Value LengthOf(Value x, int axis) => Slice(ShapeOf(x), 0, axis, axis + 1);

    /// <summary>
    /// The same value, which is there only once another (of one axis or more, and not empty where its shape is known) is: what is computed
    /// from it cannot be scheduled earlier. A view of the same memory, or a copy where the other's shape is known.
    /// </summary>
    public Value After(Value x, Value other)
    {
        // A shape that is known would be folded away, and with it the dependency; then an element has to do. Only a choice between x and x
        // hangs on it, which is made where x lies: arithmetic on shapes would fetch the element to the host, and wait for it.
        if (other.HasKnownShape)
            return Where(Op("IsNaN", [Reshape(Slice(Slice(other, 0, 0, 1), other.Rank - 1, 0, 1), -1)]), x, x);
        return Reshape(x, Add(ShapeOf(x), Mul(Slice(Op("Shape", [other]), 0, 0, 1), Ints(0))));
    }

    /// <summary>Several values, each there only once all of others are, see <see cref="After(Value, Value)"/>.</summary>
    internal Value[] AllAfter(IReadOnlyList<Value> values, params IReadOnlyList<Value> others)
    {
        var waiting = values.ToArray();
        foreach (var other in others.Where(o => o.HasKnownShape))
            for (var i = 0; i < waiting.Length; i++)
                waiting[i] = After(waiting[i], other);
        Value[] lengths = [.. others.Where(o => !o.HasKnownShape).Select(o => Slice(Op("Shape", [o]), 0, 0, 1))];
        if (lengths.Length == 0)
            return waiting;
        var zero = Mul(lengths.Aggregate(Add), Ints(0));
        return [.. waiting.Select(x => Reshape(x, Add(ShapeOf(x), zero)))];
    }

    /// <summary>x[start..end] along one axis.</summary>
    public Value Slice(Value x, long axis, long start, long end) => Op("Slice", [x, Ints(start), Ints(end), Ints(axis)]);

    /// <summary>Zeros in the shape and type of another value.</summary>
    public Value ZerosLike(Value like) => Zeros(ShapeOf(like), like.Type);

    /// <summary>Rows (or slices along an axis) by index.</summary>
    public Value Gather(Value x, Value indices, long axis = 0) => Op("Gather", [x, indices], ("axis", axis));

    /// <summary>Elements by index along an axis.</summary>
    public Value GatherElements(Value x, Value indices, long axis) => Op("GatherElements", [x, indices], ("axis", axis));

    /// <summary>A constant; equal ones are shared.</summary>
    internal Value Shared(TensorData data) =>
        Constant($"{data.Type}:{string.Join('x', data.Shape)}:{Convert.ToHexStringLower(data.Bytes.Span)}", data);

    private Value Zeros(Value shape, ElementType type) =>
        Op("ConstantOfShape", [shape], ("value", new TensorData(type, [1], new byte[type.Size()])));

    private Value Constant(string key, TensorData data)
    {
        if (!constants.TryGetValue(key, out var value) || !graph.Contains(value.Name))
            constants[key] = value = graph.Initializer(NameOf(key), data);
        return value;
    }

    private string NameOf(string key)
    {
        var stem = "const_" + key[..Math.Min(key.Length, 48)].Replace(':', '_').Replace(',', '_').Replace('-', 'm');
        var name = stem;
        for (var i = 1; graph.Contains(name); i++)
            name = $"{stem}_{i}";
        return name;
    }

    private static Dictionary<string, AttributeValue> ToDictionary(ReadOnlySpan<(string Name, AttributeValue Value)> attributes)
    {
        var map = new Dictionary<string, AttributeValue>(StringComparer.Ordinal);
        foreach (var (name, value) in attributes)
            map.Add(name, value);
        return map;
    }
}
