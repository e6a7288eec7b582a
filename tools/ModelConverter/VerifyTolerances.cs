using G2RL.Onnx.Artifacts;
using G2RL.Onnx.Checkpoints.SafeTensors;

namespace G2RL.Onnx.Converter;

/// <summary>What differences are allowed, absolute.</summary>
/// <param name="Logits">Logits and hidden states.</param>
/// <param name="LogProbs">Log-probs and entropies, nats.</param>
/// <param name="Loss">The training loss.</param>
/// <param name="Gradients">Gradients.</param>
/// <param name="IsExact">Weights are what the numbers were computed from, so that tokens must be the same.</param>
internal sealed record VerifyTolerances(double Logits, double LogProbs, double Loss, double Gradients, bool IsExact)
{
    /// <summary>Float32 arithmetic on the same weights: five times what Hugging Face's own float32 differs from float64 by.</summary>
    public static VerifyTolerances Float32 { get; } = new(Logits: 2e-5, LogProbs: 1e-5, Loss: 5e-6, Gradients: 1e-5, IsExact: true);

    /// <summary>
    /// The tolerances of a conversion; weights that were rounded further add their rounding, some 16 of which add up along a text.
    /// </summary>
    public static VerifyTolerances For(ConversionManifest manifest)
    {
        var rounding = manifest.Tensors.Where(t => t.Parameter is not null && t.Stored.Bytes() < t.Dtype.Bytes())
            .Select(t => t.Stored == SafeTensorsDtype.BF16 ? 1.0 / 256 : 1.0 / 2048)
                .Concat((manifest.Quantized ?? []).Select(t => 1.0 / (1 << t.Bits)))
            .DefaultIfEmpty(0)
            .Max();
        return rounding == 0 ? Float32 : Float32 with
        {
            Logits = 16 * rounding,
            LogProbs = 16 * rounding,
            Loss = 16 * rounding,
            Gradients = 16 * rounding,
            IsExact = false,
        };
    }

    /// <summary>All of them multiplied.</summary>
    public VerifyTolerances Times(double factor) =>
        this with { Logits = factor * Logits, LogProbs = factor * LogProbs, Loss = factor * Loss, Gradients = factor * Gradients };

    /// <summary>The wider of two.</summary>
    public static VerifyTolerances Wider(VerifyTolerances a, VerifyTolerances b) => a.Logits >= b.Logits ? a : b;
}
