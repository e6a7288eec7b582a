namespace G2RL.Onnx.Cluster.Contracts;

/// <summary>Why a worker could not do a piece.</summary>
public enum FaultKind
{
    /// <summary>Something is wrong with this worker or what it was given; another one may do better.</summary>
    Worker,

    /// <summary>Weights arrived broken, or their trainer had others by then; the piece is sent again.</summary>
    Transfer,

    /// <summary>The worker was told to stop; the piece is done elsewhere.</summary>
    Leaving,

    /// <summary>A number is not finite: the same anywhere, so the run ends.</summary>
    NonFinite,
}

/// <summary>A failure that keeps its meaning on its way.</summary>
/// <param name="Kind">What it means.</param>
/// <param name="Message">What to tell.</param>
[GenerateSerializer, Immutable]
public sealed record Fault([property: Id(0)] FaultKind Kind, [property: Id(1)] string Message);

/// <summary>What every reply tells beside its result.</summary>
/// <param name="Content">Hash of the weights that did it.</param>
/// <param name="Fault">Why there is no result; null where there is one.</param>
/// <param name="FetchedBytes">Bytes of weights that were fetched for it.</param>
/// <param name="FetchMs">How long that took, milliseconds.</param>
/// <param name="WorkMs">How long the work took, milliseconds.</param>
[GenerateSerializer, Immutable]
public sealed record ReplyHead(
    [property: Id(0)] string Content,
    [property: Id(1)] Fault? Fault,
    [property: Id(2)] long FetchedBytes,
    [property: Id(3)] double FetchMs,
    [property: Id(4)] double WorkMs);

/// <summary>A reply to a piece of work.</summary>
public interface IReply
{
    /// <summary>What every reply tells.</summary>
    ReplyHead Head { get; }
}

/// <summary>A rollout without what the trainer knows already.</summary>
/// <param name="Tokens">Tokens [T].</param>
/// <param name="LogProbs">Their log-probs [T].</param>
/// <param name="Entropies">Entropies [T].</param>
/// <param name="Finish">Why it ended.</param>
/// <param name="Text">Its text.</param>
/// <param name="Feature">Phi [D]; null unless asked for.</param>
[GenerateSerializer, Immutable]
public sealed record RolloutWire(
    [property: Id(0)] int[] Tokens,
    [property: Id(1)] float[] LogProbs,
    [property: Id(2)] float[] Entropies,
    [property: Id(3)] int Finish,
    [property: Id(4)] string Text,
    [property: Id(5)] float[]? Feature);

/// <summary>The groups of a piece.</summary>
/// <param name="Head">What every reply tells.</param>
/// <param name="Groups">[prompt][sample]</param>
/// <param name="LargestLogit">The largest |logit|.</param>
/// <param name="Hash">Of the groups as they were made, so that a bit that flips on the way is seen.</param>
[GenerateSerializer, Immutable]
public sealed record DrawReply(
    [property: Id(0)] ReplyHead Head,
    [property: Id(1)] RolloutWire[][] Groups,
    [property: Id(2)] float LargestLogit,
    [property: Id(3)] string Hash) : IReply;

/// <summary>Scores of a response.</summary>
/// <param name="LogProbs">[T]</param>
/// <param name="Entropies">[T]</param>
/// <param name="Feature">Phi [D]; null unless asked for.</param>
/// <param name="MeanHidden">[D]; null unless asked for.</param>
[GenerateSerializer, Immutable]
public sealed record ScoreWire(
    [property: Id(0)] float[] LogProbs,
    [property: Id(1)] float[] Entropies,
    [property: Id(2)] float[]? Feature,
    [property: Id(3)] float[]? MeanHidden);

/// <summary>The scores of a batch.</summary>
/// <param name="Head">What every reply tells.</param>
/// <param name="Scores">In the order of the responses.</param>
/// <param name="Hash">Of the scores as they were made.</param>
[GenerateSerializer, Immutable]
public sealed record ScoreReply(
    [property: Id(0)] ReplyHead Head,
    [property: Id(1)] ScoreWire[] Scores,
    [property: Id(2)] string Hash) : IReply;
