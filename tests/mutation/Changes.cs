using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace G2RL.Onnx.Mutation;

/// <summary>Lines that differ from a commit.</summary>
internal static partial class Changes
{
    /// <summary>Changed lines by file, relative to the repository; null when git does not know the commit.</summary>
    public static Dictionary<string, HashSet<int>>? Since(string root, string commit)
    {
        var start = new ProcessStartInfo("git", ["diff", "-U0", "--no-color", "--no-ext-diff", commit, "--", "src"])
        {
            WorkingDirectory = root,
            RedirectStandardOutput = true,
            UseShellExecute = false,
            RedirectStandardError = true,
        };
        using var git = Process.Start(start)!;
        git.ErrorDataReceived += (_, _) => { };
        git.BeginErrorReadLine();
        var text = git.StandardOutput.ReadToEnd();
        git.WaitForExit();
        if (git.ExitCode != 0)
            return null;
        var (lines, file) = (new Dictionary<string, HashSet<int>>(StringComparer.Ordinal), "");
        foreach (var line in text.Split('\n'))
            if (line.StartsWith("+++ b/", StringComparison.Ordinal))
                file = line["+++ b/".Length..];
            else if (Hunk().Match(line) is { Success: true } hunk)
            {
                var first = int.Parse(hunk.Groups[1].Value, CultureInfo.InvariantCulture);
                var count = hunk.Groups[2].Success ? int.Parse(hunk.Groups[2].Value, CultureInfo.InvariantCulture) : 1;
                if (!lines.TryGetValue(file, out var known))
                    lines[file] = known = [];
                known.UnionWith(Enumerable.Range(first, count));
            }
        return lines;
    }

    [GeneratedRegex(@"^@@ -\S+ \+(\d+)(?:,(\d+))? @@")]
    private static partial Regex Hunk();
}
