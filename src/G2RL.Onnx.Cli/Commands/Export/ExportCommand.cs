using System.CommandLine;
using System.Text.Json.Nodes;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Cli.Commands.Export;

/// <summary>A model in another form: for llama.cpp, for Hugging Face, or as the graphs of a run.</summary>
internal static class ExportCommand
{
    public static Command Create()
    {
        var (config, set, json) = (CommonOptions.Config(), CommonOptions.Set(), CommonOptions.Json());
        var model = new Option<string?>("--model")
        {
            Description = "Hugging Face folder, a run (its model, or else its newest checkpoint), or a checkpoint of one.",
            HelpName = "FOLDER",
        };
        var output = new Option<string>("--output")
        {
            Description = "File (gguf) or folder to be made; appears whole or not at all.",
            HelpName = "PATH",
            Required = true,
        };
        var format = new Option<string?>("--format")
        {
            Description = "gguf, huggingface (float32, adapters merged), or onnx (the graphs of a configuration, for g2rl train); "
                + "by default gguf where --output ends with .gguf, else huggingface.",
            HelpName = "NAME",
        };
        var type = new Option<string?>("--type")
        {
            Description = "With gguf: type of the matrices, f32, f16, bf16 or q8_0 (default f16).",
            HelpName = "TYPE",
        };
        var bare = new Option<bool>("--no-tokenizer") { Description = "With gguf: leaves the tokenizer out." };
        var command = new Command("export", """
            Writes a model in another form: a GGUF file for llama.cpp and what is built on it, a Hugging Face folder, or the ONNX graphs of
            a configuration. For folders of ONNX graphs that other programs run, in 4 bits or not, there is g2rl-convert.

              g2rl export --model runs/20260101-120000-run --output trained.gguf --type q8_0
              g2rl export --model runs/20260101-120000-run/checkpoints/step-000040 --output earlier
              g2rl export --format onnx --config g2rl.json --output graphs
            """)
        {
            model, output, format, type, bare, config, set, CommonOptions.AllowUnknownConfig, json,
        };
        command.SetAction(parsed =>
        {
            var target = parsed.GetValue(output)!;
            var isFile = target.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase);
            var form = parsed.GetValue(format) ?? (isFile ? "gguf" : "huggingface");
            if (form != "gguf" && (parsed.GetValue(type) is not null || parsed.GetValue(bare)))
                throw new InputException("--type and --no-tokenizer are for --format gguf.");
            if (form != "onnx" && (parsed.GetValue(config) is not null || parsed.GetValue(set)!.Length > 0))
                throw new InputException("--config and --set are for --format onnx.");
            switch (form)
            {
                case "gguf":
                    Gguf(Model(parsed.GetValue(model)), target, Type(parsed.GetValue(type) ?? "f16"), !parsed.GetValue(bare));
                    break;
                case "huggingface":
                    HuggingFace(Model(parsed.GetValue(model)), target);
                    break;
                case "onnx" when parsed.GetValue(model) is not null:
                    throw new InputException("--model is given; with --format onnx the configuration names it: --set model=FOLDER.");
                case "onnx":
                    var resolved = CommonOptions.Load(parsed, config, set);
                    if (Path.Exists(target))
                        throw new InputException($"{target} exists. Choose another --output, or remove it.");
                    using (var policy = RunAdapter.Load(resolved))
                        GraphArtifacts.Write(target, policy, resolved, word => Console.Error.WriteLine($"warning: {word}"));
                    break;
                default:
                    throw new InputException($"--format is '{form}'; it must be gguf, huggingface or onnx.");
            }
            Console.WriteLine(parsed.GetValue(json) ? new JsonObject { ["format"] = form, ["output"] = target }.ToJsonString() : target);
            return 0;
        });
        return command;
    }

    private static string Model(string? given) =>
        given ?? throw new InputException("Option '--model' is required: what is to be exported.");

    private static GgmlType Type(string name) =>
        GgufExport.Types.Where(t => t.ToString().Equals(name, StringComparison.OrdinalIgnoreCase)) is var found && found.Any()
            ? found.First()
            : throw new InputException($"--type is '{name}'; there are: "
                + $"{string.Join(", ", GgufExport.Types.Select(t => t.ToString().ToLowerInvariant()))}.");

    private static void Gguf(string model, string file, GgmlType type, bool withTokenizer)
    {
        var place = ModelPlace.Of(model);
        using var checkpoint = HuggingFaceCheckpoint.Open(place.Folder);
        if (place is { Weights: null, Adapter: null })
        {
            GgufExport.Write(file, checkpoint.Spec, checkpoint.ReadParameter, type, withTokenizer ? checkpoint.Folder : null);
            return;
        }
        using var policy = place.Load(positions: 1);
        GgufExport.Write(
            file,
            checkpoint.Spec,
            (parameter, values) => policy.Merged(parameter.Name).CopyTo(values),
            type,
            withTokenizer ? checkpoint.Folder : null);
    }

    private static void HuggingFace(string model, string folder)
    {
        var place = ModelPlace.Of(model);
        using var checkpoint = HuggingFaceCheckpoint.Open(place.Folder);
        using var policy = place.Load(positions: 1);
        checkpoint.SaveAs(folder, policy.Merged, SafeTensorsDtype.F32);
    }
}
