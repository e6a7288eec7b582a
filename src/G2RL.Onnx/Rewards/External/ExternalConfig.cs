namespace G2RL.Onnx.Rewards.External;

/// <summary>
/// A program that judges: a line of JSON in, a line of JSON out, one at a time. It gets
/// {"id": 7, "problem": {"id", "prompt", "answer"}, "completion": "...", "finished": true} and answers {"id": 7, "score": 0.5},
/// {"id": 7, "abstain": "why"} or {"id": 7, "error": "why"}, with "wellFormed": false where it likes. What it has to say otherwise goes to
/// its standard error.
/// </summary>
public sealed record ExternalConfig : RewardConfig
{
    /// <summary>The program and its arguments, as ["python3", "judge.py"]; no shell reads them.</summary>
    public IReadOnlyList<string> Command { get; init; } = [];

    /// <summary>Copies of the program at work at once, 1 to 256.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>Time for an answer, seconds; a program that takes longer is ended and started anew.</summary>
    public double TimeoutSeconds { get; init; } = 10;

    /// <summary>Time that a program has in addition for its first answer, seconds.</summary>
    public double StartSeconds { get; init; } = 30;

    /// <summary>Longest answer, bytes; a program that writes more is ended and started anew.</summary>
    public int MaxAnswerBytes { get; init; } = 1 << 20;

    /// <inheritdoc/>
    public override IEnumerable<string> Faults(string at, int maxNewTokens)
    {
        if (Command.Count == 0 || Command[0] is not { Length: > 0 } || Command.Any(c => c is null))
            yield return $"{at}.command is {(Command.Count == 0 ? "empty" : "without a program")}; give the program and its arguments, " +
                "as [\"python3\", \"judge.py\"].";
        if (Workers is < 1 or > 256)
            yield return $"{at}.workers is {Workers}; it must be 1 to 256.";
        if (!(TimeoutSeconds > 0 && TimeoutSeconds <= 86_400))
            yield return $"{at}.timeoutSeconds is {TimeoutSeconds}; it must be above 0 and at most 86400.";
        if (!(StartSeconds >= 0 && StartSeconds <= 86_400))
            yield return $"{at}.startSeconds is {StartSeconds}; it must be 0 to 86400.";
        if (MaxAnswerBytes is < 64 or > 1 << 28)
            yield return $"{at}.maxAnswerBytes is {MaxAnswerBytes}; it must be 64 to {1 << 28}.";
    }
}
