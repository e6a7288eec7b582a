using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Text.RegularExpressions;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Cli.Tests;

/// <summary>build.ps1 in the real PowerShell engine, typed as a user types it, against a program that stands in for dotnet.</summary>
[TestClass]
[DoNotParallelize]
public sealed class BuildScriptTests
{
    private const string Program = "run --project src/G2RL.Onnx.Cli -c Release --";

    private static readonly string Script = SharedFolder.InRepository("build.ps1");

    [TestMethod]
    [DataRow("restore", "restore G2RL.Onnx.sln")]
    [DataRow("build", "build G2RL.Onnx.sln -c Release")]
    [DataRow("test", "test --solution G2RL.Onnx.sln -c Release")]
    [DataRow("format", "format G2RL.Onnx.sln --exclude artifacts")]
    [DataRow("export-and-train", $"{Program} export-and-train")]
    [DataRow("init", $"{Program} init")]
    [DataRow("export", $"{Program} export")]
    [DataRow("train", $"{Program} train")]
    [DataRow("pretrain", $"{Program} pretrain")]
    [DataRow("evaluate", $"{Program} evaluate")]
    [DataRow("sample", $"{Program} sample")]
    [DataRow("tokenize", $"{Program} tokenize")]
    [DataRow("runs", $"{Program} runs")]
    [DataRow("score", $"{Program} score")]
    [DataRow("report", $"{Program} report")]
    [DataRow("conformance", $"{Program} conformance")]
    [DataRow("compare", $"{Program} compare")]
    [DataRow("geometry", $"{Program} geometry")]
    [DataRow("doctor", $"{Program} doctor")]
    [DataRow("gpu-test", "run --project src/G2RL.Onnx.Cli -c Release -p:Flavor=cuda -- gpu-test")]
    [DataRow("convert", "run --project tools/ModelConverter -c Release -- convert")]
    [DataRow("pack", "pack G2RL.Onnx.sln -c Release -o artifacts/packages")]
    [DataRow("benchmark", "run --project tests/G2RL.Onnx.Benchmarks -c Release --")]
    [DataRow("mutate", "run --project tests/mutation -c Release --")]
    public void Verb_Typed_RunsItsCommandLineAndPassesParametersOn(string verb, string commandLine)
    {
        using var dotnet = new StandInDotnet();
        Assert.AreEqual(0, Run(verb).Code);
        Assert.AreEqual(0, Run($"{verb} --one 'two words'").Code);
        Assert.HasCount(2, dotnet.Calls);
        CollectionAssert.AreEqual(commandLine.Split(' '), dotnet.Calls[0].Words);
        CollectionAssert.AreEqual((string[])[.. commandLine.Split(' '), "--one", "two words"], dotnet.Calls[1].Words);
    }

    [TestMethod]
    [DataRow("--set seed=1 --set steps=100", "--set", "seed=1", "--set", "steps=100")]
    [DataRow("--config 'my runs/a b.json'", "--config", "my runs/a b.json")]
    [DataRow("""--set 'name="a b"' 'c:\d e\'""", "--set", "name=\"a b\"", @"c:\d e\")]
    [DataRow("""'a\"b' 'tail\\'""", "a\\\"b", "tail\\\\")]
    [DataRow("--set \"it's\"", "--set", "it's")]
    [DataRow("'' last", "", "last")]
    [DataRow("-p:Flavor=cuda -v q -c Debug", "-p:Flavor=cuda", "-v", "q", "-c", "Debug")]
    [DataRow("--set problems.settings.bound=[1,2] x", "--set", "problems.settings.bound=[1,2]", "x")]
    [DataRow("007 1e-4 0x10 -5 1.50", "007", "1e-4", "0x10", "-5", "1.50")]
    [DataRow("*.props ~ '$HOME' '`n' '$(exit 9)'", "*.props", "~", "$HOME", "`n", "$(exit 9)")]
    [DataRow("'--' --filter 'FullyQualifiedName~G2rl|Name=x'", "--", "--filter", "FullyQualifiedName~G2rl|Name=x")]
    [DataRow("\"it’s\" '“quoted” ü'", "it’s", "“quoted” ü")]
    public void Parameters_OfEveryKind_ArriveUnchanged(string typed, params string[] words)
    {
        using var dotnet = new StandInDotnet();
        Assert.AreEqual(0, Run($"export-and-train {typed}").Code);
        CollectionAssert.AreEqual((string[])[.. $"{Program} export-and-train".Split(' '), .. words], dotnet.Calls.Single().Words);
    }

    [TestMethod]
    [DataRow(1)]
    [DataRow(2)]
    [DataRow(8)]
    [DataRow(130)]
    public void ExitCode_OfDotnet_IsKept(int code)
    {
        using var dotnet = new StandInDotnet(("run", code), ("test", code));
        Assert.AreEqual(code, Run("doctor").Code);
        Assert.AreEqual(code, Run("test").Code);
        Assert.AreEqual(0, Run("build").Code);
    }

    [TestMethod]
    public void ExitCode_WhereNativeErrorsStopScripts_IsKept()
    {
        using var dotnet = new StandInDotnet(("run", 2));
        Assert.AreEqual(
            2,
            Run("doctor", before: "$ErrorActionPreference = 'Stop'; $PSNativeCommandUseErrorActionPreference = $true; ").Code);
    }

    [TestMethod]
    public void Ci_EveryCommandSucceeds_RunsWhatTheCiScriptRuns()
    {
        using var dotnet = new StandInDotnet();
        Assert.AreEqual(0, Run("ci").Code);
        // The lines of .ci/run that begin with dotnet and name the solution, up to a pipe.
        var expected = File.ReadLines(SharedFolder.InRepository(".ci", "run")).Select(
            line => Regex.Match(line, @"^dotnet (?<words>.*G2RL\.Onnx\.sln[^|&>]*?)(?: 2>.*)?(?: \|.*)?$", RegexOptions.NonBacktracking))
            .Where(m => m.Success).Select(m => m.Groups["words"].Value.Trim()).ToArray();
        Assert.HasCount(4, expected);
        CollectionAssert.AreEqual(expected, dotnet.Calls.Select(c => string.Join(' ', c.Words)).ToArray());
    }

    [TestMethod]
    public void Ci_BuildFails_StopsThereWithItsCode()
    {
        using var dotnet = new StandInDotnet(("build", 3));
        Assert.AreEqual(3, Run("ci").Code);
        CollectionAssert.AreEqual((string[])["restore", "build"], dotnet.Calls.Select(c => c.Words[0]).ToArray());
    }

    [TestMethod]
    public void Ci_WithParameters_IsRefused()
    {
        using var dotnet = new StandInDotnet();
        var (code, _, error) = Run("ci --no-tests");
        Assert.AreEqual(2, code);
        StringAssert.Contains(error, "'--no-tests'");
        Assert.IsEmpty(dotnet.Calls);
    }

    [TestMethod]
    [DataRow("")]
    [DataRow("help")]
    [DataRow("--help")]
    [DataRow("HELP")]
    public void Help_HoweverAskedFor_TeachesEveryVerbAndRunsNothing(string typed)
    {
        using var dotnet = new StandInDotnet();
        var (code, output, error) = Run(typed);
        Assert.AreEqual(0, code);
        Assert.AreEqual("", error);
        foreach (var verb in Verbs())
            Assert.IsTrue(Regex.IsMatch(output, $@"(?m)^  {verb} +\w"), $"{verb} in {output}");
        StringAssert.Contains(output, "./build.ps1 export-and-train --set seed=1");
        Assert.IsEmpty(dotnet.Calls);
    }

    [TestMethod]
    public void Verb_Unknown_IsNamedBesideTheKnownOnes()
    {
        using var dotnet = new StandInDotnet();
        var (code, output, error) = Run("trian --set seed=1");
        Assert.AreEqual(2, code);
        Assert.AreEqual("", output);
        StringAssert.Contains(error, "there is no verb 'trian'");
        foreach (var verb in Verbs())
            StringAssert.Contains(error, verb);
        Assert.IsEmpty(dotnet.Calls);
    }

    [TestMethod]
    public void Verbs_CommandsOfTheProgram_AreAllThere()
    {
        var commands = Directory.EnumerateFiles(SharedFolder.InRepository("src", "G2RL.Onnx.Cli", "Commands"), "*Command.cs")
            .SelectMany(f => Regex.Matches(File.ReadAllText(f), @"new Command\(""([a-z-]+)""").Select(m => m.Groups[1].Value)).ToArray();
        Assert.IsGreaterThan(4, commands.Length);
        CollectionAssert.IsSubsetOf(commands, Verbs());
    }

    [TestMethod]
    public void Script_CalledFromElsewhere_RunsInTheRootAndComesBack()
    {
        using var dotnet = new StandInDotnet();
        var elsewhere = Directory.CreateTempSubdirectory("g2rl [x]").FullName;
        try
        {
            var (code, output, _) = Run(
                "doctor",
                before: $"$null = $ExecutionContext.SessionState.Path.SetLocation([WildcardPattern]::Escape('{elsewhere}')); ",
                after: "; $PWD.ProviderPath");
            Assert.AreEqual(0, code);
            Assert.AreEqual(elsewhere, output.Trim());
            Assert.AreEqual(SharedFolder.Root, dotnet.Calls.Single().Folder);
        }
        finally
        {
            Directory.Delete(elsewhere);
        }
    }

    [TestMethod]
    public void Dotnet_Missing_IsSaidWithTheWayOut()
    {
        using var dotnet = new StandInDotnet();
        Environment.SetEnvironmentVariable("PATH", Path.GetTempPath());
        var (code, _, error) = Run("build");
        Assert.AreEqual(1, code);
        StringAssert.Contains(error, "global.json");
    }

    private static string[] Verbs() => [.. Regex.Matches(File.ReadAllText(Script), @"(?m)^    '([a-z-]+)' += @\{")
        .Select(m => m.Groups[1].Value)];

    private static (int Code, string Output, string Error) Run(string typed, string before = "", string after = "")
    {
        var state = InitialSessionState.CreateDefault2();
        if (OperatingSystem.IsWindows())
            state.ExecutionPolicy = Microsoft.PowerShell.ExecutionPolicy.Bypass;
        var console = Console.Error;
        using var error = new StringWriter();
        Console.SetError(error);
        try
        {
            using var runspace = RunspaceFactory.CreateRunspace(state);
            runspace.Open();
            using var shell = PowerShell.Create(runspace);
            var output = shell.AddScript($"{before}& '{Script.Replace("'", "''")}' {typed}{after}").Invoke();
            Assert.IsFalse(shell.HadErrors && shell.Streams.Error.Count > 0, string.Join('\n', shell.Streams.Error));
            return ((int)runspace.SessionStateProxy.GetVariable("LASTEXITCODE"), string.Join('\n', output), error.ToString());
        }
        finally
        {
            Console.SetError(console);
        }
    }
}
