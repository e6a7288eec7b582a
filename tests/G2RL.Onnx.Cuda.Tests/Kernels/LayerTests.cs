using G2RL.Onnx.Cuda.Checks;
using G2RL.Onnx.Cuda.Tests.Interpreter;

namespace G2RL.Onnx.Cuda.Tests.Kernels;

/// <summary>Norms, gated units and rotations, as PTX in the interpreter and as compiled for the host, beside the same in double.</summary>
[TestClass]
public sealed class LayerTests
{
    // Rows that fill no group and several parts; widths of which threads share columns, all have one, and some have several.
    [TestMethod]
    [DataRow(Executor.Interpreter, 37, 48, 2)]
    [DataRow(Executor.Interpreter, 3, 2056, 1)]
    [DataRow(Executor.Host, 70, 24, 1)]
    [DataRow(Executor.Host, 600, 16, 1)]
    [DataRow(Executor.Host, 33, 2104, 1)]
    public void Layers_ForwardAndBackward_EqualTheDoubleReference(Executor executor, int rows, int width, int heads)
    {
        using var run = KernelRun.Start(executor, ThreadOrder.Shuffled);
        using var bench = new CheckBench(run.Driver, CheckSizes.Small);
        foreach (var result in LayerChecks.Run(bench, rows, width, heads))
        {
            Console.WriteLine($"{executor} {rows} x {width}: {result.Kernel} {result.Error:0.00e0} of {result.Tolerance:0.0e0}");
            Assert.IsTrue(result.Passed, $"{result.Kernel}: {result.Error}");
        }
    }
}
