using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Models;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace G2RL.Onnx.Execution;

/// <summary>
/// A frozen matrix in bfloat16 or 8 bits: its numbers live once, here, and sessions widen them where a product reads them.
/// </summary>
internal sealed class NarrowWeight : IDisposable
{
    private readonly ParameterSpec spec;
    private readonly FloatBuffer memory;
    private readonly Parameter? scales;

    /// <summary>Rounds a matrix to its stored type.</summary>
    /// <param name="spec">Name, shape and storage.</param>
    /// <param name="values">Its numbers in float32; finite.</param>
    public NarrowWeight(ParameterSpec spec, ReadOnlySpan<float> values)
    {
        this.spec = spec;
        var bytes = checked(spec.Count * (spec.Storage == WeightStorage.BFloat16 ? 2 : 1));
        memory = new FloatBuffer((bytes + sizeof(float) - 1) / sizeof(float), whole: true);
        var type = spec.Storage == WeightStorage.BFloat16 ? TensorElementType.BFloat16 : TensorElementType.Int8;
        Value = OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, type, spec.Shape, memory.Pointer, bytes);
        if (spec.Storage == WeightStorage.BFloat16)
            FloatConversion.FromFloats(SafeTensorsDtype.BF16, values, Bytes);
        else
        {
            scales = new Parameter(spec.Name + WeightStorages.ScaleSuffix, spec.Shape[0], spec.Shape[1] / Block);
            Quantize(values, MemoryMarshal.Cast<byte, sbyte>(Bytes), scales.Buffer.Span);
        }
    }

    /// <summary>Hugging Face name.</summary>
    public string Name => spec.Name;

    /// <summary>Numbers held.</summary>
    public long Count => spec.Count;

    /// <summary>The stored numbers, as ONNX Runtime sees them.</summary>
    public OrtValue Value { get; }

    /// <summary>Scales of a matrix in 8 bits [rows, blocks].</summary>
    public Parameter? Scales => scales;

    /// <summary>What is stored, for hashing.</summary>
    public Span<byte> Bytes =>
        MemoryMarshal.AsBytes(memory.Span)[..checked((int)(spec.Count * (spec.Storage == WeightStorage.BFloat16 ? 2 : 1)))];

    private int Block => (int)WeightStorages.BlockOf(spec.Shape[1]);

    /// <summary>The matrix in float32, to the bits that products see.</summary>
    public void Read(Span<float> destination)
    {
        if (scales is null)
        {
            FloatConversion.ToFloats(SafeTensorsDtype.BF16, Bytes, destination);
            return;
        }
        var stored = MemoryMarshal.Cast<byte, sbyte>(Bytes);
        var all = scales.Buffer.Span;
        for (var i = 0; i < stored.Length; i++)
            destination[i] = stored[i] * all[i / Block];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Value.Dispose();
        memory.Dispose();
        scales?.Dispose();
    }

    // q = round(w / s), s = largest / 127 of each block: symmetric, so that 0 stays 0.
    private void Quantize(ReadOnlySpan<float> values, Span<sbyte> stored, Span<float> all)
    {
        for (var b = 0; b < all.Length; b++)
        {
            var part = values.Slice(b * Block, Block);
            all[b] = MathF.Abs(TensorPrimitives.MaxMagnitude(part)) / 127;
            for (var i = 0; i < part.Length && all[b] > 0; i++)
                stored[(b * Block) + i] = (sbyte)Math.Clamp(MathF.Round(part[i] / all[b]), -127, 127);
        }
    }
}
