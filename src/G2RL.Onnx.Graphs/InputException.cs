namespace G2RL.Onnx;

/// <summary>
/// The user's input (a configuration, a checkpoint, a data file, a command) is wrong. The message names the thing, its value, the rule and
/// the way out; the command line prints it plainly and exits with 2. Anything else keeps its stack trace and exits with 1.
/// </summary>
public sealed class InputException : Exception
{
    /// <summary>One fault.</summary>
    public InputException(string message) : base(message) { }

    /// <summary>One fault, with what caused it.</summary>
    public InputException(string message, Exception inner) : base(message, inner) { }

    /// <summary>No message: for serialisers only.</summary>
    public InputException() { }

    /// <summary>Several faults, reported at once, one a line.</summary>
    public static InputException Of(IReadOnlyCollection<string> faults) => new(string.Join(Environment.NewLine, faults));
}
