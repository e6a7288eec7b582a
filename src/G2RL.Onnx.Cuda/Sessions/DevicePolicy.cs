using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
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

/// <summary>
/// A policy's weights and rotary tables on the device, where the optimizer changes them; the host's are as they were at the last copy.
/// </summary>
internal sealed class DevicePolicy : IDisposable
{
    private readonly Policy policy;
    private readonly MemoryKernels kernels;
    private readonly ElementType type;
    private readonly List<DeviceParameter> tables = [];
    private readonly List<DeviceParameter> narrowTables = [];
    private readonly List<DeviceParameter> fused = [];
    private readonly int[] own;

    /// <summary>Copies to the device what is not there yet.</summary>
    /// <param name="memory">The device's.</param>
    /// <param name="kernels">For the narrow copies.</param>
    /// <param name="policy">The host's.</param>
    /// <param name="type">Type of the products.</param>
    /// <param name="others">Policies on the device; frozen weights that one of them holds are read there. They have to outlive this
    /// one.</param>
    public DevicePolicy(DeviceMemory memory, MemoryKernels kernels, Policy policy, ElementType type, IEnumerable<DevicePolicy> others)
    {
        (this.policy, this.kernels, this.type) = (policy, kernels, type);
        var lender = others.FirstOrDefault(o => o.policy.Parameters.Any(policy.Parameters.Contains));
        int[] lent = [.. policy.Parameters.Select(p => lender?.policy.Parameters.ToList().IndexOf(p) ?? -1)];
        own = [.. Enumerable.Range(0, lent.Length).Where(i => lent[i] < 0)];
        Parameters = [.. policy.Parameters.Select((p, i) =>
            lent[i] < 0 ? DeviceParameter.Like(memory, Purpose.Weights, p) : lender!.Parameters[lent[i]])];
        // Weights that are lent lie as their owner's do, which may be apart.
        Serves = type != ElementType.Float32 && lender is null && ServingGraph.Misfit(policy.Spec) is null;
        var parts = Serves ? Fuse(memory) : [];
        Narrow = type == ElementType.Float32
            ? Parameters
            : [.. policy.Parameters.Select((p, i) =>
                lent[i] >= 0 ? lender!.Narrow[lent[i]]
                : parts.GetValueOrDefault(p.Name) ?? DeviceParameter.Like(memory, Purpose.Weights, p, type))];
        Trainable = [.. policy.Trainable.Select(p => policy.Parameters.ToList().IndexOf(p))];
        foreach (var table in policy.Tables)
        {
            var copy = DeviceParameter.Like(memory, Purpose.Weights, table);
            copy.Buffer.Write<float>(table.Buffer.Span);
            tables.Add(copy);
            if (!Serves)
                continue;
            narrowTables.Add(DeviceParameter.Like(memory, Purpose.Weights, table, type));
            kernels.Narrow(copy.Buffer.Pointer, narrowTables[^1].Buffer.Pointer, type, copy.Count);
        }
        Upload();
    }

    /// <summary>The weights in float32, in the order of the policy's parameters.</summary>
    public IReadOnlyList<DeviceParameter> Parameters { get; }

    /// <summary>The same in the type of the products; the same memory where that is float32.</summary>
    public IReadOnlyList<DeviceParameter> Narrow { get; }

    /// <summary>Places of the weights that learn among <see cref="Parameters"/>.</summary>
    public IReadOnlyList<int> Trainable { get; }

    /// <summary>The architecture.</summary>
    public DecoderSpec Spec => policy.Spec;

    /// <summary>The longest sequence, tokens.</summary>
    public int Positions => policy.Positions;

    /// <summary>Whether the weights lie as the serving graph reads them.</summary>
    public bool Serves { get; }

    /// <summary>The host's weights to the device.</summary>
    public void Upload() => Upload(own);

    /// <summary>Those of the host's weights that learn to the device, after another device changed them.</summary>
    public void Follow() => Upload(Trainable.Intersect(own));

    private void Upload(IEnumerable<int> places)
    {
        foreach (var i in places)
        {
            Parameters[i].Buffer.Write<float>(policy.Parameters[i].Buffer.Span);
            if (type != ElementType.Float32)
                kernels.Narrow(Parameters[i].Buffer.Pointer, Narrow[i].Buffer.Pointer, type, Parameters[i].Count);
        }
    }

    /// <summary>The device's weights to the host; frozen ones are as they were.</summary>
    public void Download()
    {
        foreach (var i in Trainable)
            Parameters[i].Buffer.Read(policy.Parameters[i].Buffer.Span);
    }

    /// <summary>Binds every weight and table that the session reads.</summary>
    /// <param name="binding">The binding.</param>
    /// <param name="exact">Whether the session reads the weights in float32 whatever the type of products is.</param>
    public void BindTo(DeviceBinding binding, bool exact = false)
    {
        foreach (var parameter in (exact ? Parameters : Narrow).Concat(tables))
            binding.InputIfUsed(parameter.Name, parameter);
    }

    /// <summary>Binds what the serving graph reads.</summary>
    public void ServeTo(DeviceBinding binding)
    {
        foreach (var parameter in Narrow.Concat(fused).Concat(narrowTables))
            binding.InputIfUsed(parameter.Name, parameter);
    }

    // One block for each fused weight; its parts are views of it, so that the optimizer writes both at once.
    private Dictionary<string, DeviceParameter> Fuse(DeviceMemory memory)
    {
        var parameters = policy.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
        var parts = new Dictionary<string, DeviceParameter>(StringComparer.Ordinal);
        var element = (TensorElementType)(int)type;
        foreach (var weight in FusedWeight.Of(policy.Spec))
        {
            var count = weight.Parts.Sum(p => parameters[p].Buffer.Length);
            var buffer = memory.Allocate(Purpose.Weights, count * sizeof(short));
            fused.Add(new(weight.Name, count, buffer, buffer.Tensor(element, 0, [.. weight.Shape])));
            var offset = 0L;
            foreach (var name in weight.Parts)
            {
                var (length, shape) = (parameters[name].Buffer.Length, parameters[name].Shape);
                var part = buffer.Part(offset, length * sizeof(short));
                parts[name] = new(name, length, part, part.Tensor(element, 0, [.. shape]));
                offset += length * sizeof(short);
            }
        }
        return parts;
    }

    public void Dispose()
    {
        foreach (var parameter in own.Select(i => Parameters[i])
            .Concat(type == ElementType.Float32 ? [] : own.Select(i => Narrow[i]))
            .Concat(tables)
            .Concat(narrowTables)
            .Concat(fused))
            parameter.Dispose();
    }
}
