using System.Runtime.InteropServices;

namespace G2RL.Onnx.Cuda.Diagnosis;

/// <summary>A library that ONNX Runtime's CUDA provider takes from the machine.</summary>
/// <param name="Name">File, as the loader looks for it.</param>
/// <param name="From">Which of NVIDIA's packages brings it.</param>
/// <param name="Linked">Whether the provider does not even load without it; the others it asks for when a graph needs them.</param>
/// <param name="Found">Whether it loads here.</param>
public sealed record CudaLibrary(string Name, string From, bool Linked, bool Found)
{
    /// <summary>What Microsoft.ML.OnnxRuntime.Gpu 1.31 needs: the CUDA that its provider is linked with.</summary>
    public const int ProviderCuda = 13000;

    /// <summary>The one requirement that every message and the README state: the driver that this CUDA came with.</summary>
    public const string Driver = "NVIDIA driver 580 or newer (CUDA 13)";

    // What the package's own provider names: its dynamic section, and the names that it opens later. A test holds the Linux names against
    // the package.
    private static readonly (string Linux, string Windows, string From, bool Linked)[] Needed =
    [
        ("libcudart.so.13", "cudart64_13.dll", "CUDA 13", true),
        ("libcublas.so.13", "cublas64_13.dll", "CUDA 13", true),
        ("libcublasLt.so.13", "cublasLt64_13.dll", "CUDA 13", true),
        ("libcurand.so.10", "curand64_10.dll", "CUDA 13", true),
        ("libcufft.so.12", "cufft64_12.dll", "CUDA 13", false),
        ("libcudnn.so.9", "cudnn64_9.dll", "cuDNN 9 for CUDA 13", false),
    ];

    /// <summary>Names of the Linux libraries.</summary>
    internal static IEnumerable<(string Name, bool Linked)> LinuxNames => Needed.Select(n => (n.Linux, n.Linked));

    /// <summary>Tries each library.</summary>
    public static IReadOnlyList<CudaLibrary> Look() => [.. Needed.Select(n =>
    {
        var name = OperatingSystem.IsWindows() ? n.Windows : n.Linux;
        var found = NativeLibrary.TryLoad(name, out var library);
        if (found)
            NativeLibrary.Free(library);
        return new CudaLibrary(name, n.From, n.Linked, found);
    })];
}
