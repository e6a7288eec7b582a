using G2RL.Onnx.Rollouts.Decoding;

namespace G2RL.Onnx.Rollouts;

/// <summary>The numbers that rollouts of training are drawn with.</summary>
public enum DrawnWeights
{
    /// <summary>Those that are trained.</summary>
    Float32,

    /// <summary>A copy, rounded to the nearest number of bfloat16, computed with in float32.</summary>
    BFloat16,
}

/// <summary>How rollouts are drawn.</summary>
public sealed record SamplingConfig
{
    /// <summary>Prompts of a step, >= 1.</summary>
    public int PromptsPerStep { get; init; } = 16;

    /// <summary>Rollouts of a prompt, >= 2.</summary>
    public int GroupSize { get; init; } = 16;

    /// <summary>Longest prompt, tokens, >= 1.</summary>
    public int MaxPromptTokens { get; init; } = 64;

    /// <summary>Tokens after which a rollout is cut off, >= 1.</summary>
    public int MaxNewTokens { get; init; } = 80;

    /// <summary>Divides the logits before a token is drawn, 1e-6 to 1e6.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Only the k most probable tokens; 0 is off.</summary>
    public int TopK { get; init; }

    /// <summary>Only the smallest set with this mass; 1 is off.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Only tokens at least this share as probable as the best; 0 is off.</summary>
    public double MinP { get; init; }

    /// <summary>Texts that end a rollout.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Tokens (as text) that end a rollout beside the model's own end tokens.</summary>
    public IReadOnlyList<string> StopTokens { get; init; } = [];

    /// <summary>Rollouts in flight at once.</summary>
    public int MaxRows { get; init; } = 256;

    /// <summary>
    /// Memory of the key/value cache, MiB; 0 takes it from what is free: an eighth on the host (a quarter for a large model, which gives it
    /// back between draws; 256 MiB where the number of rows in flight could change bits: a large model under execution.kernels standard),
    /// half of what training leaves on a device. No more is taken than sampling.maxRows need.
    /// </summary>
    public int CacheBudgetMiB { get; init; }

    /// <summary>
    /// How training keeps keys and values of rollouts in flight: float32, bfloat16 (half of the memory) or int8 (8 bits and a scale for
    /// each position and key head). A narrow type is read by operators of ours, on the host alone, where a GPU's cache has the type of
    /// execution.precision; evaluations keep float32. Rollouts then come from rounded keys and values, which
    /// mismatch/sampler_trainer_max_nats tells; algorithm.correction should weigh the difference.
    /// </summary>
    public CacheType CacheType { get; init; } = CacheType.Float32;

    /// <summary>
    /// Rounds in which groups that are all right or all wrong are drawn anew from other problems (dynamic sampling), 0 to 100; 0 is off.
    /// </summary>
    public int ResampleRounds { get; init; }

    /// <summary>
    /// k, 0 to 16: the batch of step t is drawn with the weights that step t - k began with, always, so that workers may draw it while
    /// earlier steps are trained on. 0 draws with the weights of now. From 1 on algorithm.correction should weigh the difference.
    /// </summary>
    public int Lag { get; init; }

    /// <summary>
    /// What training draws with: float32 (the weights that are trained), or bfloat16 (a rounded copy of those that learn, the same wherever
    /// it is drawn: little changes from step to step, so that distribution.weights=delta sends 1 to 2 %). algorithm.correction should weigh
    /// the difference.
    /// </summary>
    public DrawnWeights Weights { get; init; } = DrawnWeights.Float32;

    /// <summary>Whether a copy of the weights draws.</summary>
    internal bool DrawsFromCopy => Lag > 0 || Weights != DrawnWeights.Float32;

    /// <summary>Whether rollouts come from other numbers than those that are trained, so that their log-probs differ by design.</summary>
    internal bool DrawsOtherwise => DrawsFromCopy || CacheType != CacheType.Float32;
}
