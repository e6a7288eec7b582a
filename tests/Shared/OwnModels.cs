using System.Text.Json.Nodes;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.TestSupport;

/// <summary>
/// Checkpoints of our own, made when a test asks: in architecture, shape, form and names twins of the golden folders in ../shared/models,
/// with seeded random weights and without golden numbers. What needs a checkpoint and no foreign number runs on them in a clone that has
/// no ../shared.
/// </summary>
internal static class OwnModels
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, string> Made = new(StringComparer.Ordinal);
    private static string? root;

    /// <summary>The golden folder of that name, or its twin where there is none.</summary>
    public static string OrShared(string name)
    {
        var shared = Path.GetFullPath(Path.Combine(SharedFolder.Root, "..", "shared", "models", name));
        return Directory.Exists(shared) ? shared : Own(name);
    }

    /// <summary>The twin itself; read only, other tests read it, too.</summary>
    public static string Own(string name)
    {
        lock (Gate)
        {
            if (!Made.TryGetValue(name, out var folder))
                Made[name] = folder = Make(Path.Combine(Root(), name), name);
            return folder;
        }
    }

    private static string Root()
    {
        if (root is null)
        {
            root = Directory.CreateTempSubdirectory("g2rl-models-").FullName;
            AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(root, recursive: true);
        }
        return root;
    }

    private static string Make(string folder, string name)
    {
        var (narrow, sharded) = (name.EndsWith("-bf16", StringComparison.Ordinal), name.EndsWith("-sharded", StringComparison.Ordinal));
        var stem = name.Replace("-bf16", "").Replace("-sharded", "");
        Directory.CreateDirectory(folder);
        foreach (var (file, isOld) in new[] { ("config.json", true), ("config_v5.json", false) })
            File.WriteAllText(Path.Combine(folder, file), Config(stem, isOld, narrow ? "bfloat16" : "float32").ToJsonString() + "\n");
        var spec = Architectures.Read(folder);
        var random = new Random(11);
        // Twins of one stem hold the same weights, a narrow one rounded.
        var values = spec.Parameters.OrderBy(p => p.Name, StringComparer.Ordinal).ToDictionary(
            p => p.Name,
            p => Enumerable.Range(0, (int)p.Count)
                .Select(_ => (float)(0.4 * (random.NextDouble() - 0.5)) + (p.Shape.Length == 1 ? 1 : 0))
                .ToArray(),
            StringComparer.Ordinal);
        var dtype = narrow ? SafeTensorsDtype.BF16 : SafeTensorsDtype.F32;
        var tensors = spec.Parameters.Select(p => TensorToWrite.Floats(p.Name, dtype, p.Shape, n => values[n])).ToList();
        // As writers that do not know that it is tied leave it.
        if (narrow)
            tensors.Add(TensorToWrite.Floats(
                "lm_head.weight",
                dtype,
                [spec.VocabularySize, spec.HiddenSize],
                _ => values["model.embed_tokens.weight"]));
        tensors.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        if (sharded)
            Shards(folder, tensors, spec.ParameterCount * sizeof(float));
        else
            SafeTensorsWriter.Write(Path.Combine(folder, "model.safetensors"), tensors, flush: false);
        return folder;
    }

    private static void Shards(string folder, List<TensorToWrite> tensors, long bytes)
    {
        static string File(bool first) => first ? "model-00001-of-00002.safetensors" : "model-00002-of-00002.safetensors";
        bool IsFirst(TensorToWrite tensor) =>
            !tensor.Name.StartsWith("model.layers.1", StringComparison.Ordinal) && tensor.Name != "model.norm.weight";
        foreach (var shard in tensors.GroupBy(IsFirst))
            SafeTensorsWriter.Write(Path.Combine(folder, File(shard.Key)), [.. shard], flush: false);
        var map = string.Join(",\n", tensors.Select(t => $"    \"{t.Name}\": \"{File(IsFirst(t))}\""));
        System.IO.File.WriteAllText(
            Path.Combine(folder, "model.safetensors.index.json"),
            $"{{\n  \"metadata\": {{\n    \"total_size\": {bytes}\n  }},\n  \"weight_map\": {{\n{map}\n  }}\n}}\n");
    }

    // Vocabulary, width, inner width, layers, heads, key/value heads; then what each family adds. Version 4 of transformers writes
    // rope_theta and rope_scaling, version 5 rope_parameters and layer_types.
    private static JsonObject Config(string stem, bool isOld, string dtype)
    {
        var config = stem switch
        {
            "golden-qwen3-a" => Sizes("qwen3", "Qwen3ForCausalLM", 97, 48, 96, 3, 6, 2, 16),
            "golden-qwen3-yarn" => Sizes("qwen3", "Qwen3ForCausalLM", 91, 32, 64, 2, 4, 2, 16),
            "golden-qwen2-a" => Sizes("qwen2", "Qwen2ForCausalLM", 101, 48, 80, 2, 4, 2, null),
            "golden-llama-a" => Sizes("llama", "LlamaForCausalLM", 97, 72, 80, 2, 9, 3, isOld ? null : 8),
            "golden-llama-b" => Sizes("llama", "LlamaForCausalLM", 103, 48, 80, 2, 4, 1, 16),
            "golden-mistral-a" => Sizes("mistral", "MistralForCausalLM", 93, 40, 72, 2, 4, 2, 8),
            "golden-phi3-a" => Sizes("phi3", "Phi3ForCausalLM", 87, 32, 64, 2, 4, 2, null),
            "golden-gemma3-a" => Sizes("gemma3_text", "Gemma3ForCausalLM", 99, 40, 64, 3, 4, 2, 12),
            _ => throw new ArgumentException($"No twin of {stem} is described.", nameof(stem)),
        };
        config[isOld ? "torch_dtype" : "dtype"] = dtype;
        config["tie_word_embeddings"] = stem is not ("golden-llama-b" or "golden-mistral-a" or "golden-phi3-a");
        config["rms_norm_eps"] = stem.Contains("qwen") || stem.Contains("gemma") ? 1e-6 : 1e-5;
        var positions = stem switch { "golden-qwen3-yarn" => 16384, "golden-llama-b" => 131072, _ => 512 };
        config["max_position_embeddings"] = positions;
        var (theta, scaling) = stem switch
        {
            "golden-qwen3-yarn" => (1e6, """{"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096}"""),
            "golden-llama-b" => (5e5, """
                {"rope_type": "llama3", "factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
                "original_max_position_embeddings": 8192}
                """),
            _ when stem.Contains("qwen") || stem.Contains("gemma") => (1e6, null),
            _ => (1e4, null as string),
        };
        if (stem == "golden-gemma3-a")
            Gemma(config, isOld);
        else if (isOld)
            (config["rope_theta"], config["rope_scaling"]) = (theta, scaling is null ? null : JsonNode.Parse(scaling));
        else
        {
            var rope = scaling is null ? new JsonObject { ["rope_type"] = "default" } : JsonNode.Parse(scaling)!.AsObject();
            rope["rope_theta"] = theta;
            config["rope_parameters"] = rope;
            if (stem.Contains("qwen"))
                config["layer_types"] = Layers("full_attention", (int)config["num_hidden_layers"]!);
        }
        if (stem == "golden-phi3-a")
            (config["pad_token_id"], config["original_max_position_embeddings"]) = (2, 512);
        return config;
    }

    private static void Gemma(JsonObject config, bool isOld)
    {
        (config["hidden_activation"], config["query_pre_attn_scalar"], config["sliding_window"], config["pad_token_id"]) =
            ("gelu_pytorch_tanh", 20, 5, 0);
        config["sliding_window_pattern"] = 3;
        if (isOld)
        {
            (config["rope_theta"], config["rope_local_base_freq"]) = (1e6, 1e4);
            return;
        }
        config["layer_types"] = new JsonArray("sliding_attention", "sliding_attention", "full_attention");
        config["rope_parameters"] = JsonNode.Parse("""
            {"full_attention": {"rope_theta": 1000000.0, "rope_type": "default"},
            "sliding_attention": {"rope_theta": 10000.0, "rope_type": "default"}}
            """);
    }

    private static JsonArray Layers(string kind, int count) => new([.. Enumerable.Repeat(kind, count).Select(k => (JsonNode)k)]);

    private static JsonObject Sizes(
        string type, string architecture, int vocabulary, int width, int inner, int layers, int heads, int keyValueHeads, int? head)
    {
        var config = new JsonObject
        {
            ["architectures"] = new JsonArray(architecture),
            ["model_type"] = type,
            ["vocab_size"] = vocabulary,
            ["hidden_size"] = width,
            ["intermediate_size"] = inner,
            ["num_hidden_layers"] = layers,
            ["num_attention_heads"] = heads,
            ["num_key_value_heads"] = keyValueHeads,
            ["bos_token_id"] = 1,
            ["eos_token_id"] = 2,
        };
        if (type != "gemma3_text")
            config["hidden_act"] = "silu";
        if (head is not null)
            config["head_dim"] = head;
        return config;
    }
}
