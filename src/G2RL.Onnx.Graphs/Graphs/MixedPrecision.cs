using G2RL.Onnx.Graphs.Fused;

namespace G2RL.Onnx.Graphs;

/// <summary>
/// A graph whose products run in float16 or bfloat16: weights and what products read are of the narrow type, everything else (norms,
/// softmax, loss, sums of gradients) stays in float32 between casts. What a graph takes and gives keeps its type, weights and caches apart.
/// </summary>
/// <remarks>Source of the division: Micikevicius et al., "Mixed precision training", arXiv:1710.03740.</remarks>
public static class MixedPrecision
{
    private const string Attention = "GroupQueryAttention";
    private const string OurAttention = "CausalAttention";
    private const string OurAttentionGradient = "CausalAttentionGrad";
    private const int PastKey = 3;
    private const int PastValue = 4;

    // Where the time goes, and where only the narrow type has a kernel.
    private static readonly HashSet<string> Narrowed = new(StringComparer.Ordinal)
    {
        "MatMul", "Gemm", Attention, OurAttention, OurAttentionGradient,
    };

    // Maps that devices have kernels of ours for: narrow in memory, float32 inside.
    private static readonly HashSet<string> Maps = new(StringComparer.Ordinal)
    {
        "RmsNorm", "RmsNormGrad", "GatedUnit", "GatedUnitGrad", "Rotary",
    };

    // What only moves numbers gives the same in either type; sums of residual streams and of their gradients are rounded once.
    private static readonly HashSet<string> Followers = new(StringComparer.Ordinal)
    {
        "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Split", "Concat", "Gather", "Add", "Sum",
    };

    // Of an operator that is narrowed the logarithms of sums, angles and the gradients of norms' weights stay in float32.
    private static bool StaysWide(Node node, int input) => node.Op switch
    {
        OurAttentionGradient => input == 6,
        "Rotary" => input > 0,
        _ => false,
    };

    private static bool ComesWide(Node node, int output) => node.Op is OurAttention or "RmsNormGrad" && output == 1;

    // A norm's weight is read as it comes: a parameter in the narrow type, a sum in float32.
    private static bool IsNormWeight(Node node, int input) => (node.Op, input) is ("RmsNorm", 1) or ("RmsNormGrad", 2);

    /// <summary>The graph in a narrow type.</summary>
    /// <param name="graph">In float32; stays as it is.</param>
    /// <param name="type">Float16 or BFloat16.</param>
    /// <param name="weights">Names of the inputs that come in the narrow type; the caches of GroupQueryAttention do as well.</param>
    /// <exception cref="ArgumentOutOfRangeException">Another type.</exception>
    public static Graph Lower(Graph graph, ElementType type, IReadOnlySet<string> weights)
    {
        if (type is not (ElementType.Float16 or ElementType.BFloat16))
            throw new ArgumentOutOfRangeException(nameof(type), type, "Products are narrowed to Float16 or BFloat16.");
        return new Lowering(graph, type, weights).Run();
    }

    private sealed class Lowering(Graph graph, ElementType type, IReadOnlySet<string> weights)
    {
        private readonly Graph result = new(graph.Name, graph.Opset);
        private readonly Dictionary<Value, Value> wide = new(ReferenceEqualityComparer.Instance);
        private readonly Dictionary<Value, Value> narrow = new(ReferenceEqualityComparer.Instance);
        private readonly HashSet<Value> presents = new(ReferenceEqualityComparer.Instance);

        // Of a model whose norms are ours: what ONNX Runtime fuses of others takes no bfloat16 beside float32.
        private readonly bool narrowsMaps = type == ElementType.BFloat16 && graph.Nodes.Any(n => n.Op == OurAttention)
            && graph.Nodes.Any(n => n.Op == "RmsNorm");

        // What the graph gives under names of its own. On a device the gradients among it are added to their sums as products give them: by
        // ONNX's own they would be widened in memory first.
        private readonly HashSet<Value> given = new(
            type == ElementType.BFloat16 && graph.Nodes.Any(n => n.Op == OurAttention)
                ? graph.Nodes.Where(n => n.Op == "Identity" && graph.Outputs.Contains(n.Outputs[0]!)).Select(n => n.Inputs[0]!)
                : [],
            ReferenceEqualityComparer.Instance);

        // Of no wider origin.
        private readonly HashSet<Value> cameNarrow = new(ReferenceEqualityComparer.Instance);

        public Graph Run()
        {
            var pasts = graph.Nodes.Where(n => n.Op == Attention)
                .SelectMany(n => new[] { n.Inputs[PastKey], n.Inputs[PastValue] })
                .OfType<Value>()
                .ToHashSet<Value>(ReferenceEqualityComparer.Instance);
            foreach (var input in graph.Inputs)
                if (input.Type == ElementType.Float32 && (weights.Contains(input.Name) || pasts.Contains(input)))
                    narrow[input] = result.Input(input.Name, type, [.. input.Shape]);
                else
                    wide[input] = result.Input(input.Name, input.Type, [.. input.Shape]);
            foreach (var constant in graph.Initializers)
                wide[constant] = result.Initializer(constant.Name, constant.Constant!);
            foreach (var node in graph.Nodes)
                Copy(node);
            foreach (var output in graph.Outputs)
                result.Output(presents.Contains(output) ? narrow[output] : Wide(output));
            return result;
        }

        // Rows of a narrow table are gathered before they are widened, not after.
        private bool IsNarrowed(Node node) => Narrowed.Contains(node.Op)
            || (node.Op == "Gather" && narrow.ContainsKey(node.Inputs[0]!))
            || (narrowsMaps && (Maps.Contains(node.Op) || Follows(node)));

        private bool Follows(Node node) => Followers.Contains(node.Op)
            && node.Inputs.OfType<Value>().Where(i => i.Type == ElementType.Float32).ToArray() is { Length: > 0 } numbers
            && numbers.All(cameNarrow.Contains);

        private void Copy(Node node)
        {
            if (node is { Op: "Add", Inputs: [{ Producer: null, Constant: null } sum, { } gradient] } && given.Contains(node.Outputs[0]!)
                && cameNarrow.Contains(gradient) && Shapes.Same(sum.Shape, gradient.Shape)
                && narrow.TryGetValue(gradient, out var asItCame))
            {
                wide[node.Outputs[0]!] = result.Add(
                    FusedOperators.GradientSum,
                    [Wide(sum), asItCame],
                    outputNames: [node.Outputs[0]!.Name],
                    domain: FusedOperators.Domain,
                    name: node.Name).Outputs[0]!;
                return;
            }
            var lowered = IsNarrowed(node);
            Value?[] inputs =
            [
                .. node.Inputs.Select((i, at) => i is null ? null
                    : lowered && IsNormWeight(node, at) ? narrow.GetValueOrDefault(i) ?? Wide(i)
                    : lowered && i.Type == ElementType.Float32 && !StaysWide(node, at) ? Narrow(i)
                    : Wide(i)),
            ];
            if (lowered && node.Op == Attention)
                presents.UnionWith(node.Outputs.Skip(1).OfType<Value>());
            bool IsNarrow(int output) => lowered && !ComesWide(node, output);
            cameNarrow.UnionWith(node.Outputs.Where((o, at) => o?.Type == ElementType.Float32 && IsNarrow(at)).OfType<Value>());
            string[] names =
            [
                .. node.Outputs.Select((o, at) => o is null ? ""
                    : IsNarrow(at) && !presents.Contains(o) ? NarrowName(o)
                    : o.Name),
            ];
            var made = result.Add(node.Op, inputs, node.Attributes, names, node.Domain, node.Name);
            for (var i = 0; i < node.Outputs.Count; i++)
                if (node.Outputs[i] is { } output)
                    (IsNarrow(i) ? narrow : wide)[output] = made.Outputs[i]!;
        }

        private string NarrowName(Value value) => $"{value.Name}.{type.ToString().ToUpperInvariant()}";

        private Value Narrow(Value value)
        {
            if (!narrow.TryGetValue(value, out var found))
                narrow[value] = found = Cast(Wide(value), type, NarrowName(value));
            return found;
        }

        private Value Wide(Value value)
        {
            if (!wide.TryGetValue(value, out var found))
                wide[value] = found = Cast(
                    narrow[value],
                    ElementType.Float32,
                    value.Producer is null || presents.Contains(value) ? value.Name + ".FLOAT32" : value.Name);
            return found;
        }

        private Value Cast(Value value, ElementType to, string name) =>
            result.Add(
                "Cast",
                [value],
                new Dictionary<string, AttributeValue>(StringComparer.Ordinal) { ["to"] = (long)to },
                [name]).Outputs[0]!;
    }
}
