using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Sessions;

namespace G2RL.Onnx.Training.Optimizers;

/// <summary>
/// A moment of one weight in 16 or 8 bits. Numbers are rounded up or down at random, in proportion to what is nearer, so that on average
/// nothing is lost: rounding to nearest would keep a second moment for ever that decays by a thousandth a step. The random bits follow from
/// step and place alone.
/// </summary>
/// <remarks>
/// 16 bits: the upper half of float32. 8 bits: blocks of 256 over their largest, as in Dettmers et al., arXiv:2110.02861, with an 8-bit
/// floating number in place of their table: first moment, sign, 4 bits of exponent and 3 of fraction (2^-15 to 1); second moment, its root
/// with 5 and 3 (2^-31 to 1), never 0 unless it is, so that no update is divided by nothing.
/// </remarks>
internal sealed class PackedMoment : IDisposable
{
    /// <summary>Numbers that share a scale; pieces that are read and written begin at multiples of it.</summary>
    public const int Block = 256;

    private const string ScaleSuffix = ".scale";
    private const int FractionBits = 20;
    private const uint FractionMask = (1u << FractionBits) - 1;

    private readonly Parameter parameter;
    private readonly MomentStorage storage;
    private readonly bool isSecond;
    private readonly uint stream;
    private readonly FloatBuffer codes;
    private readonly FloatBuffer? scales;

    /// <summary>Zeros.</summary>
    /// <param name="parameter">The weight.</param>
    /// <param name="storage">BFloat16 or Int8.</param>
    /// <param name="isSecond">The second moment, which has no negative numbers.</param>
    /// <param name="index">Tells its random bits from those of other moments.</param>
    public PackedMoment(Parameter parameter, MomentStorage storage, bool isSecond, int index)
    {
        (this.parameter, this.storage, this.isSecond) = (parameter, storage, isSecond);
        stream = unchecked((uint)((2 * index) + (isSecond ? 1 : 0)) * 0x9E3779B9u);
        var bytes = parameter.Buffer.Length * CodeBytes;
        codes = new FloatBuffer((bytes + sizeof(float) - 1) / sizeof(float));
        scales = storage == MomentStorage.Int8 ? new FloatBuffer((parameter.Buffer.Length + Block - 1) / Block) : null;
    }

    /// <summary>Bytes held.</summary>
    public long Bytes => (codes.Length + (scales?.Length ?? 0)) * sizeof(float);

    private int CodeBytes => storage == MomentStorage.BFloat16 ? 2 : 1;

    private Span<byte> Codes => MemoryMarshal.AsBytes(codes.Span)[..checked((int)(parameter.Buffer.Length * CodeBytes))];

    // Exponents of the smallest number, and of 1, with the fraction's three bits below.
    private int Lowest => (127 - (isSecond ? 31 : 15)) << 3;

    /// <summary>Numbers from <paramref name="offset"/> on.</summary>
    public void Read(long offset, Span<float> values)
    {
        if (storage == MomentStorage.BFloat16)
        {
            var stored = MemoryMarshal.Cast<byte, ushort>(Codes).Slice((int)offset, values.Length);
            for (var i = 0; i < values.Length; i++)
                values[i] = BitConverter.UInt32BitsToSingle((uint)stored[i] << 16);
            return;
        }
        var bytes = Codes.Slice((int)offset, values.Length);
        for (var i = 0; i < values.Length; i++)
        {
            uint code = bytes[i], magnitude = isSecond ? code : code & 0x7F;
            var value = magnitude == 0
                ? 0
                : BitConverter.UInt32BitsToSingle((magnitude + (uint)Lowest) << FractionBits) * scales!.Span[(int)((offset + i) / Block)];
            values[i] = isSecond ? value * value : code > 0x7F ? -value : value;
        }
    }

    /// <summary>Stores numbers from <paramref name="offset"/> on, a multiple of <see cref="Block"/>.</summary>
    /// <param name="offset">Place of the first.</param>
    /// <param name="values">Finite numbers; of the second moment not negative. Overwritten.</param>
    /// <param name="step">The update; decides the random bits.</param>
    public void Write(long offset, Span<float> values, long step)
    {
        var key = unchecked(stream + ((uint)step * 0x85EBCA6Bu));
        if (storage == MomentStorage.BFloat16)
        {
            var stored = MemoryMarshal.Cast<byte, ushort>(Codes).Slice((int)offset, values.Length);
            for (var i = 0; i < values.Length; i++)
                stored[i] = (ushort)((BitConverter.SingleToUInt32Bits(values[i]) + (Bits(key, offset + i) & 0xFFFF)) >> 16);
            return;
        }
        if (isSecond)
            TensorPrimitives.Sqrt<float>(values, values);
        var bytes = Codes.Slice((int)offset, values.Length);
        for (var start = 0; start < values.Length; start += Block)
        {
            var part = values.Slice(start, Math.Min(Block, values.Length - start));
            var largest = MathF.Abs(TensorPrimitives.MaxMagnitude<float>(part));
            scales!.Span[(int)((offset + start) / Block)] = largest;
            for (var i = 0; i < part.Length; i++)
                bytes[start + i] = largest == 0 ? (byte)0 : Code(part[i] / largest, Bits(key, offset + start + i));
        }
    }

    /// <summary>What is held, to be written under a name.</summary>
    public IEnumerable<TensorToWrite> Tensors(string name)
    {
        var dtype = storage == MomentStorage.BFloat16 ? SafeTensorsDtype.BF16 : SafeTensorsDtype.U8;
        yield return new(name, dtype, [.. parameter.Shape], stream => stream.Write(Codes));
        if (scales is not null)
            yield return TensorToWrite.Floats(name + ScaleSuffix, SafeTensorsDtype.F32, [scales.Length], _ => scales.Span);
    }

    /// <summary>Reads what <see cref="Tensors"/> gave.</summary>
    /// <exception cref="InputException">It is missing, or of another type or shape.</exception>
    public void Load(SafeTensorsFile file, string name)
    {
        var raw = file.RawBytes(name);
        if (raw.Length != Codes.Length)
            throw new InputException($"{file.Path}: tensor '{name}' has {raw.Length} bytes; moments in {storage} have {Codes.Length}. "
                + "The checkpoint belongs to another configuration.");
        raw.CopyTo(Codes);
        if (scales is not null)
            file.ReadFloats(name + ScaleSuffix, scales.Span);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        codes.Dispose();
        scales?.Dispose();
    }

    // Exponent and three bits of fraction of |x| <= 1, what is below them rounded up or down at random.
    private byte Code(float x, uint random)
    {
        var bits = BitConverter.SingleToUInt32Bits(MathF.Abs(x));
        if (bits == 0)
            return 0;
        var magnitude = (int)((bits + (random & FractionMask)) >> FractionBits) - Lowest;
        if (isSecond)
            return (byte)Math.Max(1, magnitude);
        return magnitude <= 0 ? (byte)0 : (byte)(magnitude | (x < 0 ? 0x80 : 0));
    }

    // The finaliser of MurmurHash3: every bit of the place changes every bit of the result.
    private static uint Bits(uint key, long place)
    {
        unchecked
        {
            var x = key + ((uint)place * 0x9E3779B1u);
            x = (x ^ (x >> 16)) * 0x85EBCA6Bu;
            x = (x ^ (x >> 13)) * 0xC2B2AE35u;
            return x ^ (x >> 16);
        }
    }
}
