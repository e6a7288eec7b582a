using System.Diagnostics;
using System.Runtime.InteropServices;
using G2RL.Onnx.Cuda.Tests.Driver;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Cuda.Tests.Provider;

/// <summary>
/// ONNX Runtime's real CUDA provider on stub libraries: it gives back the options that it took and tells where it puts each node, and
/// computes nothing. In the cuda flavour alone, whose package has the provider.
/// </summary>
internal static class ProviderStubs
{
    private static readonly Lazy<string?> Loaded = new(Load);
    private static readonly List<nint> Libraries = [];

    /// <summary>Makes the calling test inconclusive where there is no provider or no compiler.</summary>
    public static void Require()
    {
        if (!CudaDrivers.Available)
            Assert.Inconclusive("needs ONNX Runtime's CUDA provider, which -p:Flavor=cuda has (.ci/provider runs it)");
        StandIn.Require();
        if (Loaded.Value is { } missing)
            Assert.Inconclusive(missing);
    }

    /// <summary>Launches, products and copies that were put on a stream so far.</summary>
    public static unsafe long Work(nint stream) => Libraries.Sum(library =>
        ((delegate* unmanaged<nint, long>)NativeLibrary.GetExport(library, "g2rl_stub_work"))(stream));

    /// <summary>The same on all streams together, the legacy default stream among them.</summary>
    public static long AllWork => Sum("g2rl_stub_all_work");

    /// <summary>
    /// Waits, allocations and releases while a stream was captured into a graph: on a device each of them ends the capture.
    /// </summary>
    public static long BrokenCaptures => Sum("g2rl_stub_broken_captures");

    /// <summary>How often ONNX Runtime made the host wait for the device.</summary>
    public static long Waits => Sum("g2rl_stub_waits");

    private static unsafe long Sum(string counter) => Libraries.Sum(library =>
        ((delegate* unmanaged<long>)NativeLibrary.GetExport(library, counter))());

    private static string? Load()
    {
        var provider = Directory.EnumerateFiles(AppContext.BaseDirectory, "libonnxruntime_providers_cuda.so", SearchOption.AllDirectories)
            .FirstOrDefault();
        if (provider is null)
            return "needs libonnxruntime_providers_cuda.so of the package Microsoft.ML.OnnxRuntime.Gpu";
        var folder = Directory.CreateTempSubdirectory("g2rl-stubs-").FullName;
        using var build = Process.Start(new ProcessStartInfo(
            "bash",
            [SharedFolder.InRepository("tests", "native", "build-provider-stubs.sh"), provider, folder])
        {
            RedirectStandardError = true,
            UseShellExecute = false,
        })!;
        var errors = build.StandardError.ReadToEnd();
        build.WaitForExit();
        if (build.ExitCode == 3)
            return errors;
        if (build.ExitCode != 0)
            throw new InvalidOperationException($"build-provider-stubs.sh ended with {build.ExitCode}: {errors}");
        // The dynamic linker answers later requests for the same sonames with these.
        foreach (var stub in Directory.EnumerateFiles(folder, "lib*.so.*")
            .Where(f => !f.EndsWith(".c", StringComparison.Ordinal) && !f.EndsWith(".map", StringComparison.Ordinal)))
            Libraries.Add(NativeLibrary.Load(stub));
        return null;
    }
}
