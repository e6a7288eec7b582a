namespace G2RL.Onnx.Execution.Sessions;

/// <summary>
/// Takes the inputs of a session from arrays: bound where they lie (<see cref="SessionBinding"/>), or copied to a device.
/// </summary>
internal interface ITensorInputs
{
    /// <summary>What the session reads.</summary>
    IReadOnlySet<string> Names { get; }

    /// <summary>Gives an input.</summary>
    void Input<T>(string name, T[] data, params long[] shape) where T : unmanaged;
}
