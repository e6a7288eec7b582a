using System.Runtime.InteropServices;
using G2RL.Onnx.Artifacts.Training;
using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.LargeCheckpoint;

/// <summary>Numbers that are known without being stored: a scrambled function of tensor and place.</summary>
internal static class Numbers
{
    private const int Piece = 1 << 18;

    /// <summary>A tensor of them, made as it is written.</summary>
    public static OrtTensor Tensor(string name, long[] shape, int index) => new(name, shape, ElementType.Float32, stream =>
    {
        var values = new float[Piece];
        var count = shape.Aggregate(1L, (a, b) => a * b);
        for (var start = 0L; start < count; start += Piece)
        {
            var part = values.AsSpan(0, (int)Math.Min(Piece, count - start));
            Fill(part, index, start);
            stream.Write(MemoryMarshal.AsBytes(part));
        }
    });

    /// <summary>Compares a tensor with what it must hold, bit for bit.</summary>
    public static void Compare(ReadOnlySpan<float> actual, int index)
    {
        var values = new float[Piece];
        for (var start = 0; start < actual.Length; start += Piece)
        {
            var part = values.AsSpan(0, Math.Min(Piece, actual.Length - start));
            Fill(part, index, start);
            if (!actual.Slice(start, part.Length).SequenceEqual(part))
                throw new InvalidDataException($"Tensor {index} differs between elements {start} and {start + part.Length}.");
        }
    }

    private static void Fill(Span<float> values, int index, long start)
    {
        for (var i = 0; i < values.Length; i++)
        {
            var bits = unchecked(((ulong)(start + i) + ((ulong)index << 40)) * 0x9E3779B97F4A7C15);
            values[i] = (int)(bits >> 32) * (1f / (1L << 31));
        }
    }
}
