using System.Text.RegularExpressions;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Tests;

/// <summary>A wrong place in ONNX Runtime's table of functions is a call of another function.</summary>
[TestClass]
public sealed partial class OrtFunctionsTests
{
    [TestMethod]
    public void Places_AreThoseOfTheHeaderThatThePackageShips()
    {
        var header = Members(File.ReadAllText(Header()));
        Assert.IsGreaterThanOrEqualTo(428, header.Count);
        foreach (var (name, place) in OrtFunctions.Places)
            Assert.AreEqual(name, header[place], $"place {place}");
    }

    [TestMethod]
    public void Placement_OfASessionOnTheHost_NamesEveryNode()
    {
        var graph = new Graph("g");
        var op = new OpBuilder(graph);
        var x = graph.Input("x", ElementType.Float32, [3]);
        graph.Output(op.Exp(op.Tanh(x)));
        using var session = new OrtSession(graph, 1, (options, _) => options.AddSessionConfigEntry(NodePlacement.SessionOption, "1"));
        var placement = session.Placement;
        CollectionAssert.AreEquivalent(new[] { "Tanh", "Exp" }, placement.Select(p => p.Operator).ToArray());
        foreach (var node in placement)
            Assert.AreEqual(NodePlacement.Cpu, node.Provider);
        using var silent = new OrtSession(graph, 1);
        StringAssert.StartsWith(Assert.ThrowsExactly<InvalidOperationException>(() => silent.Placement).Message, "ONNX Runtime: ");
    }

    private static string Header()
    {
        var packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        var version = OrtEnv.Instance().GetVersionString();
        var found = new[] { "microsoft.ml.onnxruntime", "microsoft.ml.onnxruntime.gpu.linux", "microsoft.ml.onnxruntime.gpu" }
            .Select(id => Path.Combine(packages, id, version))
            .Where(Directory.Exists)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "onnxruntime_c_api.h", SearchOption.AllDirectories))
            .FirstOrDefault();
        if (found is null)
            Assert.Inconclusive("needs onnxruntime_c_api.h of ONNX Runtime's package");
        return found;
    }

    // The functions of struct OrtApi in order, comments and preprocessor lines taken out.
    private static List<string> Members(string header)
    {
        var text = Comments().Replace(header, "");
        text = text[text.IndexOf("struct OrtApi {", StringComparison.Ordinal)..];
        var depth = 0;
        var end = 0;
        do
            depth += text[end++] switch { '{' => 1, '}' => -1, _ => 0 };
        while (depth > 0 || end < "struct OrtApi {".Length);
        text = text[(text.IndexOf('{', StringComparison.Ordinal) + 1)..(end - 1)];
        return [.. text.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(Name)];
    }

    private static string Name(string member)
    {
        var match = Member().Match(member);
        return match.Groups["release"].Success ? "Release" + match.Groups["release"].Value : match.Groups["name"].Value;
    }

    [GeneratedRegex(@"/\*.*?\*/|//[^\n]*|^\s*#[^\n]*", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Comments();

    [GeneratedRegex(@"ORT_API2_STATUS\(\s*(?<name>\w+)|ORT_CLASS_RELEASE\(\s*(?<release>\w+)|ORT_API_T\([^,]*,\s*(?<name>\w+)|"
        + @"\(\s*(?:ORT_API_CALL)?\s*\*\s*(?<name>\w+)\s*\)")]
    private static partial Regex Member();
}
