using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Cluster.Contracts;

/// <summary>A micro-batch as it travels; see <see cref="Microbatch"/>.</summary>
/// <param name="Prompts">Tokens of the prompts.</param>
/// <param name="Responses">Tokens of the responses.</param>
/// <param name="Inputs">What the train graph reads of each token, in the order of <see cref="InputsOf"/>.</param>
[GenerateSerializer, Immutable]
public sealed record MicrobatchWire(
    [property: Id(0)] int[][] Prompts,
    [property: Id(1)] int[][] Responses,
    [property: Id(2)] float[][] Inputs)
{
    /// <summary>Packs one.</summary>
    public static MicrobatchWire Of(Microbatch micro) => new(
        [.. micro.Batch.Sequences.Select(s => s.Prompt)],
        [.. micro.Batch.Sequences.Select(s => s.Response)],
        InputsOf(micro));

    /// <summary>Unpacks it.</summary>
    /// <param name="packed">Whether its rows are packed, as the trainer's are.</param>
    /// <exception cref="InvalidDataException">Its parts do not belong together.</exception>
    public Microbatch Open(bool packed)
    {
        if (Prompts.Length != Responses.Length || Prompts.Length == 0)
            throw new InvalidDataException($"A micro-batch has {Prompts.Length} prompts and {Responses.Length} responses.");
        var micro = new Microbatch(BatchPlan.Batch([.. Prompts.Zip(Responses, (p, r) => new Sequence(p, r))], packed));
        var into = InputsOf(micro);
        if (Inputs.Length != into.Length || Inputs.Where((values, i) => values.Length != into[i].Length).Any())
            throw new InvalidDataException("The inputs of a micro-batch do not fit its tokens.");
        for (var i = 0; i < into.Length; i++)
            Inputs[i].CopyTo(into[i], 0);
        return micro;
    }

    private static float[][] InputsOf(Microbatch micro) => [.. micro.Inputs.Select(i => i.Values)];
}

/// <summary>A shard of a mini-batch, whose gradients are to be summed in order.</summary>
/// <param name="Run">The run.</param>
/// <param name="Weights">The weights.</param>
/// <param name="Micros">Its micro-batches.</param>
/// <param name="Files">What the name of a file that takes the sum begins with, folder included; empty where it is asked for.</param>
[GenerateSerializer, Immutable]
public sealed record GradientPiece(
    [property: Id(0)] RunCard Run,
    [property: Id(1)] WeightsCard Weights,
    [property: Id(2)] MicrobatchWire[] Micros,
    [property: Id(3)] string Files);

/// <summary>What a shard gave; its sum is read from the worker, or from a file.</summary>
/// <param name="Head">What every reply tells.</param>
/// <param name="Loss">Its share of the loss.</param>
/// <param name="LogProbs">Log-probs of each micro-batch's tokens.</param>
/// <param name="Entropies">Their entropies.</param>
/// <param name="Sum">The sum's name at the worker, or the end of its file's.</param>
/// <param name="Length">Its bytes.</param>
/// <param name="Hash">Of all of it as it was made.</param>
[GenerateSerializer, Immutable]
public sealed record GradientReply(
    [property: Id(0)] ReplyHead Head,
    [property: Id(1)] double Loss,
    [property: Id(2)] float[][] LogProbs,
    [property: Id(3)] float[][] Entropies,
    [property: Id(4)] string Sum,
    [property: Id(5)] long Length,
    [property: Id(6)] string Hash) : IReply
{
    /// <summary>Bytes of a part of a sum; the last one may have fewer.</summary>
    internal const int PartBytes = 1 << 20;

    /// <summary>Parts of a sum.</summary>
    internal static int Parts(long length) => checked((int)((length + PartBytes - 1) / PartBytes));
}
