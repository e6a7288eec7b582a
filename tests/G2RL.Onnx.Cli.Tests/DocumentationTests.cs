using System.Text.RegularExpressions;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Cli.Tests;

/// <summary>What the Markdown pages point at exists, and the commands that they give are commands.</summary>
[TestClass]
public sealed class DocumentationTests
{
    private static IEnumerable<string> Pages => Directory.EnumerateFiles(SharedFolder.Root, "*.md")
        .Concat(new[] { "docs", "src", "native", "models", "tests", "tools" }.Where(f => Directory.Exists(SharedFolder.InRepository(f)))
            .SelectMany(f => Directory.EnumerateFiles(SharedFolder.InRepository(f), "*.md", SearchOption.AllDirectories)))
        .Where(p => !p.Contains("node_modules", StringComparison.Ordinal));

    [TestMethod]
    public void Links_Relative_LeadSomewhere()
    {
        var broken = new List<string>();
        var seen = 0;
        foreach (var page in Pages)
            foreach (Match link in Regex.Matches(File.ReadAllText(page), @"\]\((?<target>[^)\s]+)\)", RegexOptions.NonBacktracking))
            {
                var target = link.Groups["target"].Value;
                if (target.StartsWith("http", StringComparison.Ordinal))
                    continue;
                seen++;
                var (path, anchor) = target.Split('#') is [var p, var a] ? (p, a) : (target, null);
                var file = path.Length == 0 ? page : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page)!, path));
                if (!Path.Exists(file) || (anchor is not null && !Anchors(file).Contains(anchor)))
                    broken.Add($"{Path.GetRelativePath(SharedFolder.Root, page)}: {target}");
            }
        Assert.IsEmpty(broken, string.Join('\n', broken));
        Assert.IsGreaterThan(8, seen);
    }

    [TestMethod]
    public void Paths_NamedInCode_Exist()
    {
        var (missing, seen) = (new List<string>(), 0);
        foreach (var page in Pages)
            foreach (Match code in Regex.Matches(
                File.ReadAllText(page),
                @"`(?<path>(?:src|native|models|tests|tools|docs|\.ci|\.github)/?[A-Za-z0-9_./-]*|[A-Za-z.]+\.(?:props|sln|ps1|txt|json))`",
                RegexOptions.NonBacktracking))
            {
                var path = code.Groups["path"].Value;
                // Files of a run or a checkpoint, not of the repository.
                if (!path.Contains('/') && path is not ("build.ps1" or "global.json" or "G2RL.Onnx.sln" or "Directory.Packages.props"
                    or "Directory.Build.props" or "BannedSymbols.txt"))
                    continue;
                seen++;
                if (!Path.Exists(SharedFolder.InRepository(path)))
                    missing.Add($"{Path.GetRelativePath(SharedFolder.Root, page)}: {path}");
            }
        Assert.IsEmpty(missing, string.Join('\n', missing));
        Assert.IsGreaterThan(15, seen);
    }

    [TestMethod]
    public void Readme_ItsTwoCommands_AreThoseOfTheBuildScript()
    {
        var readme = File.ReadAllText(SharedFolder.InRepository("README.md"));
        StringAssert.Contains(readme, "dotnet run --project src/G2RL.Onnx.Cli -c Release -- export-and-train");
        StringAssert.Contains(readme, "dotnet test --solution G2RL.Onnx.sln -c Release");
    }

    // GitHub's: lower case, punctuation dropped, spaces to hyphens.
    private static HashSet<string> Anchors(string page) =>
        [.. File.ReadLines(page).Where(l => l.StartsWith('#')).Select(
            l => Regex.Replace(l.TrimStart('#', ' ').ToLowerInvariant(), @"[^\w\- ]", "", RegexOptions.NonBacktracking).Replace(' ', '-'))];
}
