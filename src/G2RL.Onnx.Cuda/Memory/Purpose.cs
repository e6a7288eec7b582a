namespace G2RL.Onnx.Cuda.Memory;

/// <summary>What device memory is for, and what makes it smaller.</summary>
/// <param name="Name">As a message names it.</param>
/// <param name="Remedy">The setting that shrinks it.</param>
internal sealed record Purpose(string Name, string Remedy)
{
    public static Purpose Weights { get; } = new("weights", "a smaller model");

    public static Purpose Gradients { get; } = new("gradients", "a smaller model");

    public static Purpose Moments { get; } = new("optimizer moments", "a smaller model");

    public static Purpose Cache { get; } = new("key/value cache", "sampling.cacheBudgetMiB or sampling.maxRows");

    public static Purpose Decoding { get; } = new("logits of the rows in flight", "sampling.maxRows");

    public static Purpose Features { get; } = new("gradient features", "sampling.promptsPerStep, sampling.groupSize or evaluation.samples");

    public static Purpose Scoring { get; } = new("logits and hidden states of a scoring batch", "training.tokensPerMicrobatch");

    public static Purpose Training { get; } = new("inputs of a micro-batch", "training.tokensPerMicrobatch");

    public static Purpose Small { get; } = new("tables", "sampling.maxRows");
}
