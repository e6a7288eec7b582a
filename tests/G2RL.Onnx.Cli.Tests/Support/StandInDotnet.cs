using System.Diagnostics;

namespace G2RL.Onnx.Cli.Tests;

/// <summary>
/// A program named dotnet, first on the PATH for as long as this object lives: it writes down where it was called and with which words, and
/// exits with the code chosen for its first word. Real, so that quoting is tested all the way through the operating system.
/// </summary>
internal sealed class StandInDotnet : IDisposable
{
    private const string End = "=end of call=";

    private readonly string folder = Directory.CreateTempSubdirectory("g2rl-dotnet-").FullName;
    private readonly string? path = Environment.GetEnvironmentVariable("PATH");

    public StandInDotnet(params (string FirstWord, int Code)[] exits)
    {
        if (OperatingSystem.IsWindows())
            WriteProgram(exits);
        else
            WriteScript(exits);
        Environment.SetEnvironmentVariable("PATH", folder + Path.PathSeparator + path);
    }

    /// <summary>The calls so far: the folder and the words of each.</summary>
    public IReadOnlyList<(string Folder, string[] Words)> Calls
    {
        get
        {
            if (!File.Exists(Record))
                return [];
            var calls = new List<(string, string[])>();
            var lines = new List<string>();
            foreach (var line in File.ReadAllLines(Record))
            {
                if (line != End)
                {
                    lines.Add(line);
                    continue;
                }
                calls.Add((lines[0], [.. lines.Skip(1)]));
                lines.Clear();
            }
            return calls;
        }
    }

    private string Record => Path.Combine(folder, "calls");

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("PATH", path);
        Directory.Delete(folder, recursive: true);
    }

    private void WriteScript((string FirstWord, int Code)[] exits)
    {
        var script = Path.Combine(folder, "dotnet");
        File.WriteAllText(script, $$"""
            #!/bin/sh
            {
              pwd
              for word in "$@"; do printf '%s\n' "$word"; done
              printf '%s\n' '{{End}}'
            } >> '{{Record}}'
            case "$1" in
            {{string.Concat(exits.Select(e => $"{e.FirstWord}) exit {e.Code} ;;\n"))}}
            esac
            exit 0

            """);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    // Windows passes a program one string, and batch files read it by other rules than programs do: only a program is a fair stand-in. The
    // compiler of .NET Framework is part of every Windows.
    private void WriteProgram((string FirstWord, int Code)[] exits)
    {
        var source = Path.Combine(folder, "dotnet.cs");
        File.WriteAllText(source, $$"""
            using System.IO;
            static class Program
            {
                static int Main(string[] words)
                {
                    File.AppendAllText(@"{{Record}}", Directory.GetCurrentDirectory() + "\n" + string.Concat(System.Array.ConvertAll(words, w => w + "\n")) + "{{End}}\n");
                    switch (words.Length == 0 ? "" : words[0])
                    {
                        case "": return 0;
                        {{string.Concat(exits.Select(e => $"case \"{e.FirstWord}\": return {e.Code};\n"))}}
                    }
                    return 0;
                }
            }
            """);
        var compiler = Path.Combine(
            Environment.GetFolderPath(Environment.SpecialFolder.Windows),
            "Microsoft.NET",
            "Framework64",
            "v4.0.30319",
            "csc.exe");
        using var process =
            Process.Start(new ProcessStartInfo(compiler, ["-nologo", $"-out:{Path.Combine(folder, "dotnet.exe")}", source]))!;
        process.WaitForExit();
        Assert.AreEqual(0, process.ExitCode, "the stand-in for dotnet does not compile");
    }
}
