namespace G2RL.Onnx.Tests;

/// <summary>Every tolerance of the tests, with its reason.</summary>
internal static class Tolerances
{
    /// <summary>Logits and hidden states: Hugging Face's own float32 differs from float64 by 3.8e-6 at worst.</summary>
    public const double Logits = 2e-5;

    /// <summary>Logits at positions up to 407: angles lose bits there; Hugging Face's float32 differs by 5.2e-6.</summary>
    public const double FarLogits = 5e-5;

    /// <summary>Log-probs and entropies: Hugging Face's float32 differs by 1.9e-6.</summary>
    public const double LogProbs = 1e-5;

    /// <summary>Loss: Hugging Face's float32 differs by 4.2e-7.</summary>
    public const double Loss = 5e-6;

    /// <summary>Gradients, absolute: Hugging Face's float32 differs by 1.7e-6.</summary>
    public const double Gradient = 1e-5;

    /// <summary>Gradients relative to the tensor's largest: Hugging Face's float32 differs by 3.3e-6.</summary>
    public const double GradientRelative = 2e-5;

    /// <summary>
    /// Parameters after optimizer steps, for 99.9 % of them; the rest within 2 lr a step, since Adam divides tiny gradients by themselves.
    /// </summary>
    public const double Parameters = 2e-6;

    /// <summary>Cosines of G2RL features.</summary>
    public const double Cosine = 1e-6;

    /// <summary>
    /// Mean cosines of features from decoding against those from whole sequences: near 0 a feature's own rounding, 1e-7, stands against its
    /// length, some 0.1.
    /// </summary>
    public const double MeanCosine = 1e-5;

    /// <summary>Min-max normalised novelty: the division by the spread amplifies rounding.</summary>
    public const double Novelty = 2e-5;

    /// <summary>
    /// Entropies of the golden file logprob_entropy, times the largest |logit / temperature|: torch subtracts two float32 numbers of that
    /// size, each with about one ulp (1.2e-7) of error; 1.8 ulps at worst against float64 (measured).
    /// </summary>
    public const double TorchEntropy = 2.4e-7;

    /// <summary>Entropy of the token sampler against float64: exp and shifted logits are rounded to float32, sums are not.</summary>
    public const double SamplerEntropy = 1e-6;

    /// <summary>Log-probs of the token sampler against float64: one float32 rounding of the result, and exp's in the sum.</summary>
    public const double SamplerLogProb = 1e-6;

    /// <summary>One element of u, in [-1, 1]: a few float32 roundings.</summary>
    public const double FeatureWeight = 3e-7;

    /// <summary>
    /// Parameters after 20 steps in two runtimes, for 99.9 % of them; the rest within 2 lr a step. Both sum in float32 in different orders,
    /// and Adam divides small gradients by themselves.
    /// </summary>
    public const double BetweenRuntimes = 1e-5;

    /// <summary>pass@1 of models/countdown-base on its card (500 held-out problems, 16 samples each).</summary>
    public const double CountdownBasePassAt1 = 0.356;

    /// <summary>
    /// What fewer problems may differ from the card: 3.5 standard errors of the mean over 200 problems, whose rates have a standard
    /// deviation of 0.2.
    /// </summary>
    public const double CountdownBaseSpread = 0.05;
}
