using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Graphs;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace G2RL.Onnx.Cuda.Sessions;

/// <summary>One weight on the device.</summary>
/// <param name="Name">Hugging Face name.</param>
/// <param name="Count">Elements.</param>
/// <param name="Buffer">The numbers.</param>
/// <param name="Value">The same memory, as ONNX Runtime sees it.</param>
internal sealed record DeviceParameter(string Name, long Count, DeviceBuffer Buffer, OrtValue Value) : IDisposable
{
    /// <summary>Room for a parameter of the host, its content undefined.</summary>
    public static DeviceParameter Like(DeviceMemory memory, Purpose purpose, Parameter parameter, ElementType type = ElementType.Float32)
    {
        var buffer = memory.Allocate(purpose, parameter.Buffer.Length * (type == ElementType.Float32 ? sizeof(float) : sizeof(short)));
        return new(parameter.Name, parameter.Buffer.Length, buffer, buffer.Tensor((TensorElementType)(int)type, 0, [.. parameter.Shape]));
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
    private readonly MemoryKernels kernels;
    private readonly ElementType type;
    private readonly List<DeviceParameter> tables = [];

    /// <summary>Copies everything to the device.</summary>
    public DevicePolicy(DeviceMemory memory, MemoryKernels kernels, Policy policy, ElementType type)
    {
        (this.policy, this.kernels, this.type) = (policy, kernels, type);
        Parameters = [.. policy.Parameters.Select(p => DeviceParameter.Like(memory, Purpose.Weights, p))];
        Narrow = type == ElementType.Float32 ? Parameters : [.. policy.Parameters.Select(p => DeviceParameter.Like(memory, Purpose.Weights, p, type))];
        foreach (var table in policy.Tables)
        {
            var copy = DeviceParameter.Like(memory, Purpose.Weights, table);
            copy.Buffer.Write<float>(table.Buffer.Span);
            tables.Add(copy);
        }
        Upload();
    }

    /// <summary>The weights in float32, in the order of the policy's parameters.</summary>
    public IReadOnlyList<DeviceParameter> Parameters { get; }

    /// <summary>The same in the type of the products; the same memory where that is float32.</summary>
    public IReadOnlyList<DeviceParameter> Narrow { get; }

    /// <summary>The host's weights to the device.</summary>
    public void Upload()
    {
        foreach (var (here, there) in Parameters.Zip(policy.Parameters))
            here.Buffer.Write<float>(there.Buffer.Span);
        if (type != ElementType.Float32)
            foreach (var (master, narrow) in Parameters.Zip(Narrow))
                kernels.Narrow(master.Buffer.Pointer, narrow.Buffer.Pointer, type, master.Count);
    }

    /// <summary>The device's weights to the host.</summary>
    public void Download()
    {
        foreach (var (here, there) in Parameters.Zip(policy.Parameters))
            here.Buffer.Read(there.Buffer.Span);
    }

    /// <summary>Binds every weight and table that the session reads.</summary>
    /// <param name="binding">The binding.</param>
    /// <param name="exact">Whether the session reads the weights in float32 whatever the type of products is.</param>
    public void BindTo(DeviceBinding binding, bool exact = false)
    {
        foreach (var parameter in (exact ? Parameters : Narrow).Concat(tables))
            binding.InputIfUsed(parameter.Name, parameter.Value);
    }

    public void Dispose()
    {
        foreach (var parameter in (type == ElementType.Float32 ? Parameters : Parameters.Concat(Narrow)).Concat(tables))
            parameter.Dispose();
    }
}
