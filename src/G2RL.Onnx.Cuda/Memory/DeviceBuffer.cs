using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace G2RL.Onnx.Cuda.Memory;

/// <summary>
/// A block of device memory. It never moves, so sessions may be bound on it for good. Given back when no work uses it any more.
/// </summary>
internal sealed class DeviceBuffer : IDisposable
{
    // Elements of a copy: a span of bytes ends at 2^31.
    private const int Piece = 1 << 27;

    private readonly DeviceMemory memory;
    private readonly DeviceBuffer? whole;
    private nint pointer;

    internal DeviceBuffer(DeviceMemory memory, Purpose purpose, nint pointer, long bytes) =>
        (this.memory, Purpose, this.pointer, Bytes) = (memory, purpose, pointer, bytes);

    private DeviceBuffer(DeviceBuffer whole, long offset, long bytes)
        : this(whole.memory, whole.Purpose, whole.At(offset, bytes), bytes) => this.whole = whole;

    public Purpose Purpose { get; }

    public long Bytes { get; }

    /// <summary>The first byte's address on the device.</summary>
    public nint Pointer
    {
        get
        {
            RequireHeld();
            return pointer;
        }
    }

    /// <summary>Throws where the block was given back.</summary>
    public void RequireHeld()
    {
        whole?.RequireHeld();
        if (pointer == 0)
            throw new ObjectDisposedException(nameof(DeviceBuffer), $"{Bytes} bytes of device memory for {Purpose.Name} were given back.");
    }

    /// <summary>The address of a byte inside.</summary>
    public nint At(long offset, long bytes = 0) => offset >= 0 && bytes >= 0 && offset <= Bytes - bytes
        ? Pointer + (nint)offset
        : throw new ArgumentOutOfRangeException(
            nameof(offset),
            offset,
            $"{bytes} bytes from {offset} lie outside a buffer of {Bytes} for {Purpose.Name}.");

    /// <summary>A part that is held as long as the whole is; to dispose of it gives nothing back.</summary>
    public DeviceBuffer Part(long offset, long bytes) => new(this, offset, bytes);

    /// <summary>Host to device, in stream order.</summary>
    public void Write<T>(ReadOnlySpan<T> source, long offset = 0) where T : unmanaged
    {
        for (; !source.IsEmpty; source = source[Math.Min(Piece, source.Length)..], offset += (long)Piece * Unsafe.SizeOf<T>())
        {
            var bytes = MemoryMarshal.AsBytes(source[..Math.Min(Piece, source.Length)]);
            memory.Driver.CopyToDevice(At(offset, bytes.Length), bytes);
        }
    }

    /// <summary>Device to host, when all work before is done.</summary>
    public void Read<T>(Span<T> destination, long offset = 0) where T : unmanaged
    {
        for (;
            !destination.IsEmpty;
            destination = destination[Math.Min(Piece, destination.Length)..], offset += (long)Piece * Unsafe.SizeOf<T>())
        {
            var bytes = MemoryMarshal.AsBytes(destination[..Math.Min(Piece, destination.Length)]);
            memory.Driver.CopyToHost(bytes, At(offset, bytes.Length));
        }
    }

    /// <summary>Zeroes every byte, in stream order.</summary>
    public void Clear() => memory.Driver.Fill(Pointer, 0, Bytes);

    /// <summary>A tensor over part of the block, as ONNX Runtime sees it; the caller disposes of it.</summary>
    public OrtValue Tensor(TensorElementType type, long offset, params long[] shape)
    {
        var bytes = shape.Aggregate(1L, (a, b) => checked(a * b)) * Width(type);
        return OrtValue.CreateTensorValueWithData(memory.Driver.Memory, type, shape, At(offset, bytes), bytes);
    }

    public void Dispose()
    {
        if (pointer == 0)
            return;
        if (whole is null)
            memory.Release(this, pointer);
        pointer = 0;
    }

    private static int Width(TensorElementType type) => type switch
    {
        TensorElementType.Float16 or TensorElementType.BFloat16 => 2,
        TensorElementType.Float or TensorElementType.Int32 => 4,
        TensorElementType.Int64 or TensorElementType.Double => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "No tensor of this type lies on the device."),
    };
}
