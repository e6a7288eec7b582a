using System.Runtime.InteropServices;

namespace G2RL.Onnx.Execution.Memory;

/// <summary>
/// The C library's heap, which ONNX Runtime takes everything from but tensors: small parts by many threads. GNU's keeps what was given back
/// and gives each thread a heap of its own, so that free parts grow for hundreds of steps while nothing is lost. Elsewhere nothing happens.
/// </summary>
internal static partial class SystemHeap
{
    private static readonly bool IsGnu = OperatingSystem.IsLinux()
        && NativeLibrary.TryLoad("libc.so.6", out var library)
        && NativeLibrary.TryGetExport(library, "malloc_trim", out _);

    /// <summary>Gives free pages back to the system; takes half a millisecond.</summary>
    public static void Trim()
    {
        if (IsGnu)
            _ = GiveBack(0);
    }

    [LibraryImport("libc.so.6", EntryPoint = "malloc_trim")]
    private static partial int GiveBack(nuint kept);
}
