using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Models;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>A dry run of a model of which only config.json is there: the settings, and the memory plan on each kind of device.</summary>
internal static class DryRunWithoutWeights
{
    /// <summary>Whether a model's folder has a config.json and no weights.</summary>
    public static bool Applies(RunConfig config) => File.Exists(Path.Combine(config.Model, "config.json"))
        && !Directory.EnumerateFiles(config.Model)
            .Any(f => Path.GetFileName(f) is var name && (name.EndsWith(".safetensors", StringComparison.Ordinal)
                || name.EndsWith(".safetensors.index.json", StringComparison.Ordinal) || name.EndsWith(".bin", StringComparison.Ordinal)));

    /// <summary>Prints it.</summary>
    /// <exception cref="InputException">The configuration is wrong, or the model is not supported or too short.</exception>
    public static int Show(RunConfig config, bool json, Action<string> warn)
    {
        var spec = Architectures.Read(config.Model);
        var positions = config.Sampling.MaxPromptTokens + config.Sampling.MaxNewTokens;
        if (positions > spec.MaxPositions)
            throw new InputException(
                $"sampling.maxPromptTokens {config.Sampling.MaxPromptTokens} + sampling.maxNewTokens {config.Sampling.MaxNewTokens} = "
                    + $"{positions}; "
                + $"{config.Model} has {spec.MaxPositions} positions (max_position_embeddings). Lower one of them.");
        RunCheck.Device(config, spec);
        warn($"{config.Model} holds no weights: they, the tokenizer and how prompts fit are not checked.");
        foreach (var (set, settings) in config.Evaluation.Benchmarks.Select(b => (b.Set, b.Settings))
            .Prepend((config.Problems.Set, config.Problems.Settings)))
            Check(set, settings ?? default, warn);
        config = MemoryFit.Resolved(config, spec);
        if (config.Adapter.Type == AdapterKind.Lora)
            spec = RunAdapter.Applied(config, spec);
        Print(config, spec, json);
        return 0;
    }

    /// <summary>Prints settings and memory.</summary>
    public static void Print(RunConfig config, DecoderSpec spec, bool json)
    {
        var columns = DeviceColumns.Of(config, spec);
        if (json)
        {
            Console.WriteLine(new JsonObject
            {
                ["configuration"] = JsonNode.Parse(RunConfigFile.ToJson(config)),
                ["memory_bytes"] = new JsonObject(columns.Select(c => KeyValuePair.Create<string, JsonNode?>(c.Device, c.Json(config)))),
                ["largest_microbatch_tokens"] = new JsonObject(
                    columns.Where(c => c.Trains).Select(c => KeyValuePair.Create<string, JsonNode?>(c.Device, c.Largest(config)))),
                ["longest_rollout_tokens"] = new JsonObject(
                    columns.Where(c => c.Longest is not null)
                        .Select(c => KeyValuePair.Create<string, JsonNode?>(c.Device, c.Longest!(config)))),
                ["parameters"] = spec.ParameterCount,
            }.ToJsonString());
            return;
        }
        Console.Write(RunConfigFile.ToJson(config));
        MemoryColumn.Print(config, columns);
        Console.WriteLine($"{spec.ParameterCount:N0} parameters; nothing was written.");
    }

    // What is not here yet is no fault of a plan; a wrong setting is.
    private static void Check(string set, System.Text.Json.JsonElement settings, Action<string> warn)
    {
        try
        {
            foreach (var note in ProblemSets.Create(set, settings).Notes)
                warn(note);
        }
        catch (InputException e) when (e.Message.Contains("does not exist", StringComparison.Ordinal))
        {
            warn(e.Message);
        }
    }
}
