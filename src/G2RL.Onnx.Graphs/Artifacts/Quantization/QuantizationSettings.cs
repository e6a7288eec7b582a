using G2RL.Onnx.Models;

namespace G2RL.Onnx.Artifacts;

/// <summary>
/// How an inference model stores its matrices in few bits: each output's weights in blocks along the input axis, a block with one float32
/// scale and perhaps a zero point, computed with by ONNX Runtime's MatMulNBits. Embeddings, positions, norms, biases and a tied head keep
/// their type; an untied head has <see cref="HeadBits"/> bits, since its errors go into the logits as they are.
/// </summary>
public sealed record QuantizationSettings
{
    /// <summary>Bits of an untied LM head.</summary>
    public const int HeadBits = 8;

    private const int SmallestBlock = 16;
    private const int LargestBlock = 256;
    private const int HighestAccuracyLevel = 4;

    /// <summary>Bits of a weight in the layers: 4 or 8.</summary>
    public int Bits { get; init; } = 4;

    /// <summary>Weights that share a scale: a power of two from 16 to 256.</summary>
    public int BlockSize { get; init; } = 32;

    /// <summary>Whether a block also has a zero point, of as many bits as a weight; else its range is symmetric.</summary>
    public bool ZeroPoints { get; init; }

    /// <summary>
    /// The operator's accuracy_level, the least precise type that it may compute the product in: 0 the runtime's choice, 1 float32, 2
    /// float16, 3 bfloat16, 4 int8, where activations are rounded too, which is fastest on most CPUs.
    /// </summary>
    public int AccuracyLevel { get; init; }

    /// <summary>What is out of range.</summary>
    internal IEnumerable<string> Faults()
    {
        if (Bits is not (4 or 8))
            yield return $"Weights are to have {Bits} bits; 4 and 8 are possible.";
        if (BlockSize is < SmallestBlock or > LargestBlock || !int.IsPow2(BlockSize))
            yield return $"The block size is {BlockSize}; it must be a power of two from {SmallestBlock} to {LargestBlock}.";
        if (AccuracyLevel is < 0 or > HighestAccuracyLevel)
            yield return $"The accuracy level is {AccuracyLevel}; it must lie between 0 and {HighestAccuracyLevel}.";
    }

    /// <summary>Bits of a parameter's weights; null for one that keeps its type.</summary>
    internal int? BitsOf(DecoderSpec spec, ParameterSpec parameter)
    {
        var names = DecoderNames.Of(spec);
        if (!spec.TieEmbeddings && parameter.Name == names.Head + ".weight")
            return HeadBits;
        return parameter.Shape.Length == 2 && parameter.Name.StartsWith(names.Layers + ".", StringComparison.Ordinal) ? Bits : null;
    }

    /// <summary>The quantiser of a matrix with so many bits and inputs.</summary>
    internal BlockQuantizer Quantizer(int bits, int inputs) => new(bits, BlockSize, ZeroPoints, inputs);
}
