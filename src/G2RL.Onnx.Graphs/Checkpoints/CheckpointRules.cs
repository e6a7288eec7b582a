using System.Text.RegularExpressions;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Checkpoints;

/// <summary>What has to hold between a config.json and the tensors beside it.</summary>
internal static partial class CheckpointRules
{
    private const int MostFaults = 10;

    public static void Check(string folder, DecoderSpec spec, CheckpointShards shards)
    {
        var faults = new List<string>();
        var expected = new HashSet<string>(StringComparer.Ordinal);
        foreach (var parameter in spec.Parameters)
        {
            var stored = StoredName(spec, shards, parameter.Name);
            expected.Add(stored);
            if (Fault(parameter, shards.FileOf(stored)?.Find(stored)) is { } fault)
                faults.Add($"{folder}: tensor '{stored}' {fault}");
        }
        foreach (var name in shards.Names.Where(name => !expected.Contains(name)).Order(StringComparer.Ordinal))
            if (ExtraFault(spec, shards, name) is { } fault)
                faults.Add($"{folder}: tensor '{name}' {fault}");
        if (spec.Parameters.All(p => shards.FileOf(StoredName(spec, shards, p.Name)) is null))
            throw new InputException($"{folder}: no weight has the name that config.json implies, such as '{spec.Parameters[0].Name}'. "
                + "The tensors that are "
                + $"there: {string.Join(", ", shards.Names.Order(StringComparer.Ordinal).Take(MostFaults).Select(name => $"'{name}'"))}"
                + $"{(shards.Names.Count > MostFaults ? $" and {shards.Names.Count - MostFaults} more" : "")}. They are another model's, "
                + "or renamed.");
        if (faults.Count > MostFaults)
            faults = [.. faults.Take(MostFaults), $"{folder}: and {faults.Count - MostFaults} more faults of this kind."];
        if (faults.Count > 0)
            throw InputException.Of(faults);
    }

    /// <summary>The LM head's tensor when it is not tied; a tied checkpoint may hold a copy of the embedding under this name.</summary>
    public static string Head(DecoderSpec spec) => DecoderNames.Of(spec).Head + ".weight";

    /// <summary>The embedding's parameter.</summary>
    public static string Embedding(DecoderSpec spec) => DecoderNames.Of(spec).Embedding + ".weight";

    /// <summary>A parameter's name in these files, which may stand behind a wrapper's prefix or lack the base's.</summary>
    public static string StoredName(DecoderSpec spec, CheckpointShards shards, string parameter) => shards.NamesOf(spec).Stored(parameter);

    /// <summary>Buffers of old files that are computed from the config and not weights: rotary frequencies, GPT-2's causal masks.</summary>
    public static bool IsBuffer(DecoderSpec spec, string name) =>
        (spec.Weights == WeightLayout.Gpt2 ? CausalMasks() : InverseFrequencies()).IsMatch(name);

    private static string? Fault(ParameterSpec parameter, TensorInfo? tensor)
    {
        if (tensor is null)
            return $"is missing; config.json implies [{string.Join(", ", parameter.Shape)}] ({parameter.ShapeInWords}). "
                + "The checkpoint is incomplete, or it and config do not belong together.";
        if (!tensor.Shape.AsSpan().SequenceEqual(parameter.Shape))
            return $"is [{string.Join(", ", tensor.Shape)}]; config.json implies [{string.Join(", ", parameter.Shape)}] "
                + $"({parameter.ShapeInWords}). The checkpoint and config do not belong together.";
        return tensor.Dtype.IsWeight() ? null : $"is {tensor.Dtype}; weights must be F32, F16 or BF16. Give the unquantised checkpoint.";
    }

    private static string? ExtraFault(DecoderSpec spec, CheckpointShards shards, string name)
    {
        if (IsBuffer(spec, shards.NamesOf(spec).Plain(name)))
            return null;
        var (head, embedding) = (StoredName(spec, shards, Head(spec)), StoredName(spec, shards, Embedding(spec)));
        if (name != head || !spec.TieEmbeddings)
            return "is not a weight of the model that config.json describes, so something of it would be lost. "
                + "The checkpoint and config do not belong together.";
        return shards.FileOf(embedding) is { } file && !SameBytes(file, embedding, shards.FileOf(head)!, head)
            ? $"differs from {embedding}, but config.json ties the two (tie_word_embeddings). Set it to false, or remove the tensor."
            : null;
    }

    private static bool SameBytes(SafeTensorsFile first, string firstName, SafeTensorsFile second, string secondName)
    {
        TensorInfo a = first.Find(firstName), b = second.Find(secondName);
        if (a.Dtype != b.Dtype || !a.Shape.AsSpan().SequenceEqual(b.Shape))
            return false;
        const int piece = 1 << 26;
        for (long at = 0; at < a.Length; at += piece)
        {
            var count = (int)Math.Min(piece, a.Length - at);
            if (!first.RawBytes(firstName, at, count).SequenceEqual(second.RawBytes(secondName, at, count)))
                return false;
        }
        return true;
    }

    [GeneratedRegex(
        @"^model\.(layers\.[0-9]+\.self_attn\.)?rotary_emb\.inv_freq\z",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex InverseFrequencies();

    [GeneratedRegex(
        @"^(transformer\.)?h\.[0-9]+\.attn\.(bias|masked_bias)\z",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex CausalMasks();
}
