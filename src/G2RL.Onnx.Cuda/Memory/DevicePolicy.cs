using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Execution;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace G2RL.Onnx.Cuda.Memory;

/// <summary>One weight on the device.</summary>
/// <param name="Name">Hugging Face name.</param>
/// <param name="Count">Elements.</param>
/// <param name="Buffer">Float32 numbers.</param>
/// <param name="Value">The same memory, as ONNX Runtime sees it.</param>
internal sealed record DeviceParameter(string Name, long Count, DeviceBuffer Buffer, OrtValue Value) : IDisposable
{
    /// <summary>Room for a parameter of the host, its content undefined.</summary>
    public static DeviceParameter Like(DeviceMemory memory, Purpose purpose, Parameter parameter)
    {
        var buffer = memory.Allocate(purpose, parameter.Buffer.Length * sizeof(float));
        return new(parameter.Name, parameter.Buffer.Length, buffer, buffer.Tensor(TensorElementType.Float, 0, [.. parameter.Shape]));
    }

    public void Dispose()
    {
        Value.Dispose();
        Buffer.Dispose();
    }
}

/// <summary>A policy's weights and rotary tables on the device, where the optimizer changes them; the host's are as they were at the last copy.</summary>
internal sealed class DevicePolicy : IDisposable
{
    private readonly Policy policy;
    private readonly List<DeviceParameter> tables = [];

    /// <summary>Copies everything to the device.</summary>
    public DevicePolicy(DeviceMemory memory, Policy policy)
    {
        this.policy = policy;
        Parameters = [.. policy.Parameters.Select(p => DeviceParameter.Like(memory, Purpose.Weights, p))];
        foreach (var table in policy.Tables)
        {
            var copy = DeviceParameter.Like(memory, Purpose.Weights, table);
            copy.Buffer.Write<float>(table.Buffer.Span);
            tables.Add(copy);
        }
        Upload();
    }

    /// <summary>The weights, in the order of the policy's parameters.</summary>
    public IReadOnlyList<DeviceParameter> Parameters { get; }

    /// <summary>The host's weights to the device.</summary>
    public void Upload()
    {
        foreach (var (here, there) in Parameters.Zip(policy.Parameters))
            here.Buffer.Write<float>(there.Buffer.Span);
    }

    /// <summary>The device's weights to the host.</summary>
    public void Download()
    {
        foreach (var (here, there) in Parameters.Zip(policy.Parameters))
            here.Buffer.Read(there.Buffer.Span);
    }

    /// <summary>Binds every weight and table that the session reads.</summary>
    public void BindTo(DeviceBinding binding)
    {
        foreach (var parameter in Parameters.Concat(tables))
            binding.InputIfUsed(parameter.Name, parameter.Value);
    }

    public void Dispose()
    {
        foreach (var parameter in Parameters.Concat(tables))
            parameter.Dispose();
    }
}
