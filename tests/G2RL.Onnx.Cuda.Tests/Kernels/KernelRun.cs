using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using G2RL.Onnx.Cuda.Tests.Interpreter;

namespace G2RL.Onnx.Cuda.Tests.Kernels;

/// <summary>Who runs the kernels.</summary>
public enum Executor
{
    /// <summary>The embedded PTX in the interpreter.</summary>
    Interpreter,

    /// <summary>The sources compiled for the host.</summary>
    Host,
}

/// <summary>A device with the embedded modules, and short ways to use it.</summary>
internal sealed partial class KernelRun(EmulatedDriver driver) : IDisposable
{
    private static readonly Dictionary<string, byte[]> Modules = typeof(ICudaDriver).Assembly
        .GetManifestResourceNames()
        .Where(n => n.EndsWith(".ptx", StringComparison.Ordinal))
        .ToDictionary(n => n, Read);

    private static readonly Dictionary<string, string> ModuleOf = Modules.SelectMany(m => Entry()
        .Matches(Encoding.UTF8.GetString(m.Value))
        .Select(e => (Entry: e.Groups[1].Value, Module: m.Key))).ToDictionary(p => p.Entry, p => p.Module);

    private readonly Dictionary<string, nint> kernels = [];

    /// <summary>Names of all entries.</summary>
    public static IEnumerable<string> Entries => ModuleOf.Keys;

    /// <summary>Text of the embedded module that has an entry.</summary>
    public static string TextOf(string entry) => Encoding.UTF8.GetString(Modules[ModuleOf[entry]]);

    /// <summary>Takes an entry from another module than the embedded one.</summary>
    public void Replace(string entry, byte[] ptx) => kernels[entry] = driver.Kernel(driver.LoadModule("replaced", ptx), entry);

    public EmulatedDriver Driver => driver;

    /// <summary>Runs something forward, in reverse and shuffled, the latter two with full noise, and checks that all bits agree.</summary>
    /// <returns>What the first run gave.</returns>
    public static Array[] Everywhere(Executor executor, Func<KernelRun, Array[]> body)
    {
        Array[]? first = null;
        foreach (var order in Enum.GetValues<ThreadOrder>())
        {
            using var run = Start(executor, order);
            var results = body(run);
            first ??= results;
            for (var i = 0; i < results.Length; i++)
                Assert.IsTrue(
                    Bytes(first[i]).SequenceEqual(Bytes(results[i])),
                    $"Output {i} depends on the order of threads: {order} differs.");
        }
        return first!;
    }

    /// <summary>A device.</summary>
    public static KernelRun Start(Executor executor, ThreadOrder order = ThreadOrder.Forward) => new(executor == Executor.Interpreter
        ? new InterpreterDriver(new() { Order = order, Seed = 11, Noise = order == ThreadOrder.Forward ? 0 : 1, Strict = true })
        : new HostCompiledDriver(order, 11));

    /// <summary>Memory with a content.</summary>
    public nint Upload<T>(params T[] values)
        where T : unmanaged
    {
        var pointer = driver.Allocate(Math.Max(1, MemoryMarshal.AsBytes(values.AsSpan()).Length));
        driver.CopyToDevice(pointer, MemoryMarshal.AsBytes(values.AsSpan()));
        return pointer;
    }

    /// <summary>Memory with a content, an element or a few off the alignment of the block.</summary>
    public nint UploadAt<T>(int offset, T[] values)
        where T : unmanaged
    {
        var size = Marshal.SizeOf<T>();
        var pointer = driver.Allocate(((long)values.Length + offset) * size) + (offset * size);
        driver.CopyToDevice(pointer, MemoryMarshal.AsBytes(values.AsSpan()));
        return pointer;
    }

    /// <summary>Memory that nothing has written.</summary>
    public nint Room<T>(int count)
        where T : unmanaged => driver.Allocate((long)count * Marshal.SizeOf<T>());

    public void Launch(string entry, (int X, int Y, int Z) grid, int threads, params KernelArgument[] arguments) =>
        LaunchWith(entry, grid, threads, 0, arguments);

    /// <summary>With dynamic shared memory.</summary>
    public void LaunchWith(
        string entry, (int X, int Y, int Z) grid, int threads, int sharedBytes, params KernelArgument[] arguments)
    {
        if (!kernels.TryGetValue(entry, out var kernel))
        {
            var module = ModuleOf[entry];
            kernels.Add(entry, kernel = driver.Kernel(driver.LoadModule(module, Modules[module]), entry));
        }
        driver.Launch(kernel, grid, (threads, 1, 1), sharedBytes, arguments);
    }

    public T[] Read<T>(nint pointer, int count)
        where T : unmanaged
    {
        var values = new T[count];
        driver.CopyToHost(MemoryMarshal.AsBytes(values.AsSpan()), pointer);
        return values;
    }

    public void Dispose() => driver.Dispose();

    private static byte[] Read(string resource)
    {
        using var stream = typeof(ICudaDriver).Assembly.GetManifestResourceStream(resource)!;
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        return memory.ToArray();
    }

    private static byte[] Bytes(Array array)
    {
        var bytes = new byte[Buffer.ByteLength(array)];
        Buffer.BlockCopy(array, 0, bytes, 0, bytes.Length);
        return bytes;
    }

    [GeneratedRegex(@"\.entry (\w+)")]
    private static partial Regex Entry();
}
