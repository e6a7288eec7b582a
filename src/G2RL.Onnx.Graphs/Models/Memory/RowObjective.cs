using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Models;

/// <summary>
/// An objective that is a sum over scored tokens, each token's share depending on that token alone: it can be written for a chunk of tokens
/// at a time, and the chunks' losses add up to the whole. Found by looking at what the objective writes.
/// </summary>
internal sealed class RowObjective
{
    private const string LogProbs = "objective.log_probs";
    private const string Entropy = "objective.entropy";
    private const string Rows = "R";

    // Element by element, so that what they make of rows is of rows again.
    private static readonly HashSet<string> Elementwise = new(StringComparer.Ordinal)
    {
        "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Where", "Abs", "Exp", "Log", "Neg", "Reciprocal", "Relu", "Sigmoid",
        "Softplus", "Sqrt", "Tanh", "Identity", "Clip", "Cast", "Sign", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And",
        "Or", "Not", "IsNaN", "IsInf",
    };

    private readonly Graph written;
    private readonly Value loss;

    private RowObjective(Graph written, Value loss) => (this.written, this.loss) = (written, loss);

    /// <summary>The objective as a sum over tokens; null where tokens depend on each other.</summary>
    public static RowObjective? Of(Func<OpBuilder, Value, Value, Value> objective, int opset)
    {
        var graph = new Graph("objective", opset);
        var total = objective(
            new OpBuilder(graph),
            graph.Input(LogProbs, ElementType.Float32, Rows),
            graph.Input(Entropy, ElementType.Float32, Rows));
        graph.Output(total);
        graph.Prune();
        return IsSumOverRows(graph, total) ? new(graph, total) : null;
    }

    /// <summary>Declares the objective's own inputs [R] on a graph, in order.</summary>
    public IReadOnlyList<Value> Declare(Graph graph) => [.. Own.Select(i => graph.Input(i.Name, i.Type, [.. i.Shape]))];

    /// <summary>Writes the loss of a chunk (a scalar).</summary>
    /// <param name="op">Receives the nodes.</param>
    /// <param name="logProbs">[Rc]</param>
    /// <param name="entropy">[Rc]</param>
    /// <param name="inputs">The chunk's part of what <see cref="Declare"/> gave, in that order.</param>
    public Value Write(OpBuilder op, Value logProbs, Value entropy, IReadOnlyList<Value> inputs)
    {
        var values = new Dictionary<Value, Value>(
            ReferenceEqualityComparer.Instance)
        { [written[LogProbs]] = logProbs, [written[Entropy]] = entropy };
        foreach (var (own, input) in Own.Zip(inputs))
            values[own] = input;
        foreach (var constant in written.Initializers)
            values[constant] = op.Shared(constant.Constant!);
        NodeCopies.Append(op, written.Nodes, values);
        return values[loss];
    }

    private IEnumerable<Value> Own => written.Inputs.Where(i => i.Name is not (LogProbs or Entropy));

    private static bool IsSumOverRows(Graph graph, Value total)
    {
        // What is known of a value: constant (absent), rows, or a sum over rows.
        var rows = new HashSet<Value>(ReferenceEqualityComparer.Instance);
        var sums = new HashSet<Value>(ReferenceEqualityComparer.Instance);
        foreach (var input in graph.Inputs)
            if (input.Shape is [{ } length] && length == (Dimension)Rows)
                rows.Add(input);
            else
                return false;
        foreach (var node in graph.Nodes)
        {
            var (fromRows, fromSums) =
                (node.Inputs.Any(i => i is not null && rows.Contains(i)), node.Inputs.Any(i => i is not null && sums.Contains(i)));
            if (!fromRows && !fromSums)
                continue;
            if (fromRows && fromSums)
                return false;
            if (fromRows && Elementwise.Contains(node.Op) && node.Outputs[0]!.Shape is [{ } kept] && kept == (Dimension)Rows)
                rows.Add(node.Outputs[0]!);
            else if (fromRows && node.Op == "ReduceSum" && node.Outputs[0]!.Rank == 0)
                sums.Add(node.Outputs[0]!);
            else if (fromSums && IsLinear(node, sums))
                sums.Add(node.Outputs[0]!);
            else
                return false;
        }
        return sums.Contains(total);
    }

    // The sum of what is linear in the chunks' sums is what is linear in the whole's. A constant must not be added: it would count once a
    // chunk.
    private static bool IsLinear(Node node, HashSet<Value> sums) => node.Op switch
    {
        "Neg" or "Identity" => true,
        "Add" or "Sub" => node.Inputs.All(i => sums.Contains(i!)),
        "Mul" => node.Inputs.Count(i => sums.Contains(i!)) == 1,
        "Div" => sums.Contains(node.Inputs[0]!) && !sums.Contains(node.Inputs[1]!),
        _ => false,
    };
}
