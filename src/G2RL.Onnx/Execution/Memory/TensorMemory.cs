using System.Runtime.InteropServices;
using System.Text;
using G2RL.Onnx.Execution.Native;
using G2RL.Onnx.Models;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Execution.Memory;

/// <summary>
/// The memory that all sessions of the host take their tensors from: one range of addresses, of which only what was touched takes memory,
/// handed out by a <see cref="BlockHeap"/>. Sessions that take turns use the same bytes, and a plan that goes through the same motions
/// knows how many.
/// </summary>
internal static unsafe class TensorMemory
{
    // Smaller ones, and what a session keeps for good, come from the system: they would lie between the large ones.
    private const long Smallest = 32L << 10;

    private const long LeastRange = 1L << 30;

    private const long MostAhead = 8L << 20;

    private static readonly Lock Gate = new();
    private static readonly BlockHeap Heap = new();
    private static readonly Lazy<bool> Registered = new(Register);
    private static byte* range;
    private static long length;
    private static long taken;

    /// <summary>Whether sessions take their tensors here; else from arenas of their own.</summary>
    public static bool IsUsed => Registered.Value;

    /// <summary>The session option that sends a session here.</summary>
    public const string SessionOption = "session.use_env_allocators";

    /// <summary>Bytes that are handed out now, and the most since <see cref="Mark"/>; the highest place since then.</summary>
    public static (long InUse, long Most, long Highest) Use
    {
        get
        {
            lock (Gate)
                return (Heap.InUse, Heap.MostInUse, Heap.Highest);
        }
    }

    /// <summary>Forgets the highest figures so far.</summary>
    public static void Mark()
    {
        lock (Gate)
            Heap.Mark();
    }

    /// <summary>Gives back the memory behind everything that is handed out now.</summary>
    public static void Trim()
    {
        if (!IsUsed)
            return;
        lock (Gate)
        {
            Pages.Release(range + Heap.Top, (nuint)(Math.Min(length, Heap.Extent) - Heap.Top));
            taken = Heap.Top;
            Heap.Mark();
        }
    }

    /// <summary>Takes memory, 64-byte aligned, not cleared.</summary>
    /// <param name="bytes">How many, > 0.</param>
    /// <returns>0 where there is none.</returns>
    public static void* Take(long bytes)
    {
        if (bytes >= Smallest && IsUsed)
            lock (Gate)
                if (Heap.Take(bytes) is var place && place + bytes <= length)
                {
                    if (place + bytes > taken)
                        TakeAhead(place + bytes);
                    return range + place;
                }
                else
                    Heap.Give(place);
        return Elsewhere((nuint)bytes);
    }

    /// <summary>Where the range begins, and how many bytes of it were ever handed out.</summary>
    internal static (nint Begin, long Bytes) Touched
    {
        get
        {
            lock (Gate)
                return ((nint)range, Heap.Extent);
        }
    }

    /// <summary>Gives it back.</summary>
    public static void Give(void* memory)
    {
        if (memory >= range && memory < range + length)
            lock (Gate)
                Heap.Give((byte*)memory - range);
        else
            NativeMemory.AlignedFree(memory);
    }

    // What two lanes hold at once is a matter of luck, step by step: their range grows by a quarter, and seldom, instead of for hundreds
    // of steps by a little.
    private static void TakeAhead(long needed)
    {
        var end = Math.Min(length, needed + Math.Min(needed / 4, MostAhead));
        Pages.Touch(range + taken, (nuint)(end - taken));
        taken = end;
    }

    private static void* Elsewhere(nuint bytes)
    {
        try
        {
            return NativeMemory.AlignedAlloc(bytes, 64);
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }

    [UnmanagedCallersOnly]
    private static void* Alloc(NativeAllocator* self, nuint bytes) => bytes == 0 ? null : Take(checked((long)bytes));

    [UnmanagedCallersOnly]
    private static void* Reserve(NativeAllocator* self, nuint bytes) => bytes == 0 ? null : Elsewhere(bytes);

    [UnmanagedCallersOnly]
    private static void Free(NativeAllocator* self, void* memory)
    {
        if (memory is not null)
            Give(memory);
    }

    [UnmanagedCallersOnly]
    private static nint Info(NativeAllocator* self) => self->Memory;

    // The environment asks until the process ends, so nothing of it is ever given back.
    private static bool Register()
    {
        if (!OrtFunctions.AreThere || !Pages.CanRelease || !TakeRange())
            return false;
        nint info = 0;
        fixed (byte* name = Encoding.UTF8.GetBytes("Cpu\0"))
            OrtFunctions.Check(((delegate* unmanaged<byte*, int, int, int, nint*, nint>)OrtFunctions.At(OrtFunctions.CreateMemoryInfo))(
                name, 0, 0, 0, &info));
        var allocator = (NativeAllocator*)NativeMemory.AllocZeroed((nuint)sizeof(NativeAllocator));
        *allocator = new()
        {
            version = OrtFunctions.Version,
            Alloc = &Alloc,
            Free = &Free,
            Info = &Info,
            Reserve = &Reserve,
            Memory = info,
        };
        OrtFunctions.Check(((delegate* unmanaged<nint, NativeAllocator*, nint>)OrtFunctions.At(OrtFunctions.RegisterAllocator))(
            OrtEnv.Instance().DangerousGetHandle(), allocator));
        return true;
    }

    // As much as the machine has, or what it gives.
    private static bool TakeRange()
    {
        for (var bytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes; bytes >= LeastRange; bytes /= 2)
            if (Pages.Take((nuint)bytes) is var memory and not null)
            {
                range = (byte*)memory;
                length = bytes;
                return true;
            }
        return false;
    }
}
