using System.Text;

namespace G2RL.Onnx.Cuda.Tests.Interpreter;

/// <summary>
/// A CUDA driver that runs PTX on the CPU: a launch runs to its end in <see cref="PtxMachine"/> before it returns. What a kernel does wrong
/// is a <see cref="CudaException"/> whose message names kernel, block, thread and instruction.
/// </summary>
public sealed class InterpreterDriver : EmulatedDriver
{
    // A module is decoded once a process: its text is the key.
    private static readonly Dictionary<string, PtxModule> Decoded = [];

    private readonly PtxMachine machine;
    private readonly Dictionary<nint, PtxModule> modules = [];
    private readonly Dictionary<nint, PtxKernel> kernels = [];

    /// <summary>A driver with an empty device.</summary>
    /// <param name="settings">How kernels run; null for the fast defaults.</param>
    /// <param name="memoryBytes">What the device has in all; an allocation beyond it is out of memory.</param>
    /// <param name="ordinal">Which device it is.</param>
    public InterpreterDriver(InterpreterSettings? settings = null, long memoryBytes = 1L << 30, int ordinal = 0)
        : base("PTX interpreter", memoryBytes, settings?.Strict ?? false, ordinal) => machine = new PtxMachine(Heap, settings ?? new());

    /// <summary>What the kernels have cost so far: instructions of threads, accesses and bytes of device memory, shared atomics.</summary>
    public (long Instructions, long Accesses, long Bytes, long SharedAtomics) Cost =>
        (machine.Instructions, machine.DeviceAccesses, machine.DeviceBytes, machine.SharedAtomics);

    /// <summary>What else attention's kernels have cost: moves among the instructions, products of tiles, bytes of shared memory, powers of
    /// two.</summary>
    public (long Moves, long Products, long SharedBytes, long Exponentials) TileCost =>
        (machine.Moves, machine.Products, machine.SharedBytes, machine.Exponentials);

    /// <inheritdoc/>
    public override nint LoadModule(string name, ReadOnlySpan<byte> ptx)
    {
        var handle = NextHandle();
        try
        {
            var text = Encoding.UTF8.GetString(ptx);
            lock (Decoded)
            {
                if (!Decoded.TryGetValue(text, out var module))
                    Decoded.Add(text, module = new PtxModule(text));
                modules.Add(handle, module);
            }
        }
        catch (PtxException e)
        {
            throw new CudaException($"The interpreter rejects module '{name}': {e.Message}", e);
        }
        return handle;
    }

    /// <inheritdoc/>
    public override nint Kernel(nint module, string entry)
    {
        var handle = NextHandle();
        Guarded(() => kernels.Add(handle, modules[module][entry].Copy()));
        return handle;
    }

    /// <inheritdoc/>
    public override void Launch(
        nint kernel,
        (int X, int Y, int Z) grid,
        (int X, int Y, int Z) block,
        int sharedBytes,
        ReadOnlySpan<KernelArgument> arguments)
    {
        var started = kernels[kernel];
        Count(started.Name);
        try
        {
            machine.Launch(started, grid, block, sharedBytes, arguments);
        }
        catch (PtxException e)
        {
            throw new CudaException(e.Message, e);
        }
    }
}
