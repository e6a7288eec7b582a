using System.Numerics.Tensors;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution;

/// <summary>W + scale B A, the matrix that does in one product what base and adapter do in three.</summary>
internal static class AdapterMerge
{
    /// <summary>Adds scale B A to a weight in place.</summary>
    /// <param name="weight">W, [out, in], or [in, out] in GPT-2's layout.</param>
    /// <param name="down">A [rank, in].</param>
    /// <param name="up">B [out, rank].</param>
    /// <param name="spec">Rank, scale and layout.</param>
    public static void Add(Span<float> weight, ReadOnlySpan<float> down, ReadOnlySpan<float> up, DecoderSpec spec)
    {
        var (rank, scale) = (spec.Adapter!.Rank, (float)spec.Adapter.Scale);
        var (inputs, outputs) = (down.Length / rank, up.Length / rank);
        var row = new float[inputs];
        for (var o = 0; o < outputs; o++)
        {
            // The sum over the rank first, then the scale, then W: few roundings, and small before large.
            Array.Clear(row);
            for (var r = 0; r < rank; r++)
                TensorPrimitives.MultiplyAdd(down.Slice(r * inputs, inputs), up[(o * rank) + r], row, row);
            if (spec.Weights != WeightLayout.Gpt2)
            {
                var target = weight.Slice(o * inputs, inputs);
                TensorPrimitives.MultiplyAdd(row, scale, target, target);
                continue;
            }
            for (var i = 0; i < inputs; i++)
                weight[(i * outputs) + o] += scale * row[i];
        }
    }
}
