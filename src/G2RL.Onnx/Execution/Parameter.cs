using G2RL.Onnx.Execution.Sessions;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace G2RL.Onnx.Execution;

/// <summary>One weight: its numbers live once, here, and every session reads them in place.</summary>
public sealed class Parameter : IDisposable
{
    /// <summary>Zeros of a shape.</summary>
    /// <param name="name">Hugging Face name.</param>
    /// <param name="shape">Lengths of its axes; matrices are [out, in].</param>
    public Parameter(string name, params long[] shape)
    {
        (Name, Shape) = (name, shape);
        Buffer = new FloatBuffer(shape.Aggregate(1L, (a, b) => checked(a * b)), whole: true);
        Value = OrtValue.CreateTensorValueWithData(
            OrtMemoryInfo.DefaultInstance,
            TensorElementType.Float,
            shape,
            Buffer.Pointer,
            Buffer.Length * sizeof(float));
    }

    /// <summary>Hugging Face name.</summary>
    public string Name { get; }

    /// <summary>Lengths of its axes.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The numbers.</summary>
    public FloatBuffer Buffer { get; }

    /// <summary>The same memory, as ONNX Runtime sees it.</summary>
    public OrtValue Value { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Value.Dispose();
        Buffer.Dispose();
    }
}
