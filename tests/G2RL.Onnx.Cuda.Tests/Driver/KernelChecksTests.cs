using System.Text;
using G2RL.Onnx.Cuda.Checks;
using G2RL.Onnx.Cuda.Kernels;

namespace G2RL.Onnx.Cuda.Tests.Driver;

/// <summary>
/// What gpu-test does on a device, here on the driver over the stand-in: every kernel through the launch path of the cuda flavour.
/// </summary>
[TestClass]
[DoNotParallelize]
public sealed class KernelChecksTests
{
    public TestContext TestContext { get; set; } = null!;

    [TestMethod]
    public void EveryKernel_ThroughTheDriver_EqualsTheHost()
    {
        StandIn.Require();
        using var driver = new CudaDriver(0);
        var results = KernelChecks.Run(driver, CheckSizes.Small).ToArray();
        foreach (var result in results)
            TestContext.WriteLine($"{result.Kernel}: {result.Compared} {result.Error:E1}, {result.Tolerance:E1} allowed");
        Assert.AreEqual("", string.Join("; ", results.Where(r => !r.Passed)));
        Assert.AreEqual("", StandIn.Fault);
        Assert.AreEqual(0, StandIn.Count("memory"));
        var entries = KernelCache.Modules.SelectMany(m => Encoding.ASCII.GetString(KernelCache.Ptx(m))
            .Split('\n')
            .Where(l => l.StartsWith(".visible .entry ", StringComparison.Ordinal))
            .Select(l => l[".visible .entry ".Length..^1]));
        Assert.AreEqual(
            "",
            string.Join(' ', entries.Except(results.Select(r => r.Kernel), StringComparer.Ordinal)),
            "kernels that gpu-test leaves out");
    }

    [TestMethod]
    public void CopyRate_OfTheStandIn_IsARate()
    {
        StandIn.Require();
        using var driver = new CudaDriver(0);
        var rate = CopyRate.Measure(driver, bytes: 1 << 20, repeats: 3);
        Assert.IsTrue(rate > 0 && double.IsFinite(rate), $"{rate}");
        Assert.AreEqual(0, StandIn.Count("memory"));
    }

    [TestMethod]
    [DataRow(1e-7, true)]
    [DataRow(2e-6, false)]
    [DataRow(double.NaN, false)]
    public void Result_PassesWithinItsTolerance(double error, bool passed) =>
        Assert.AreEqual(passed, new CheckResult("k", "x", error, 1e-6, 2, 4_000_000).Passed);

    [TestMethod]
    public void Result_Bandwidth_IsBytesOverTime() => Assert.AreEqual(2, new CheckResult("k", "x", 0, 0, 2, 4_000_000).GigabytesPerSecond);
}
