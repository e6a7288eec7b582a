using G2RL.Onnx.Models;

namespace G2RL.Onnx.Execution;

/// <summary>Adapters that a policy starts with.</summary>
/// <param name="Adapter">Rank, scale, targets; null where only the storage is chosen.</param>
/// <param name="Storage">How the frozen projections are held.</param>
/// <param name="Fill">Gives the first A and B.</param>
public sealed record PolicyAdapter(AdapterSpec? Adapter, WeightStorage Storage, Action<ParameterSpec, Span<float>> Fill)
{
    /// <summary>The model with these adapters.</summary>
    /// <param name="spec">As its config.json describes it.</param>
    /// <exception cref="InputException">A target or rank that the model does not have.</exception>
    public DecoderSpec Apply(DecoderSpec spec)
    {
        Adapter?.Validate(spec, "adapter");
        return spec with { Adapter = Adapter, Storage = Storage };
    }
}
