using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using G2RL.Onnx.Execution.Native;

namespace G2RL.Onnx.Execution.CustomOperators;

/// <summary>What a kernel sees of one call. Nothing here allocates, and nothing of it is valid after the call.</summary>
internal readonly unsafe ref struct KernelContext
{
    private readonly nint context;
    private readonly double* attributes;

    public KernelContext(nint context, double* attributes)
    {
        this.context = context;
        this.attributes = attributes;
        nuint inputs, outputs;
        OrtFunctions.Check(((delegate* unmanaged<nint, nuint*, nint>)OrtFunctions.At(OrtFunctions.KernelContext_GetInputCount))(
            context,
            &inputs));
        OrtFunctions.Check(((delegate* unmanaged<nint, nuint*, nint>)OrtFunctions.At(OrtFunctions.KernelContext_GetOutputCount))(
            context,
            &outputs));
        (Inputs, Outputs) = ((int)inputs, (int)outputs);
    }

    /// <summary>Inputs of the node, absent ones between others included.</summary>
    public int Inputs { get; }

    /// <summary>Outputs of the node, absent ones between others included.</summary>
    public int Outputs { get; }

    /// <summary>An attribute, by its place among <see cref="CustomOperator.Attributes"/>.</summary>
    public double Attribute(int place) => attributes[place];

    /// <summary>An input; one that was left out has <see cref="KernelTensor.Exists"/> false.</summary>
    public KernelTensor Input(int index)
    {
        if (index >= Inputs)
            return default;
        nint value;
        OrtFunctions.Check(((delegate* unmanaged<nint, nuint, nint*, nint>)OrtFunctions.At(OrtFunctions.KernelContext_GetInput))(
            context,
            (nuint)index,
            &value));
        return value == 0 ? default : new(value);
    }

    /// <summary>
    /// Reserves an output in the runtime's memory; one that nobody asked for has <see cref="KernelTensor.Exists"/> false.
    /// </summary>
    public KernelTensor Output(int index, params ReadOnlySpan<long> shape)
    {
        if (index >= Outputs)
            return default;
        nint value;
        fixed (long* lengths = shape)
            OrtFunctions.Check(((delegate* unmanaged<nint, nuint, long*, nuint, nint*, nint>)OrtFunctions.At(
                OrtFunctions.KernelContext_GetOutput))(context, (nuint)index, lengths, (nuint)shape.Length, &value));
        return value == 0 ? default : new(value);
    }

    /// <summary>
    /// Calls <paramref name="body"/> once for each number from 0 to <paramref name="count"/> - 1 on the session's threads, the calling one
    /// included. How work is divided into numbers is the kernel's business, and must not depend on the threads.
    /// </summary>
    /// <param name="state">Goes to every call; on the caller's stack.</param>
    /// <param name="count">Parts, >= 0.</param>
    /// <param name="body">Does one part; if several throw, one exception comes back.</param>
    public void ParallelFor<TState>(TState* state, int count, delegate*<TState*, int, void> body) where TState : unmanaged
    {
        if (count <= 1)
        {
            if (count == 1)
                body(state, 0);
            return;
        }
        var job = new Job { Body = (delegate*<void*, int, void>)body, State = state };
        OrtFunctions.Check(((delegate* unmanaged<nint, delegate* unmanaged<Job*, nuint, void>, nuint, nuint, Job*, nint>)OrtFunctions.At(
            OrtFunctions.KernelContext_ParallelFor))(context, &Part, (nuint)count, 0, &job));
        if (job.Failure == 0)
            return;
        var handle = GCHandle.FromIntPtr(job.Failure);
        var failure = (Exception)handle.Target!;
        handle.Free();
        ExceptionDispatchInfo.Throw(failure);
    }

    private struct Job
    {
        public delegate*<void*, int, void> Body;
        public void* State;
        public nint Failure;
    }

    [UnmanagedCallersOnly]
    private static void Part(Job* job, nuint number)
    {
        try
        {
            job->Body(job->State, (int)number);
        }
#pragma warning disable CA1031 // an exception must not cross native code: the first is carried to the caller
        catch (Exception e)
        {
            var handle = GCHandle.ToIntPtr(GCHandle.Alloc(e));
            if (Interlocked.CompareExchange(ref job->Failure, handle, 0) != 0)
                GCHandle.FromIntPtr(handle).Free();
        }
#pragma warning restore CA1031
    }
}

/// <summary>A tensor that a kernel reads or writes; valid during the call.</summary>
internal readonly unsafe struct KernelTensor
{
    private readonly void* data;
    private readonly long* shape;

    internal KernelTensor(nint value)
    {
        int type;
        long* lengths;
        nuint rank;
        void* elements;
        OrtFunctions.Check(((delegate* unmanaged<nint, int*, long**, nuint*, nint>)OrtFunctions.At(
            OrtFunctions.GetTensorElementTypeAndShapeDataReference))(value, &type, &lengths, &rank));
        OrtFunctions.Check(((delegate* unmanaged<nint, void**, nint>)OrtFunctions.At(OrtFunctions.GetTensorMutableData))(
            value,
            &elements));
        data = elements;
        shape = lengths;
        (Rank, Exists, Type) = ((int)rank, true, (PortType)type);
        Length = 1;
        for (var axis = 0; axis < Rank; axis++)
            Length *= shape[axis];
    }

    /// <summary>False where an optional input or output was left out.</summary>
    public bool Exists { get; }

    /// <summary>Its elements' type.</summary>
    public PortType Type { get; }

    /// <summary>Axes.</summary>
    public int Rank { get; }

    /// <summary>Elements.</summary>
    public long Length { get; }

    /// <summary>Lengths of the axes.</summary>
    public ReadOnlySpan<long> Shape => new(shape, Rank);

    /// <summary>Length of an axis.</summary>
    public int this[int axis] => checked((int)Shape[axis]);

    /// <summary>Where the elements lie, in the memory of the operator's provider; 0 where the tensor was left out.</summary>
    public nint Address => (nint)data;

    /// <summary>float32 elements; null where the tensor was left out.</summary>
    public float* Floats => (float*)data;

    /// <summary>Elements of any type.</summary>
    public byte* Bytes => (byte*)data;

    /// <summary>Elements of sixteen bits.</summary>
    public ushort* Halves => (ushort*)data;

    /// <summary>int32 elements.</summary>
    public int* Integers => (int*)data;

    /// <summary>int64 elements.</summary>
    public long* Longs => (long*)data;

    /// <summary>Refuses a tensor of another length: a kernel must not read beyond one.</summary>
    /// <exception cref="ArgumentException">Another length.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public KernelTensor Require(long length, string what)
    {
        if (Length != length)
            Refuse(length, what);
        return this;
    }

    private void Refuse(long length, string what) =>
        throw new ArgumentException($"{what} has {Length} elements [{string.Join(", ", Shape.ToArray())}]; {length} are needed.");
}
