using System.Runtime.InteropServices;

namespace G2RL.Onnx.Execution.Memory;

/// <summary>
/// struct OrtAllocator of ONNX Runtime's C API, member for member; a test compares them with the header that the package ships.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeAllocator
{
    public uint version;
    public delegate* unmanaged<NativeAllocator*, nuint, void*> Alloc;
    public delegate* unmanaged<NativeAllocator*, void*, void> Free;
    public delegate* unmanaged<NativeAllocator*, nint> Info;
    public delegate* unmanaged<NativeAllocator*, nuint, void*> Reserve;
    public nint GetStats;
    public nint AllocOnStream;
    public nint Shrink;

    /// <summary>Members of the C structure: what lies behind them is ours.</summary>
    public const int Members = 8;

    /// <summary>The OrtMemoryInfo that <see cref="Info"/> tells.</summary>
    public nint Memory;
}
