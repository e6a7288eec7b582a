using System.CommandLine;
using G2RL.Onnx.Artifacts;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>Adapters to other forms: merged into their model, or as ONNX Runtime's own file.</summary>
internal static class AdapterCommand
{
    public static Command Create() => new("adapter", """
        Adapters in PEFT's layout (a run's folder adapter/, its checkpoints, or what PEFT saved) to other forms.
        docs/adapters.md has the whole of it.

          g2rl adapter merge runs/x/adapter --model models/arithmetic-base --output merged
          g2rl adapter onnx runs/x/adapter --model models/arithmetic-base --output mine.onnx_adapter
        """)
    {
        Merge(),
        Onnx(),
    };

    private static Command Merge()
    {
        var (adapter, model, output) = (Adapter(), CommonOptions.Model(), Output("FOLDER", "Hugging Face folder to be made, in float32."));
        Command command = new(
            "merge",
            "Writes the model with its adapters merged into the weights: W + scale B A.") { adapter, model, output };
        command.SetAction(parsed =>
        {
            var (folder, target) = (parsed.GetValue(model)!, parsed.GetValue(output)!);
            using var checkpoint = HuggingFaceCheckpoint.Open(folder);
            using var policy = RunAdapter.Load(folder, positions: 1, checkpoint.Spec, parsed.GetValue(adapter)!);
            checkpoint.SaveAs(target, policy.Merged, SafeTensorsDtype.F32);
            Console.WriteLine(target);
            return 0;
        });
        return command;
    }

    private static Command Onnx()
    {
        var (adapter, model, output) =
            (Adapter(), CommonOptions.Model(), Output("FILE", $"File to be made, usually NAME{OnnxAdapterFile.Extension}."));
        Command command = new("onnx", "Writes the adapters as ONNX Runtime's adapter file, for graphs whose inputs have the names of its "
            + "tensors.") { adapter, model, output };
        command.SetAction(parsed =>
        {
            var (folder, target) = (parsed.GetValue(model)!, parsed.GetValue(output)!);
            using var checkpoint = HuggingFaceCheckpoint.Open(folder);
            using var policy = RunAdapter.Load(folder, positions: 1, checkpoint.Spec, parsed.GetValue(adapter)!);
            var weights = policy.Trainable.ToDictionary(p => p.Name, StringComparer.Ordinal);
            OnnxAdapterFile.Write(target, policy.Spec, name => weights[name].Buffer.Span);
            Console.WriteLine(target);
            return 0;
        });
        return command;
    }

    private static Argument<string> Adapter() => new("adapter") { Description = "Folder with adapters in PEFT's layout." };

    private static Option<string> Output(
        string kind,
        string description) => new("--output") { Description = description, HelpName = kind, Required = true };
}
