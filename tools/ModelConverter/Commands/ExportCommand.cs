using System.CommandLine;
using G2RL.Onnx.Artifacts;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Converter.Commands;

/// <summary>A converted folder, a trained policy or a run's checkpoint as a Hugging Face checkpoint, or as ONNX for inference alone.</summary>
internal static class ExportCommand
{
    public static Command Create()
    {
        var model = new Argument<string>("model") { Description = "A converted folder; or, with --source, a trained policy or a run's checkpoint folder." };
        var output = new Argument<string>("output") { Description = "Folder to be made; appears whole or not at all." };
        var source = new Option<string?>("--source") { Description = "The Hugging Face folder that training began with: names, types, shards, tokenizer and configuration are taken from it.", HelpName = "FOLDER" };
        var format = new Option<string>("--format") { Description = "huggingface: a checkpoint. onnx: a folder with decode.onnx and its weights, all that inference needs.", DefaultValueFactory = _ => "huggingface" };
        var command = new Command("export", "Writes a Hugging Face checkpoint with the source's names, types and shards; tensors that did not change have the source's bytes. Or a folder for inference alone.") { model, output, source, format };
        command.SetAction(parsed =>
        {
            var (from, to) = (parsed.GetValue(model)!, parsed.GetValue(output)!);
            switch (parsed.GetValue(format))
            {
                case "huggingface":
                    HuggingFace(from, parsed.GetValue(source), to);
                    break;
                case "onnx":
                    Onnx(from, parsed.GetValue(source), to);
                    break;
                default:
                    throw new InputException($"--format is '{parsed.GetValue(format)}'; it must be huggingface or onnx.");
            }
            Console.WriteLine(to);
            return 0;
        });
        return command;
    }

    private static void HuggingFace(string from, string? source, string to)
    {
        if (source is not null)
            Trained(from, source, to);
        else if (ConversionManifest.IsIn(from))
            ModelExport.ToHuggingFace(from, to);
        else
            throw new InputException($"{from} is no converted folder (there is no {ConversionManifest.FileName}); a trained policy or a run's checkpoint needs --source, the folder that training began with.");
    }

    private static void Onnx(string from, string? source, string to) =>
        Aside.Use(to, folder => HuggingFace(from, source, folder), folder => ModelConversion.Convert(folder, to, new() { Graphs = ConvertedGraphs.Decode }, ConvertCommand.Objective(new())));

    private static void Trained(string trained, string original, string output)
    {
        using var source = HuggingFaceCheckpoint.Open(original);
        // A run's checkpoint holds parameters only; an exported policy is a model folder of its own.
        if (File.Exists(Path.Combine(trained, "config.json")))
        {
            using var policy = HuggingFaceCheckpoint.Open(trained);
            Save((parameter, values) => policy.ReadParameter(parameter, values));
            return;
        }
        using var file = SafeTensorsFile.Open(Path.Combine(trained, "model.safetensors"));
        foreach (var parameter in source.Spec.Parameters)
            if (!file.Find(parameter.Name).Shape.AsSpan().SequenceEqual(parameter.Shape))
                throw new InputException($"{file.Path}: tensor '{parameter.Name}' is [{string.Join(", ", file.Find(parameter.Name).Shape)}]; {original} has [{string.Join(", ", parameter.Shape)}]. They are not of one model.");
        Save((parameter, values) => file.ReadFloats(parameter.Name, values));

        void Save(Action<ParameterSpec, float[]> read)
        {
            var parameters = source.Spec.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
            source.SaveAs(output, name =>
            {
                var values = new float[parameters[name].Count];
                read(parameters[name], values);
                return values;
            });
        }
    }
}
