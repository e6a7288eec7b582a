using System.CommandLine;
using G2RL.Onnx.Cli.Commands;
using G2RL.Onnx.Cli.Commands.Clusters;
using G2RL.Onnx.Cli.Commands.Export;
using G2RL.Onnx.Cli.Commands.Runs;
using G2RL.Onnx.Cli.Commands.Setup;

namespace G2RL.Onnx.Cli;

/// <summary>The whole command line as a function of its arguments.</summary>
internal static class CommandLine
{
    /// <summary>Runs a command and gives its exit code, see <see cref="Failures"/>.</summary>
    public static int Run(string[] args) => Failures.Run(() =>
    {
        var (root, asked) = (Root(), Asked(args));
        if (asked is ["--help" or "-h" or "-?"])
            foreach (var command in root.Subcommands)
                command.Description = FirstSentence(command.Description!);
        var parsed = root.Parse(asked);
        if (parsed.Errors.Count > 0)
        {
            // Of a command line that cannot be read nothing goes to the standard output.
            foreach (var fault in CommandLineFaults.Of(parsed))
                Console.Error.WriteLine(fault);
            return Failures.Input;
        }
        var code = parsed.Invoke(new InvocationConfiguration
        {
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        });
        if (args is ["version"])
            Console.WriteLine($"commands: {string.Join(", ", root.Subcommands.Select(c => c.Name))}");
        return code;
    });

    // A bare call and help are --help, help COMMAND is COMMAND --help, version is --version.
    private static string[] Asked(string[] args) => args switch
    {
        [] => ["--help"],
        ["help", .. var command] => [.. command, "--help"],
        ["version"] => ["--version"],
        _ => args,
    };

    // The list of all commands fits a screen; the help of each has the whole of it.
    private static string FirstSentence(string text)
    {
        var paragraph = text.ReplaceLineEndings("\n").Split("\n\n")[0].Replace('\n', ' ');
        var (end, semicolon) = (paragraph.IndexOf(". ", StringComparison.Ordinal), paragraph.IndexOf("; ", StringComparison.Ordinal));
        if (semicolon >= 0 && (end < 0 || semicolon < end))
            return paragraph[..semicolon] + ".";
        return end < 0 ? paragraph : paragraph[..(end + 1)];
    }

    private static RootCommand Root() => new("""
        g2rl: RL post-training of language models with verifiable rewards, on ONNX Runtime, without Python.

        The main job (a checkpoint in, a better checkpoint out):
          g2rl export-and-train
        The same with another model, more steps and another seed:
          g2rl export-and-train --set model=models/mine --set steps=100 --set seed=1
        What would happen, and how much memory it takes:
          g2rl export-and-train --dry-run
        A command with all its options and examples:
          g2rl COMMAND --help

        Exit codes: 0 done, 1 failed, 2 wrong input, 77 inconclusive (gpu-test), 130 interrupted (and saved).
        """)
    {
        ExportAndTrainCommand.Create(),
        InitCommand.Create(),
        ExportCommand.Create(),
        TrainCommand.Create(),
        PretrainCommand.Create(),
        EvaluateCommand.Create(),
        SampleCommand.Create(),
        TokenizeCommand.Create(),
        ScoreCommand.Create(),
        ReportCommand.Create(),
        RunsCommand.Create(),
        OrtTrainingCommand.Create(),
        ConformanceCommand.Create(),
        CompareCommand.Create(),
        GeometryCommand.Create(),
        DoctorCommand.Create(),
        AdapterCommand.Create(),
        GpuTestCommand.Create(),
        WorkerCommand.Create(),
        ClusterCommand.Create(),
    };
}
