using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Cuda.Tests.Driver;
using G2RL.Onnx.Cuda.Tests.Interpreter;
using G2RL.Onnx.Cuda.Tests.Operators;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Models;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace G2RL.Onnx.Cuda.Tests.Provider;

/// <summary>The faults that would make a run on hardware wrong, slow or too large, each planted: it must be seen.</summary>
[TestClass]
[DoNotParallelize]
public sealed class RunFaultTests
{
    [TestMethod]
    public void Stream_AsItIs_CarriesAllWork()
    {
        ProviderStubs.Require();
        using var driver = new CudaDriver(0);
        Assert.IsNull(WorkOutside(driver, DeviceSessions.ProviderOptions(0, driver.Stream)));
    }

    [TestMethod]
    public void Stream_ItsFlagRemoved_IsReported()
    {
        ProviderStubs.Require();
        using var driver = new CudaDriver(0);
        var options = DeviceSessions.ProviderOptions(0, driver.Stream);
        options.Remove("has_user_compute_stream");
        StringAssert.Contains(WorkOutside(driver, options), "on another stream");
    }

    [TestMethod]
    public void Node_ThatFallsToTheHost_IsReported()
    {
        ProviderStubs.Require();
        using var driver = new CudaDriver(0);
        var spec = Decoders.All["Qwen3ForCausalLM"];
        foreach (var (attention, falls) in new[] { (CacheAttention.Plain, false), (CacheAttention.Grouped, true) })
        {
            var graph = DecoderGraph.Decode(spec, CudaOperators.Opset, attention);
            using var session = new DeviceSessions(new DeviceMemory(driver), warn: null).Open(graph);
            if (falls)
                StringAssert.Contains(RunFaults.OnTheHost(graph, session), "GroupQueryAttention_");
            else
                Assert.IsNull(RunFaults.OnTheHost(graph, session));
        }
    }

    // With shapes that vary, what one run took fits no other.
    [TestMethod]
    public void Arena_LeftToGrow_IsReported()
    {
        ProviderStubs.Require();
        using var driver = new CudaDriver(0);
        var memory = new DeviceMemory(driver);
        foreach (var shrinks in new[] { true, false })
        {
            using var session = new DeviceSessions(memory, warn: null).Open(RunFaults.Mapping(), shapesVary: shrinks);
            for (var run = 1; run <= 20; run++)
                RunFaults.Map(memory, session, 100_000 * run);
            Assert.AreEqual(shrinks, RunFaults.LeftToGrow(session) is null, RunFaults.LeftToGrow(session));
        }
    }

    [TestMethod]
    public void Buffer_GivenBackAndRunOn_IsReported()
    {
        using var driver = new InterpreterDriver();
        var memory = new DeviceMemory(driver);
        using var session = new DeviceSessions(memory, warn: null).Open(RunFaults.Mapping());
        var x = memory.Zeros<float>(Purpose.Gradients, 8);
        using var y = memory.Zeros<float>(Purpose.Small, 8);
        using var binding = session.Bind();
        binding.Input("x", x, TensorElementType.Float, 0, 8);
        binding.Output("y", y, TensorElementType.Float, 0, 8);
        binding.Run();
        x.Dispose();
        StringAssert.Contains(
            Assert.ThrowsExactly<ObjectDisposedException>(binding.Run).Message,
            "32 bytes of device memory for gradients");
    }

    [TestMethod]
    public void Buffer_GivenBackAndLaunchedOn_IsReportedByTheInterpreter()
    {
        using var driver = new InterpreterDriver();
        StringAssert.Contains(LaunchOnFreed(driver), "lie in no block of device memory");
    }

    [TestMethod]
    public void Buffer_GivenBackAndLaunchedOn_IsReportedByTheStandIn()
    {
        StandIn.Require();
        using var driver = new CudaDriver(0);
        StringAssert.Contains(LaunchOnFreed(driver), "illegal address");
        StringAssert.Contains(StandIn.Fault, "scale: argument 0 points into memory that was given back");
    }

    private static string LaunchOnFreed(ICudaDriver driver)
    {
        var memory = new DeviceMemory(driver);
        var x = memory.Zeros<float>(Purpose.Gradients, 1024);
        var stale = x.Pointer;
        x.Dispose();
        return Assert.Throws<CudaException>(() =>
        {
            new KernelCache(driver).Launch("optimizer", "scale", (1, 1, 1), 256, stale, 1024L, 2f);
            driver.Synchronize();
        }).Message;
    }

    private static string? WorkOutside(CudaDriver driver, Dictionary<string, string> chosen)
    {
        _ = OrtEnv.Instance();
        using var options = new OrtCUDAProviderOptions();
        options.UpdateOptions(chosen);
        var (graph, memory) = (RunFaults.Mapping(), new DeviceMemory(driver));
        using var session = new DeviceSession(
            new OrtSession(graph, threads: 1, (session, run) => DeviceSessions.Configure(graph, session, run, options)),
            memory,
            hasArena: true);
        return RunFaults.OutsideOfTheStream(driver, () => RunFaults.Map(memory, session, 1000));
    }
}
