using System.Text;
using G2RL.Onnx.Cuda.Diagnosis;

namespace G2RL.Onnx.Cuda.Tests.Driver;

[TestClass]
[DoNotParallelize]
public sealed class DiagnosisTests
{
    private static readonly CudaDevice Device = new(0, "NVIDIA H100", 9, 0, 80L << 30, 13000);

    [TestMethod]
    public void Probe_OfTheStandIn_FindsItsDevices()
    {
        StandIn.Require();
        StandIn.Set("devices", 2);
        var probe = CudaProbe.Look();
        Assert.IsNull(probe.Fault);
        CollectionAssert.AreEqual(new[]
        {
            new CudaDevice(0, "Stand-in (no GPU)", 8, 0, 1L << 30, 13000),
            new CudaDevice(1, "Stand-in (no GPU)", 8, 0, 1L << 30, 13000),
        }, probe.Devices.ToArray());
    }

    [TestMethod]
    [DataRow("devices", 0, "sees no GPU")]
    [DataRow("init", 803, "reboot")]
    [DataRow("version", 10020, "knows CUDA up to 10.2")]
    [DataRow("capability", 61, "compute capability 6.1")]
    public void Probe_OfAnUnfitMachine_SaysWhatToDo(string setting, int value, string said)
    {
        StandIn.Require();
        StandIn.Set(setting, value);
        StringAssert.Contains(CudaProbe.Look().Fault, said);
    }

    [TestMethod]
    public void Advice_NothingMissing_IsEmpty()
    {
        var diagnosis = new CudaDiagnosis(
            new(13000, [Device], null),
            [new("libcudart.so.13", "CUDA 13", true, true)],
            HasProvider: true,
            HasDriver: true);
        Assert.IsTrue(diagnosis.Ready);
        Assert.AreEqual("cuda:0 NVIDIA H100, compute capability 9.0, 80.0 GiB", CudaDiagnosis.Describe(Device));
        Assert.AreEqual(
            """{"ready":true,"driver_cuda":"13.0","devices":[{"device":"cuda:0","name":"NVIDIA H100","compute_capability":"9.0","memory_mib":81920}],"execution_devices":null,"provider":true,"binding":true,"libraries":[{"name":"libcudart.so.13","found":true,"linked":true}],"advice":[]}""",
            diagnosis.ToJson().ToJsonString());
    }

    [TestMethod]
    public void Several_OfTwoDevices_NamesThemAndWhatTheSettingDoes()
    {
        CudaDiagnosis Of(params CudaDevice[] devices) => new(new(13000, devices, null), [], HasProvider: true, HasDriver: true);
        Assert.IsNull(Of(Device).Several);
        var two = Of(Device, Device with { Ordinal = 1 });
        StringAssert.StartsWith(two.Several, "execution.devices=[cuda:0, cuda:1] draws and scores on all of them");
        StringAssert.Contains(two.Several, "cuda:0 updates");
        StringAssert.EndsWith(two.Several, "Nothing is copied from device to device.");
        CollectionAssert.IsSubsetOf(
            new[] { "cuda:0 NVIDIA H100, compute capability 9.0, 80.0 GiB", "cuda:1 NVIDIA H100, compute capability 9.0, 80.0 GiB" },
            two.Lines().Where(l => l.Label == "cuda_device").Select(l => l.Text).ToArray());
        Assert.AreEqual(two.Several, two.Lines().Single(l => l.Label == "cuda_several").Text);
        Assert.AreEqual(
            """{"setting":"[cuda:0, cuda:1]","updates":"cuda:0","peer_copies":false}""",
            two.ToJson()["execution_devices"]!.ToJsonString());
        StringAssert.EndsWith(
            Of(Device, Device with { Ordinal = 1, Bytes = 24L << 30 }).Several,
            "They are not alike: the slowest is waited for.");
    }

    [TestMethod]
    public void Advice_EachThingMissing_HasItsSentence()
    {
        var diagnosis = new CudaDiagnosis(new(12040, [Device], null), [
            new("libcudart.so.13", "CUDA 13", true, false),
            new("libcublas.so.13", "CUDA 13", true, false),
            new("libcudnn.so.9", "cuDNN 9 for CUDA 13", false, false),
        ], HasProvider: false, HasDriver: false);
        Assert.HasCount(4, diagnosis.Advice);
        StringAssert.Contains(
            diagnosis.Advice[0],
            "knows CUDA up to 12.4; ONNX Runtime's provider is built with 13.0. Install NVIDIA driver 580 or newer (CUDA 13)");
        StringAssert.Contains(diagnosis.Advice[1], "-p:Flavor=cuda");
        StringAssert.Contains(diagnosis.Advice[2], "libcudart.so.13, libcublas.so.13 cannot be loaded. Install CUDA 13");
        StringAssert.Contains(diagnosis.Advice[3], "libcudnn.so.9 cannot be loaded, which graphs may need. Install cuDNN 9");
    }

    // The names come from the package itself: its dynamic section and its texts hold them.
    [TestMethod]
    public void Libraries_AreThoseOfThePackage()
    {
        var provider = Path.Combine(
            Environment.GetEnvironmentVariable("NUGET_PACKAGES")
                ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages"),
            "microsoft.ml.onnxruntime.gpu.linux",
            "1.31.0",
            "runtimes",
            "linux-x64",
            "native",
            "libonnxruntime_providers_cuda.so");
        if (!File.Exists(provider))
            Assert.Inconclusive("needs the package Microsoft.ML.OnnxRuntime.Gpu.Linux 1.31.0, which only -p:Flavor=cuda restores");
        // The names of needed libraries lie in the first part of the file.
        var start = new byte[1 << 20];
        using (var file = File.OpenRead(provider))
            file.ReadExactly(start);
        foreach (var (name, linked) in CudaLibrary.LinuxNames)
            Assert.AreEqual(linked, start.AsSpan().IndexOf(Encoding.ASCII.GetBytes($"\0{name}\0")) > 0, name);
    }
}
