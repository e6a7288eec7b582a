using G2RL.Onnx.TestSupport;
using Microsoft.CodeAnalysis.CSharp;

namespace G2RL.Onnx.Tests.Structure;

/// <summary>What a reader meets first: lines that fit, folders that can be overlooked, namespaces that are the folders.</summary>
[TestClass]
public sealed class SourceTests
{
    private const int LongestLine = 140;
    private const int FilesOfAFolder = 15;

    [TestMethod]
    public void Lines_OfCode_FitInto140Columns()
    {
        var long_ = Sources("src", "tools", "tests").SelectMany(TooLong).ToArray();
        Assert.IsEmpty(long_, $"lines beyond {LongestLine} columns:\n{string.Join('\n', long_)}");
    }

    [TestMethod]
    public void Folders_OfTheHouse_HoldAtMost15Files()
    {
        var full = Sources("src", "tools", "tests")
            .GroupBy(f => Path.GetDirectoryName(f)!, StringComparer.Ordinal)
            .Where(g => g.Count() > FilesOfAFolder)
            .Select(g => $"{Relative(g.Key)}: {g.Count()} files; divide it by concept");
        Assert.AreEqual("", string.Join('\n', full));
    }

    [TestMethod]
    public void Namespaces_OfTheLibrary_AreTheFolders()
    {
        var strangers = new List<string>();
        foreach (var file in Sources("src"))
        {
            var parts = Relative(Path.GetDirectoryName(file)!).Split('/')[1..];
            // The graphs know their folders by the solution's name alone.
            var expected = string.Join('.', parts).Replace("G2RL.Onnx.Graphs", "G2RL.Onnx", StringComparison.Ordinal) + ".";
            var written = File.ReadLines(file).FirstOrDefault(l => l.StartsWith("namespace G2RL", StringComparison.Ordinal));
            // A folder may share the namespace of the one that holds it.
            if (written is not null && !expected.StartsWith(written["namespace ".Length..].TrimEnd(';') + ".", StringComparison.Ordinal))
                strangers.Add($"{Relative(file)}: {written} in the folder of {expected}");
        }
        Assert.AreEqual("", string.Join('\n', strangers));
    }

    [TestMethod]
    public void TooLong_LineOfCode_IsFoundAndTextOfARawStringIsNot()
    {
        var (code, text) = (new string('x', 150), new string('y', 150));
        var raw = "\"\"\"";
        CollectionAssert.AreEqual(new[] { 2 }, Beyond($"class C\n{{ int {code}; }}\n// {text[..100]}\n", mayQuote: true).ToArray());
        CollectionAssert.AreEqual(
            Array.Empty<int>(),
            Beyond($"class C\n{{ string s = {raw}\n{text}\n{raw}; }}\n", mayQuote: true).ToArray());
        CollectionAssert.AreEqual(new[] { 3 }, Beyond($"class C\n{{ string s = {raw}\n{text}\n{raw}; }}\n", mayQuote: false).ToArray());
    }

    private static IEnumerable<string> TooLong(string file)
    {
        // Quoted text of a test (a configuration, a template, a page) stands as it was found.
        var text = File.ReadAllText(file);
        return Beyond(text, mayQuote: Relative(file).StartsWith("tests/", StringComparison.Ordinal))
            .Select(line => $"{Relative(file)}:{line}");
    }

    private static IEnumerable<int> Beyond(string text, bool mayQuote)
    {
        var lines = text.Split('\n');
        if (lines.All(l => l.Length <= LongestLine))
            return [];
        var quoted = new HashSet<int>();
        var tree = CSharpSyntaxTree.ParseText(text);
        foreach (var token in mayQuote ? tree.GetRoot().DescendantTokens() : [])
            if (token.Span.Length > LongestLine / 2 && IsText(token.Kind()))
            {
                var span = tree.GetLineSpan(token.Span);
                quoted.UnionWith(Enumerable.Range(
                    span.StartLinePosition.Line,
                    span.EndLinePosition.Line - span.StartLinePosition.Line + 1));
            }
        return Enumerable.Range(0, lines.Length)
            .Where(i => lines[i].TrimEnd('\r').Length > LongestLine && !quoted.Contains(i))
            .Select(i => i + 1);
    }

    // Raw and verbatim texts; others can be broken.
    private static bool IsText(SyntaxKind kind) =>
        kind is SyntaxKind.SingleLineRawStringLiteralToken or SyntaxKind.MultiLineRawStringLiteralToken
            or SyntaxKind.InterpolatedStringTextToken;

    private static IEnumerable<string> Sources(params string[] folders) => folders
        .SelectMany(f => Directory.EnumerateFiles(SharedFolder.InRepository(f), "*.cs", SearchOption.AllDirectories))
        .Where(f => !Relative(f).Split('/').Intersect(["bin", "obj", "node_modules"]).Any());

    private static string Relative(string path) => Path.GetRelativePath(SharedFolder.Root, path).Replace('\\', '/');
}
