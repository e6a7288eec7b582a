using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Cuda.Checks;

/// <summary>A device with inputs for its kernels, and their times.</summary>
internal sealed class CheckBench(ICudaDriver driver, CheckSizes sizes) : IDisposable
{
    // The three types of logits and weights, with their entries' suffixes.
    public static readonly (string Suffix, SafeTensorsDtype Type, int Bytes)[] Types =
        [("f32", SafeTensorsDtype.F32, 4), ("f16", SafeTensorsDtype.F16, 2), ("bf16", SafeTensorsDtype.BF16, 2)];

    private readonly KernelCache kernels = new(driver);
    private readonly List<nint> held = [];
    private int streams;

    public CheckSizes Sizes => sizes;

    public CudaDevice Device => driver.Device;

    public KernelCache Kernels => kernels;

    /// <summary>Seeded normal numbers times a factor.</summary>
    public float[] Normal(long count, float factor = 1)
    {
        var values = new float[count];
        Seeds.Normal(2026, streams++, values);
        for (var i = 0; i < values.Length; i++)
            values[i] *= factor;
        return values;
    }

    /// <summary>Bytes of a type, and the floats that they stand for.</summary>
    public static (byte[] Stored, float[] Values) Rounded(float[] values, SafeTensorsDtype type, int bytes)
    {
        var stored = new byte[values.Length * bytes];
        FloatConversion.FromFloats(type, values, stored);
        var widened = new float[values.Length];
        FloatConversion.ToFloats(type, stored, widened);
        return (stored, widened);
    }

    public nint Upload<T>(T[] values) where T : unmanaged
    {
        var pointer = Room<T>(values.Length);
        driver.CopyToDevice(pointer, MemoryMarshal.AsBytes(values.AsSpan()));
        return pointer;
    }

    public nint Room<T>(long count) where T : unmanaged
    {
        var bytes = checked(((count * Unsafe.SizeOf<T>()) + 15) / 16 * 16);
        var pointer = driver.Allocate(bytes);
        held.Add(pointer);
        driver.Fill(pointer, 0, bytes);
        return pointer;
    }

    public T[] Download<T>(nint pointer, long count) where T : unmanaged
    {
        var values = new T[count];
        driver.CopyToHost(MemoryMarshal.AsBytes(values.AsSpan()), pointer);
        return values;
    }

    public void Launch(
        string module,
        string entry,
        (int X, int Y, int Z) grid,
        int threads,
        params ReadOnlySpan<KernelArgument> arguments) => kernels.Launch(module, entry, grid, threads, arguments);

    /// <summary>Median time of a launch; results must have been read before, since launches may add to them.</summary>
    public double Milliseconds(Action launch)
    {
        var times = new double[sizes.Repeats];
        var (start, end) = (driver.CreateEvent(), driver.CreateEvent());
        for (var i = 0; i < times.Length; i++)
        {
            driver.Record(start);
            launch();
            driver.Record(end);
            driver.Wait(end);
            times[i] = driver.Elapsed(start, end);
        }
        driver.FreeEvent(start);
        driver.FreeEvent(end);
        Array.Sort(times);
        return times[times.Length / 2];
    }

    /// <summary>Largest difference; of numbers above 1 relative.</summary>
    public static double Difference(ReadOnlySpan<float> device, ReadOnlySpan<float> host)
    {
        var worst = 0d;
        for (var i = 0; i < host.Length; i++)
            worst = Worse(worst, device[i], host[i]);
        return worst;
    }

    public static double Difference(ReadOnlySpan<double> device, ReadOnlySpan<double> host)
    {
        var worst = 0d;
        for (var i = 0; i < host.Length; i++)
            worst = Worse(worst, device[i], host[i]);
        return worst;
    }

    /// <summary>How many elements differ.</summary>
    public static double Unequal<T>(ReadOnlySpan<T> device, ReadOnlySpan<T> host) where T : unmanaged, IEquatable<T>
    {
        var count = 0;
        for (var i = 0; i < host.Length; i++)
            count += device[i].Equals(host[i]) ? 0 : 1;
        return count;
    }

    public void Dispose()
    {
        foreach (var pointer in held)
            driver.Free(pointer);
        held.Clear();
    }

    // Math.Max hands NaN on.
    private static double Worse(double worst, double device, double host) =>
        Math.Max(worst, Math.Abs(device - host) / Math.Max(1, Math.Abs(host)));
}
