using System.CommandLine;
using G2RL.Onnx.Cli;
using G2RL.Onnx.Cli.Commands;

var root = new RootCommand("""
    g2rl: RL post-training of language models with verifiable rewards, on ONNX Runtime, without Python.

    The main job (a checkpoint in, a better checkpoint out):
      g2rl export-and-train
    The same with another model, more steps and another seed:
      g2rl export-and-train --set model=models/mine --set steps=100 --set seed=1
    What would happen, and how much memory it takes:
      g2rl export-and-train --dry-run
    """)
{
    ExportAndTrainCommand.Create(),
    PretrainCommand.Create(),
    EvaluateCommand.Create(),
    ScoreCommand.Create(),
    ReportCommand.Create(),
    DoctorCommand.Create(),
};
return Failures.Run(() => root.Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }));
