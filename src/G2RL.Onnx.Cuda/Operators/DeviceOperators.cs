using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Execution.CustomOperators;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs.Fused;
using static G2RL.Onnx.Execution.CustomOperators.AttributeType;
using static G2RL.Onnx.Execution.CustomOperators.PortType;
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
internal sealed unsafe class DeviceOperators : IDisposable
{
    [ThreadStatic]
    private static DeviceOperators? running;

    private static readonly Lazy<CustomOperatorDomain> OnCuda = new(() => new(FusedOperators.Domain, Operators(NodePlacement.Cuda)));
    private static readonly Lazy<CustomOperatorDomain> OnHost = new(() => new(FusedOperators.Domain, Operators(provider: null)));

    private readonly DeviceMemory memory;
    private readonly AttentionKernels attention;
    private DeviceBuffer? scratch;
    private DeviceBuffer? places;
    private bool isPlaced;

    /// <param name="kernels">The modules.</param>
    /// <param name="memory">For scratch.</param>
    public DeviceOperators(KernelCache kernels, DeviceMemory memory) => (this.memory, attention) = (memory, new(kernels));

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

    private static CustomOperator[] Operators(string? provider) =>
    [
        new("CausalAttention", [BFloat16, BFloat16, BFloat16, Long, new(Long, Optional: true)], [BFloat16, Float32], Attributes)
        {
            Provider = provider,
            Function = &Forward,
        },
        new(
            "CausalAttentionGrad",
            [BFloat16, BFloat16, BFloat16, BFloat16, Long, BFloat16, Float32, new(Long, Optional: true)],
            [BFloat16, BFloat16, BFloat16],
            Attributes)
        {
            Provider = provider,
            Function = &Backward,
        },
    ];

    private static (string, AttributeType)[] Attributes => [("scale", Float), ("window", Int), ("softcap", Float)];

    private static DeviceOperators Here(in KernelContext context)
    {
        if (context.Attribute(2) != 0)
            throw new NotSupportedException("Scores are capped, which the kernel does not do.");
        var here = running ?? throw new InvalidOperationException("No device runs a session on this thread.");
        // The runtime may have left another context.
        here.memory.Driver.MakeCurrent();
        return here;
    }

    private static void Forward(in KernelContext context)
    {
        var here = Here(context);
        KernelTensor q = context.Input(0), k = context.Input(1), v = context.Input(2), mask = context.Input(3);
        var s = Sizes(context, q, k, v, mask);
        var mixed = context.Output(0, (long)s.Rows * s.Tokens, (long)s.Heads * s.Width);
        var sums = context.Output(1, s.Rows, s.Heads, s.Tokens);
        here.attention.Forward(
            s,
            q.Address,
            k.Address,
            v.Address,
            mask.Address,
            here.Places(s, context.Input(4)),
            mixed.Address,
            sums.Exists ? sums.Address : here.Room(s));
    }

    private static void Backward(in KernelContext context)
    {
        var here = Here(context);
        KernelTensor gradient = context.Input(0), q = context.Input(1), k = context.Input(2), v = context.Input(3), mask = context.Input(4);
        var s = Sizes(context, q, k, v, mask);
        var mixed = context.Input(5).Require(s.Queries, "what was mixed");
        var sums = context.Input(6).Require(s.Sums, "logarithms of sums");
        gradient.Require(s.Queries, "its gradient");
        KernelTensor dq = context.Output(0, q.Shape), dk = context.Output(1, k.Shape), dv = context.Output(2, v.Shape);
        here.attention.Backward(
            s,
            gradient.Address,
            q.Address,
            k.Address,
            v.Address,
            mask.Address,
            here.Places(s, context.Input(7)),
            mixed.Address,
            sums.Address,
            here.Room(s),
            dq.Address,
            dk.Address,
            dv.Address);
    }

    private static AttentionSizes Sizes(in KernelContext context, KernelTensor q, KernelTensor k, KernelTensor v, KernelTensor mask)
    {
        if (q.Rank != 4 || k.Rank != 4 || k[2] == 0 || q[2] % k[2] != 0 || q[3] != k[3])
            throw new ArgumentException("Queries are [B, T, H, d], keys and values [B, T, K, d], and K divides H.");
        k.Require((long)q[0] * q[1] * k[2] * q[3], "keys");
        v.Require(k.Length, "values");
        mask.Require((long)q[0] * q[1], "mask");
        return new(q[0], q[1], q[2], k[2], q[3], (int)context.Attribute(1), (float)context.Attribute(0));
    }

    // A number for every head of every token, for one launch after the other.
    private nint Room(in AttentionSizes s) => Room(ref scratch, s.Sums * sizeof(float));

    // What each token of packed rows sees, laid out by the first attention of a run for all of them: a run has one set of segments.
    private nint Places(in AttentionSizes s, KernelTensor segments)
    {
        if (!segments.Exists)
            return 0;
        if (s.Rows != 1 || segments.Rank != 2 || segments[0] == 0 || segments[1] != 2)
            throw new ArgumentException("Segments are [S, 2], and packed tokens one row [1, T].");
        var at = Room(ref places, (long)s.Tokens * AttentionKernels.PlaceBytes);
        if (!isPlaced)
            attention.Places(segments.Address, segments[0], s.Tokens, at);
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
