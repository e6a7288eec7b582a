using System.Text.Json;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.Adapters;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution;

/// <summary>
/// Where the parts of a model lie that a person names by one path: a Hugging Face folder; the folder of a run, which stands for the model
/// that it trained or, before that is written, for its newest checkpoint; or one of its checkpoints.
/// </summary>
/// <param name="Folder">Hugging Face folder: configuration, tokenizer, and the weights where no others are named.</param>
/// <param name="Weights">A safetensors file with all weights, or null.</param>
/// <param name="Adapter">Folder of adapters in PEFT's layout, or null.</param>
public sealed record ModelPlace(string Folder, string? Weights = null, string? Adapter = null)
{
    private const string Checkpoints = "checkpoints";
    private const string Config = "config.json";

    /// <summary>Finds the parts.</summary>
    /// <param name="path">The folder.</param>
    /// <exception cref="InputException">A run without a checkpoint, or a checkpoint outside of its run.</exception>
    public static ModelPlace Of(string path)
    {
        if (IsCheckpoint(path))
            return OfCheckpoint(path);
        // A run's folder has a config.json, too: that of the run.
        if (!Directory.Exists(Path.Combine(path, Checkpoints)))
            return new(path);
        var trained = Path.Combine(path, "model");
        if (Directory.Exists(trained))
            return new(trained);
        return Directory.EnumerateDirectories(Path.Combine(path, Checkpoints), "step-*").Where(IsCheckpoint)
            .Order(StringComparer.Ordinal)
            .LastOrDefault() is { } newest
            ? OfCheckpoint(newest)
            : throw new InputException($"{path} is a run without a trained model or a checkpoint yet. "
                + $"Let it go on, with g2rl export-and-train --resume {path}.");
    }

    /// <summary>The architecture.</summary>
    /// <exception cref="InputException">No model lies there, or one that is not supported.</exception>
    public DecoderSpec Spec() => Architectures.Read(GgufCache.FolderOf(Folder));

    /// <summary>Opens the weights.</summary>
    /// <param name="positions">The longest sequence to be run, tokens; at most what the model allows.</param>
    /// <exception cref="InputException">As for <see cref="Policy.Load(string, int, PolicyAdapter?, bool)"/>.</exception>
    public Policy Load(int positions)
    {
        if (Adapter is not null)
        {
            using var peft = PeftFolder.Open(Adapter, Spec());
            return Policy.Load(Folder, positions, new PolicyAdapter(peft.Adapter, WeightStorage.Float32, peft.ReadParameter));
        }
        if (Weights is null)
            return Policy.Load(Folder, positions);
        using var file = SafeTensorsFile.Open(Weights);
        foreach (var parameter in Spec().Parameters)
            if (!file.Find(parameter.Name).Shape.AsSpan().SequenceEqual(parameter.Shape))
                throw new InputException($"{file.Path}: tensor '{parameter.Name}' is "
                    + $"[{string.Join(", ", file.Find(parameter.Name).Shape)}]; {Folder} has [{string.Join(", ", parameter.Shape)}]. "
                    + "Checkpoint and model do not belong together.");
        return Policy.Create(Spec(), positions, (parameter, values) => file.ReadFloats(parameter.Name, values));
    }

    private static bool IsCheckpoint(string path) => File.Exists(Path.Combine(path, "state.json"))
        && (File.Exists(Path.Combine(path, "model.safetensors")) || PeftFolder.Is(path));

    private static ModelPlace OfCheckpoint(string path)
    {
        var run = Path.GetDirectoryName(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path))));
        var config = Path.Combine(run ?? "", Config);
        if (!File.Exists(config))
            throw new InputException($"{path} is a checkpoint outside of its run: there is no {config} that names its model.");
        try
        {
            using var settings = JsonDocument.Parse(InputFile.Text(config));
            if (settings.RootElement.ValueKind == JsonValueKind.Object
                && settings.RootElement.TryGetProperty("model", out var model)
                && model.ValueKind == JsonValueKind.String)
                return PeftFolder.Is(path)
                    ? new(model.GetString()!, Adapter: path)
                    : new(model.GetString()!, Path.Combine(path, "model.safetensors"));
        }
        catch (JsonException e)
        {
            throw new InputException($"{config} is not JSON: {e.Message}", e);
        }
        throw new InputException($"{config} names no model; {path} is not a checkpoint of a run.");
    }
}
