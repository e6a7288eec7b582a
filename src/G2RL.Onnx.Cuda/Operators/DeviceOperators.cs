using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Execution.CustomOperators;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs.Fused;
using SessionOptions = Microsoft.ML.OnnxRuntime.SessionOptions;

namespace G2RL.Onnx.Cuda.Operators;

/// <summary>
/// Operators of <see cref="FusedOperators"/> in sessions on a device: functions that launch our kernels on the stream which ONNX Runtime
/// works on, over the memory that it hands them.
/// </summary>
/// <remarks>
/// The runtime keeps the functions' addresses for ever and passes them nothing of ours, so whose kernels they launch stands in a variable
/// of the thread that runs the session.
/// </remarks>
internal sealed class DeviceOperators : IDisposable
{
    [ThreadStatic]
    private static DeviceOperators? running;

    private static readonly Lazy<CustomOperatorDomain> OnCuda = new(() => new(FusedOperators.Domain, Operators(NodePlacement.Cuda)));
    private static readonly Lazy<CustomOperatorDomain> OnHost = new(() => new(FusedOperators.Domain, Operators(provider: null)));

    private readonly DeviceMemory memory;
    private DeviceBuffer? scratch;
    private DeviceBuffer? places;
    private bool isPlaced;

    /// <param name="kernels">The modules.</param>
    /// <param name="memory">For scratch.</param>
    public DeviceOperators(KernelCache kernels, DeviceMemory memory) =>
        (this.memory, Attention, Layers) = (memory, new(kernels), new(kernels));

    /// <summary>Of attention.</summary>
    internal AttentionKernels Attention { get; }

    /// <summary>Of what lies between products.</summary>
    internal LayerKernels Layers { get; }

    /// <summary>Lets a session that is made with these options use the operators.</summary>
    /// <param name="options">The session's.</param>
    /// <param name="isCuda">Whether on ONNX Runtime's CUDA provider; else on the CPU's, where memory of the driver is the host's.</param>
    public static void AddTo(SessionOptions options, bool isCuda = true) => (isCuda ? OnCuda : OnHost).Value.AddTo(options);

    /// <summary>Until it is disposed of, sessions that this thread runs launch these kernels.</summary>
    public Scope Enter()
    {
        var before = running;
        (running, isPlaced) = (this, false);
        return new Scope(before);
    }

    /// <summary>Whose kernels the thread's sessions launched before.</summary>
    public readonly struct Scope(DeviceOperators? before) : IDisposable
    {
        public void Dispose() => running = before;
    }

    public void Dispose()
    {
        scratch?.Dispose();
        places?.Dispose();
        (scratch, places) = (null, null);
    }

    private static CustomOperator[] Operators(string? provider) => [.. AttentionOperators.On(provider), .. LayerOperators.On(provider)];

    /// <summary>Whose kernels the session launches that this thread runs.</summary>
    internal static DeviceOperators Here()
    {
        var here = running ?? throw new InvalidOperationException("No device runs a session on this thread.");
        // The runtime may have left another context.
        here.memory.Driver.MakeCurrent();
        return here;
    }

    /// <summary>To = sum + gradient, of bfloat16; where both are one it is added to.</summary>
    internal void Add(nint gradient, nint sum, nint to, long count)
    {
        if (to != sum)
            memory.Driver.CopyOnDevice(to, sum, count * sizeof(float));
        Layers.Add(gradient, to, count);
    }

    /// <summary>Scratch for one launch after the other.</summary>
    internal nint Room(long floats) => Room(ref scratch, floats * sizeof(float));

    /// <summary>
    /// What each token of packed rows sees, laid out by the first attention of a run for all of them: a run has one set of segments.
    /// </summary>
    internal nint Places(in AttentionSizes s, KernelTensor segments)
    {
        if (!segments.Exists)
            return 0;
        if (s.Rows != 1 || segments.Rank != 2 || segments[0] == 0 || segments[1] != 2)
            throw new ArgumentException("Segments are [S, 2], and packed tokens one row [1, T].");
        var at = Room(ref places, (long)s.Tokens * AttentionKernels.PlaceBytes);
        if (!isPlaced)
            Attention.Places(segments.Address, segments[0], s.Tokens, at);
        isPlaced = true;
        return at;
    }

    private nint Room(ref DeviceBuffer? buffer, long bytes)
    {
        bytes = Math.Max(1, bytes);
        if (buffer is null || buffer.Bytes < bytes)
        {
            // What is enqueued may still write to the smaller one.
            memory.Driver.Synchronize();
            buffer?.Dispose();
            buffer = null;
            buffer = memory.Allocate(Purpose.Training, bytes);
        }
        return buffer.Pointer;
    }
}
