namespace G2RL.Onnx.Cuda.Memory;

/// <summary>The memory of a device: who holds how much of it, so that a full device can say what to shrink.</summary>
/// <param name="driver">The device.</param>
internal sealed class DeviceMemory(ICudaDriver driver)
{
    private readonly Lock gate = new();
    private readonly HashSet<DeviceBuffer> held = [];
    private readonly List<HeldArena> arenas = [];

    public ICudaDriver Driver => driver;

    /// <summary>Bytes held.</summary>
    public long Bytes
    {
        get
        {
            lock (gate)
                return held.Sum(b => b.Bytes);
        }
    }

    /// <summary>What ONNX Runtime holds for its graphs, by their names, most first.</summary>
    public IReadOnlyList<(string Name, long Bytes)> Arenas
    {
        get
        {
            lock (gate)
                return [.. arenas.GroupBy(a => a.Name, StringComparer.Ordinal)
                    .Select(g => (g.Key, Bytes: g.Sum(a => a.Bytes())))
                    .OrderByDescending(a => a.Bytes)
                    .ThenBy(a => a.Key, StringComparer.Ordinal)];
        }
    }

    /// <summary>Reserves memory, its content undefined.</summary>
    /// <param name="purpose">For messages.</param>
    /// <param name="bytes">>= 0</param>
    /// <exception cref="CudaMemoryException">The device is full; names the largest buffers and the settings that shrink them.</exception>
    public DeviceBuffer Allocate(Purpose purpose, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        // Kernels and copies move 16 bytes at a time.
        bytes = checked((Math.Max(bytes, 1) + 15) / 16 * 16);
        try
        {
            var buffer = new DeviceBuffer(this, purpose, driver.Allocate(bytes), bytes);
            lock (gate)
                held.Add(buffer);
            return buffer;
        }
        catch (CudaMemoryException e)
        {
            throw Full($"{Mebibytes(bytes)} for {purpose.Name}", purpose, e);
        }
    }

    /// <summary>Reserves memory for numbers of one type and zeroes it.</summary>
    public DeviceBuffer Zeros<T>(Purpose purpose, long count) where T : unmanaged
    {
        var buffer = Allocate(purpose, checked(count * System.Runtime.CompilerServices.Unsafe.SizeOf<T>()));
        buffer.Clear();
        return buffer;
    }

    /// <summary>Counts a session's arena from now on.</summary>
    public void Add(HeldArena arena)
    {
        lock (gate)
            arenas.Add(arena);
    }

    /// <summary>The session has ended.</summary>
    public void Remove(HeldArena arena)
    {
        lock (gate)
            arenas.Remove(arena);
    }

    /// <summary>The error of a full device.</summary>
    /// <param name="wanted">What there is no room for.</param>
    /// <param name="purpose">What it is for, where that is known.</param>
    /// <param name="cause">The driver's or ONNX Runtime's own error.</param>
    public CudaMemoryException Full(string wanted, Purpose? purpose, Exception cause)
    {
        (string Name, string Remedy, long Bytes)[] largest;
        lock (gate)
            largest = [.. held.GroupBy(b => b.Purpose)
                .Select(g => (g.Key.Name, g.Key.Remedy, Bytes: g.Sum(b => b.Bytes)))
                .OrderByDescending(p => p.Bytes)
                .ThenBy(p => p.Name, StringComparer.Ordinal)
                .Take(4)];
        var ofSessions = Arenas;
        var (free, total) = driver.MemoryInfo();
        var remedies = largest.Select(p => p.Remedy).Prepend(purpose?.Remedy ?? Purpose.Training.Remedy).Distinct(StringComparer.Ordinal);
        var others = Math.Max(0, total - free - Bytes - ofSessions.Sum(a => a.Bytes));
        var inArenas = ofSessions.Count == 0
            ? ""
            : $"ONNX Runtime's arenas: {string.Join(", ", ofSessions.Select(a => $"'{a.Name}' {Mebibytes(a.Bytes)}"))}; ";
        var holders = largest.Length == 0
            ? "This run holds none of it"
            : $"Held most: {string.Join(", ", largest.Select(p => $"{p.Name} {Mebibytes(p.Bytes)}"))}";
        return new CudaMemoryException($"cuda:{driver.Device.Ordinal} ({driver.Device.Name}) has no room for {wanted}; "
            + $"{Mebibytes(free)} of {Mebibytes(total)} are free. {holders}; "
            + $"{inArenas}the context and other programs hold {Mebibytes(others)}. What makes it less: "
            + $"{string.Join("; ", remedies)}.", cause);
    }

    internal void Release(DeviceBuffer buffer, nint pointer)
    {
        lock (gate)
            held.Remove(buffer);
        try
        {
            // What is enqueued may still use it.
            driver.Synchronize();
        }
        catch (CudaException)
        {
            // The device has failed, and whoever used it tells of that. A lost context gives nothing back but to its own end: an error of
            // Free would only take the place of the one that matters.
            return;
        }
        driver.Free(pointer);
    }

    private static string Mebibytes(long bytes) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.0} MiB");
}
