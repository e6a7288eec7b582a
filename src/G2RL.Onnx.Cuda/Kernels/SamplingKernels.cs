using G2RL.Onnx.Execution;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Cuda.Kernels;

/// <summary>
/// Where sample_tokens finds its inputs and leaves its results, device addresses; one element a row unless said otherwise.
/// </summary>
internal readonly record struct SampleTarget
{
    /// <summary>z [B, V].</summary>
    public required nint Logits { get; init; }

    /// <summary>Elements between rows; 0 draws every row from the same logits.</summary>
    public required long Stride { get; init; }

    /// <summary>Seeds, 64 bits.</summary>
    public required nint Seeds { get; init; }

    /// <summary>(token, sample, prompt, step), 4 x 32 bits.</summary>
    public required nint Counters { get; init; }

    /// <summary>Tokens, int32.</summary>
    public required nint Tokens { get; init; }

    /// <summary>The same, int64: the next step's input_ids.</summary>
    public required nint NextIds { get; init; }

    /// <summary>Log-probs, float.</summary>
    public required nint LogProbs { get; init; }

    /// <summary>Entropies, float.</summary>
    public required nint Entropies { get; init; }

    /// <summary>(greatest logit, 1 / sum), 2 floats.</summary>
    public required nint Normalizers { get; init; }

    /// <summary>1 where the row drew a stop token or has a fault, int32.</summary>
    public required nint Stopped { get; init; }

    /// <summary>Fault bits, int32.</summary>
    public required nint Faults { get; init; }
}

/// <summary>sample_tokens.ptx and token_stats.ptx.</summary>
/// <param name="kernels">The modules.</param>
/// <param name="type">Type of the logits.</param>
/// <param name="vocabulary">V</param>
internal sealed class SamplingKernels(KernelCache kernels, ElementType type, int vocabulary)
{
    private readonly string suffix = LaunchShape.Suffix(type);

    // A row is cut among the threads; small vocabularies need fewer, with the same bits.
    private readonly int threads = LaunchShape.ThreadsFor(vocabulary / 4);

    /// <summary>Draws a token for each of <paramref name="rows"/>; each counter's token count grows by one.</summary>
    public void Sample(SampleTarget target, int rows, SamplingSettings settings, nint stopTokens, int stopCount) =>
        kernels.Launch(
            "sample_tokens", "sample_tokens_" + suffix, (rows, 1, 1), threads,
            target.Logits, target.Stride, vocabulary, 1 / settings.Temperature, settings.TopK, settings.TopP, (float)settings.MinP,
            settings.Greedy ? 1 : 0,
            target.Seeds, target.Counters, 1, stopTokens, stopCount,
            target.Tokens, target.NextIds, target.LogProbs, target.Entropies, (nint)0, target.Normalizers, target.Stopped, target.Faults);

    /// <summary>Log-prob, entropy and normalizers of given targets.</summary>
    public void Measure(
        nint logits,
        int rows,
        double temperature,
        nint targets,
        nint logProbs,
        nint entropies,
        nint normalizers,
        nint faults) =>
        kernels.Launch(
            "token_stats", "token_stats_" + suffix, (rows, 1, 1), threads,
            logits, (long)vocabulary, vocabulary, 1 / temperature, targets, logProbs, entropies, (nint)0, normalizers, faults);

    /// <summary>The error behind a fault of a row, as the host words it.</summary>
    /// <param name="fault">Bits.</param>
    /// <param name="where">The row, for the message.</param>
    public static Exception Fault(int fault, string where) => fault switch
    {
        8 => new CudaException($"{where}: the vocabulary is larger than the 524,288 tokens that the kernels take."),
        16 => new ArgumentException($"{where}: a target lies outside the vocabulary."),
        _ => new NonFiniteException($"{where}: a logit is "
            + $"{((fault & 1) != 0 ? "NaN" : (fault & 2) != 0 ? "infinite" : "-infinity, like all others")}: the model gave numbers that "
            + "are no distribution. Lower the learning rate, or look for broken weights."),
    };
}
