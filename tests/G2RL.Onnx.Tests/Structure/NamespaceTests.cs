using G2RL.Onnx.Graphs;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests.Structure;

/// <summary>The namespaces depend in one direction (docs/decisions/0014).</summary>
[TestClass]
public sealed class NamespaceTests
{
    // From the ground up: each may use those before it. A new folder gets its place here.
    private static readonly string[] Floors =
    [
        "Tokenizers", "Problems", "Execution", "Adapters", "Rollouts", "Algorithms", "Rewards", "Configuration", "Training", "Evaluation",
        "Experiments", "Reports", "Conformance",
    ];

    [TestMethod]
    public void Library_Folders_UseOnlyWhatLiesBelow()
    {
        var upwards = NamespaceGraph.Of(typeof(Trainer).Assembly.Location)
            .Where(u => Floor(u.From) >= 0 && Floor(u.To) > Floor(u.From))
            .Select(u => $"{u.From} is below {u.To}, yet {u}").Order(StringComparer.Ordinal);
        Assert.AreEqual("", string.Join('\n', upwards));
    }

    [TestMethod]
    public void Library_Folders_HaveAFloor()
    {
        var named = typeof(Trainer).Assembly
            .GetTypes()
            .Select(t => t.Namespace ?? "")
            .Where(n => n.StartsWith("G2RL.Onnx.", StringComparison.Ordinal));
        var missing = named.Where(n => Floor(n) < 0).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);
        Assert.AreEqual("", string.Join('\n', missing), "give each folder its place in Floors");
    }

    [TestMethod]
    [DataRow(typeof(Trainer))]
    [DataRow(typeof(Graph))]
    public void Namespaces_BesideEachOther_FormNoCircle(Type one)
    {
        var uses = NamespaceGraph.Of(one.Assembly.Location);
        Assert.IsNotEmpty(uses);
        var circles = NamespaceGraph.Circles(uses).Select(c => string.Join(" <-> ", c) + ":\n  " + string.Join(
            "\n  ",
            uses.Where(u => c.Contains(u.From) && c.Contains(u.To)).Select(u => $"{u.From}: {u}").Order(StringComparer.Ordinal)));
        Assert.AreEqual("", string.Join('\n', circles));
    }

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

    private static int Floor(string name) => name.Split('.') is ["G2RL", "Onnx", var folder, ..] ? Array.IndexOf(Floors, folder) : -1;
}
