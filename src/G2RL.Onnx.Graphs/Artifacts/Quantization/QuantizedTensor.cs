using G2RL.Onnx.Checkpoints.SafeTensors;

namespace G2RL.Onnx.Artifacts;

/// <summary>A run of bytes in the data file.</summary>
/// <param name="Offset">First byte.</param>
/// <param name="Bytes">Length.</param>
/// <param name="Sha256">Hash of the bytes.</param>
public sealed record ConvertedPlace(long Offset, long Bytes, string Sha256);

/// <summary>A matrix of the source that is stored in few bits, and can therefore not go back.</summary>
/// <param name="Name">Its name in the source.</param>
/// <param name="Parameter">The parameter that it holds.</param>
/// <param name="Dtype">Its type in the source.</param>
/// <param name="Shape">Its sizes in the source.</param>
/// <param name="Bits">Bits of a weight.</param>
/// <param name="Codes">Codes, uint8 [outputs, blocks, bytes of a block].</param>
/// <param name="Scales">Scales, float32 [outputs * blocks].</param>
/// <param name="Zeros">Zero points, uint8 [outputs * bytes of an output's]; null where the range is symmetric.</param>
/// <param name="RelativeError">Root of the sum of squared errors over the root of the sum of squared weights.</param>
public sealed record QuantizedTensor(
    string Name,
    string Parameter,
    SafeTensorsDtype Dtype,
    long[] Shape,
    int Bits,
    ConvertedPlace Codes,
    ConvertedPlace Scales,
    ConvertedPlace? Zeros,
    double RelativeError)
{
    /// <summary>Bytes in the data file.</summary>
    public long Bytes => Codes.Bytes + Scales.Bytes + (Zeros?.Bytes ?? 0);

    /// <summary>Its runs of bytes.</summary>
    internal IEnumerable<ConvertedPlace> Places => Zeros is null ? [Codes, Scales] : [Codes, Scales, Zeros];
}
