using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace G2RL.Onnx.Execution.Sessions;

/// <summary>
/// Inputs and outputs of a session, bound on memory that outlives it. Nothing is copied: what lies in the buffers when <see cref="Run"/> is
/// called is what the graph reads. One binding serves one thread at a time; two bindings of one session may run at once.
/// </summary>
public sealed class SessionBinding : ITensorInputs, IDisposable
{
    private readonly OrtSession session;
    private readonly OrtIoBinding binding;
    private readonly List<OrtValue> owned = [];
    private readonly List<GCHandle> pins = [];

    internal SessionBinding(OrtSession session)
    {
        this.session = session;
        binding = session.NewBinding();
    }

    /// <inheritdoc/>
    public IReadOnlySet<string> Names => session.InputNames;

    /// <summary>Binds a value that somebody else owns, for example a weight.</summary>
    public void Input(string name, OrtValue value) => binding.BindInput(name, value);

    /// <summary>Binds a value if the session has such an input.</summary>
    public void InputIfUsed(string name, OrtValue value)
    {
        if (session.InputNames.Contains(name))
            binding.BindInput(name, value);
    }

    /// <summary>Binds part of a buffer.</summary>
    public void Input(string name, FloatBuffer buffer, long offset, params long[] shape) =>
        binding.BindInput(name, View(buffer, offset, shape));

    /// <summary>Binds an array; later changes of its elements are seen by the next run.</summary>
    public void Input<T>(string name, T[] data, params long[] shape) where T : unmanaged => binding.BindInput(name, Pin(data, shape));

    /// <summary>Binds part of a buffer to receive an output.</summary>
    public void Output(string name, FloatBuffer buffer, long offset, params long[] shape) =>
        binding.BindOutput(name, View(buffer, offset, shape));

    /// <summary>Binds a value that somebody else owns to receive an output.</summary>
    public void Output(string name, OrtValue value) => binding.BindOutput(name, value);

    /// <summary>Binds an array to receive an output.</summary>
    public void Output<T>(string name, T[] data, params long[] shape) where T : unmanaged => binding.BindOutput(name, Pin(data, shape));

    /// <summary>Runs the session with options of its own; null for the session's.</summary>
    internal void RunWith(RunOptions? options) => session.Run(binding, options);

    /// <summary>Runs the session. No managed allocation.</summary>
    public void Run() => session.Run(binding);

    /// <inheritdoc/>
    public void Dispose()
    {
        binding.Dispose();
        foreach (var value in owned)
            value.Dispose();
        foreach (var pin in pins)
            pin.Free();
        owned.Clear();
        pins.Clear();
    }

    private OrtValue View(FloatBuffer buffer, long offset, long[] shape)
    {
        var count = Count(shape);
        if (offset < 0 || checked(offset + count) > buffer.Length)
            throw new ArgumentOutOfRangeException(
                nameof(offset),
                offset,
                $"{count} numbers from {offset} lie outside a buffer of {buffer.Length}.");
        var value = OrtValue.CreateTensorValueWithData(
            OrtMemoryInfo.DefaultInstance,
            TensorElementType.Float,
            shape,
            buffer.Pointer + (nint)(offset * sizeof(float)),
            count * sizeof(float));
        owned.Add(value);
        return value;
    }

    private unsafe OrtValue Pin<T>(T[] data, long[] shape) where T : unmanaged
    {
        if (Count(shape) > data.Length)
            throw new ArgumentException($"{data.Length} elements do not fill [{string.Join(", ", shape)}].", nameof(data));
        var type = data switch
        {
            long[] => TensorElementType.Int64,
            int[] => TensorElementType.Int32,
            float[] => TensorElementType.Float,
            _ => throw new ArgumentException($"No tensor of {typeof(T).Name} is bound here.", nameof(data)),
        };
        var pin = GCHandle.Alloc(data, GCHandleType.Pinned);
        pins.Add(pin);
        var value = OrtValue.CreateTensorValueWithData(
            OrtMemoryInfo.DefaultInstance,
            type,
            shape,
            pin.AddrOfPinnedObject(),
            Count(shape) * sizeof(T));
        owned.Add(value);
        return value;
    }

    private static long Count(long[] shape)
    {
        var count = 1L;
        foreach (var size in shape)
            count = checked(count * size);
        return count;
    }
}
