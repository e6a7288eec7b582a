using System.Text.Json.Nodes;

namespace G2RL.Onnx.Training;

/// <summary>Evaluates the weights that a run has after a number of steps.</summary>
/// <param name="step">Steps of training behind the weights.</param>
/// <param name="cancel">Stops between decode steps.</param>
/// <returns>The row of evaluations.jsonl; its <c>step</c> is the number given.</returns>
public delegate JsonObject StepEvaluation(int step, CancellationToken cancel);

/// <summary>How a run ended.</summary>
/// <param name="Steps">Steps done.</param>
/// <param name="Completed">False when it was cancelled; it can be resumed.</param>
public sealed record TrainingResult(int Steps, bool Completed);
