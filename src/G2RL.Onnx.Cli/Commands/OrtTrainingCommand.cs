using System.CommandLine;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>Moves runs between the stock path and ONNX Runtime's training API.</summary>
internal static class OrtTrainingCommand
{
    public static Command Create() => new Command(
        "ort-training",
        "Moves a run to ONNX Runtime's training API and back, and exports what that API trained. See docs/ort-training.md.")
    {
        Write(),
        Import(),
        Export(),
    };

    private static Command Write()
    {
        var run = new Argument<string>("run") { Description = "Folder of a run, for example runs/20260101-120000-run." };
        var output = Output("Folder to be made for training_model.onnx, eval_model.onnx, optimizer_model.onnx and checkpoint.");
        Command command = new(
            "write",
            "Writes the training artifacts of a run as of its last checkpoint: weights, both moments and the step.") { run, output };
        command.SetAction(parsed =>
        {
            using var directory = RunDirectory.Resume(parsed.GetValue(run)!, expected: null);
            var latest = directory.Checkpoints.Latest(warning => Console.Error.WriteLine($"warning: {warning}"))
                ?? throw new InputException($"{directory.Folder} has no checkpoint yet. Its artifacts/training folder holds what it starts "
                    + "from.");
            using var policy = RunAdapter.Load(directory.Config);
            var folder = parsed.GetValue(output)!;
            OrtTraining.Write(folder, policy, directory.Config, latest.Folder, latest.Step);
            Console.WriteLine($"{folder}: step {latest.Step} of {directory.Folder}");
            return 0;
        });
        return command;
    }

    private static Command Import()
    {
        var checkpoint = Checkpoint();
        var run = new Option<string>("--run")
        {
            Description = "Folder of the run that it came from; gets the checkpoint, so that --resume goes on from it.",
            HelpName = "FOLDER",
            Required = true,
        };
        Command command = new("import", "Brings a checkpoint that the training API saved back into its run.") { checkpoint, run };
        command.SetAction(parsed =>
        {
            using var directory = RunDirectory.Resume(parsed.GetValue(run)!, expected: null);
            var (path, config) = (parsed.GetValue(checkpoint)!, directory.Config);
            using var policy = RunAdapter.Load(config);
            var step = OrtTraining.StepOf(path, config);
            directory.Checkpoints.Save(step, 3 * policy.TrainableCount * sizeof(float), aside => OrtTraining.Import(path, policy, aside));
            Console.WriteLine($"{directory.Folder}: checkpoint of step {step}; go on with: "
                + $"g2rl export-and-train --resume {directory.Folder}");
            return 0;
        });
        return command;
    }

    private static Command Export()
    {
        var (checkpoint, model, output) = (Checkpoint(), CommonOptions.Model(), Output("Hugging Face folder to be made."));
        Command command = new("export", "Writes the weights of a checkpoint that the training API saved as a Hugging Face folder in "
            + "float32.") { checkpoint, model, output };
        command.SetAction(parsed =>
        {
            var folder = parsed.GetValue(output)!;
            OrtTraining.Export(parsed.GetValue(checkpoint)!, parsed.GetValue(model)!, folder);
            Console.WriteLine(folder);
            return 0;
        });
        return command;
    }

    private static Argument<string> Checkpoint() => new("checkpoint") { Description = "Checkpoint file of ONNX Runtime's training API." };

    private static Option<string> Output(
        string description) => new("--output") { Description = description, HelpName = "FOLDER", Required = true };
}
