using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Models;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Training;
using Spectre.Console;

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
        warn($"{config.Model} holds no weights: they, the tokenizer and how prompts fit are not checked.");
        foreach (var (set, settings) in config.Evaluation.Benchmarks.Select(b => (b.Set, b.Settings))
            .Prepend((config.Problems.Set, config.Problems.Settings)))
            Check(set, settings ?? default, warn);
        (string Device, IReadOnlyList<(string Purpose, long Bytes)> Plan)[] plans =
            [("cpu, float32", MemoryPlan.Of(config, spec, narrow: false)), ("cuda:0, bfloat16", MemoryPlan.Of(config, spec, narrow: true))];
        if (json)
        {
            Console.WriteLine(new JsonObject
            {
                ["configuration"] = JsonNode.Parse(RunConfigFile.ToJson(config)),
                ["memory_bytes"] = new JsonObject(plans.Select(p => KeyValuePair.Create<string, JsonNode?>(
                    p.Device, new JsonObject(p.Plan.Select(b => KeyValuePair.Create<string, JsonNode?>(b.Purpose, b.Bytes)))))),
                ["parameters"] = spec.ParameterCount,
            }.ToJsonString());
            return 0;
        }
        Console.Write(RunConfigFile.ToJson(config));
        var table = new Table().AddColumn("memory, MiB");
        foreach (var (device, _) in plans)
            table.AddColumn(new TableColumn(device).RightAligned());
        for (var i = 0; i < plans[0].Plan.Count; i++)
            table.AddRow([Markup.Escape(plans[0].Plan[i].Purpose), .. plans.Select(p => $"{p.Plan[i].Bytes / 1048576.0:0}")]);
        table.AddRow(["total", .. plans.Select(p => $"{p.Plan.Sum(b => b.Bytes) / 1048576.0:0}")]);
        AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) }).Write(table);
        Console.WriteLine($"{spec.ParameterCount:N0} parameters; nothing was written.");
        return 0;
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
