using System.Runtime.InteropServices;
using System.Text;
using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;

namespace G2RL.Onnx.Cuda.Tests.Driver;

/// <summary>CudaDriver.cs on a stand-in for libcuda.so.1 that queues work as a device does.</summary>
[TestClass]
[DoNotParallelize]
public sealed class CudaDriverTests
{
    [TestMethod]
    public void Open_Device_TellsWhatItIs()
    {
        using var driver = Opened();
        Assert.AreEqual(new CudaDevice(0, "Stand-in (no GPU)", 8, 0, 1L << 30, 13000), driver.Device);
        Assert.AreNotEqual(0, driver.Stream);
        Assert.AreEqual("Cuda", driver.Memory.Name);
        Assert.AreEqual((1L << 30, 1L << 30), driver.MemoryInfo());
    }

    [TestMethod]
    public void Memory_RoundTrip_KeepsEveryByte()
    {
        using var driver = Opened();
        byte[] bytes = [.. Enumerable.Range(0, 1000).Select(i => (byte)(i * 7))];
        var (a, b) = (driver.Allocate(1000), driver.Allocate(1000));
        Assert.AreEqual(0, a % 256);
        driver.CopyToDevice(a, bytes);
        driver.CopyOnDevice(b, a, 1000);
        driver.Fill(b + 10, 0xab, 5);
        var back = new byte[1000];
        driver.CopyToHost(back, b);
        bytes.AsSpan(10, 5).Fill(0xab);
        CollectionAssert.AreEqual(bytes, back);
        Assert.AreEqual(2000, StandIn.Count("memory"));
        driver.Free(a);
        driver.Free(b);
        Assert.AreEqual(0, StandIn.Count("memory"));
    }

    // The source may change when CopyToDevice returns, also where the driver would read it later.
    [TestMethod]
    public unsafe void CopyToDevice_SourceChangedAfterwards_TakesWhatItWas()
    {
        using var driver = Opened();
        var device = driver.Allocate(4);
        byte[] bytes = [1, 2, 3, 4];
        driver.CopyToDevice(device, bytes);
        bytes.AsSpan().Clear();
        Assert.AreEqual(0x04030201u, Read(driver, device));
        var locked = driver.AllocateHost(4);
        *(uint*)locked = 0x0a0b0c0d;
        driver.CopyToDevice(device, new ReadOnlySpan<byte>((void*)locked, 4));
        *(uint*)locked = 0;
        Assert.AreEqual(0x0a0b0c0du, Read(driver, device));
        driver.FreeHost(locked);
        driver.Free(device);
    }

    [TestMethod]
    public unsafe void BeginCopyToHost_IsThereAfterTheEvent()
    {
        using var driver = Opened();
        var (device, locked, before, copied) = (driver.Allocate(4), driver.AllocateHost(4), driver.CreateEvent(), driver.CreateEvent());
        driver.Record(before);
        driver.CopyToDevice(device, [1, 0, 0, 0]);
        driver.BeginCopyToHost(locked, device, 4);
        driver.Record(copied);
        Assert.AreEqual(0, *(int*)locked, "the stand-in copies when somebody waits, as a busy device may");
        driver.Wait(copied);
        Assert.AreEqual(1, *(int*)locked);
        Assert.IsGreaterThanOrEqualTo(0, driver.Elapsed(before, copied));
        Assert.ThrowsExactly<ArgumentException>(() => driver.BeginCopyToHost(device, device, 4));
        driver.FreeEvent(copied);
    }

    // Every entry of every module has its parameters' widths; one with doubles, floats, ints and pointers computes what it should.
    [TestMethod]
    public void Launch_EveryWidthOfArgument_Arrives()
    {
        using var driver = Opened();
        var cache = new KernelCache(driver);
        float[] x = [3, 4, 0.5f, -2];
        var (input, output) = (Upload(driver, x), driver.Allocate(16));
        // inverse_norms(const float* features, int width, double epsilon, double* inverse): 1 / (norm + epsilon).
        cache.Launch("novelty", "inverse_norms", (2, 1, 1), 256, input, 2, 0.25, output);
        var inverse = Download<double>(driver, output, 2);
        Assert.AreEqual(1 / 5.25, inverse[0], 1e-15);
        Assert.AreEqual(1 / (Math.Sqrt(4.25) + 0.25), inverse[1], 1e-15);
        // scale(float* x, long long count, float factor).
        cache.Launch("optimizer", "scale", (1, 1, 1), 256, input, 3L, -2f);
        CollectionAssert.AreEqual(new float[] { -6, -8, -1, -2 }, Download<float>(driver, input, 4));
        Assert.AreEqual("", StandIn.Fault);
    }

    [TestMethod]
    public void Modules_All_LoadWithEveryEntry()
    {
        using var driver = Opened();
        var entries = 0;
        foreach (var module in KernelCache.Modules)
        {
            var ptx = KernelCache.Ptx(module);
            var handle = driver.LoadModule(module, ptx);
            foreach (var line in Encoding.ASCII.GetString(ptx)
                .Split('\n')
                .Where(l => l.StartsWith(".visible .entry ", StringComparison.Ordinal)))
            {
                Assert.AreNotEqual(0, driver.Kernel(handle, line[".visible .entry ".Length..^1]), line);
                entries++;
            }
        }
        Assert.IsGreaterThanOrEqualTo(25, entries);
    }

    [TestMethod]
    public void Allocate_MoreThanIsFree_IsOutOfMemory()
    {
        using var driver = Opened();
        var message = Assert.ThrowsExactly<CudaMemoryException>(() => driver.Allocate(2L << 30)).Message;
        StringAssert.Contains(message, "2147483648 bytes of device memory: CUDA says 'out of memory' (2)");
        driver.Free(driver.Allocate(1024));
    }

    [TestMethod]
    public void LoadModule_NoPtx_ShowsTheCompilersLog()
    {
        using var driver = Opened();
        var message = Assert.ThrowsExactly<CudaException>(() => driver.LoadModule("broken", "no ptx at all"u8)).Message;
        StringAssert.Contains(message, "rejects the PTX of module 'broken' for Stand-in (no GPU), compute capability 8.0");
        StringAssert.Contains(message, "(218)");
        StringAssert.Contains(message, "no .version and .target directive");
        StandIn.Set("capability", 75);
        StringAssert.Contains(
            Assert.ThrowsExactly<CudaException>(() => driver.LoadModule("newer", ".version 7.0\n.target sm_90\n"u8)).Message,
            "newer than the device");
    }

    [TestMethod]
    public void Kernel_NoSuchEntry_IsNamed()
    {
        using var driver = Opened();
        var module = driver.LoadModule("memory", KernelCache.Ptx("memory"));
        StringAssert.Contains(
            Assert.ThrowsExactly<CudaException>(() => driver.Kernel(module, "no_such")).Message,
            "Kernel 'no_such': CUDA says 'not found' (500). The embedded PTX has no such entry");
    }

    [TestMethod]
    public void Launch_TooManyThreads_IsRefusedWithTheKernelsName()
    {
        using var driver = Opened();
        var x = driver.Allocate(16);
        StringAssert.Contains(Assert.ThrowsExactly<CudaException>(() => new KernelCache(driver).Launch(
            "optimizer",
            "scale",
            (1, 1, 1),
            512,
            x,
            4L,
            1f)).Message, "Kernel 'scale' on a grid of (1, 1, 1) and blocks of (512, 1, 1): CUDA says 'invalid value' (1)");
    }

    // As on a device, the fault shows where somebody waits, and then everywhere.
    [TestMethod]
    public void Kernel_ThatFaults_LosesTheContextAndSaysSo()
    {
        using (var driver = Opened())
        {
            var x = driver.Allocate(16);
            StandIn.Set("fail_launch", 1);
            new KernelCache(driver).Launch("optimizer", "scale", (1, 1, 1), 256, x, 4L, 1f);
            var message = Assert.ThrowsExactly<CudaException>(driver.Synchronize).Message;
            StringAssert.Contains(message, "--resume");
            StringAssert.Contains(message, "Queued since the last wait that ended well, the last one first: scale;");
            Assert.ThrowsExactly<CudaException>(() => driver.Allocate(16));
        }
        using var again = Opened();
        again.Free(again.Allocate(16));
    }

    // What is disposed of on the way out must not put its own error in the place of the first.
    [TestMethod]
    public void Kernel_ThatFaults_IsTheErrorThatIsToldWhenBuffersAreDisposedOf()
    {
        var message = Assert.ThrowsExactly<CudaException>(() =>
        {
            using var driver = Opened();
            var memory = new DeviceMemory(driver);
            using var x = memory.Allocate(Purpose.Weights, 16);
            using var host = new HostBuffer<float>(driver, 4);
            var kernels = new KernelCache(driver);
            kernels.Launch("optimizer", "scale", (1, 1, 1), 256, x.Pointer, 4L, 1f);
            driver.Synchronize();
            StandIn.Set("fail_launch", 2);
            kernels.Launch("novelty", "inverse_norms", (1, 1, 1), 256, x.Pointer, 1, 0.25, x.Pointer);
            kernels.Launch("optimizer", "scale", (1, 1, 1), 256, x.Pointer, 4L, 1f);
            x.Read<float>(new float[4]);
        }).Message;
        StringAssert.StartsWith(message, "A copy to the host: CUDA says 'illegal address' (700)");
        StringAssert.Contains(message, "the last one first: scale, inverse_norms;");
    }

    [TestMethod]
    public void Dispose_GivesEverythingBackButMemory()
    {
        using (var driver = Opened())
        {
            driver.CreateEvent();
            driver.AllocateHost(64);
        }
        foreach (var held in new[] { "events", "streams", "page_locked" })
            Assert.AreEqual(0, StandIn.Count(held), held);
    }

    [TestMethod]
    public void Open_WrongIndex_NamesTheDevicesThatAreThere()
    {
        StandIn.Require();
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => new CudaDriver(3).Dispose()).Message,
            "There is no cuda:3; the driver shows one device, cuda:0.");
        StandIn.Set("devices", 2);
        StringAssert.Contains(
            Assert.ThrowsExactly<InputException>(() => new CudaDriver(-1).Dispose()).Message,
            "2 devices, cuda:0 to cuda:1");
    }

    [TestMethod]
    [DataRow("devices", 0, "CUDA says 'no device' (100)")]
    [DataRow("init", 100, "CUDA says 'no device' (100). The driver is here but sees no GPU")]
    [DataRow("init", 803, "CUDA says 'system driver mismatch' (803)")]
    [DataRow("init", 4242, "(4242). The number is explained under CUresult")]
    [DataRow(
        "version",
        11030,
        "knows CUDA up to 11.3; 11.4 is the oldest that our kernels work with. Install NVIDIA driver 580 or newer (CUDA 13)")]
    [DataRow("capability", 61, "has compute capability 6.1; the kernels need 7.5")]
    public void Open_DriverOrDeviceUnfit_SaysWhatToDo(string setting, int value, string said)
    {
        StandIn.Require();
        StandIn.Set(setting, value);
        StringAssert.Contains(Assert.ThrowsExactly<CudaException>(() => new CudaDriver(0).Dispose()).Message, said);
        Assert.AreEqual(0, StandIn.Count("streams"));
    }

    [TestMethod]
    public void NoDriver_SaysWhatToDo() => StringAssert.Contains(
        CudaFaults.NoDriver().Message,
        "Install NVIDIA driver 580 or newer (CUDA 13), in a container start it with --gpus all, or set execution.device=cpu.");

    private static CudaDriver Opened()
    {
        StandIn.Require();
        return new(0);
    }

    private static uint Read(CudaDriver driver, nint pointer) => Download<uint>(driver, pointer, 1)[0];

    private static T[] Download<T>(CudaDriver driver, nint pointer, int count) where T : unmanaged
    {
        var values = new T[count];
        driver.CopyToHost(MemoryMarshal.AsBytes(values.AsSpan()), pointer);
        return values;
    }

    private static nint Upload<T>(CudaDriver driver, T[] values) where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(values.AsSpan());
        var pointer = driver.Allocate(bytes.Length);
        driver.CopyToDevice(pointer, bytes);
        return pointer;
    }
}
