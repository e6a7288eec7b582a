namespace G2RL.Onnx.Execution.CustomOperators;

/// <summary>Element types of inputs and outputs; the numbers are those of ONNXTensorElementDataType.</summary>
internal enum PortType
{
    /// <summary>The kernel looks which it is, and refuses what it does not take.</summary>
    Any = 0,
    Float32 = 1,
    Int8 = 3,
    Integer = 6,
    Long = 7,
    BFloat16 = 16,
}

/// <summary>Type of an attribute; every attribute of an operator has to be there.</summary>
internal enum AttributeType
{
    Float,
    Int,
}

/// <summary>An input or an output.</summary>
/// <param name="Type">Its element type.</param>
/// <param name="Optional">Whether it may be left out; only the last ones may.</param>
internal readonly record struct Port(PortType Type, bool Optional = false)
{
    public static implicit operator Port(PortType type) => new(type);
}

/// <summary>Outputs that may take the memory of an input which nobody reads any more.</summary>
internal enum InPlace
{
    /// <summary>None.</summary>
    No,

    /// <summary>Output 0 that of input 0.</summary>
    First,

    /// <summary>Output 0 that of input 2.</summary>
    Third,

    /// <summary>Output 0 that of input 1, output 1 that of input 2.</summary>
    BehindTheFirst,
}

/// <summary>
/// An operator that a C# function computes, on the CPU or, with kernels that it launches, on a device. The function must not keep anything
/// of its <see cref="KernelContext"/>, may be called on several threads at once, and reports a fault by throwing: the exception ends as the
/// runtime's error, with the operator's name.
/// </summary>
/// <param name="name">Name in the graph.</param>
/// <param name="inputs">Inputs, in order.</param>
/// <param name="outputs">Outputs, in order.</param>
/// <param name="attributes">Attributes, in the order in which the function asks for them; at most
/// <see cref="KernelState.MostAttributes"/>.</param>
/// <param name="inPlace">What may share memory.</param>
internal sealed unsafe class CustomOperator(
    string name,
    Port[] inputs,
    Port[] outputs,
    (string Name, AttributeType Type)[]? attributes = null,
    InPlace inPlace = InPlace.No)
{
    /// <summary>Name in the graph.</summary>
    public string Name => name;

    /// <summary>Inputs, in order.</summary>
    public Port[] Inputs => inputs;

    /// <summary>Outputs, in order.</summary>
    public Port[] Outputs => outputs;

    /// <summary>Attributes, in the order in which the function asks for them.</summary>
    public (string Name, AttributeType Type)[] Attributes => attributes ?? [];

    /// <summary>What may share memory.</summary>
    public InPlace InPlace => inPlace;

    /// <summary>The execution provider whose memory inputs and outputs lie in; null is the CPU's.</summary>
    public string? Provider { get; init; }

    /// <summary>What computes it.</summary>
    public required delegate*<in KernelContext, void> Function { get; init; }
}
