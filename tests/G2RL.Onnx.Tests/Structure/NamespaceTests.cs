using G2RL.Onnx.Graphs;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests.Structure;

/// <summary>The namespaces depend in one direction (docs/decisions/0014).</summary>
[TestClass]
public sealed class NamespaceTests
{
    // A new folder gets its place here.
    private static readonly Floors Library = new(
        "G2RL.Onnx",
        "Tokenizers", "Problems", "Execution", "Adapters", "Rollouts", "Algorithms", "Rewards", "Configuration", "Training", "Evaluation",
        "Experiments", "Reports", "Conformance");

    private static readonly Floors ModelsAndGraphs = new(
        "G2RL.Onnx",
        "Graphs", "Files", "Gradients", "Models", "Checkpoints", "Artifacts");

    [TestMethod]
    public void Library_Folders_StandOnFloors() => Stands(Library, typeof(Trainer));

    [TestMethod]
    public void Graphs_Folders_StandOnFloors() => Stands(ModelsAndGraphs, typeof(Graph));

    [TestMethod]
    public void Circles_Planted_AreFound()
    {
        static NamespaceGraph.Use Use(string from, string to) => new(from, to, "user", "used");
        var uses =
            new[] { Use("A", "B"), Use("B", "C.Inner"), Use("C.Inner", "A"), Use("C", "C.Inner"), Use("C.Inner", "C"), Use("D", "A") };
        var circle = NamespaceGraph.Circles(uses).Single();
        CollectionAssert.AreEqual(new[] { "A", "B", "C.Inner" }, circle.ToArray());
        Assert.IsEmpty(NamespaceGraph.Circles(uses.Where(u => u.From != "B")));
    }

    // The compiled test assembly holds a circle for this test to find.
    [TestMethod]
    public void Circles_InCompiledCode_AreFound()
    {
        var circles = NamespaceGraph.Circles(NamespaceGraph.Of(typeof(NamespaceTests).Assembly.Location)).Select(c => string.Join(' ', c));
        CollectionAssert.Contains(circles.ToArray(), "G2RL.Onnx.Tests.Structure.Planted.Chicken G2RL.Onnx.Tests.Structure.Planted.Egg");
    }

    private static void Stands(Floors floors, Type one)
    {
        var assembly = one.Assembly.Location;
        Assert.AreEqual("", floors.Missing(assembly), "give each folder its place");
        Assert.AreEqual("", floors.Upwards(assembly));
        Assert.AreEqual("", Floors.Circles(assembly));
    }
}
