namespace G2RL.Onnx.Graphs.Tests.Gradients;

/// <summary>A float64 input of a case.</summary>
/// <param name="Shape">Its axes.</param>
/// <param name="Low">Least value.</param>
/// <param name="High">Largest value.</param>
/// <param name="Known">Whether its axes must be numbers for the operator; otherwise the case also runs with symbols.</param>
internal sealed record GradientInput(long[] Shape, double Low = -1.5, double High = 1.5, bool Known = false);

/// <summary>One use of a differentiable operator.</summary>
/// <param name="Op">The operator, as <see cref="Onnx.Gradients.GradientRules.All"/> names it.</param>
/// <param name="Name">What is special about the case.</param>
/// <param name="Inputs">What is differentiated.</param>
/// <param name="Build">The operator's outputs.</param>
internal sealed record GradientCase(string Op, string Name, GradientInput[] Inputs, Func<OpBuilder, Value[], IReadOnlyList<Value>> Build)
{
    public override string ToString() => $"{Op}: {Name}";
}
