using System.Globalization;
using System.Text;
using G2RL.Onnx.Execution.Native;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Execution.Sessions;

/// <summary>What a session's arena holds of a device's memory, as ONNX Runtime itself tells.</summary>
/// <param name="Held">Bytes taken from the device.</param>
/// <param name="InUse">Bytes of them that hold something now.</param>
/// <param name="MostInUse">The most of them that ever did at once.</param>
/// <param name="Limit">Bytes that it may hold.</param>
internal readonly record struct ArenaUse(long Held, long InUse, long MostInUse, long Limit)
{
    // OrtDeviceAllocator, OrtMemTypeDefault
    private const int DeviceAllocator = 0;
    private const int DefaultMemory = 0;

    /// <summary>Asks a session; all 0 where the memory has no arena.</summary>
    /// <param name="session">The session.</param>
    /// <param name="memory">The memory's name.</param>
    /// <param name="device">The device's index.</param>
    public static unsafe ArenaUse Of(InferenceSession session, string memory, int device)
    {
        nint info = 0, allocator = 0, statistics = 0;
        try
        {
            fixed (byte* name = Encoding.UTF8.GetBytes(memory + '\0'))
                OrtFunctions.Check(((delegate* unmanaged<byte*, int, int, int, nint*, nint>)OrtFunctions.At(OrtFunctions.CreateMemoryInfo))(
                    name, DeviceAllocator, device, DefaultMemory, &info));
            OrtFunctions.Check(((delegate* unmanaged<nint, nint, nint*, nint>)OrtFunctions.At(OrtFunctions.CreateAllocator))(
                OrtFunctions.Handle(session), info, &allocator));
            OrtFunctions.Check(((delegate* unmanaged<nint, nint*, nint>)OrtFunctions.At(OrtFunctions.AllocatorGetStats))(
                allocator, &statistics));
            return new(
                Value(statistics, "TotalAllocated"u8),
                Value(statistics, "InUse"u8),
                Value(statistics, "MaxInUse"u8),
                Value(statistics, "Limit"u8));
        }
        finally
        {
            Release(OrtFunctions.ReleaseKeyValuePairs, statistics);
            Release(OrtFunctions.ReleaseAllocator, allocator);
            Release(OrtFunctions.ReleaseMemoryInfo, info);
            GC.KeepAlive(session);
        }
    }

    // The text of a key ends with a 0 behind its span.
    private static unsafe long Value(nint statistics, ReadOnlySpan<byte> key)
    {
        fixed (byte* name = key)
        {
            var text = ((delegate* unmanaged<nint, byte*, byte*>)OrtFunctions.At(OrtFunctions.GetKeyValue))(statistics, name);
            return text is null ? 0 : long.Parse(OrtFunctions.Text(text), CultureInfo.InvariantCulture);
        }
    }

    private static unsafe void Release(int place, nint what)
    {
        if (what != 0)
            ((delegate* unmanaged<nint, void>)OrtFunctions.At(place))(what);
    }
}
