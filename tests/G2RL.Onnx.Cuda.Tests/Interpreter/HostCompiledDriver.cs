using System.Diagnostics;
using System.Runtime.InteropServices;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Cuda.Tests.Interpreter;

/// <summary>
/// A CUDA driver that runs the kernels' sources as compiled for the host (tests/native): the second opinion beside the interpreter. The
/// text of a module serves only to know its entries.
/// </summary>
internal sealed unsafe partial class HostCompiledDriver : EmulatedDriver
{
    private static readonly Lazy<(string? Path, string Reason)> Library = new(Build);

    private readonly Dictionary<nint, string> kernels = [];

    /// <summary>Loads the library, compiled by the first to ask; the test becomes inconclusive where no compiler is.</summary>
    public HostCompiledDriver(ThreadOrder order, uint seed = 1)
        : base("kernels compiled for the host", 1L << 30, tracksWrites: false)
    {
        Require();
        Order((int)order, seed);
    }

    /// <summary>Number of parameters of an entry, or -1 where the library has no such entry.</summary>
    public static int Parameters(string entry)
    {
        Require();
        return ParameterCount(entry);
    }

    public override nint LoadModule(string name, ReadOnlySpan<byte> ptx) => NextHandle();

    public override nint Kernel(nint module, string entry)
    {
        if (Parameters(entry) < 0)
            throw new CudaException($"The host's library has no entry '{entry}'; tests/native/host.cpp lists them.");
        var handle = NextHandle();
        kernels.Add(handle, entry);
        return handle;
    }

    public override void Launch(
        nint kernel,
        (int X, int Y, int Z) grid,
        (int X, int Y, int Z) block,
        int sharedBytes,
        ReadOnlySpan<KernelArgument> arguments)
    {
        var entry = kernels[kernel];
        Count(entry);
        if (arguments.Length != Parameters(entry))
            throw new CudaException($"{entry} takes {Parameters(entry)} arguments, not {arguments.Length}.");
        var bits = stackalloc ulong[arguments.Length];
        var values = stackalloc nint[arguments.Length];
        for (var i = 0; i < arguments.Length; i++)
            (bits[i], values[i]) = (arguments[i].Bits, (nint)(bits + i));
        var failure = Run(entry, grid.X, grid.Y, grid.Z, block.X, block.Y, block.Z, values);
        if (failure != 0)
            throw new CudaException($"{entry}: {Marshal.PtrToStringUTF8(failure)}.");
    }

    private static void Require()
    {
        if (Library.Value.Path is null)
            Assert.Inconclusive(Library.Value.Reason);
    }

    private static (string? Path, string Reason) Build()
    {
        var script = SharedFolder.InRepository("tests", "native", "build-host.sh");
        var path = Path.Combine(AppContext.BaseDirectory, $"g2rl-host-{Environment.ProcessId}.so");
        try
        {
            using var process =
                Process.Start(new ProcessStartInfo("bash", [script, path]) { RedirectStandardError = true, UseShellExecute = false })!;
            var log = process.StandardError.ReadToEndAsync();
            process.WaitForExit();
            if (process.ExitCode == 3)
                return (null, log.Result.Trim());
            if (process.ExitCode != 0)
                throw new InvalidOperationException($"tests/native/build-host.sh ended with {process.ExitCode}: {log.Result}");
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return (null, $"needs bash to compile the kernels for the host: {e.Message}");
        }
        NativeLibrary.SetDllImportResolver(
            typeof(HostCompiledDriver).Assembly,
            (name, _, _) => name == "g2rl-host" ? NativeLibrary.Load(path) : 0);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => File.Delete(path);
        return (path, string.Empty);
    }

    [LibraryImport("g2rl-host", EntryPoint = "g2rl_host_parameters", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ParameterCount(string name);

    [LibraryImport("g2rl-host", EntryPoint = "g2rl_host_order")]
    private static partial void Order(int order, uint seed);

    [LibraryImport("g2rl-host", EntryPoint = "g2rl_host_launch", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Run(string name, int gx, int gy, int gz, int bx, int by, int bz, nint* values);
}
