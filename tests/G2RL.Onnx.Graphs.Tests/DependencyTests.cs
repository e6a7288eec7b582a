namespace G2RL.Onnx.Graphs.Tests;

[TestClass]
public sealed class DependencyTests
{
    private static readonly string[] Allowed = ["Google.FlatBuffers", "Google.Protobuf"];

    // Graphs is ONNX as data: whatever builds on it may choose another runtime, device or host.
    [TestMethod]
    public void Assembly_References_NoRuntimeGpuOrHosting()
    {
        var foreign = typeof(Graph).Assembly.GetReferencedAssemblies().Select(a => a.Name!)
            .Where(name => !name.StartsWith("System", StringComparison.Ordinal)
                && !name.StartsWith("Microsoft.Win32", StringComparison.Ordinal)
                && !Allowed.Contains(name));
        Assert.AreEqual("", string.Join(", ", foreign));
    }
}
