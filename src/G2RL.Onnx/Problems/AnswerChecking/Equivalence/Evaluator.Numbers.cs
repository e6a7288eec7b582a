namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Numbers and symbolic expressions.</summary>
internal sealed partial class Evaluator
{
    private Scalar? Number(Node node)
    {
        if (!budget.Spend(2))
            return null;
        if (node.HasUnit && IsQuantity(node.Kind))
            return Quantity(node)?.Scalar;
        switch (node.Kind)
        {
            case NodeKind.Number:
                return Scalar.Of(node.Value);
            case NodeKind.Symbol:
                return Symbol(node.Text);
            case NodeKind.Sum:
                {
                    var sum = Scalar.Zero;
                    foreach (var child in node.Children)
                        sum = Scalar.Add(sum, Number(child), budget);
                    return sum;
                }

            case NodeKind.Product:
                {
                    var product = Scalar.One;
                    foreach (var child in node.Children)
                    {
                        product = child.Kind == NodeKind.Inverse
                            ? Scalar.Divide(product, Number(child.Children[0]), budget)
                            : Scalar.Multiply(product, Number(child), budget);
                    }

                    return product;
                }

            case NodeKind.Negative:
                return Number(node.Children[0])?.Negated();
            case NodeKind.PlusMinus:
                return Number(node.Children[0]) is { } either ? node.Text[0] == '±' == takesLower ? either.Negated() : either : null;
            case NodeKind.Fraction:
                return Scalar.Divide(Number(node.Children[0]), Number(node.Children[1]), budget);
            case NodeKind.Mixed:
                return Scalar.Add(Number(node.Children[0]), Number(node.Children[1]), budget);
            case NodeKind.Power:
                return Powers.Raise(Number(node.Children[0]), Number(node.Children[1]), budget);
            case NodeKind.Root:
                return Root(node);
            case NodeKind.Function:
                return Function(node);
            case NodeKind.Percent:
                return Scalar.Multiply(Number(node.Children[0]), Scalar.Of(new Rational(1, 100)), budget);
            case NodeKind.Degree:
                var angle = Number(node.Children[0]);
                return angles == 0 ? angle
                    : Scalar.Multiply(angle, Scalar.Multiply(Scalar.Pi, Scalar.Of(new Rational(1, 180)), budget), budget);
            default:
                return null;
        }
    }

    private static Scalar? Symbol(string name) => name switch
    {
        "pi" => Scalar.Pi,
        "e" => Scalar.E,
        "i" => Scalar.I,
        "infty" => Scalar.Infinity,
        "emptyset" or "ldots" or "reals" => null,
        _ => Scalar.Of(Atom.OfSymbol(name)),
    };

    private Scalar? Root(Node node)
    {
        var degree = node.Children.Length == 1 ? 2 : Number(node.Children[1])?.AsRational;
        return degree is { IsZero: false } known ? Powers.Root(Number(node.Children[0]), known.Inverse(), budget) : null;
    }

    private Scalar? Function(Node node)
    {
        var name = node.Text;
        var isAngle = name is "sin" or "cos" or "tan" or "cot" or "sec" or "csc";
        angles += isAngle ? 1 : 0;
        var arguments = Array.ConvertAll(node.Children, Number);
        angles -= isAngle ? 1 : 0;
        if (Array.Exists(arguments, a => a is null))
            return null;
        if (name == "binomial")
            return Functions.Binomial(arguments[0], arguments[1], budget);
        if (name == "log" && arguments.Length == 2)
            return Scalar.Divide(Functions.Logarithm(arguments[0], budget), Functions.Logarithm(arguments[1], budget), budget);
        if (arguments.Length == 1)
            return Functions.Apply(name, arguments[0], budget);
        return Array.Exists(arguments, a => a!.IsInfinite) ? null : Scalar.OfFunction(budget, name, arguments!);
    }
}
