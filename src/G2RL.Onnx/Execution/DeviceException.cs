namespace G2RL.Onnx.Execution;

/// <summary>A device or its driver refused something; the message says what was asked, the fault and the way out.</summary>
public abstract class DeviceException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether other settings would do (exit code 2), rather than another machine or driver (1).</summary>
    public virtual bool IsInput => false;
}
