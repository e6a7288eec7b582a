using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Keys;

namespace G2RL.Onnx.Checkpoints.Adapters;

/// <summary>
/// PEFT's adapter_config.json. A key that changes the mathematics in a way that is not computed here is an error that names it.
/// </summary>
internal static class PeftConfig
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    // Say where the adapter is from, how it was trained or how it was first filled.
    private static readonly string[] Harmless =
    [
        "auto_mapping", "base_model_name_or_path", "inference_mode", "init_lora_weights", "lora_dropout", "revision", "task_type",
        "fan_in_fan_out", "peft_version", "megatron_core", "qalora_group_size", "corda_config", "eva_config", "loftq_config",
        "arrow_config", "runtime_config",
    ];

    public static AdapterSpec Read(string path, DecoderSpec spec)
    {
        using var document = JsonInput.ReadObject(path, 4 << 20);
        var reader = new ConfigReader(document.RootElement, path);
        var kind = reader.OptionalText("peft_type");
        if (kind != "LORA")
            throw new InputException($"{path}: peft_type is {kind ?? "missing"}; LORA is what is computed here. "
                + "Merge another kind into the model with PEFT first.");
        var bias = reader.OptionalText("bias") ?? "none";
        if (bias != "none")
            throw new InputException($"{path}: bias is {bias}; adapters with trained biases are not computed here. "
                + "Merge it into the model with PEFT first.");
        foreach (var (key, why) in new[]
        {
            ("use_dora", "DoRA scales every column anew"),
            ("use_qalora", "QALoRA pools its inputs"),
            ("lora_bias", "B would have a bias"),
            ("modules_to_save", "whole modules were trained beside the adapter"),
            ("layers_to_transform", "only some layers have adapters"),
            ("layers_pattern", "only some layers have adapters"),
            ("layer_replication", "layers are repeated"),
            ("exclude_modules", "some modules are left out"),
            ("target_parameters", "parameters are adapted that are no projections"),
            ("trainable_token_indices", "embeddings were trained beside the adapter"),
            ("megatron_config", "modules are divided over machines"),
            ("alora_invocation_tokens", "the adapter acts on some tokens only"),
            ("ensure_weight_tying", "embeddings were trained beside the adapter"),
        })
            Refuse(reader, key, why);
        Empty(reader, "rank_pattern", "modules have ranks of their own");
        Empty(reader, "alpha_pattern", "modules have scales of their own");
        reader.Ignore(Harmless);
        var adapter = new AdapterSpec
        {
            Rank = reader.Integer("r"),
            Alpha = reader.Number("lora_alpha"),
            RankStabilized = reader.Flag("use_rslora", false),
            Targets = Targets(reader),
        };
        reader.Finish("LoRA adapters");
        adapter.Validate(spec.Bare(), path);
        return adapter;
    }

    public static string Write(DecoderSpec spec, string model)
    {
        var adapter = spec.Adapter!;
        // PEFT itself writes the names that all-linear stands for, so that the file does not depend on what counts as a projection.
        var names = LinearModule.Of(spec).Where(m => adapter.Covers(m.Name)).Select(m => m.ShortName).Distinct(StringComparer.Ordinal);
        return new JsonObject
        {
            ["base_model_name_or_path"] = model,
            ["bias"] = "none",
            ["fan_in_fan_out"] = spec.Weights == WeightLayout.Gpt2,
            ["inference_mode"] = true,
            ["init_lora_weights"] = true,
            ["lora_alpha"] = adapter.Alpha,
            ["lora_dropout"] = 0.0,
            ["modules_to_save"] = null,
            ["peft_type"] = "LORA",
            ["r"] = adapter.Rank,
            ["target_modules"] =
                new JsonArray([.. (adapter.Targets.Contains(AdapterSpec.AllLinear) ? names : adapter.Targets).Select(n => (JsonNode)n)]),
            ["task_type"] = "CAUSAL_LM",
            ["use_dora"] = false,
            ["use_rslora"] = adapter.RankStabilized,
        }.ToJsonString(Indented) + "\n";
    }

    // A list of names, or the one text that means all; another text would be a regular expression.
    private static string[] Targets(ConfigReader reader)
    {
        if (reader.Take("target_modules") is not { } element)
            throw new InputException($"{reader.Source}: target_modules is missing; it names the modules that have adapters.");
        if (JsonInput.Text(element) == AdapterSpec.AllLinear)
            return [AdapterSpec.AllLinear];
        if (element.ValueKind != JsonValueKind.Array
            || element.GetArrayLength() == 0
            || element.EnumerateArray().Any(e => !IsName(JsonInput.Text(e))))
            throw reader.Wrong(
                "target_modules",
                element,
                "a list of module names, or \"all-linear\" (a regular expression is not read here)");
        return [.. element.EnumerateArray().Select(e => JsonInput.Text(e)!)];
    }

    private static bool IsName(string? text) =>
        text is { Length: > 0 and <= 200 } && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.');

    // Harmless where it is missing, null, false or empty.
    private static void Refuse(ConfigReader reader, string key, string why)
    {
        if (reader.Take(key) is { } element
            && element.ValueKind != JsonValueKind.False
            && !(element.ValueKind == JsonValueKind.Array && element.GetArrayLength() == 0))
            throw new InputException($"{reader.Source}: {key} is {JsonInput.Shown(element)}, which is not computed here: {why}. "
                + "Merge the adapter into the model with PEFT first.");
    }

    private static void Empty(ConfigReader reader, string key, string why)
    {
        if (reader.Take(key) is { } element && (element.ValueKind != JsonValueKind.Object || element.EnumerateObject().Any()))
            throw new InputException($"{reader.Source}: {key} is {JsonInput.Shown(element)}, which is not computed here: {why}. "
                + "Merge the adapter into the model with PEFT first.");
    }
}
