using System.Reflection;
using G2RL.Onnx.Execution.CustomOperators;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Tests.Kernels;

/// <summary>The layer between ONNX Runtime and kernels in C#.</summary>
[TestClass]
public sealed class CustomOperatorTests
{
    [TestMethod]
    public void NativeOperator_HasTheMembersOfTheHeaderThatThePackageShips()
    {
        var header = OrtHeader.Members("struct OrtCustomOp {");
        var ours = typeof(NativeOperator).GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic);
        // Reflection gives fields in the order of declaration, which a sequential layout keeps.
        CollectionAssert.AreEqual(header, ours.Take(NativeOperator.Members).Select(f => f.Name).ToArray());
    }

    [TestMethod]
    public void Kernel_ThatThrows_GivesAnErrorWithItsNameAndReason()
    {
        var graph = new Graph("g");
        var op = new OpBuilder(graph);
        var z = graph.Input("z", ElementType.Float32, 2, 5);
        var targets = graph.Input("targets", ElementType.Int64, 2);
        graph.Output(op.TokenScores(z, targets).LogProb);
        using var session = new OrtSession(graph, 2);
        using var binding = session.Bind();
        long[] chosen = [4, 5];
        var logProbs = new float[2];
        binding.Input("z", new float[10], 2, 5);
        binding.Input("targets", chosen, 2);
        binding.Output(graph.Outputs[0].Name, logProbs, 2);
        var fault = Assert.ThrowsExactly<OnnxRuntimeException>(binding.Run);
        StringAssert.Contains(fault.Message, "TokenScores: ArgumentException: Target 1 is token 5; the vocabulary has 5.");
        // The session goes on.
        chosen[1] = 0;
        binding.Run();
        Assert.AreEqual(-Math.Log(5), logProbs[1], 1e-6);
    }

    // Rows enough that several parts run on several threads, and every one of them throws.
    [TestMethod]
    public void Kernel_ThatThrowsOnSeveralThreads_GivesOneError()
    {
        var graph = new Graph("g");
        var op = new OpBuilder(graph);
        const int Rows = 64, Width = 1024;
        graph.Output(op.TokenScores(
            graph.Input("z", ElementType.Float32, Rows, Width),
            graph.Input("targets", ElementType.Int64, Rows)).Entropy);
        using var session = new OrtSession(graph, 3);
        using var binding = session.Bind();
        binding.Input("z", new float[Rows * Width], Rows, Width);
        binding.Input("targets", Enumerable.Repeat(-1L, Rows).ToArray(), Rows);
        binding.Output(graph.Outputs[0].Name, new float[Rows], Rows);
        for (var i = 0; i < 3; i++)
            StringAssert.Contains(Assert.ThrowsExactly<OnnxRuntimeException>(binding.Run).Message, "is token -1");
    }

    [TestMethod]
    public void Kernel_Shape_IsCheckedBeforeMemoryIsRead()
    {
        var graph = new Graph("g");
        var op = new OpBuilder(graph);
        graph.Output(op.GatedUnit(
            graph.Input("gate", ElementType.Float32, "N"),
            graph.Input("up", ElementType.Float32, "N"),
            gelu: false));
        using var session = new OrtSession(graph, 1);
        using var binding = session.Bind();
        binding.Input("gate", new float[8], 8);
        binding.Input("up", new float[4], 4);
        binding.Output(graph.Outputs[0].Name, new float[8], 8);
        StringAssert.Contains(
            Assert.ThrowsExactly<OnnxRuntimeException>(binding.Run).Message,
            "GatedUnit: ArgumentException: up has 4 elements [4]; 8 are needed.");
    }

    [TestMethod]
    public void Kernels_OnceWarm_AllocateNothing()
    {
        var graph = new Graph("g");
        var op = new OpBuilder(graph);
        var x = graph.Input("x", ElementType.Float32, 2, 40, 2, 16);
        var mask = graph.Input("mask", ElementType.Int64, 2, 40);
        var normed = op.RmsNorm(x, graph.Input("w", ElementType.Float32, 16), 1e-5);
        graph.Output(op.CausalAttention(normed, x, x, mask, 1, 0, null));
        using var session = new OrtSession(graph, 1);
        using var binding = session.Bind();
        binding.Input("x", new float[2560], 2, 40, 2, 16);
        binding.Input("w", new float[16], 16);
        binding.Input("mask", Enumerable.Repeat(1L, 80).ToArray(), 2, 40);
        binding.Output(graph.Outputs[0].Name, new float[2560], 80, 32);
        binding.Run();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 10; i++)
            binding.Run();
        Assert.AreEqual(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
