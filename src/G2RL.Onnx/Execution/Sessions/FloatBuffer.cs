using System.Runtime.InteropServices;

namespace G2RL.Onnx.Execution.Sessions;

/// <summary>
/// Float32 numbers in native memory, 64-byte aligned, zeroed; they never move, so sessions may be bound on them for good. What nobody
/// writes takes no memory where the system gives zeroed pages when they are first touched.
/// </summary>
public sealed unsafe class FloatBuffer : SafeHandle
{
    private const int Alignment = 64;

    private readonly void* reserved;

    /// <summary>Reserves memory for <paramref name="length"/> numbers, >= 0.</summary>
    /// <exception cref="OutOfMemoryException">The memory is not to be had.</exception>
    public FloatBuffer(long length) : base(IntPtr.Zero, ownsHandle: true)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Length = length;
        var bytes = Math.Max(checked(length * sizeof(float)), 64);
        reserved = NativeMemory.AllocZeroed((nuint)(bytes + Alignment));
        SetHandle((nint)(((nuint)reserved + Alignment - 1) / Alignment * Alignment));
        GC.AddMemoryPressure(bytes);
    }

    /// <summary>Numbers held.</summary>
    public long Length { get; }

    /// <summary>The first number's address; valid until the buffer is disposed.</summary>
    public nint Pointer => IsInvalid || IsClosed ? throw new ObjectDisposedException(nameof(FloatBuffer)) : handle;

    /// <summary>All numbers; only for buffers of at most 2^31 - 1.</summary>
    public Span<float> Span => new((void*)Pointer, checked((int)Length));

    /// <inheritdoc/>
    public override bool IsInvalid => handle == IntPtr.Zero;

    /// <summary>Part of the numbers.</summary>
    public Span<float> Slice(long offset, int length) => offset >= 0 && length >= 0 && offset <= Length - length
        ? new((float*)Pointer + offset, length)
        : throw new ArgumentOutOfRangeException(
            nameof(offset),
            offset,
            $"{length} numbers from {offset} lie outside a buffer of {Length}.");

    /// <summary>Sets every number to zero.</summary>
    public void Clear() => NativeMemory.Clear((void*)Pointer, (nuint)(Length * sizeof(float)));

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeMemory.Free(reserved);
        GC.RemoveMemoryPressure(Math.Max(Length * sizeof(float), 64));
        return true;
    }
}
