using G2RL.Onnx.Checkpoints.SafeTensors;

namespace G2RL.Onnx.Checkpoints;

/// <summary>Element types of GGUF tensors that are read here; the values are the format's.</summary>
public enum GgmlType
{
    /// <summary>IEEE 32-bit float.</summary>
    F32 = 0,

    /// <summary>IEEE 16-bit float.</summary>
    F16 = 1,

#pragma warning disable CA1707 // Underscores: the names are the format's own spelling, and are printed as they stand.
    /// <summary>32 numbers of 4 bits and a scale.</summary>
    Q4_0 = 2,

    /// <summary>32 numbers of 8 bits and a scale.</summary>
    Q8_0 = 8,

    /// <summary>256 numbers of 4 bits in 8 groups, each with a scale and a minimum of 6 bits.</summary>
    Q4_K = 12,

    /// <summary>256 numbers of 5 bits in 8 groups, each with a scale and a minimum of 6 bits.</summary>
    Q5_K = 13,

    /// <summary>256 numbers of 6 bits in 16 groups, each with a scale of 8 bits.</summary>
    Q6_K = 14,
#pragma warning restore CA1707

    /// <summary>The upper half of an F32.</summary>
    BF16 = 30,
}

/// <summary>Facts about <see cref="GgmlType"/>.</summary>
internal static class GgmlTypes
{
    // Known and not read: named in the message that refuses them.
    private static readonly Dictionary<uint, string> Others = new()
    {
        [3] = "Q4_1",
        [6] = "Q5_0",
        [7] = "Q5_1",
        [9] = "Q8_1",
        [10] = "Q2_K",
        [11] = "Q3_K",
        [15] = "Q8_K",
        [16] = "IQ2_XXS",
        [17] = "IQ2_XS",
        [18] = "IQ3_XXS",
        [19] = "IQ1_S",
        [20] = "IQ4_NL",
        [21] = "IQ3_S",
        [22] = "IQ2_S",
        [23] = "IQ4_XS",
        [24] = "I8",
        [25] = "I16",
        [26] = "I32",
        [27] = "I64",
        [28] = "F64",
        [29] = "IQ1_M",
        [34] = "TQ1_0",
        [35] = "TQ2_0",
        [39] = "MXFP4",
    };

    /// <summary>Elements that are stored together; a row holds a whole number of blocks.</summary>
    public static int BlockElements(this GgmlType type) => type switch
    {
        GgmlType.F32 or GgmlType.F16 or GgmlType.BF16 => 1,
        GgmlType.Q4_0 or GgmlType.Q8_0 => 32,
        _ => 256,
    };

    /// <summary>Bytes of a block.</summary>
    public static int BlockBytes(this GgmlType type) => type switch
    {
        GgmlType.F32 => 4,
        GgmlType.F16 or GgmlType.BF16 => 2,
        GgmlType.Q4_0 => 2 + (32 / 2),
        GgmlType.Q8_0 => 2 + 32,
        GgmlType.Q4_K => 2 + 2 + 12 + (256 / 2),
        GgmlType.Q5_K => 2 + 2 + 12 + (256 / 8) + (256 / 2),
        GgmlType.Q6_K => (256 / 2) + (256 / 4) + 16 + 2,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "No type that is read."),
    };

    /// <summary>The type that holds such weights in a safetensors file without loss: their own, or F32 for quantised ones.</summary>
    public static SafeTensorsDtype Stored(this GgmlType type) => type switch
    {
        GgmlType.F16 => SafeTensorsDtype.F16,
        GgmlType.BF16 => SafeTensorsDtype.BF16,
        _ => SafeTensorsDtype.F32,
    };

    internal static string NameOf(uint number) => Others.GetValueOrDefault(number) ?? $"of the unknown type {number}";
}
