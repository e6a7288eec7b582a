using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Configuration;

/// <summary>What the backward pass computes again instead of keeping it.</summary>
public enum Recomputation
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>
    /// The inside of every layer: about a quarter more time, and memory of one layer instead of all. The gradients are the same, bit for
    /// bit.
    /// </summary>
    Layers,

    /// <summary>Layers where memory would not do without, else nothing.</summary>
    Auto,
}

/// <summary>How the loss changes the weights.</summary>
public sealed record TrainingConfig
{
    /// <summary>Passes over a batch of rollouts, >= 1.</summary>
    public int EpochsPerBatch { get; init; } = 1;

    /// <summary>Optimizer steps of a pass, 1 to promptsPerStep; groups are never split.</summary>
    public int MinibatchesPerBatch { get; init; } = 1;

    /// <summary>
    /// Padded tokens that one run of the train graph holds, one row at least; must not change results beyond rounding. 0 takes 1024, or
    /// the most that fit the machine where by the memory plan that is less; the run's config.json then holds the number, and a resumed
    /// run keeps it.
    /// </summary>
    public int TokensPerMicrobatch { get; init; }

    /// <summary>Tokens of a micro-batch where the machine has room for them: products are as fast as with more.</summary>
    internal const int UsualMicrobatch = 1024;

    /// <summary>The same, where nobody asked the machine.</summary>
    internal int MicrobatchTokens => TokensPerMicrobatch > 0 ? TokensPerMicrobatch : UsualMicrobatch;

    /// <summary>These settings, with what a run has settled where they leave it open.</summary>
    /// <param name="settled">The settings that the run's folder holds.</param>
    internal TrainingConfig Settled(TrainingConfig settled) =>
        TokensPerMicrobatch > 0 ? this : this with { TokensPerMicrobatch = settled.TokensPerMicrobatch };

    /// <summary>
    /// What the backward pass computes again instead of keeping it: none, layers, or auto by the memory that is free. Changes memory and
    /// time, and no number.
    /// </summary>
    public Recomputation Recompute { get; init; } = Recomputation.Auto;

    /// <summary>
    /// Parts of a mini-batch whose gradients are summed by themselves, 1 to 1024; the sums are then added in order. Other machines may
    /// sum them (distribution.share), and no bit depends on which does; the number itself changes rounding. 1 adds every micro-batch to
    /// one sum.
    /// </summary>
    public int GradientShards { get; init; } = 1;

    /// <summary>
    /// How rollouts lie in the batches that are scored and trained on: none (a row each, padded), prompts (one behind the other, a prompt
    /// once for all of its responses; on the CPU by execution.gradients=graph with our operators, on a GPU with
    /// execution.kernels=fused), or auto (prompts where that runs). Results differ by rounding.
    /// </summary>
    public Packing Packing { get; init; } = Packing.Auto;

    /// <summary>Peak learning rate, > 0.</summary>
    public double LearningRate { get; init; } = 2e-4;

    /// <summary>AdamW.</summary>
    public AdamWSettings Optimizer { get; init; } = new();

    /// <summary>The course of the learning rate.</summary>
    public ScheduleSettings Schedule { get; init; } = new();

    /// <summary>Steps between checkpoints, >= 1; the last step always makes one.</summary>
    public int CheckpointEvery { get; init; } = 20;

    /// <summary>Checkpoints kept, >= 1.</summary>
    public int KeepCheckpoints { get; init; } = 2;
}
