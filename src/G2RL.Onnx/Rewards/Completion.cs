using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Rewards;

/// <summary>What a reward sees of a response.</summary>
/// <param name="Problem">The problem that it answers.</param>
/// <param name="Text">The response as text, special tokens removed. Hostile input.</param>
/// <param name="Tokens">Its token ids, the stop token included, [T].</param>
/// <param name="Finished">False when the length limit cut it off.</param>
/// <param name="Verdict">What the problem set's checker says; null where no reward of the run needs it.</param>
public sealed record Completion(Problem Problem, string Text, IReadOnlyList<int> Tokens, bool Finished, Outcome? Verdict = null);

/// <summary>
/// A reward of one's own: a completion to a score, or to the reason why there is none. An exception counts as an error, never as a score.
/// </summary>
public delegate Outcome RewardFunction(Completion completion);
