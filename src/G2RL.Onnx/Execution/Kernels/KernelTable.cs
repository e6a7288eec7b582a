using G2RL.Onnx.Execution.CustomOperators;
using G2RL.Onnx.Execution.Kernels.Attention;
using G2RL.Onnx.Execution.Kernels.Products;
using G2RL.Onnx.Execution.Kernels.Simd;
using G2RL.Onnx.Execution.Native;
using G2RL.Onnx.Graphs.Fused;
using Microsoft.ML.OnnxRuntime;
using static G2RL.Onnx.Execution.CustomOperators.AttributeType;
using static G2RL.Onnx.Execution.CustomOperators.PortType;

namespace G2RL.Onnx.Execution.Kernels;

/// <summary>The operators of the domain <see cref="FusedOperators.Domain"/> and what computes them: one line each.</summary>
internal static unsafe class KernelTable
{
    private static readonly Lazy<CustomOperatorDomain>[] Domains =
    [
        new(() => new(FusedOperators.Domain, Operators<SimdPair<SimdPair<Simd128>>, Simd128>())),
        new(() => new(FusedOperators.Domain, Operators<SimdPair<Simd256>, Simd256>())),
        new(() => new(FusedOperators.Domain, Operators<Simd512, Simd512>())),
    ];

    /// <summary>Whether this runtime takes the operators.</summary>
    public static bool IsTaken => OrtFunctions.AreThere;

    /// <summary>Whether, besides, this processor computes them faster than standard ones.</summary>
    public static bool IsUsable => IsTaken && KernelWidths.Fused;

    /// <summary>Names of the operators.</summary>
    public static IEnumerable<string> Names => Operators<Simd512, Simd512>().Select(o => o.Name);

    /// <summary>Lets sessions that are made with these options use the operators.</summary>
    public static void AddTo(SessionOptions options) => AddTo(options, KernelWidths.Here);

    /// <summary>The same with vectors of a given width, which this processor need not have.</summary>
    public static void AddTo(SessionOptions options, KernelWidth width) => Domains[(int)width].Value.AddTo(options);

    private static (string, AttributeType)[] AttentionAttributes => [("scale", Float), ("window", Int), ("softcap", Float)];

    // T: sixteen numbers, in which sums run. N: what one instruction works on.
    private static CustomOperator[] Operators<T, N>() where T : unmanaged, ISimd<T> where N : unmanaged, ISimd<N> =>
    [
        new("RmsNorm", [Float32, Float32], [Float32], [("epsilon", Float)]) { Function = &RmsNorm.Forward<T> },
        new("RmsNormGrad", [Float32, Float32, Float32], [Float32, new(Float32, Optional: true)], [("epsilon", Float)], InPlace.First)
        {
            Function = &RmsNorm.Backward<T>,
        },
        new(
            "Product",
            [Float32, Float32, new(Float32, Optional: true)],
            [Float32],
            [("transA", Int), ("transB", Int), (FusedOperators.InTurn, Int)],
            InPlace.Third)
        {
            Function = &MatrixProduct<N>.Run,
        },
        new("RowProduct", [Float32, Any, new(Float32, Optional: true)], [Float32], inPlace: InPlace.Third)
        {
            Function = &RowProduct<T>.Run,
        },
        new(
            "RowProducts",
            [Float32, Any, Any, new(Any, Optional: true)],
            [Float32, Float32, new(Float32, Optional: true)])
        {
            Function = &RowProduct<T>.RunSeveral,
        },
        new("Rows", [Float32, Long], [Float32]) { Function = &Rows.Take },
        new("RowsAdded", [Float32, Long, Float32], [Float32], inPlace: InPlace.First) { Function = &Rows.Add<T> },
        new("Rotary", [Float32, Float32, Float32], [Float32], [("inverse", Int)], InPlace.First) { Function = &Rotary.Forward<T> },
        new("GatedUnit", [Float32, Float32], [Float32], [("gelu", Int)], InPlace.First) { Function = &GatedUnit.Forward<T> },
        new("GatedUnitGrad", [Float32, Float32, Float32], [Float32, Float32], [("gelu", Int)], InPlace.BehindTheFirst)
        {
            Function = &GatedUnit.Backward<T>,
        },
        new(
            "CausalAttention",
            [Float32, Float32, Float32, Long, new(Long, Optional: true)],
            [Float32, Float32],
            AttentionAttributes)
        {
            Function = &CausalAttention<T, N>.Forward,
        },
        new(
            "CausalAttentionGrad",
            [Float32, Float32, Float32, Float32, Long, Float32, Float32, new(Long, Optional: true)],
            [Float32, Float32, Float32],
            AttentionAttributes)
        {
            Function = &CausalAttention<T, N>.Backward,
        },
        new(
            "CachedAttention",
            [Float32, Float32, Float32, Float32, Float32, Integer],
            [Float32, Float32, Float32],
            AttentionAttributes)
        {
            Function = &CachedAttention<T, FloatNumbers>.Forward,
        },
        new(
            "CachedAttentionBFloat16",
            [Float32, Float32, Float32, PortType.BFloat16, PortType.BFloat16, Integer],
            [Float32, PortType.BFloat16, PortType.BFloat16],
            AttentionAttributes)
        {
            Function = &CachedAttention<T, BFloat16Numbers>.Forward,
        },
        new(
            "CachedAttentionInt8",
            [Float32, Float32, Float32, Int8, Int8, Integer, Float32, Float32],
            [Float32, Int8, Int8, Float32, Float32],
            AttentionAttributes)
        {
            Function = &CachedAttention<T, Int8Numbers>.Forward,
        },
        new("TokenScores", [Float32, Long], [Float32, Float32, Float32]) { Function = &TokenScores.Forward<T> },
        new(
            "TokenScoresGrad",
            [Float32, Long, Float32, Float32, Float32, new(Float32, Optional: true)],
            [Float32],
            inPlace: InPlace.First)
        {
            Function = &TokenScores.Backward<T>,
        },
    ];
}
