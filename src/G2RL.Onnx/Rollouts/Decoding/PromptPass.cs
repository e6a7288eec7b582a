using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Sessions;

namespace G2RL.Onnx.Rollouts.Decoding;

/// <summary>
/// Fills cache rows with prompts: long ones a piece after the other, so that no run holds more than so many tokens' activations and scores,
/// short ones side by side, so that a run reads the weights once for all of them.
/// </summary>
/// <param name="session">Of the decode graph.</param>
/// <param name="policy">The weights.</param>
/// <param name="cache">Keys and values.</param>
/// <param name="first">The cache's row for the first prompt; the others' are behind it.</param>
/// <param name="results">Receives logits and hidden states.</param>
/// <param name="most">Tokens of a run at most, >= 1.</param>
internal sealed class PromptPass(
    OrtSession session,
    Policy policy,
    KvCache cache,
    int first,
    DecodeResults results,
    int most = PromptPass.Most) : IDisposable
{
    /// <summary>Tokens of a run where nobody says otherwise: enough for the products to run at their full rate.</summary>
    public const int Most = 512;

    private const int KeptSteps = 64;

    private readonly Dictionary<(int Rows, int Tokens), DecodeStep> steps = [];

    /// <summary>How many of these prompts go into one run, at least one.</summary>
    /// <param name="lengths">Their lengths, in turn.</param>
    /// <param name="room">Rows of the cache for them.</param>
    public static int Together(IEnumerable<int> lengths, int room)
    {
        var (count, longest) = (0, 0);
        foreach (var length in lengths.Take(room))
        {
            longest = Math.Max(longest, length);
            if ((count + 1) * (long)longest > Most)
                break;
            count++;
        }
        return Math.Max(1, count);
    }

    /// <summary>The largest run: so many prompts and tokens of each.</summary>
    /// <param name="longest">Tokens of a prompt at most.</param>
    /// <param name="room">Rows of the cache for prompts.</param>
    public static (int Count, int Tokens) Largest(int longest, int room) =>
        (Math.Clamp(Most / longest, 1, room), Math.Min(longest, Most));

    /// <summary>Runs prompts, of which several have no more tokens than a run when they are filled up to the longest.</summary>
    /// <returns>The run whose <see cref="DecodeStep.Logits"/> and <see cref="DecodeStep.Hidden"/> are those of each prompt's last token,
    /// until something else is run.</returns>
    public DecodeStep Run(ReadOnlySpan<int[]> prompts)
    {
        var longest = 0;
        foreach (var prompt in prompts)
            longest = Math.Max(longest, prompt.Length);
        DecodeStep step;
        var start = 0;
        do
        {
            var count = Math.Min(most, longest - start);
            step = Step(prompts.Length, count);
            for (var row = 0; row < prompts.Length; row++)
                Fill(step, row, prompts[row], start, count);
            step.Run();
            start += count;
        }
        while (start < longest);
        return step;
    }

    // What fills up a shorter prompt lies behind its end: nobody sees it before it is overwritten. Only a prompt alone has several pieces.
    private static void Fill(DecodeStep step, int row, int[] prompt, int start, int count)
    {
        for (var t = 0; t < count; t++)
        {
            step.Ids[(row * count) + t] = start + t < prompt.Length ? prompt[start + t] : 0;
            step.Places[(row * count) + t] = start + t;
        }
        step.Ends[row] = start + count - 1;
        step.Wanted[row] = (row * count) + Math.Min(count, prompt.Length) - 1;
    }

    private DecodeStep Step(int rows, int tokens)
    {
        if (steps.TryGetValue((rows, tokens), out var step))
            return step;
        if (steps.Count == KeptSteps)
        {
            Dispose();
            steps.Clear();
        }
        return steps[(rows, tokens)] = new DecodeStep(session, policy, cache, first, rows, tokens, results);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var step in steps.Values)
            step.Dispose();
    }
}
