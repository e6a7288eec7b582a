namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>What came of checking an answer.</summary>
public enum Verdict
{
    /// <summary>The answer equals the reference under the policy.</summary>
    Right,

    /// <summary>An answer was found and read, and it does not equal the reference.</summary>
    Wrong,

    /// <summary>No answer was found, or one of the two cannot be read and their spellings differ.</summary>
    Unparseable,

    /// <summary>The work or size that one check may take ran out before the answer was known.</summary>
    OverBudget,
}

/// <summary>The result of one check. A pure function of policy, completion and reference: never of time, load or order.</summary>
/// <param name="Verdict">What came of it.</param>
/// <param name="Extracted">The text in the completion that was taken for its answer, or null when there was none.</param>
/// <param name="Steps">The work done, in the steps that <see cref="AnswerPolicy.MaxSteps"/> bounds.</param>
/// <param name="GoldReadable">Whether the reference could be read; false asks for a look at the data, not at the model.</param>
public readonly record struct CheckResult(Verdict Verdict, string? Extracted, int Steps, bool GoldReadable = true)
{
    /// <summary>Whether the answer is right.</summary>
    public bool IsRight => Verdict == Verdict.Right;
}
