using G2RL.Onnx.Models;

namespace G2RL.Onnx.Configuration;

/// <summary>What learns beside the weights.</summary>
public enum AdapterKind
{
    /// <summary>Nothing: the weights themselves learn.</summary>
    None,

    /// <summary>Low-rank matrices beside the projections, which are frozen.</summary>
    Lora,
}

/// <summary>Adapters: few weights that learn in place of all.</summary>
public sealed record AdapterConfig
{
    /// <summary>Whether the weights learn, or adapters beside them.</summary>
    public AdapterKind Type { get; init; } = AdapterKind.None;

    /// <summary>r, the rank of what is added to a projection, >= 1.</summary>
    public int Rank { get; init; } = 8;

    /// <summary>What is added is multiplied by alpha / rank, > 0.</summary>
    public double Alpha { get; init; } = 16;

    /// <summary>
    /// Modules that have adapters: last parts of their names (q_proj, mlp.up_proj), or all-linear for every projection of the layers.
    /// </summary>
    public IReadOnlyList<string> Targets { get; init; } = [AdapterSpec.AllLinear];

    /// <summary>Whether what is added is multiplied by alpha / sqrt(rank) instead (rsLoRA).</summary>
    public bool RsLora { get; init; }

    /// <summary>How the frozen projections are held in memory: float32, bFloat16 or int8.</summary>
    public WeightStorage Base { get; init; } = WeightStorage.Float32;

    /// <summary>Folder in PEFT's layout to start from; its rank, alpha, targets and rsLora hold then. Empty: new adapters.</summary>
    public string Path { get; init; } = "";

    /// <summary>Every fault of these settings by themselves.</summary>
    internal IEnumerable<string> Faults()
    {
        if (Rank is < 1 or > 65536)
            yield return $"adapter.rank is {Rank}; it must be 1 to 65536.";
        if (!(Alpha > 0 && double.IsFinite(Alpha)))
            yield return $"adapter.alpha is {Alpha}; it must be above 0 and finite.";
        if (Targets is null
            || Targets.Count == 0
            || Targets.Any(t => string.IsNullOrEmpty(t) || !t.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-')))
            yield return $"adapter.targets is [{string.Join(", ", Targets ?? [])}]; it must name at least one module, by letters, digits, "
                + $"'_' and '.', or be [\"{AdapterSpec.AllLinear}\"].";
        if (Type == AdapterKind.None && Path.Length > 0)
            yield return $"adapter.path is {Path} and adapter.type is none; set adapter.type=lora to train from it, or empty the path.";
        if (Type == AdapterKind.None && Base != WeightStorage.Float32)
            yield return $"adapter.base is {Base} and adapter.type is none; weights that learn are float32. Set adapter.type=lora.";
        var fresh = new AdapterConfig();
        if (Path.Length > 0
            && (Rank != fresh.Rank || Alpha != fresh.Alpha || RsLora != fresh.RsLora || Targets?.SequenceEqual(fresh.Targets) == false))
            yield return $"adapter.path is {Path}, whose own rank, alpha, targets and rsLora hold; "
                + "leave adapter.rank, alpha, targets and rsLora away.";
    }
}
