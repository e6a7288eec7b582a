using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Artifacts;

/// <summary>
/// Writes a checkpoint's matrices into the data file in few bits, and keeps what the graph and the manifest need to know of them.
/// </summary>
internal sealed class QuantizedWeights(DecoderSpec spec, QuantizationSettings settings)
{
    // Rows that are read at once, in numbers.
    private const int Piece = 1 << 18;

    // Of the errors that the manifest tells: sums depend in their last bits on the width of the machine's vectors.
    private const int Digits = 5;

    private readonly Dictionary<string, ParameterSpec> parameters = spec.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);

    /// <summary>Matrices by parameter, for <see cref="QuantizedGraph"/>.</summary>
    public Dictionary<string, QuantizedMatrix> Matrices { get; } = new(StringComparer.Ordinal);

    /// <summary>What the manifest says.</summary>
    public List<QuantizedTensor> Tensors { get; } = [];

    /// <summary>Bits of a parameter's weights; null for one that keeps its type.</summary>
    public int? BitsOf(string? parameter) => parameter is null ? null : settings.BitsOf(spec, parameters[parameter]);

    /// <summary>Bytes that a parameter takes in the data file, alignment included; null for one that keeps its type.</summary>
    public long? Space(string? parameter)
    {
        if (BitsOf(parameter) is not { } bits)
            return null;
        var (inputs, outputs) = Sizes(parameters[parameter!].Shape);
        var quantizer = settings.Quantizer(bits, inputs);
        return WeightFile.Space((long)outputs * quantizer.CodeBytes)
            + WeightFile.Space((long)outputs * quantizer.Blocks * sizeof(float))
            + WeightFile.Space((long)outputs * quantizer.ZeroBytes);
    }

    /// <summary>Quantises a tensor into the data file; scales are held until its codes are written, nothing else is.</summary>
    /// <exception cref="InputException">A weight is not finite.</exception>
    public void Append(WeightFile file, SafeTensorsFile source, TensorInfo tensor, string parameter, Dictionary<string, TensorData> data)
    {
        var bits = BitsOf(parameter)!.Value;
        var (inputs, outputs) = Sizes(tensor.Shape);
        var quantizer = settings.Quantizer(bits, inputs);
        var (scales, zeros) = (new float[checked(outputs * quantizer.Blocks)], new byte[checked(outputs * quantizer.ZeroBytes)]);
        var (codes, back) = (new byte[quantizer.CodeBytes], new float[inputs]);
        double error = 0, whole = 0;
        var codePlace = file.Append(write =>
        {
            foreach (var (row, weights) in Rows(source, tensor, inputs, outputs))
            {
                var rowScales = scales.AsSpan(row * quantizer.Blocks, quantizer.Blocks);
                var rowZeros = zeros.AsSpan(row * quantizer.ZeroBytes, quantizer.ZeroBytes);
                quantizer.Quantize(weights.Span, codes, rowScales, rowZeros);
                write(codes);
                quantizer.Dequantize(codes, rowScales, rowZeros, back);
                TensorPrimitives.Subtract(back, weights.Span, back);
                error += TensorPrimitives.SumOfSquares<float>(back);
                whole += TensorPrimitives.SumOfSquares(weights.Span);
            }
        });
        var scalePlace = file.Append(write => write(MemoryMarshal.AsBytes(scales.AsSpan())));
        var zeroPlace = settings.ZeroPoints ? file.Append(write => write(zeros)) : null;
        Matrices.Add(parameter, new(bits, inputs, outputs, settings));
        Tensors.Add(new(tensor.Name, parameter, tensor.Dtype, tensor.Shape, bits, codePlace, scalePlace, zeroPlace,
            whole == 0 ? 0 : Math.Round(Math.Sqrt(error / whole), Digits)));
        data.Add(parameter + QuantizedGraph.Codes, Place(ElementType.UInt8, codePlace, outputs, quantizer.Blocks, quantizer.BlockBytes));
        data.Add(parameter + QuantizedGraph.Scales, Place(ElementType.Float32, scalePlace, scales.Length));
        if (zeroPlace is not null)
            data.Add(parameter + QuantizedGraph.Zeros, Place(ElementType.UInt8, zeroPlace, zeros.Length));
    }

    private static TensorData Place(ElementType type, ConvertedPlace place, params long[] shape) =>
        new(type, shape, default, new ExternalData(WeightFile.FileName, place.Offset, place.Bytes));

    // Hugging Face's layout is [outputs, inputs], GPT-2's the other way round.
    private (int Inputs, int Outputs) Sizes(long[] shape) =>
        spec.Weights == WeightLayout.Gpt2 ? ((int)shape[0], (int)shape[1]) : ((int)shape[1], (int)shape[0]);

    // Each output's weights. GPT-2's lie scattered, and the matrix is read whole for them.
    private IEnumerable<(int Row, ReadOnlyMemory<float> Weights)> Rows(SafeTensorsFile source, TensorInfo tensor, int inputs, int outputs)
    {
        var scattered = spec.Weights == WeightLayout.Gpt2;
        var together = scattered ? outputs : Math.Clamp(Piece / inputs, 1, outputs);
        var values = new float[checked(together * inputs)];
        var column = new float[scattered ? inputs : 0];
        for (var first = 0; first < outputs; first += together)
        {
            var count = Math.Min(together, outputs - first);
            source.ReadFloats(tensor.Name, (long)first * inputs, values.AsSpan(0, count * inputs));
            if (FloatConversion.FirstNonFinite(values.AsSpan(0, count * inputs)) is >= 0 and var bad)
                throw new InputException($"{source.Path}: tensor '{tensor.Name}' is not finite at element {((long)first * inputs) + bad}. "
                    + "The checkpoint is damaged.");
            for (var row = 0; row < count; row++)
            {
                if (scattered)
                    for (var i = 0; i < inputs; i++)
                        column[i] = values[(i * outputs) + row];
                yield return (first + row, scattered ? column : values.AsMemory(row * inputs, inputs));
            }
        }
    }
}
