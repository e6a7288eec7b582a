using G2RL.Onnx.Tokenizers.Chat;

namespace G2RL.Onnx.Problems;

/// <summary>What a prompt is that is held as chat turns.</summary>
public enum TurnsKind
{
    /// <summary>What the model's chat template makes of them; their text alone where the model brings none.</summary>
    Auto,

    /// <summary>What the model's chat template makes of them.</summary>
    Template,

    /// <summary>Their text alone, with an empty line between turns.</summary>
    Text,
}

/// <summary>One prompt whose completions can be verified.</summary>
/// <param name="Id">Stable and unique within its set, for example <c>arithmetic/heldout/17</c> or <c>train.jsonl:12</c>.</param>
/// <param name="Prompt">The text given to the model, template already applied.</param>
/// <param name="Answer">The reference answer.</param>
public sealed record Problem(string Id, string Prompt, string Answer)
{
    /// <summary>
    /// What is asked, without what a template puts around it: what two sets must not share. The prompt unless a set knows better.
    /// </summary>
    public string Question { get => field ?? Prompt; init; }

    /// <summary>The prompt as chat turns, for models that are asked through their template; null leaves it to the run.</summary>
    public IReadOnlyList<ChatMessage>? Turns { get; init; }

    /// <summary>What the prompt is where <see cref="Turns"/> are the file's own; null where they are only a way to ask.</summary>
    public TurnsKind? Conversation { get; init; }

    /// <summary>A solution that an expert wrote; null where there is none.</summary>
    public string? Solution { get; init; }

    /// <summary>The answer policy of this problem alone; null is its set's.</summary>
    public string? Policy { get; init; }
}

/// <summary>What came of judging a completion. An error is never a score of zero.</summary>
public enum OutcomeKind
{
    /// <summary>Judged: <see cref="Outcome.Score"/> holds.</summary>
    Score,

    /// <summary>The judge does not apply to this completion; the rollout leaves its group.</summary>
    Abstain,

    /// <summary>The judge failed; the rollout leaves its group, and the failure is counted and logged.</summary>
    Error,

    /// <summary>The judge ran out of time; treated as <see cref="Error"/> and counted apart.</summary>
    Timeout,
}

/// <summary>The judgement of one completion.</summary>
/// <param name="Kind">Whether there is a score at all.</param>
/// <param name="Score">The base reward, -1 (wrong) or +1 (right) for the G2RL method; 0 unless <paramref name="Kind"/> is Score.</param>
/// <param name="WellFormed">Whether the completion has the form that the task asks for, right or wrong.</param>
/// <param name="Message">Why there is no score, or null.</param>
public readonly record struct Outcome(OutcomeKind Kind, double Score, bool WellFormed, string? Message)
{
    /// <summary>+1 for a right answer, -1 for a wrong one.</summary>
    public static Outcome Judged(bool correct, bool wellFormed = true) => new(OutcomeKind.Score, correct ? 1 : -1, wellFormed, null);

    /// <summary>Any finite score, for reward functions of one's own.</summary>
    public static Outcome Scored(double score, bool wellFormed = true) => double.IsFinite(score)
        ? new(OutcomeKind.Score, score, wellFormed, null)
        : new(OutcomeKind.Error, 0, wellFormed, $"the reward is {score}; it must be finite");

    /// <summary>The judge does not apply.</summary>
    public static Outcome Abstained(string why) => new(OutcomeKind.Abstain, 0, false, why);

    /// <summary>The judge failed.</summary>
    public static Outcome Failed(string why) => new(OutcomeKind.Error, 0, false, why);

    /// <summary>The judge ran out of time.</summary>
    public static Outcome TimedOut(string why) => new(OutcomeKind.Timeout, 0, false, why);
}
