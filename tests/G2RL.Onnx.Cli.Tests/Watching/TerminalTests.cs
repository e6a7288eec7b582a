using System.Diagnostics;
using System.Text.RegularExpressions;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Cli.Tests;

/// <summary>What stands on a real terminal, made by util-linux's <c>script</c>: questions, colours, a bar that fits.</summary>
[TestClass]
public sealed partial class TerminalTests
{
    private const int Columns = 58;

    [TestMethod]
    public void Init_OnATerminal_AsksForWhatNoOptionSays()
    {
        using var tiny = new TinyRun();
        var target = tiny.Folder("asked.json");
        var shown = OnTerminal($"{tiny.Model}\n{tiny.Problems}\ngrpo\n7\n", "init", "--output", target, "--max-new-tokens", "6");
        foreach (var question in new[]
        {
            "Folder of the model [models/arithmetic-base]: ", "File of problems (empty for generated arithmetic): ",
            "Algorithm [g2rl]: ", "Steps [100]: ",
        })
            Assert.Contains(question, shown);
        var written = File.ReadAllText(target);
        foreach (var answer in new[] { tiny.Model, tiny.Problems, "\"grpo\"", "\"steps\": 7" })
            Assert.Contains(answer, written);
    }

    [TestMethod]
    public void ExportAndTrain_OnATerminal_ShowsABarThatFitsAndColours()
    {
        using var tiny = new TinyRun();
        var shown = OnTerminal("", tiny.Train(tiny.Folder("run")));
        var bars = shown.Split('\r', '\n').Select(part => Sequence().Replace(part, "")).Where(part => part.StartsWith('[')).ToArray();
        Assert.IsNotEmpty(bars);
        foreach (var bar in bars)
        {
            Assert.IsLessThan(Columns, bar.Length, bar);
            Assert.IsTrue(bar[1..21].All(c => c is '#' or '.') && bar[21] == ']', bar);
        }
        Assert.Contains(Ansi.Green, shown);
        Assert.Contains(Ansi.Cyan, shown);
        Assert.Contains("\x1b[K", shown);
        // Nothing of a step's line is lost where it is broken.
        var text = Regex.Replace(Sequence().Replace(shown, ""), @"\s+", " ");
        Assert.IsTrue(Regex.IsMatch(text, "step 5/5 right .* tokens/s .* s "), text);
        var runs = OnTerminal("", "runs", "--output", Path.GetDirectoryName(tiny.Folder("run"))!).Split('\n');
        foreach (var line in runs)
            Assert.IsLessThanOrEqualTo(Columns, Sequence().Replace(line, "").TrimEnd('\r').Length, line);
        Assert.IsTrue(Array.Exists(runs, line => Regex.IsMatch(line, "run .*complete .*5/5 .* %")), string.Join('\n', runs));
    }

    [TestMethod]
    public void ExportAndTrain_IntoAFile_WritesNoEscapes()
    {
        using var tiny = new TinyRun();
        Assert.DoesNotContain("\x1b", G2rlProcess.Run(tiny.Train(tiny.Folder("run"))).Exits(0).Output);
    }

    private static string OnTerminal(string typed, params string[] arguments)
    {
        if (!OperatingSystem.IsLinux())
            Assert.Inconclusive("util-linux's script makes the terminal");
        string[] words = ["dotnet", Path.Combine(AppContext.BaseDirectory, "g2rl.dll"), .. arguments];
        var command = string.Join(' ', words.Select(Quoted));
        var start = new ProcessStartInfo("script", ["-qec", $"stty cols {Columns} rows 24 -echo; {command}", "/dev/null"])
        {
            WorkingDirectory = SharedFolder.Root,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        start.Environment["TERM"] = "xterm-256color";
        start.Environment.Remove("NO_COLOR");
        using var terminal = Process.Start(start)!;
        terminal.StandardInput.Write(typed);
        terminal.StandardInput.Flush();
        var shown = terminal.StandardOutput.ReadToEnd();
        terminal.WaitForExit();
        Assert.AreEqual(0, terminal.ExitCode, shown);
        return shown;
    }

    private static string Quoted(string argument) => $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    // Colours, erasures and the like: escape, bracket, numbers, a letter; and modes that .NET sets.
    [GeneratedRegex(@"\x1b(\[[?0-9;]*[A-Za-z]|[=>])")]
    private static partial Regex Sequence();
}
