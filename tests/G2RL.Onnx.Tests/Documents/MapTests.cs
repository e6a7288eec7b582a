using System.Text.RegularExpressions;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Tests;

/// <summary>The contributor's map names what is there.</summary>
[TestClass]
public sealed partial class MapTests
{
    private static string Map => File.ReadAllText(SharedFolder.InRepository("docs/map.md"));

    [TestMethod]
    public void Map_Paths_Exist()
    {
        var paths = Quoted().Matches(Map).Select(m => m.Groups[1].Value).Where(p => p.Contains('/')).ToArray();
        Assert.IsGreaterThan(30, paths.Length);
        Assert.AreEqual("", string.Join('\n', paths.Where(p => !Path.Exists(SharedFolder.InRepository(p)))));
    }

    [TestMethod]
    public void Map_Picture_NamesTypesThatAreThere()
    {
        var picture = Map[Map.IndexOf("```mermaid", StringComparison.Ordinal)..Map.IndexOf("\n```\n", StringComparison.Ordinal)];
        // Names of two words and more, as types have them.
        var names = TypeName().Matches(picture).Select(m => m.Value).Distinct().Order(StringComparer.Ordinal).ToArray();
        CollectionAssert.IsSubsetOf(new[] { "RunInputs", "PolicyUpdate", "RunKeeper" }, names);
        var files = Directory.EnumerateFiles(SharedFolder.InRepository("src"), "*.cs", SearchOption.AllDirectories)
            .Select(Path.GetFileNameWithoutExtension).ToHashSet(StringComparer.Ordinal);
        Assert.AreEqual("", string.Join('\n', names.Where(n => !files.Contains(n))));
        foreach (var phase in new[] { "Drawing", "Judging", "Rescoring", "Shaping" })
            StringAssert.Contains(picture, phase);
    }

    [TestMethod]
    [DataRow("README.md")]
    [DataRow("CONTRIBUTING.md")]
    public void Map_Pages_LinkToIt(string page) =>
        StringAssert.Contains(File.ReadAllText(SharedFolder.InRepository(page)), "(docs/map.md)");

    [GeneratedRegex("`([^`\n]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\b(?:[A-Z][a-z]+){2,}\b")]
    private static partial Regex TypeName();
}
