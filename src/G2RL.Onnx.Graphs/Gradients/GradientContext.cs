using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Gradients;

/// <summary>One gradient per input of a node; null where there is none. Shapes may still be broadcast: the engine undoes that.</summary>
internal delegate Value?[] GradientRule(GradientContext g);

/// <summary>What a gradient rule sees of a node.</summary>
/// <param name="op">Writes the gradient's nodes.</param>
/// <param name="node">The forward node.</param>
/// <param name="outputGradients">Gradient of each output; null where nothing depends on it.</param>
internal sealed class GradientContext(OpBuilder op, Node node, IReadOnlyList<Value?> outputGradients)
{
    /// <summary>Writes the gradient's nodes.</summary>
    public OpBuilder Op => op;

    /// <summary>The forward node.</summary>
    public Node Node => node;

    /// <summary>Gradient of the first output.</summary>
    public Value DY => outputGradients[0] ?? throw new GraphException($"{node.Op} '{node.Name}' has no gradient of its first output.");

    /// <summary>Gradient of an output; zeros where nothing depends on it.</summary>
    public Value DYOf(int output) => outputGradients[output] ?? op.ZerosLike(node.Outputs[output]!);

    /// <summary>A forward input.</summary>
    public Value Input(int index) => node.Inputs[index]!;

    /// <summary>The first forward output.</summary>
    public Value Y => node.Outputs[0]!;

    /// <summary>A scalar of the first input's type.</summary>
    public Value Scalar(double value) => op.Like(Input(0), value);
}
