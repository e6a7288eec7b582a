using System.CommandLine;
using System.Text.Json.Nodes;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Artifacts;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Cli;

namespace G2RL.Onnx.Converter.Commands;

/// <summary>A Hugging Face folder to a folder of ONNX graphs.</summary>
internal static class ConvertCommand
{
    public static Command Create()
    {
        var source = new Argument<string>("source")
        {
            Description = "Hugging Face folder: config.json and safetensors weights. "
            + "Or a .gguf file (llama, qwen2, qwen3), or a .bin file of llama2.c."
        };
        var output = new Argument<string>("output") { Description = "Folder to be made; appears whole or not at all." };
        var precision = new Option<string>("--precision")
        {
            Description = "Stored type of the weights: fp32, fp16, bf16, or source, which "
            + "keeps each tensor's own. The graphs compute in float32.",
            DefaultValueFactory = _ => "source"
        };
        var graphs = new Option<string>("--graphs")
        {
            Description = "Which graphs to write, separated by commas: decode, score, train; or none.",
            DefaultValueFactory = _ => "decode,score,train",
        };
        var opset = new Option<int>("--opset")
        {
            Description = $"Version of ONNX's operator set, {ConversionSettings.OldestOpset} to {ConversionSettings.NewestOpset}.",
            DefaultValueFactory = _ => ConversionSettings.NewestOpset,
        };
        var length = new Option<int?>("--max-length") { Description = "Longest text, tokens; by default what the model was made for." };
        var clipLow = new Option<double>("--clip-low")
        {
            Description = "Training graph: the ratio is clipped below at 1 - this.",
            DefaultValueFactory = _ => 0.2,
        };
        var clipHigh = new Option<double>("--clip-high")
        {
            Description = "Training graph: the ratio is clipped above at 1 + this.",
            DefaultValueFactory = _ => 0.2,
        };
        var kl = new Option<double>("--kl") { Description = "Training graph: coefficient of the divergence to the reference policy." };
        var entropy = new Option<double>("--entropy") { Description = "Training graph: weight of the entropy bonus." };
        var tokenizer = new Option<string?>("--tokenizer")
        {
            Description = "For a .gguf file: the folder whose tokenizer.json is taken "
            + "instead of the file's own tokenizer. For a .bin file: its tokenizer's .bin file.",
            HelpName = "PATH"
        };
        var json = new Option<bool>("--json") { Description = "Prints one JSON object instead of text." };
        var command = new Command(
            "convert",
            "Writes decode.onnx, score.onnx and train.onnx with one shared data file, the tokenizer's files, genai_config.json and a "
                + "manifest with the hash of every weight.")
            {
                source, output, precision, graphs, opset, length, clipLow, clipHigh, kl, entropy, tokenizer, json,
            };
        command.SetAction(parsed =>
        {
            var settings = new ConversionSettings
            {
                Precision = Precision(parsed.GetValue(precision)!),
                Graphs = Graphs(parsed.GetValue(graphs)!),
                Opset = parsed.GetValue(opset),
                MaxLength = parsed.GetValue(length),
            };
            var objective =
                Objective(new(parsed.GetValue(clipLow), parsed.GetValue(clipHigh), parsed.GetValue(kl), parsed.GetValue(entropy)));
            var (from, to) = (parsed.GetValue(source)!, parsed.GetValue(output)!);
            using var progress = new ProgressLine(parsed.GetValue(json));
            if (ModelConversion.WasInterrupted(to) || Aside.HasRemains(to))
                progress.Warning($"an earlier conversion into {to} was interrupted; starting over.");
            ConversionManifest Run(string folder) => ModelConversion.Convert(
                folder,
                to,
                settings,
                objective,
                (written, all) => progress.Show("MiB", (int)(written >> 20), (int)(all >> 20), written / (double)Math.Max(1, all)));
            ConversionManifest? made = null;
            var kind = Directory.Exists(from) ? "" : Path.GetExtension(from);
            if (parsed.GetValue(tokenizer) is not null && kind is not (".gguf" or ".bin"))
                throw new InputException($"--tokenizer is given, but {from} is no .gguf or .bin file; "
                    + "put the tokenizer's files into the source folder instead.");
            if (kind == ".gguf")
                Aside.Use(
                    to,
                    GgufConversion.Plan(from),
                    settings,
                    folder => GgufConversion.ToHuggingFace(from, folder, parsed.GetValue(tokenizer)),
                    folder => made = Run(folder));
            else if (kind == ".bin")
                Aside.Use(
                    to,
                    Llama2C.Plan(from),
                    settings,
                    folder => Llama2C.ToHuggingFace(from, folder, parsed.GetValue(tokenizer)),
                    folder => made = Run(folder));
            var manifest = made ?? Run(from);
            var bytes = manifest.WeightBytes;
            if (parsed.GetValue(json))
                Console.WriteLine(new JsonObject
                {
                    ["folder"] = to,
                    ["architecture"] = manifest.Architecture,
                    ["tensors"] = manifest.Tensors.Count,
                    ["weight_bytes"] = bytes,
                    ["files"] = new JsonArray([.. manifest.Files.Select(f => (JsonNode)f.Name)]),
                }.ToJsonString());
            else
                progress.Line($"{to}: {manifest.Architecture}, {manifest.Tensors.Count} tensors of {bytes / 1048576.0:0.0} MiB together, "
                    + $"{string.Join(", ", manifest.Files.Select(f => f.Name))}");
            return 0;
        });
        return command;
    }

    /// <summary>A training objective and its constants for the manifest.</summary>
    public static ConvertedObjective Objective(PolicyLossSettings settings)
    {
        if (settings.ClipLow is not (>= 0 and < 1)
            || !(settings.ClipHigh >= 0)
            || !(settings.KlCoefficient >= 0)
            || !double.IsFinite(settings.ClipHigh + settings.KlCoefficient + settings.EntropyCoefficient))
            throw new InputException($"--clip-low {settings.ClipLow}, --clip-high {settings.ClipHigh}, --kl {settings.KlCoefficient}, "
                + $"--entropy {settings.EntropyCoefficient}: the first must lie in [0, 1), the second and third be at least 0, and all be "
                + "finite.");
        return new(PolicyLoss.Objective(settings), new Dictionary<string, double>(StringComparer.Ordinal)
        {
            ["clipLow"] = settings.ClipLow,
            ["clipHigh"] = settings.ClipHigh,
            ["kl"] = settings.KlCoefficient,
            ["entropy"] = settings.EntropyCoefficient,
        });
    }

    /// <summary>A stored type by its option's text; null keeps the source's.</summary>
    public static SafeTensorsDtype? Precision(string text) => text switch
    {
        "source" => null,
        "fp32" => SafeTensorsDtype.F32,
        "fp16" => SafeTensorsDtype.F16,
        "bf16" => SafeTensorsDtype.BF16,
        _ => throw new InputException($"--precision is '{text}'; it must be source, fp32, fp16 or bf16."),
    };

    private static ConvertedGraphs Graphs(string text)
    {
        var graphs = ConvertedGraphs.None;
        foreach (var part in text == "none" ? [] : text.Split(',', StringSplitOptions.TrimEntries))
            graphs |= part switch
            {
                "decode" => ConvertedGraphs.Decode,
                "score" => ConvertedGraphs.Score,
                "train" => ConvertedGraphs.Train,
                _ => throw new InputException($"--graphs names '{part}'; these are: decode, score, train, or none alone."),
            };
        return graphs;
    }
}
