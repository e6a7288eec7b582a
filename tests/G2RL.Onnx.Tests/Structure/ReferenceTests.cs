using G2RL.Onnx.Graphs;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Tests.Structure;

/// <summary>A program of one's own without a cluster keeps its dependencies (docs/decisions/0022).</summary>
[TestClass]
public sealed class ReferenceTests
{
    [TestMethod]
    public void Library_AndGraphs_KnowNoClusterAndNoServer()
    {
        foreach (var assembly in new[] { typeof(Trainer).Assembly, typeof(Graph).Assembly })
        {
            var names = assembly.GetReferencedAssemblies().Select(a => a.Name!).ToArray();
            CollectionAssert.Contains(names, "System.Runtime", assembly.FullName);
            foreach (var strange in new[] { "Orleans", "Npgsql", "StackExchange", "G2RL.Onnx.Cluster", "Microsoft.Extensions.Hosting" })
                Assert.IsFalse(
                    names.Any(n => n.StartsWith(strange, StringComparison.Ordinal)),
                    $"{assembly.GetName().Name} refers to {strange}: only src/G2RL.Onnx.Cluster may");
        }
    }
}
