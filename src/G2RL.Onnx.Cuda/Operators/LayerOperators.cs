using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Execution.CustomOperators;
using G2RL.Onnx.Graphs.Fused;
using static G2RL.Onnx.Execution.CustomOperators.AttributeType;
using static G2RL.Onnx.Execution.CustomOperators.PortType;

namespace G2RL.Onnx.Cuda.Operators;

/// <summary>What lies between the products of a layer, by <see cref="LayerKernels"/>.</summary>
internal static unsafe class LayerOperators
{
    /// <summary>The operators.</summary>
    /// <param name="provider">Whose memory they work on; null is the host's.</param>
    public static CustomOperator[] On(string? provider) =>
    [
        // The weight is a parameter as it comes, or a sum in float32.
        new("RmsNorm", [BFloat16, Any], [BFloat16], [("epsilon", Float)]) { Provider = provider, Function = &Norm },
        new("RmsNormGrad", [BFloat16, BFloat16, Any], [BFloat16, new(Float32, Optional: true)], [("epsilon", Float)], InPlace.First)
        {
            Provider = provider,
            Function = &NormGradient,
        },
        new(FusedOperators.GradientSum, [Float32, BFloat16], [Float32], []) { Provider = provider, Function = &GradientSum },
        new("GatedUnit", [BFloat16, BFloat16], [BFloat16], [("gelu", Int)], InPlace.First) { Provider = provider, Function = &GatedUnit },
        new("GatedUnitGrad", [BFloat16, BFloat16, BFloat16], [BFloat16, BFloat16], [("gelu", Int)], InPlace.BehindTheFirst)
        {
            Provider = provider,
            Function = &GatedUnitGradient,
        },
        new("Rotary", [BFloat16, Float32, Float32], [BFloat16], [("inverse", Int)], InPlace.First)
        {
            Provider = provider,
            Function = &Rotary,
        },
    ];

    private static void Norm(in KernelContext context)
    {
        KernelTensor x = context.Input(0), weight = context.Input(1);
        var s = Sizes(context, x, weight);
        DeviceOperators.Here().Layers.Norm(s, x.Address, weight.Address, IsWide(weight), context.Output(0, x.Shape).Address);
    }

    private static void NormGradient(in KernelContext context)
    {
        KernelTensor dy = context.Input(0), x = context.Input(1), weight = context.Input(2);
        var (s, here) = (Sizes(context, x, weight), DeviceOperators.Here());
        dy.Require(x.Length, "dy");
        KernelTensor dx = context.Output(0, x.Shape), dw = context.Output(1, weight.Shape);
        here.Layers.NormGradient(s, dy.Address, x.Address, weight.Address, IsWide(weight), dx.Address,
            dw.Exists ? here.Room((long)s.Parts * s.Width) : 0, dw.Address);
    }

    // A run binds a sum as input and output, so that it is added to where it lies.
    private static void GradientSum(in KernelContext context)
    {
        KernelTensor sum = context.Input(0), gradient = context.Input(1);
        gradient.Require(sum.Length, "gradient");
        DeviceOperators.Here().Add(gradient.Address, sum.Address, context.Output(0, sum.Shape).Address, sum.Length);
    }

    private static void GatedUnit(in KernelContext context)
    {
        KernelTensor gate = context.Input(0), up = context.Input(1);
        up.Require(Elements(gate), "up");
        DeviceOperators.Here().Layers.GatedUnit(gate.Length, gate.Address, up.Address, context.Attribute(0) != 0,
            context.Output(0, gate.Shape).Address);
    }

    private static void GatedUnitGradient(in KernelContext context)
    {
        KernelTensor dh = context.Input(0), gate = context.Input(1), up = context.Input(2);
        up.Require(Elements(gate), "up");
        dh.Require(gate.Length, "dh");
        KernelTensor dgate = context.Output(0, gate.Shape), dup = context.Output(1, gate.Shape);
        DeviceOperators.Here().Layers.GatedUnitGradient(gate.Length, dh.Address, gate.Address, up.Address, context.Attribute(0) != 0,
            dgate.Address, dup.Address);
    }

    private static void Rotary(in KernelContext context)
    {
        KernelTensor x = context.Input(0), cos = context.Input(1), sin = context.Input(2);
        if (x.Rank != 4 || cos.Rank != 4 || x[3] % 8 != 0 || 2 * cos[3] > x[3])
            throw new ArgumentException("x is [B, T, H, d], d a multiple of 8, cos and sin are [B, T, 1, r / 2] with r at most d.");
        var tokens = checked(x[0] * x[1]);
        cos.Require((long)tokens * cos[3], "cos");
        sin.Require(cos.Length, "sin");
        DeviceOperators.Here().Layers.Rotary(tokens, x[2], x[3], cos[3], x.Address, cos.Address, sin.Address, context.Attribute(0) != 0,
            context.Output(0, x.Shape).Address);
    }

    private static bool IsWide(KernelTensor weight) => weight.Type switch
    {
        Float32 => true,
        BFloat16 => false,
        _ => throw new ArgumentException($"The weight is {weight.Type}; it must be float32 or bfloat16."),
    };

    private static long Elements(KernelTensor x) => x.Length % 8 == 0
        ? x.Length
        : throw new ArgumentException($"There are {x.Length} elements; they must be a multiple of 8.");

    private static NormSizes Sizes(in KernelContext context, KernelTensor x, KernelTensor weight)
    {
        var width = checked((int)weight.Length);
        if (x.Rank == 0 || width == 0 || x[x.Rank - 1] != width || width % 8 != 0 || width > LayerKernels.WidestNorm)
            throw new ArgumentException($"The last axis of x [{string.Join(", ", x.Shape.ToArray())}] is the weight's {width}, a multiple "
                + $"of 8 up to {LayerKernels.WidestNorm}.");
        return new(checked((int)(x.Length / width)), width, (float)context.Attribute(0));
    }
}
