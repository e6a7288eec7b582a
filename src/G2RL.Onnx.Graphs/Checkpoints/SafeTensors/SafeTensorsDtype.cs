namespace G2RL.Onnx.Checkpoints.SafeTensors;

/// <summary>Element types of the safetensors format.</summary>
public enum SafeTensorsDtype
{
    /// <summary>IEEE 32-bit float.</summary>
    F32,

    /// <summary>IEEE 16-bit float.</summary>
    F16,

    /// <summary>The upper half of an F32.</summary>
    BF16,

    /// <summary>IEEE 64-bit float.</summary>
    F64,

    /// <summary>One byte, 0 or 1.</summary>
    BOOL,

    /// <summary>Unsigned byte.</summary>
    U8,

    /// <summary>Signed byte.</summary>
    I8,

    /// <summary>Unsigned 16-bit integer.</summary>
    U16,

    /// <summary>Signed 16-bit integer.</summary>
    I16,

    /// <summary>Unsigned 32-bit integer.</summary>
    U32,

    /// <summary>Signed 32-bit integer.</summary>
    I32,

    /// <summary>Unsigned 64-bit integer.</summary>
    U64,

    /// <summary>Signed 64-bit integer.</summary>
    I64,

#pragma warning disable CA1707 // Underscores: the names are the format's own spelling, and are parsed and written as they stand.
    /// <summary>8-bit float, 4 exponent bits.</summary>
    F8_E4M3,

    /// <summary>8-bit float, 5 exponent bits.</summary>
    F8_E5M2,

    /// <summary>8-bit power of two.</summary>
    F8_E8M0,
#pragma warning restore CA1707

    /// <summary>Two F32: a complex number.</summary>
    C64,
}

/// <summary>Facts about <see cref="SafeTensorsDtype"/>.</summary>
public static class SafeTensorsDtypes
{
    /// <summary>Bytes of one element.</summary>
    public static int Bytes(this SafeTensorsDtype dtype) => dtype switch
    {
        SafeTensorsDtype.F64 or SafeTensorsDtype.U64 or SafeTensorsDtype.I64 or SafeTensorsDtype.C64 => 8,
        SafeTensorsDtype.F32 or SafeTensorsDtype.U32 or SafeTensorsDtype.I32 => 4,
        SafeTensorsDtype.F16 or SafeTensorsDtype.BF16 or SafeTensorsDtype.U16 or SafeTensorsDtype.I16 => 2,
        _ => 1,
    };

    /// <summary>Whether weights of this type can be read into floats and written from them.</summary>
    public static bool IsWeight(this SafeTensorsDtype dtype) =>
        dtype is SafeTensorsDtype.F32 or SafeTensorsDtype.F16 or SafeTensorsDtype.BF16;

    /// <summary>config.json's name of a weight type: "float32", "float16" or "bfloat16".</summary>
    /// <exception cref="ArgumentOutOfRangeException">No weight type.</exception>
    public static string ConfigName(this SafeTensorsDtype dtype) => dtype switch
    {
        SafeTensorsDtype.F32 => "float32",
        SafeTensorsDtype.F16 => "float16",
        SafeTensorsDtype.BF16 => "bfloat16",
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "Weights are F32, F16 or BF16."),
    };
}
