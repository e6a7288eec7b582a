using System.Runtime.InteropServices;
using G2RL.Onnx.Graphs;
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
        binding.BindInput(name, View(ElementType.Float32, buffer, offset, shape));

    /// <summary>Binds part of a buffer whose numbers are of another type.</summary>
    /// <param name="name">The input.</param>
    /// <param name="type">Float32, BFloat16 or Int8.</param>
    /// <param name="buffer">The buffer.</param>
    /// <param name="offset">Where the part begins, in float32 numbers.</param>
    /// <param name="shape">Its shape.</param>
    public void Input(string name, ElementType type, FloatBuffer buffer, long offset, params long[] shape) =>
        binding.BindInput(name, View(type, buffer, offset, shape));

    /// <summary>Binds an array; later changes of its elements are seen by the next run.</summary>
    public void Input<T>(string name, T[] data, params long[] shape) where T : unmanaged => binding.BindInput(name, Pin(data, shape));

    /// <summary>Binds part of a buffer to receive an output.</summary>
    public void Output(string name, FloatBuffer buffer, long offset, params long[] shape) =>
        binding.BindOutput(name, View(ElementType.Float32, buffer, offset, shape));

    /// <summary>Binds part of a buffer whose numbers are of another type to receive an output.</summary>
    public void Output(string name, ElementType type, FloatBuffer buffer, long offset, params long[] shape) =>
        binding.BindOutput(name, View(type, buffer, offset, shape));

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

    private OrtValue View(ElementType type, FloatBuffer buffer, long offset, long[] shape)
    {
        var bytes = checked(Count(shape) * type.Size());
        if (offset < 0 || checked((offset * sizeof(float)) + bytes) > buffer.Length * sizeof(float))
            throw new ArgumentOutOfRangeException(
                nameof(offset),
                offset,
                $"{bytes} bytes from number {offset} lie outside a buffer of {buffer.Length} numbers.");
        var value = OrtValue.CreateTensorValueWithData(
            OrtMemoryInfo.DefaultInstance,
            (TensorElementType)type,
            shape,
            buffer.Pointer + (nint)(offset * sizeof(float)),
            bytes);
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
