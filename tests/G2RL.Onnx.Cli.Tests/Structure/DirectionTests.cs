using G2RL.Onnx.Cuda;
using G2RL.Onnx.Tests.Structure;

namespace G2RL.Onnx.Cli.Tests.Structure;

/// <summary>The namespaces of the program and of the CUDA backend depend in one direction (docs/decisions/0014).</summary>
[TestClass]
public sealed class DirectionTests
{
    // What lies in the roots (the device below, the backend above; the options below, the program above) has no floor.
    private static readonly Floors Device = new(
        "G2RL.Onnx.Cuda",
        "Binding", "Diagnosis", "Kernels", "Memory", "Operators", "Sessions", "Scoring", "Rollouts", "Training", "Several", "Checks");

    private static readonly Floors Program = new("G2RL.Onnx.Cli", "Sampling", "Watching", "Commands");

    [TestMethod]
    public void Cuda_Folders_StandOnFloors() => Stands(Device, typeof(CudaBackend));

    [TestMethod]
    public void Cli_Folders_StandOnFloors() => Stands(Program, typeof(CommandLine));

    private static void Stands(Floors floors, Type one)
    {
        var assembly = one.Assembly.Location;
        Assert.AreEqual("", floors.Missing(assembly), "give each folder its place");
        Assert.AreEqual("", floors.Upwards(assembly));
        Assert.AreEqual("", Floors.Circles(assembly));
    }
}
