using System.Text.RegularExpressions;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Checkpoints;

/// <summary>What has to hold between a config.json and the tensors beside it.</summary>
internal static partial class CheckpointRules
{
    public const string Embedding = "model.embed_tokens.weight";
    public const string Head = "lm_head.weight";
    private const int MostFaults = 10;

    public static void Check(string folder, DecoderSpec spec, CheckpointShards shards)
    {
        var faults = new List<string>();
        var expected = new HashSet<string>(StringComparer.Ordinal);
        foreach (var parameter in spec.Parameters)
        {
            expected.Add(parameter.Name);
            if (Fault(parameter, shards.FileOf(parameter.Name)?.Find(parameter.Name)) is { } fault)
                faults.Add($"{folder}: tensor '{parameter.Name}' {fault}");
        }
        foreach (var name in shards.Names.Where(name => !expected.Contains(name)).Order(StringComparer.Ordinal))
            if (ExtraFault(spec, shards, name) is { } fault)
                faults.Add($"{folder}: tensor '{name}' {fault}");
        if (faults.Count > MostFaults)
            faults = [.. faults.Take(MostFaults), $"{folder}: and {faults.Count - MostFaults} more faults of this kind."];
        if (faults.Count > 0)
            throw InputException.Of(faults);
    }

    /// <summary>Buffers of old files that are computed from the config and not weights.</summary>
    public static bool IsBuffer(string name) => InverseFrequencies().IsMatch(name);

    private static string? Fault(ParameterSpec parameter, TensorInfo? tensor)
    {
        if (tensor is null)
            return $"is missing; config.json implies [{string.Join(", ", parameter.Shape)}] ({parameter.ShapeInWords}). The checkpoint is incomplete, or it and config do not belong together.";
        if (!tensor.Shape.AsSpan().SequenceEqual(parameter.Shape))
            return $"is [{string.Join(", ", tensor.Shape)}]; config.json implies [{string.Join(", ", parameter.Shape)}] ({parameter.ShapeInWords}). The checkpoint and config do not belong together.";
        return tensor.Dtype.IsWeight() ? null : $"is {tensor.Dtype}; weights must be F32, F16 or BF16. Give the unquantised checkpoint.";
    }

    private static string? ExtraFault(DecoderSpec spec, CheckpointShards shards, string name)
    {
        if (IsBuffer(name))
            return null;
        if (name != Head || !spec.TieEmbeddings)
            return "is not a weight of the model that config.json describes, so something of it would be lost. The checkpoint and config do not belong together.";
        return shards.FileOf(Embedding) is { } file && !SameBytes(file, Embedding, shards.FileOf(Head)!, Head)
            ? $"differs from {Embedding}, but config.json ties the two (tie_word_embeddings). Set it to false, or remove the tensor."
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

    [GeneratedRegex(@"^model\.(layers\.[0-9]+\.self_attn\.)?rotary_emb\.inv_freq\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex InverseFrequencies();
}
