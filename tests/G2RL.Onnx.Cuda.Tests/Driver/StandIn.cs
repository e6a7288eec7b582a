using System.Diagnostics;
using System.Runtime.InteropServices;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Cuda.Tests.Driver;

/// <summary>
/// The stand-in for libcuda.so.1 (tests/native/driver.cpp), compiled and loaded once a process: whoever asks for libcuda.so.1 then gets it.
/// </summary>
internal static unsafe class StandIn
{
    private static readonly Lazy<nint> Library = new(Load);

    /// <summary>
    /// Loads it, as a device of compute capability 8.0 with 1 GiB; the calling test becomes inconclusive where nothing compiles C++.
    /// </summary>
    public static void Require()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Inconclusive("the stand-in for libcuda.so.1 is for Linux");
        if (Library.Value == 0)
            Assert.Inconclusive("needs a C++ compiler (g++ or clang++)");
        foreach (var (name, value) in new[]
        {
            ("devices", 1L),
            ("version", 13000L),
            ("memory", 1L << 30),
            ("capability", 80L),
            ("init", 0L),
            ("fail_launch", 0L),
        })
            Set(name, value);
    }

    /// <summary>Changes what the device is or does next.</summary>
    public static void Set(string name, long value)
    {
        fixed (byte* bytes = System.Text.Encoding.UTF8.GetBytes(name + '\0'))
            if (((delegate* unmanaged<byte*, long, long>)NativeLibrary.GetExport(Library.Value, "g2rl_standin_set"))(bytes, value) == 0)
                throw new ArgumentException($"The stand-in has no '{name}'.", nameof(name));
    }

    /// <summary>What is held or was done.</summary>
    public static long Count(string name)
    {
        fixed (byte* bytes = System.Text.Encoding.UTF8.GetBytes(name + '\0'))
            return ((delegate* unmanaged<byte*, long>)NativeLibrary.GetExport(Library.Value, "g2rl_standin_count"))(bytes);
    }

    /// <summary>What the last kernel that failed said.</summary>
    public static string Fault =>
        Marshal.PtrToStringUTF8((nint)((delegate* unmanaged<byte*>)NativeLibrary.GetExport(Library.Value, "g2rl_standin_fault"))()) ?? "";

    /// <summary>Runs a build script of tests/native; null where there is no compiler.</summary>
    public static string? Build(string script, string file)
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("g2rl-native-").FullName, file);
        using var build = Process.Start(new ProcessStartInfo(
            "bash",
            [SharedFolder.InRepository("tests", "native", script), path])
        { RedirectStandardError = true, UseShellExecute = false })!;
        var errors = build.StandardError.ReadToEnd();
        build.WaitForExit();
        return build.ExitCode switch
        {
            0 => path,
            3 => null,
            var code => throw new InvalidOperationException($"{script} ended with {code}: {errors}"),
        };
    }

    private static nint Load()
    {
        if (Build("build-driver.sh", "libcuda.so.1") is not { } driver || Build("build-host.sh", "libkernels.so") is not { } kernels)
            return 0;
        // The dynamic linker answers later requests for the same soname with this library.
        var library = NativeLibrary.Load(driver);
        fixed (byte* path = System.Text.Encoding.UTF8.GetBytes(kernels + '\0'))
            if (((delegate* unmanaged<byte*, long>)NativeLibrary.GetExport(library, "g2rl_standin_kernels"))(path) == 0)
                throw new InvalidOperationException("The stand-in does not load the host kernels.");
        return library;
    }
}
