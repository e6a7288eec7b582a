using System.Runtime.InteropServices;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Cuda.Training;

/// <summary>
/// AdamW's moments on a device, in float32 or in the upper half of it. Checkpoints hold them as those of the host do, byte for byte, so a
/// run may go on on either.
/// </summary>
internal sealed class DeviceMoments : IDisposable
{
    private readonly Policy policy;

    /// <summary>Zeros.</summary>
    public DeviceMoments(DeviceMemory memory, Policy policy, MomentStorage storage)
    {
        this.policy = policy;
        Type = storage switch
        {
            MomentStorage.Float32 => ElementType.Float32,
            MomentStorage.BFloat16 => ElementType.BFloat16,
            _ => throw new InputException($"training.optimizer.moments is {storage}; on a device it must be float32 or bFloat16."),
        };
        (First, Second) = (Reserve(), Reserve());

        DeviceParameter[] Reserve()
        {
            DeviceParameter[] moments = [.. policy.Trainable.Select(p => DeviceParameter.Like(memory, Purpose.Moments, p, Type))];
            foreach (var moment in moments)
                moment.Buffer.Clear();
            return moments;
        }
    }

    /// <summary>Bytes of both moments of a weight.</summary>
    public static long BytesEach(MomentStorage storage) => storage == MomentStorage.Float32 ? 8 : 4;

    /// <summary>How a number is held.</summary>
    public ElementType Type { get; }

    /// <summary>First moments, in the order of the weights that learn.</summary>
    public DeviceParameter[] First { get; }

    /// <summary>Second moments, likewise.</summary>
    public DeviceParameter[] Second { get; }

    /// <summary>What a checkpoint holds of them; read from the device when it is written.</summary>
    public TensorToWrite[] State() => [.. Tensors(First, AdamW.FirstSuffix), .. Tensors(Second, AdamW.SecondSuffix)];

    /// <summary>Reads what <see cref="State"/> wrote.</summary>
    /// <exception cref="InputException">A tensor is missing, or of another type or size.</exception>
    public void Load(SafeTensorsFile file)
    {
        foreach (var (moments, suffix) in new[] { (First, AdamW.FirstSuffix), (Second, AdamW.SecondSuffix) })
            foreach (var moment in moments)
                Load(file, moment, moment.Name + suffix);
    }

    public void Dispose()
    {
        foreach (var moment in First.Concat(Second))
            moment.Dispose();
    }

    private void Load(SafeTensorsFile file, DeviceParameter moment, string name)
    {
        if (Type == ElementType.Float32)
        {
            var values = new float[moment.Count];
            file.ReadFloats(name, values);
            moment.Buffer.Write<float>(values);
            return;
        }
        var raw = file.RawBytes(name);
        if (raw.Length != moment.Count * sizeof(ushort))
            throw new InputException($"{file.Path}: tensor '{name}' has {raw.Length} bytes; moments in bFloat16 have "
                + $"{moment.Count * sizeof(ushort)}. The checkpoint belongs to another configuration.");
        moment.Buffer.Write<byte>(raw);
    }

    private IEnumerable<TensorToWrite> Tensors(DeviceParameter[] moments, string suffix) => moments.Zip(policy.Trainable, (moment, p) =>
        Type == ElementType.Float32
            ? TensorToWrite.Floats(p.Name + suffix, SafeTensorsDtype.F32, [.. p.Shape], _ => Home<float>(moment))
            : new(p.Name + suffix, SafeTensorsDtype.BF16, [.. p.Shape], s => s.Write(MemoryMarshal.AsBytes<ushort>(Home<ushort>(moment)))));

    private static T[] Home<T>(DeviceParameter moment) where T : unmanaged
    {
        var values = new T[moment.Count];
        moment.Buffer.Read<T>(values);
        return values;
    }
}
