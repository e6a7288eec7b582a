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
        running = this;
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
        scratch = null;
    }

    private static CustomOperator[] Operators(string? provider) =>
    [
        new("CausalAttention", [BFloat16, BFloat16, BFloat16, Long], [BFloat16, Float32], Attributes)
        {
            Provider = provider,
            Function = &Forward,
        },
        new(
            "CausalAttentionGrad",
            [BFloat16, BFloat16, BFloat16, BFloat16, Long, BFloat16, Float32],
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
        here.attention.Forward(s, q.Address, k.Address, v.Address, mask.Address, mixed.Address, sums.Exists ? sums.Address : here.Room(s));
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
        here.attention.Backward(s, gradient.Address, q.Address, k.Address, v.Address, mask.Address, mixed.Address, sums.Address,
            here.Room(s), dq.Address, dk.Address, dv.Address);
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
    private nint Room(in AttentionSizes s)
    {
        var bytes = Math.Max(1, s.Sums * sizeof(float));
        if (scratch is null || scratch.Bytes < bytes)
        {
            // What is enqueued may still write to the smaller one.
            memory.Driver.Synchronize();
            Dispose();
            scratch = memory.Allocate(Purpose.Training, bytes);
        }
        return scratch.Pointer;
    }
}
