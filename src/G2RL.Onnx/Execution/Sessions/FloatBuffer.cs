using System.Runtime.InteropServices;
using G2RL.Onnx.Execution.Memory;

namespace G2RL.Onnx.Execution.Sessions;

/// <summary>
/// Float32 numbers in native memory, 64-byte aligned, zeroed; they never move, so sessions may be bound on them for good. What nobody
/// writes takes no memory where the system gives zeroed pages when they are first touched.
/// </summary>
public sealed unsafe class FloatBuffer : SafeHandle
{
    private const int Alignment = 64;

    // From here on pages of its own: given up they are gone, while the C library would keep them, and fill them with zeros by hand.
    private const long OwnPages = 1L << 18;

    private readonly void* reserved;
    private readonly long bytes;

    /// <summary>Reserves memory for <paramref name="length"/> numbers, >= 0.</summary>
    /// <exception cref="InputException">The system does not give the memory.</exception>
    public FloatBuffer(long length) : this(length, whole: false)
    {
    }

    /// <summary>The same.</summary>
    /// <param name="length">Numbers, >= 0.</param>
    /// <param name="whole">
    /// Whether all of them will be used, over and over: they then lie beside others of their kind, on huge pages where the system has them.
    /// </param>
    internal FloatBuffer(long length, bool whole) : base(IntPtr.Zero, ownsHandle: true)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Length = length;
        bytes = Math.Max(checked(length * sizeof(float)), Alignment);
        if (HasPages)
            reserved = whole && HugeMemory.Take(bytes) is var huge and not null ? huge : Pages.Take((nuint)bytes);
        else
            reserved = NativeMemory.AllocZeroed((nuint)(bytes + Alignment));
        if (reserved is null)
            throw new InputException(
                $"{length} numbers take {bytes >> 20} MiB, which the system does not give. Take a smaller model or shorter rows.");
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

    /// <summary>
    /// Gives the memory back until the numbers are next written; what they were is lost. On systems that cannot, nothing happens.
    /// </summary>
    public void Release() => Pages.Release((void*)Pointer, (nuint)(Length * sizeof(float)));

    private bool HasPages => Pages.CanRelease && bytes >= OwnPages;

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        if (HugeMemory.Holds(reserved))
            HugeMemory.Give(reserved, bytes);
        else if (HasPages)
            Pages.Give(reserved, (nuint)bytes);
        else
            NativeMemory.Free(reserved);
        GC.RemoveMemoryPressure(bytes);
        return true;
    }
}
