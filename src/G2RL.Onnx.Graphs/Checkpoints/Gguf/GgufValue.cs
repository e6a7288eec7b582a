namespace G2RL.Onnx.Checkpoints;

/// <summary>Types of GGUF metadata; the values are the format's.</summary>
internal enum GgufType
{
    UInt8 = 0,
    Int8 = 1,
    UInt16 = 2,
    Int16 = 3,
    UInt32 = 4,
    Int32 = 5,
    Float32 = 6,
    Bool = 7,
    String = 8,
    Array = 9,
    UInt64 = 10,
    Int64 = 11,
    Float64 = 12,
}

/// <summary>Where a metadata value lies in the file; read when asked for, so that a vocabulary costs nothing until then.</summary>
/// <param name="Type">Its type, or its elements'.</param>
/// <param name="IsArray">Whether it is a list.</param>
/// <param name="Count">Elements; 1 where it is none.</param>
/// <param name="Offset">First byte of the (first) value.</param>
internal sealed record GgufValue(GgufType Type, bool IsArray, long Count, long Offset);

/// <summary>Where a tensor lies in a GGUF file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its element type.</param>
/// <param name="Shape">Its sizes, outermost first (the file has them the other way round).</param>
/// <param name="Offset">Its first byte, counted from the start of the file.</param>
/// <param name="Length">Its bytes.</param>
public sealed record GgufTensor(string Name, GgmlType Type, long[] Shape, long Offset, long Length)
{
    /// <summary>How many elements it has.</summary>
    public long Count => Length / Type.BlockBytes() * Type.BlockElements();
}
