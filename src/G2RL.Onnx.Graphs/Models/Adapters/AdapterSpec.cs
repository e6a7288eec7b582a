namespace G2RL.Onnx.Models;

/// <summary>
/// Low-rank adapters beside frozen projections: y = W x + scale B (A x), A [rank, in], B [out, rank]. Compares by value, targets included.
/// </summary>
/// <remarks>Source: Hu et al., "LoRA", arXiv:2106.09685; the scale of rsLoRA: Kalajdzievski, arXiv:2312.03732.</remarks>
public sealed record AdapterSpec
{
    /// <summary>The target that means every projection of every layer, as PEFT has it: neither embeddings nor the LM head.</summary>
    public const string AllLinear = "all-linear";

    /// <summary>What a parameter's name adds to its module's.</summary>
    public const string DownSuffix = ".lora_A.weight";

    /// <summary>The same for the other factor.</summary>
    public const string UpSuffix = ".lora_B.weight";

    // A text compares by content, an array does not.
    private readonly string targets = AllLinear;

    /// <summary>r: columns of B and rows of A, >= 1.</summary>
    public required int Rank { get; init; }

    /// <summary>Strength; see <see cref="Scale"/>.</summary>
    public required double Alpha { get; init; }

    /// <summary>Whether alpha is divided by the root of the rank (rsLoRA) and not by the rank.</summary>
    public bool RankStabilized { get; init; }

    /// <summary>Which modules: last parts of their names ("q_proj", "mlp.up_proj"), or <see cref="AllLinear"/>.</summary>
    public IReadOnlyList<string> Targets { get => targets.Split(','); init => targets = string.Join(',', value); }

    /// <summary>What B (A x) is multiplied by.</summary>
    public double Scale => Alpha / (RankStabilized ? Math.Sqrt(Rank) : Rank);

    /// <summary>Whether a module has an adapter; PEFT's rule: a target is the name or its last parts.</summary>
    public bool Covers(string module) =>
        Targets.Any(t => t == AllLinear || module == t || module.EndsWith("." + t, StringComparison.Ordinal));

    /// <summary>Checks ranges, and that every target names a projection of the model.</summary>
    /// <param name="spec">The model.</param>
    /// <param name="source">What messages should name: "adapter" or a path.</param>
    /// <exception cref="InputException">All faults at once.</exception>
    public void Validate(DecoderSpec spec, string source)
    {
        var faults = new List<string>();
        var modules = LinearModule.Of(spec);
        if (Rank < 1 || Rank > modules.Max(m => Math.Min(m.Inputs, m.Outputs)))
            faults.Add($"{source}: rank is {Rank}; it must be 1 to {modules.Max(m => Math.Min(m.Inputs, m.Outputs))}, the largest rank "
                + "that a projection of this model has.");
        if (!(Alpha > 0 && double.IsFinite(Alpha)))
            faults.Add($"{source}: alpha is {Alpha}; it must be above 0 and finite.");
        var names = modules.Select(m => m.ShortName).Distinct(StringComparer.Ordinal).ToArray();
        foreach (var target in Targets.Where(t => !modules.Any(m => (this with { Targets = [t] }).Covers(m.Name))))
            faults.Add($"{source}: the target '{target}' names no projection of the model's layers. There are: "
                + $"{AllLinear}, {string.Join(", ", names)}. Embeddings, norms and the LM head have no adapters here.");
        if (faults.Count > 0)
            throw InputException.Of([.. faults]);
    }
}

/// <summary>A projection inside the layers: what may have an adapter, and what a base may hold in few bits.</summary>
/// <param name="Name">Its name without ".weight": "model.layers.0.self_attn.q_proj".</param>
/// <param name="Inputs">Width of what it reads.</param>
/// <param name="Outputs">Width of what it gives.</param>
public sealed record LinearModule(string Name, long Inputs, long Outputs)
{
    /// <summary>The last part of the name: "q_proj".</summary>
    public string ShortName => Name[(Name.LastIndexOf('.') + 1)..];

    /// <summary>All of a model, in the order of its parameters.</summary>
    public static IReadOnlyList<LinearModule> Of(DecoderSpec spec)
    {
        var layers = DecoderNames.Of(spec).Layers + ".";
        var swapped = spec.Weights == WeightLayout.Gpt2;
        return [.. DecoderParameters.Of(spec)
            .Where(p => p.Shape.Length == 2 && p.Name.StartsWith(layers, StringComparison.Ordinal))
            .Select(p => new LinearModule(p.Name[..^".weight".Length], p.Shape[swapped ? 0 : 1], p.Shape[swapped ? 1 : 0]))];
    }
}
