using System.CommandLine;
using System.Text.Json.Nodes;
using G2RL.Onnx.Artifacts;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Converter.Commands;

/// <summary>
/// A converted folder, a trained policy or a run's checkpoint as a Hugging Face checkpoint, or as ONNX for inference alone.
/// </summary>
internal static class ExportCommand
{
    public static Command Create()
    {
        var model = new Argument<string>("model")
        {
            Description = "A converted folder; or, with --source, a trained policy or a run's checkpoint folder.",
        };
        var output = new Argument<string>("output") { Description = "Folder to be made; appears whole or not at all." };
        var source = new Option<string?>("--source")
        {
            Description = "The Hugging Face folder that training began with: "
            + "names, types, shards, tokenizer and configuration are taken from it.",
            HelpName = "FOLDER"
        };
        var format = new Option<string>("--format")
        {
            Description = "huggingface: a checkpoint. onnx: a folder with decode.onnx and its weights, all that inference needs.",
            DefaultValueFactory = _ => "huggingface",
        };
        var precision = new Option<string>("--precision")
        {
            Description = "With --format onnx: stored type of the weights that are not quantised: fp32, fp16, bf16 or source.",
            DefaultValueFactory = _ => "source",
        };
        var four = new Option<bool>("--int4")
        {
            Description = "With --format onnx: the matrices of the layers in 4 bits, an untied LM head in 8.",
        };
        var eight = new Option<bool>("--int8")
        {
            Description = "With --format onnx: the matrices of the layers and an untied LM head in 8 bits.",
        };
        var block = new Option<int>("--block-size")
        {
            Description = "Quantised weights that share a scale: 16, 32, 64, 128 or 256.",
            DefaultValueFactory = _ => new QuantizationSettings().BlockSize,
        };
        var zeros = new Option<bool>("--zero-points") { Description = "Gives each block a zero point; without, its range is symmetric." };
        var accuracy = new Option<int>("--accuracy-level")
        {
            Description = "What the runtime may multiply quantised weights in: 0 its choice, 1 float32, 2 float16, 3 bfloat16, 4 int8.",
        };
        var json = new Option<bool>("--json") { Description = "Prints one JSON object instead of text." };
        var command = new Command(
            "export",
            "Writes a Hugging Face checkpoint with the source's names, types and shards; "
                + "tensors that did not change have the source's bytes. Or a folder for inference alone, with quantised weights if "
                + "wished.") { model, output, source, format, precision, four, eight, block, zeros, accuracy, json };
        command.SetAction(parsed =>
        {
            var (from, to) = (parsed.GetValue(model)!, parsed.GetValue(output)!);
            var answer = new JsonObject { ["folder"] = to };
            switch (parsed.GetValue(format))
            {
                case "huggingface" when (Option[])[precision, four, eight, block, zeros, accuracy] is var others
                    && Array.Find(others, o => parsed.GetResult(o) is { Implicit: false }) is { } given:
                    throw new InputException($"{given.Name} is given, which is for --format onnx.");
                case "huggingface":
                    HuggingFace(from, parsed.GetValue(source), to);
                    break;
                case "onnx" when parsed.GetValue(four) && parsed.GetValue(eight):
                    throw new InputException("--int4 and --int8 are both given; choose one.");
                case "onnx" when parsed.GetValue(four) || parsed.GetValue(eight):
                    Onnx(from, parsed.GetValue(source), to, ConvertCommand.Precision(parsed.GetValue(precision)!), answer, new()
                    {
                        Bits = parsed.GetValue(four) ? 4 : 8,
                        BlockSize = parsed.GetValue(block),
                        ZeroPoints = parsed.GetValue(zeros),
                        AccuracyLevel = parsed.GetValue(accuracy),
                    });
                    break;
                case "onnx" when (Option[])[block, zeros, accuracy] is var others
                    && Array.Find(others, o => parsed.GetResult(o) is { Implicit: false }) is { } given:
                    throw new InputException($"{given.Name} is given, which is for --int4 and --int8.");
                case "onnx":
                    Onnx(from, parsed.GetValue(source), to, ConvertCommand.Precision(parsed.GetValue(precision)!), answer);
                    break;
                default:
                    throw new InputException($"--format is '{parsed.GetValue(format)}'; it must be huggingface or onnx.");
            }
            if (parsed.GetValue(json))
                Console.WriteLine(answer.ToJsonString());
            else
                Console.WriteLine(string.Join(
                    Environment.NewLine,
                    answer.Where(fact => fact.Key is "folder" or "sizes" or "errors").Select(fact => fact.Value!.GetValue<string>())));
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
            throw NoModel(from);
    }

    private static WeightPlan Plan(string from, string? source)
    {
        if (source is not null)
        {
            using var original = HuggingFaceCheckpoint.Open(source);
            return original.Plan;
        }
        if (!ConversionManifest.IsIn(from))
            throw NoModel(from);
        var types = ConversionManifest.Read(from).Tensors
            .Where(t => t.Parameter is not null)
            .DistinctBy(t => t.Parameter)
            .ToDictionary(t => t.Parameter!, t => t.Dtype, StringComparer.Ordinal);
        var spec = Architectures.Read(from);
        return spec.Parameters.FirstOrDefault(p => !types.ContainsKey(p.Name)) is { } missing
            ? throw new InputException($"{from} does not hold '{missing.Name}' in the source's precision. Export from what it was made of.")
            : new(spec, types);
    }

    private static InputException NoModel(string from) =>
        new($"{from} is no converted folder (there is no {ConversionManifest.FileName}); "
            + "a trained policy or a run's checkpoint needs --source, the folder that training began with.");

    private static void Onnx(
        string from,
        string? source,
        string to,
        SafeTensorsDtype? precision,
        JsonObject answer,
        QuantizationSettings? quantization = null)
    {
        var settings = new ConversionSettings { Graphs = ConvertedGraphs.Decode, Precision = precision, Quantization = quantization };
        ConversionManifest? manifest = null;
        Aside.Use(
            to,
            Plan(from, source),
            settings,
            folder => HuggingFace(from, source, folder),
            folder => manifest = ModelConversion.Convert(folder, to, settings, ConvertCommand.Objective(new())));
        if (manifest?.Quantized is not { } quantized)
            return;
        // What the same tensors take in the source's types.
        var (kept, before) = (manifest.Tensors.DistinctBy(t => t.Offset).Sum(t => t.Bytes),
            quantized.Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b) * t.Dtype.Bytes()));
        var (after, elements) = (quantized.Sum(t => t.Bytes), quantized.Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b)));
        var sourceBytes = before + manifest.Tensors.DistinctBy(t => t.Offset).Sum(t => t.Bytes / t.Stored.Bytes() * t.Dtype.Bytes());
        var rounding = quantized.Max(t => t.RelativeError);
        answer["sizes"] = $"{quantized.Count} matrices in {8.0 * after / elements:0.00} bits a weight, "
            + $"{Mebibytes(after)} MiB instead of {Mebibytes(before)}; {manifest.Tensors.Count} tensors as they were, {Mebibytes(kept)} "
            + $"MiB; weights {Mebibytes(manifest.WeightBytes)} MiB, the source's {Mebibytes(sourceBytes)}; "
            + $"rounding at most {100 * rounding:0.00} % of a matrix";
        answer["quantized"] = quantized.Count;
        answer["bits_a_weight"] = 8.0 * after / elements;
        answer["weight_bytes"] = manifest.WeightBytes;
        answer["source_bytes"] = sourceBytes;
        answer["largest_relative_rounding"] = rounding;
        // A trained policy has no graph to compare with.
        if (!ConversionManifest.IsIn(from) || !ConversionManifest.Read(from).Settings.Graphs.HasFlag(ConvertedGraphs.Decode))
            return;
        using ConvertedModel full = new(from), small = new(to);
        var report = QuantizationReport.Of(full, small);
        answer["errors"] = report.ToString();
        answer["error_report"] = report.ToJson();
    }

    private static string Mebibytes(long bytes) => FormattableString.Invariant($"{bytes / 1048576.0:0.0}");

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
                throw new InputException($"{file.Path}: tensor '{parameter.Name}' is "
                    + $"[{string.Join(", ", file.Find(parameter.Name).Shape)}]; {original} has [{string.Join(", ", parameter.Shape)}]. "
                    + "They are not of one model.");
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
