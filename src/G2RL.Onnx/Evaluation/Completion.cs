namespace G2RL.Onnx.Evaluation;

/// <summary>One sample of a problem, drawn here or elsewhere.</summary>
/// <param name="Text">What the model wrote.</param>
/// <param name="Tokens">Its tokens; null where they are not known.</param>
/// <param name="Finished">False when the length limit cut it off.</param>
internal sealed record Completion(string Text, int? Tokens, bool Finished);
