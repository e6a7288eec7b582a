using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Execution.CustomOperators;
using static G2RL.Onnx.Execution.CustomOperators.AttributeType;
using static G2RL.Onnx.Execution.CustomOperators.PortType;

namespace G2RL.Onnx.Cuda.Operators;

/// <summary>Attention and its gradient by <see cref="AttentionKernels"/>.</summary>
internal static unsafe class AttentionOperators
{
    /// <summary>The operators.</summary>
    /// <param name="provider">Whose memory they work on; null is the host's.</param>
    public static CustomOperator[] On(string? provider) =>
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

    private static void Forward(in KernelContext context)
    {
        var here = DeviceOperators.Here();
        KernelTensor q = context.Input(0), k = context.Input(1), v = context.Input(2), mask = context.Input(3);
        var s = Sizes(context, q, k, v, mask);
        var mixed = context.Output(0, (long)s.Rows * s.Tokens, (long)s.Heads * s.Width);
        var sums = context.Output(1, s.Rows, s.Heads, s.Tokens);
        here.Attention.Forward(
            s,
            q.Address,
            k.Address,
            v.Address,
            mask.Address,
            here.Places(s, context.Input(4)),
            mixed.Address,
            sums.Exists ? sums.Address : here.Room(s.Sums));
    }

    private static void Backward(in KernelContext context)
    {
        var here = DeviceOperators.Here();
        KernelTensor gradient = context.Input(0), q = context.Input(1), k = context.Input(2), v = context.Input(3), mask = context.Input(4);
        var s = Sizes(context, q, k, v, mask);
        var mixed = context.Input(5).Require(s.Queries, "what was mixed");
        var sums = context.Input(6).Require(s.Sums, "logarithms of sums");
        gradient.Require(s.Queries, "its gradient");
        KernelTensor dq = context.Output(0, q.Shape), dk = context.Output(1, k.Shape), dv = context.Output(2, v.Shape);
        here.Attention.Backward(
            s,
            gradient.Address,
            q.Address,
            k.Address,
            v.Address,
            mask.Address,
            here.Places(s, context.Input(7)),
            mixed.Address,
            sums.Address,
            here.Room(s.Sums),
            dq.Address,
            dk.Address,
            dv.Address);
    }

    private static AttentionSizes Sizes(in KernelContext context, KernelTensor q, KernelTensor k, KernelTensor v, KernelTensor mask)
    {
        if (context.Attribute(2) != 0)
            throw new NotSupportedException("Scores are capped, which the kernel does not do.");
        if (q.Rank != 4 || k.Rank != 4 || k[2] == 0 || q[2] % k[2] != 0 || q[3] != k[3])
            throw new ArgumentException("Queries are [B, T, H, d], keys and values [B, T, K, d], and K divides H.");
        if (!(context.Attribute(0) > 0))
            throw new NotSupportedException($"Scores are scaled by {context.Attribute(0)}; the kernel takes what is above 0.");
        k.Require((long)q[0] * q[1] * k[2] * q[3], "keys");
        v.Require(k.Length, "values");
        mask.Require((long)q[0] * q[1], "mask");
        return new(q[0], q[1], q[2], k[2], q[3], (int)context.Attribute(1), (float)context.Attribute(0));
    }
}
