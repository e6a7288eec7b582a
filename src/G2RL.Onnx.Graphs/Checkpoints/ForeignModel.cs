using System.Text.RegularExpressions;

namespace G2RL.Onnx.Checkpoints;

/// <summary>What is given as a model and is something else: recognised, and told with the way to a model.</summary>
internal static partial class ForeignModel
{
    private const string Wanted = "give one that holds config.json and model.safetensors.";

    /// <summary>What is wrong with a path as a model's folder; null when it may be one.</summary>
    public static string? Fault(string path)
    {
        if (!Directory.Exists(path))
            return File.Exists(path) ? OfFile(path) : $"{path} is not a folder; {Wanted}{Hub(path)}";
        if (Has(path, CheckpointShards.SingleFile) || Has(path, CheckpointShards.IndexFile))
            return null;
        if (Has(path, "adapter_config.json"))
            return OfAdapter(path);
        if (Has(path, "metrics.jsonl") || Directory.Exists(Path.Combine(path, "checkpoints")))
            return $"{path} is the folder of a run; its trained model is {Path.Combine(path, "model")}.";
        // The manifest of a conversion.
        if (Has(path, "manifest.json"))
            return $"{path} is a converted folder, of ONNX graphs; give the folder that it was made from, or write one: "
                + $"g2rl-convert export {path} MODEL.";
        if (Directory.Exists(Path.Combine(path, "snapshots")))
            return $"{path} is a folder of the hub's cache; the model is the folder in {Path.Combine(path, "snapshots")}.";
        return $"{path}: there is neither {CheckpointShards.SingleFile} nor {CheckpointShards.IndexFile}. {Found(path)}";
    }

    private static bool Has(string folder, string file) => File.Exists(Path.Combine(folder, file));

    private static string OfFile(string path) => Path.GetExtension(path) switch
    {
        ".safetensors" => $"{path} holds weights alone; give its folder, which needs config.json and the tokenizer's files, too.",
        _ => ForeignFile.Fault(path) is { } fault ? $"{fault} A model is a folder; {Wanted}" : $"{path} is not a folder; {Wanted}",
    };

    private static string OfAdapter(string path)
    {
        var (kind, origin) = ("", "");
        try
        {
            using var config = JsonInput.ReadObject(Path.Combine(path, "adapter_config.json"), 4 << 20);
            kind = Text("peft_type") is { } type ? $" ({type})" : "";
            origin = Text("base_model_name_or_path") is { } name ? $" of {name}" : "";

            string? Text(string key) => config.RootElement.TryGetProperty(key, out var value) ? JsonInput.Text(value) : null;
        }
        catch (InputException)
        {
            // The folder is named all the same.
        }
        return $"{path} is an adapter{kind}{origin}, not a model. Give the base model's folder as the model, and this folder as its "
            + "adapter "
            + "(adapter.path; score --adapter).";
    }

    private static string Found(string folder)
    {
        string[] names = [.. Directory.EnumerateFiles(folder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];
        string? First(params string[] endings) =>
            names.FirstOrDefault(n => endings.Any(e => n.EndsWith(e, StringComparison.OrdinalIgnoreCase)));
        var shown = names.Length == 0 ? "It is empty" : $"It holds {string.Join(", ", names.Take(12))}{(names.Length > 12 ? ", ..." : "")}";
        var way = First(".gguf") is { } gguf ? $"A GGUF file is given by its own path, {Path.Combine(folder, gguf)}."
            : First(".onnx") is not null ? "ONNX graphs cannot be trained; fetch the safetensors weights that they were made from."
            : First(".safetensors") is { } other
                ? $"{other} may be one of several shards, whose {CheckpointShards.IndexFile} is missing, or has another name."
            : First(".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack") is { } bin ? $"{bin} is of another format; "
                + "fetch the safetensors weights."
            : "Fetch the safetensors weights.";
        return $"{shown}. {way}";
    }

    // organisation/name, or its address: nothing of it lies here unless the first part is a folder.
    private static string Hub(string path)
    {
        var match = HubName().Match(path);
        if (!match.Success || Directory.Exists(match.Groups["owner"].Value))
            return "";
        var (name, folder) = (match.Groups["name"].Value, Path.Combine("models", match.Groups["model"].Value));
        return " If it is the name of a model on the Hugging Face hub: nothing is downloaded here. "
            + $"`hf download {name} --local-dir {folder}` fetches it (config.json, generation_config.json, tokenizer.json, "
            + $"tokenizer_config.json and the .safetensors files); then give {folder}.";
    }

    [GeneratedRegex(
        @"^((https://)?(huggingface\.co|hf\.co)/)?(?<name>(?<owner>[A-Za-z0-9][\w.-]*)/(?<model>[A-Za-z0-9][\w.-]*))/?\z",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex HubName();
}
