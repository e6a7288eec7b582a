using System.CommandLine;
using System.CommandLine.Invocation;
using G2RL.Onnx.Cli.Commands;

namespace G2RL.Onnx.Cli;

/// <summary>The whole command line as a function of its arguments.</summary>
internal static class CommandLine
{
    /// <summary>Runs a command and gives its exit code, see <see cref="Failures"/>.</summary>
    public static int Run(string[] args) => Failures.Run(() =>
    {
        var parsed = Root().Parse(args);
        if (parsed.Action is ParseErrorAction faults)
            faults.ShowHelp = false;
        // Of a command line that cannot be read nothing goes to the standard output, suggestions included.
        var output = parsed.Errors.Count == 0 ? Console.Out : Console.Error;
        var code = parsed.Invoke(new InvocationConfiguration
        {
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
            Output = output,
        });
        if (parsed.Errors.Count == 0)
            return code;
        Console.Error.WriteLine("See: g2rl "
            + $"{(parsed.CommandResult.Command is RootCommand ? "" : parsed.CommandResult.Command.Name + " ")}--help");
        return Failures.Input;
    });

    private static RootCommand Root() => new("""
        g2rl: RL post-training of language models with verifiable rewards, on ONNX Runtime, without Python.

        The main job (a checkpoint in, a better checkpoint out):
          g2rl export-and-train
        The same with another model, more steps and another seed:
          g2rl export-and-train --set model=models/mine --set steps=100 --set seed=1
        What would happen, and how much memory it takes:
          g2rl export-and-train --dry-run

        Exit codes: 0 done, 1 failed, 2 wrong input, 77 inconclusive (gpu-test), 130 interrupted (and saved).
        """)
    {
        ExportAndTrainCommand.Create(),
        PretrainCommand.Create(),
        EvaluateCommand.Create(),
        SampleCommand.Create(),
        ScoreCommand.Create(),
        ReportCommand.Create(),
        OrtTrainingCommand.Create(),
        ConformanceCommand.Create(),
        CompareCommand.Create(),
        GeometryCommand.Create(),
        DoctorCommand.Create(),
        AdapterCommand.Create(),
        GpuTestCommand.Create(),
    };
}
