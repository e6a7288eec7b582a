using System.Globalization;
using System.Runtime.CompilerServices;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Execution.Sessions;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace G2RL.Onnx.Cuda.Sessions;

/// <summary>Inputs and outputs of a session over device memory, to be run any number of times.</summary>
internal sealed class DeviceBinding : ITensorInputs, IDisposable
{
    private readonly DeviceSession session;
    /// <summary>For runs that are not captured in a session that captures.</summary>
    public const int NotCaptured = -1;

    private readonly SessionBinding binding;
    private readonly StagingArea? staging;
    private readonly List<OrtValue> owned = [];
    private readonly List<DeviceBuffer> used = [];
    private RunOptions? options;

    internal DeviceBinding(DeviceSession session, SessionBinding binding, StagingArea? staging) =>
        (this.session, this.binding, this.staging) = (session, binding, staging);

    public IReadOnlySet<string> Names => session.InputNames;

    /// <summary>Copies an array to the device and binds the copy.</summary>
    public void Input<T>(string name, T[] data, params long[] shape) where T : unmanaged
    {
        var (buffer, offset) = (staging ?? throw new InvalidOperationException("This binding has no place for arrays."))
            .Take(Math.Max(1, (long)data.Length * Unsafe.SizeOf<T>()));
        buffer.Write<T>(data, offset);
        Input(name, buffer, TypeOf<T>(), offset, shape);
    }

    /// <summary>Binds device memory.</summary>
    public void Input(string name, DeviceBuffer buffer, TensorElementType type, long offset, params long[] shape) =>
        binding.Input(name, Own(buffer, buffer.Tensor(type, offset, shape)));

    /// <summary>Binds an array that the host owns and the operator reads there.</summary>
    public void HostInput<T>(string name, T[] data, params long[] shape) where T : unmanaged => binding.Input(name, data, shape);

    /// <summary>Binds a parameter, if the session has such an input.</summary>
    public void InputIfUsed(string name, DeviceParameter parameter)
    {
        if (!Names.Contains(name))
            return;
        used.Add(parameter.Buffer);
        binding.Input(name, parameter.Value);
    }

    /// <summary>Binds device memory to receive an output.</summary>
    public void Output(string name, DeviceBuffer buffer, TensorElementType type, long offset, params long[] shape) =>
        binding.Output(name, Own(buffer, buffer.Tensor(type, offset, shape)));

    /// <summary>Binds a parameter to receive an output.</summary>
    public void Output(string name, DeviceParameter parameter)
    {
        used.Add(parameter.Buffer);
        binding.Output(name, parameter.Value);
    }

    /// <summary>
    /// Lets ONNX Runtime capture the second run of this binding as a CUDA graph and launch that in all later ones.
    /// </summary>
    /// <param name="graph">The graph's number among those of the session, or <see cref="NotCaptured"/>.</param>
    public void Capture(int graph)
    {
        options ??= DeviceSession.RunOptions();
        options.AddRunConfigEntry("gpu_graph_id", graph.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>Runs the session, in stream order.</summary>
    /// <exception cref="ObjectDisposedException">Memory that is bound was given back: the run would read or write what is
    /// another's.</exception>
    public void Run()
    {
        foreach (var buffer in used)
            buffer.RequireHeld();
        session.Run(binding, options);
    }

    public void Dispose()
    {
        binding.Dispose();
        options?.Dispose();
        foreach (var value in owned)
            value.Dispose();
        owned.Clear();
    }

    private static TensorElementType TypeOf<T>() =>
        typeof(T) == typeof(long) ? TensorElementType.Int64
        : typeof(T) == typeof(int) ? TensorElementType.Int32
        : typeof(T) == typeof(float) ? TensorElementType.Float
        : throw new ArgumentException($"No tensor of {typeof(T).Name} is bound here.");

    private OrtValue Own(DeviceBuffer buffer, OrtValue value)
    {
        used.Add(buffer);
        owned.Add(value);
        return value;
    }
}
