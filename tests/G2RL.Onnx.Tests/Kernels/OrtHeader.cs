using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Tests.Kernels;

/// <summary>onnxruntime_c_api.h of the package in use: what its structures really hold.</summary>
internal static partial class OrtHeader
{
    /// <summary>The members of a structure in order, comments and preprocessor lines taken out.</summary>
    /// <param name="structure">How its declaration begins, up to the brace.</param>
    public static List<string> Members(string structure)
    {
        var text = Comments().Replace(File.ReadAllText(Path()), "");
        text = text[text.IndexOf(structure, StringComparison.Ordinal)..];
        var depth = 0;
        var end = 0;
        do
            depth += text[end++] switch { '{' => 1, '}' => -1, _ => 0 };
        while (depth > 0 || end < structure.Length);
        text = text[(text.IndexOf('{', StringComparison.Ordinal) + 1)..(end - 1)];
        return [.. text.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(Name)];
    }

    private static string Path()
    {
        var packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        var version = OrtEnv.Instance().GetVersionString();
        var found = new[] { "microsoft.ml.onnxruntime", "microsoft.ml.onnxruntime.gpu.linux", "microsoft.ml.onnxruntime.gpu" }
            .Select(id => System.IO.Path.Combine(packages, id, version))
            .Where(Directory.Exists)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "onnxruntime_c_api.h", SearchOption.AllDirectories))
            .FirstOrDefault();
        if (found is null)
            Assert.Inconclusive("needs onnxruntime_c_api.h of ONNX Runtime's package");
        return found;
    }

    private static string Name(string member)
    {
        var match = Member().Match(member);
        return match.Groups["release"].Success ? "Release" + match.Groups["release"].Value : match.Groups["name"].Value;
    }

    [GeneratedRegex(@"/\*.*?\*/|//[^\n]*|^\s*#[^\n]*", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Comments();

    [GeneratedRegex(@"ORT_API2_STATUS\(\s*(?<name>\w+)|ORT_CLASS_RELEASE\(\s*(?<release>\w+)|ORT_API_T\([^,]*,\s*(?<name>\w+)|"
        + @"\(\s*(?:ORT_API_CALL)?\s*\*\s*(?<name>\w+)\s*\)|^uint32_t (?<name>\w+)$")]
    private static partial Regex Member();
}
