using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Gradients;

/// <summary>Gradients of operators that work element by element.</summary>
internal static class ElementwiseGradients
{
    public static Value?[] Add(GradientContext g) => [g.DY, g.DY];

    public static Value?[] Sub(GradientContext g) => [g.DY, g.Op.Neg(g.DY)];

    public static Value?[] Mul(GradientContext g) => [g.Op.Mul(g.DY, g.Input(1)), g.Op.Mul(g.DY, g.Input(0))];

    // Y = A/B:  dA = dY/B,  dB = -dY Y/B.
    public static Value?[] Div(GradientContext g)
    {
        var da = g.Op.Div(g.DY, g.Input(1));
        return [da, g.Op.Neg(g.Op.Mul(da, g.Y))];
    }

    // Y = A^B:  dA = dY B A^(B-1), 0 where B = 0;  dB = dY Y ln A, 0 where A = 0 and B >= 0. As torch.pow has it.
    public static Value?[] Pow(GradientContext g)
    {
        if (g.Input(1).Constant is { Count: 1, IsHere: true } data && Scalar(data) == 2)
            return [g.Op.Mul(g.DY, g.Op.Mul(g.Scalar(2), g.Input(0))), null];
        var (a, b, zero) = (g.Input(0), g.Op.Cast(g.Input(1), g.Input(0).Type), g.Scalar(0));
        var da = g.Op.Where(g.Op.Op("Equal", [b, zero]), zero, g.Op.Mul(b, g.Op.Pow(a, g.Op.Sub(b, g.Scalar(1)))));
        var flat = g.Op.Op("And", [g.Op.Op("Equal", [a, zero]), g.Op.Op("GreaterOrEqual", [b, zero])]);
        var db = g.Op.Where(flat, zero, g.Op.Mul(g.Y, g.Op.Log(a)));
        return [g.Op.Mul(g.DY, da), g.Op.Cast(g.Op.Mul(g.DY, db), g.Input(1).Type)];
    }

    // The larger input takes the gradient; equal ones take half each, as torch.maximum has it.
    public static Value?[] Max(GradientContext g) => Extremum(g, "Greater");

    public static Value?[] Min(GradientContext g) => Extremum(g, "Less");

    public static Value?[] Sum(GradientContext g) => [.. g.Node.Inputs.Select(_ => g.DY)];

    public static Value?[] Where(GradientContext g)
    {
        var zero = g.Op.Like(g.DY, 0);
        return [null, g.Op.Where(g.Input(0), g.DY, zero), g.Op.Where(g.Input(0), zero, g.DY)];
    }

    public static Value?[] Abs(GradientContext g) => [g.Op.Mul(g.DY, g.Op.Op("Sign", [g.Input(0)]))];

    public static Value?[] Cos(GradientContext g) => [g.Op.Neg(g.Op.Mul(g.DY, g.Op.Op("Sin", [g.Input(0)])))];

    public static Value?[] Sin(GradientContext g) => [g.Op.Mul(g.DY, g.Op.Op("Cos", [g.Input(0)]))];

    // d erf(x) = 2/sqrt(pi) e^(-x^2)
    public static Value?[] Erf(GradientContext g) =>
        [g.Op.Mul(g.DY, g.Op.Mul(g.Scalar(2 / Math.Sqrt(Math.PI)), g.Op.Exp(g.Op.Neg(g.Op.Mul(g.Input(0), g.Input(0))))))];

    public static Value?[] Exp(GradientContext g) => [g.Op.Mul(g.DY, g.Y)];

    public static Value?[] Log(GradientContext g) => [g.Op.Div(g.DY, g.Input(0))];

    public static Value?[] Neg(GradientContext g) => [g.Op.Neg(g.DY)];

    public static Value?[] Reciprocal(GradientContext g) => [g.Op.Neg(g.Op.Mul(g.DY, g.Op.Mul(g.Y, g.Y)))];

    public static Value?[] Relu(GradientContext g) => [g.Op.Where(g.Op.Op("Greater", [g.Input(0), g.Scalar(0)]), g.DY, g.Scalar(0))];

    public static Value?[] Sigmoid(GradientContext g) => [g.Op.Mul(g.DY, g.Op.Mul(g.Y, g.Op.Sub(g.Scalar(1), g.Y)))];

    public static Value?[] Softplus(GradientContext g) => [g.Op.Mul(g.DY, g.Op.Sigmoid(g.Input(0)))];

    public static Value?[] Sqrt(GradientContext g) => [g.Op.Div(g.Op.Mul(g.DY, g.Scalar(0.5)), g.Y)];

    public static Value?[] Tanh(GradientContext g) => [g.Op.Mul(g.DY, g.Op.Sub(g.Scalar(1), g.Op.Mul(g.Y, g.Y)))];

    public static Value?[] Identity(GradientContext g) => [g.DY];

    public static Value?[] Cast(GradientContext g) =>
    [
        g.Input(0).Type.IsFloat() && g.DY.Type.IsFloat() ? g.Op.Cast(g.DY, g.Input(0).Type) : null,
    ];

    // Inside [low, high], bounds included, the input takes the gradient; outside, the bound does. As torch.clamp has it.
    public static Value?[] Clip(GradientContext g)
    {
        var (x, gradient, zero) = (g.Input(0), g.DY, g.Scalar(0));
        Value? toLow = null, toHigh = null;
        if (g.Node.Inputs.ElementAtOrDefault(1) is { } low)
        {
            toLow = g.Op.Where(g.Op.Op("Less", [x, low]), g.DY, zero);
            gradient = g.Op.Where(g.Op.Op("GreaterOrEqual", [x, low]), gradient, zero);
        }
        if (g.Node.Inputs.ElementAtOrDefault(2) is { } high)
        {
            toHigh = g.Op.Where(g.Op.Op("Greater", [x, high]), g.DY, zero);
            gradient = g.Op.Where(g.Op.Op("LessOrEqual", [x, high]), gradient, zero);
        }
        return [gradient, toLow, toHigh];
    }

    private static Value?[] Extremum(GradientContext g, string wins)
    {
        if (g.Node.Inputs.Count == 1)
            return [g.DY];
        if (g.Node.Inputs.Count > 2)
            throw new GraphException($"No gradient for {g.Node.Op} of {g.Node.Inputs.Count} inputs (node '{g.Node.Name}'). "
                + "Nest it in pairs.");
        var (a, b, zero) = (g.Input(0), g.Input(1), g.Scalar(0));
        var half = g.Op.Mul(g.DY, g.Scalar(0.5));
        Value Share(Value mine, Value other) =>
            g.Op.Where(g.Op.Op(wins, [mine, other]), g.DY, g.Op.Where(g.Op.Op("Equal", [mine, other]), half, zero));
        return [Share(a, b), Share(b, a)];
    }

    private static double Scalar(TensorData data) => data.Type switch
    {
        ElementType.Float32 => BitConverter.ToSingle(data.Bytes.Span),
        ElementType.Float64 => BitConverter.ToDouble(data.Bytes.Span),
        _ => double.NaN,
    };
}
