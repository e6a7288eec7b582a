using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Checkpoints;

/// <summary>A model whose weights are about to be written: enough to know what room they take.</summary>
/// <param name="Spec">The model.</param>
/// <param name="Types">Stored type of each of its parameters.</param>
public sealed record WeightPlan(DecoderSpec Spec, IReadOnlyDictionary<string, SafeTensorsDtype> Types)
{
    /// <summary>Bytes of all weights.</summary>
    public long Bytes => Spec.Parameters.Sum(p => checked(p.Count * Types[p.Name].Bytes()));

    /// <summary>One type for all.</summary>
    public static WeightPlan Of(DecoderSpec spec, SafeTensorsDtype dtype) =>
        new(spec, spec.Parameters.ToDictionary(p => p.Name, _ => dtype, StringComparer.Ordinal));
}
