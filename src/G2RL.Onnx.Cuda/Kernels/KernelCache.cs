using System.Collections.Concurrent;

namespace G2RL.Onnx.Cuda.Kernels;

/// <summary>Modules and entries of the embedded PTX by name; each is loaded on first use and kept as long as the driver.</summary>
/// <param name="driver">The device.</param>
internal sealed class KernelCache(ICudaDriver driver)
{
    private const string Extension = ".ptx";

    private readonly ConcurrentDictionary<string, nint> modules = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string Module, string Entry), nint> kernels = [];

    /// <summary>Names of the embedded modules.</summary>
    public static IReadOnlyList<string> Modules { get; } =
        [.. typeof(KernelCache).Assembly
            .GetManifestResourceNames()
            .Where(n => n.EndsWith(Extension, StringComparison.Ordinal))
            .Select(n => n[..^Extension.Length])
            .Order(StringComparer.Ordinal)];

    public ICudaDriver Driver => driver;

    /// <summary>The PTX of a module.</summary>
    /// <exception cref="CudaException">No such module is embedded.</exception>
    public static byte[] Ptx(string module)
    {
        using var stream = typeof(KernelCache).Assembly.GetManifestResourceStream(module + Extension)
            ?? throw new CudaException($"No PTX of a module '{module}' is embedded in {typeof(KernelCache).Assembly.GetName().Name}; "
                + $"there are: {string.Join(", ", Modules)}. Run native/build-ptx.sh and build again.");
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>An entry of a module.</summary>
    public nint Entry(string module, string entry) =>
        kernels.GetOrAdd((module, entry), key => driver.Kernel(modules.GetOrAdd(key.Module, m => driver.LoadModule(m, Ptx(m))), key.Entry));

    /// <summary>Launches an entry, <paramref name="arguments"/> in the order of its parameters, each of its exact width.</summary>
    public void Launch(
        string module, string entry, (int X, int Y, int Z) grid, int threads, params ReadOnlySpan<KernelArgument> arguments) =>
        LaunchWith(module, entry, grid, threads, 0, arguments);

    /// <summary>The same with so many bytes of dynamic shared memory a block.</summary>
    public void LaunchWith(
        string module,
        string entry,
        (int X, int Y, int Z) grid,
        int threads,
        int sharedBytes,
        params ReadOnlySpan<KernelArgument> arguments)
    {
        if (grid.X > 0 && grid.Y > 0 && grid.Z > 0)
            driver.Launch(Entry(module, entry), grid, (threads, 1, 1), sharedBytes, arguments);
    }
}
