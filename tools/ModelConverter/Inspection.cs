using System.Text.Json.Nodes;
using G2RL.Onnx.Artifacts;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Files;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts.Decoding;

namespace G2RL.Onnx.Converter;

/// <summary>Facts about a folder or file, as an object that is printed as a table or as JSON.</summary>
internal static class Inspection
{
    // Texts whose cache the memory to sample is given for.
    private const int Texts = 8;
    private const int LongestText = 2048;

    public static JsonObject Of(string path)
    {
        if (ConversionManifest.IsIn(path))
            return Converted(path);
        if (Directory.Exists(path))
            return HuggingFace(path);
        if (!File.Exists(path))
            throw new InputException($"{path} does not exist; give a Hugging Face folder, a converted folder, a .safetensors, .gguf or "
                + ".onnx file.");
        return Path.GetExtension(path) switch
        {
            ".safetensors" => SafeTensors(path),
            ".gguf" => Gguf(path),
            ".onnx" => Onnx(path),
            _ => throw new InputException($"{path} is of a kind that is not read here; .safetensors, .gguf and .onnx files are."),
        };
    }

    private static JsonObject HuggingFace(string folder)
    {
        using var checkpoint = HuggingFaceCheckpoint.Open(folder);
        var facts = new JsonObject { ["kind"] = "Hugging Face folder" };
        Model(facts, checkpoint.Spec);
        facts["tensors"] = checkpoint.Tensors.Count;
        facts["types"] = Types(checkpoint.Tensors.Values.Select(t => t.Dtype));
        facts["weight_bytes"] = checkpoint.Tensors.Values.Sum(t => t.Length);
        facts["memory_bytes"] = Memory(checkpoint.Spec);
        return facts;
    }

    private static JsonObject Converted(string folder)
    {
        var manifest = ConversionManifest.Read(folder);
        var spec = Architectures.Read(folder);
        var facts = new JsonObject { ["kind"] = "converted folder" };
        Model(facts, spec);
        facts["graphs"] = manifest.Settings.Graphs.ToString();
        facts["opset"] = manifest.Settings.Opset;
        facts["longest_text"] = manifest.Settings.MaxLength;
        facts["objective"] = new JsonObject(manifest.Objective.Select(c => KeyValuePair.Create(c.Key, (JsonNode?)c.Value)));
        facts["tensors"] = manifest.Tensors.Count;
        facts["source_types"] = Types(manifest.Tensors.Select(t => t.Dtype));
        facts["stored_types"] = Types(manifest.Tensors.Select(t => t.Stored));
        if (manifest.Quantized is { } quantized)
            facts["quantized"] = Counts(quantized.Select(t =>
                FormattableString.Invariant($"{t.Bits} bits, blocks of {manifest.Settings.Quantization?.BlockSize}")));
        facts["weight_bytes"] = manifest.WeightBytes;
        facts["files"] = new JsonArray([.. manifest.Files.Select(f => (JsonNode)$"{f.Name} {f.Bytes}")]);
        facts["memory_bytes"] = Memory(spec);
        return facts;
    }

    private static JsonObject SafeTensors(string path)
    {
        using var file = SafeTensorsFile.Open(path);
        return new JsonObject
        {
            ["kind"] = "safetensors file",
            ["metadata"] = new JsonObject(file.Metadata.Select(m => KeyValuePair.Create(m.Key, (JsonNode?)m.Value))),
            ["tensors"] = file.Tensors.Count,
            ["elements"] = file.Tensors.Values.Sum(t => t.Count),
            ["types"] = Types(file.Tensors.Values.Select(t => t.Dtype)),
            ["content"] = new JsonArray([.. file.Tensors.Values.OrderBy(t => t.Offset)
                .Select(t => (JsonNode)$"{t.Name} {t.Dtype} [{string.Join(", ", t.Shape)}]")]),
        };
    }

    // A file whose model cannot be converted is still described: that is when somebody wants to see what is in it.
    private static JsonObject Gguf(string path)
    {
        using var file = GgufFile.Open(path);
        var facts = new JsonObject { ["kind"] = "GGUF file", ["version"] = file.Version };
        DecoderSpec? spec = null;
        try
        {
            spec = GgufConversion.Describe(file);
            Model(facts, spec);
        }
        catch (InputException e)
        {
            facts["not_convertible"] = e.Message;
        }
        facts["metadata"] = new JsonObject(file.Describe().Select(m => KeyValuePair.Create(m.Key, (JsonNode?)m.Value)));
        facts["tensors"] = file.Tensors.Count;
        facts["elements"] = file.Tensors.Values.Sum(t => t.Count);
        facts["types"] = Counts(file.Tensors.Values.Select(t => t.Type.ToString()));
        facts["weight_bytes"] = file.Tensors.Values.Sum(t => t.Length);
        facts["content"] = new JsonArray([.. file.Tensors.Values.OrderBy(t => t.Offset)
            .Select(t => (JsonNode)$"{t.Name} {t.Type} [{string.Join(", ", t.Shape)}]")]);
        if (spec is not null)
            facts["memory_bytes"] = Memory(spec);
        return facts;
    }

    // What the file says; whether this project can also run and train on it is told besides.
    private static JsonObject Onnx(string path)
    {
        var summary = OnnxSummary.Read(path);
        var own = summary.Opsets.FirstOrDefault(o => o.Domain is "" or "ai.onnx");
        var facts = new JsonObject
        {
            ["kind"] = "ONNX model",
            ["name"] = summary.Name,
            ["producer"] = summary.Producer,
            ["ir_version"] = summary.IrVersion,
            ["opset"] = own.Version,
            ["other_opsets"] = new JsonArray([.. summary.Opsets.Where(o => o.Domain is not ("" or "ai.onnx"))
                .Select(o => (JsonNode)$"{o.Domain} {o.Version}")]),
            ["nodes"] = summary.Nodes,
            ["operators"] = new JsonObject(summary.Operators.OrderByDescending(o => o.Value)
                .ThenBy(o => o.Key, StringComparer.Ordinal)
                .Select(o => KeyValuePair.Create(o.Key, (JsonNode?)o.Value))),
            ["unknown_operators"] = new JsonArray([.. summary.UnknownOperators.Select(op => (JsonNode)op)]),
            ["inputs"] = new JsonArray([.. summary.Inputs.Select(v => (JsonNode)v)]),
            ["outputs"] = new JsonArray([.. summary.Outputs.Select(v => (JsonNode)v)]),
            ["constants"] = summary.ConstantTypes.Values.Sum(),
            ["types"] = new JsonObject(summary.ConstantTypes.OrderByDescending(t => t.Value)
                .ThenBy(t => t.Key, StringComparer.Ordinal)
                .Select(t => KeyValuePair.Create(t.Key, (JsonNode?)t.Value))),
            ["constant_elements"] = summary.ConstantElements,
            ["external_files"] = new JsonArray([.. summary.ExternalFiles.Select(f =>
                (JsonNode)$"'{f.Location}'{(f.Fault is null ? "" : $" ({f.Fault})")}: {f.Constants} constants of {f.Bytes} bytes")]),
        };
        try
        {
            OnnxFile.Load(path);
        }
        catch (InputException e)
        {
            facts["not_readable"] = e.Message;
        }
        return facts;
    }

    private static void Model(JsonObject facts, DecoderSpec spec)
    {
        facts["architecture"] = spec.Architecture;
        facts["parameters"] = spec.ParameterCount;
        facts["layers"] = spec.Layers;
        facts["hidden_size"] = spec.HiddenSize;
        facts["heads"] = $"{spec.Heads} of {spec.HeadDimension}, {spec.KeyValueHeads} for keys and values";
        facts["vocabulary"] = spec.VocabularySize;
        facts["positions"] = spec.MaxPositions;
        facts["rope"] = spec.Rope is { } rope ? $"{rope.Kind}, theta {rope.Theta}" : "none: learned positions";
        facts["windows"] = spec.Windows.Length == 0 ? "none" : string.Join(' ', spec.Windows);
        facts["tied_head"] = spec.TieEmbeddings;
    }

    // Weights, gradients and two moments are float32, whatever the checkpoint stores; a training step's activations come on top.
    private static JsonObject Memory(DecoderSpec spec)
    {
        var weights = spec.ParameterCount * sizeof(float);
        var length = Math.Min(LongestText, spec.MaxPositions);
        var cache = Texts * KvCache.BytesPerRow(spec, length);
        return new JsonObject
        {
            ["to sample"] = weights + cache,
            ["of it cache"] = $"{cache} ({Texts} texts of {length} tokens)",
            ["to train"] = (4 * weights) + cache,
        };
    }

    private static JsonObject Types(IEnumerable<SafeTensorsDtype> types) => Counts(types.Select(t => t.ToString()));

    private static JsonObject Counts(IEnumerable<string> names) =>
        new(names.GroupBy(n => n)
            .OrderByDescending(g => g.Count())
            .ThenBy(g => g.Key, StringComparer.Ordinal)
            .Select(g => KeyValuePair.Create(g.Key, (JsonNode?)g.Count())));
}
