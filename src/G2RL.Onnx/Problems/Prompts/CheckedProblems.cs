namespace G2RL.Onnx.Problems.Prompts;

/// <summary>What becomes of problems whose prompts are longer than sampling.maxPromptTokens.</summary>
public enum TooLong
{
    /// <summary>They are reported, and the run does not begin.</summary>
    Refuse,

    /// <summary>They are left out, as if they had never been in the set, and counted.</summary>
    Skip,
}

/// <summary>A problem set whose prompts all fit.</summary>
/// <param name="Set">The set, perhaps without some problems.</param>
/// <param name="Notes">What was left out, a line a reason.</param>
/// <param name="Count">Problems that were looked at and fit.</param>
/// <param name="TrainingHash">SHA-256 of the training problems with their tokens, in order; of the first step's where the set makes them
/// up.</param>
/// <param name="HeldOutHash">Likewise of the held-out problems.</param>
internal sealed record CheckedProblems(IProblemSet Set, IReadOnlyList<string> Notes, int Count, string TrainingHash, string HeldOutHash)
{
    /// <summary>Tokens of the longest prompt that fits; null where none was looked at.</summary>
    public int? LongestPrompt { get; init; }
}
