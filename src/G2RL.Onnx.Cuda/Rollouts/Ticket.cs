namespace G2RL.Onnx.Cuda.Rollouts;

/// <summary>Tokens on their way from the device.</summary>
/// <param name="Rows">The row of each column; null where the column's token is for nobody.</param>
/// <param name="Line">Where the ledger keeps their log-probs.</param>
/// <param name="Buffer">Which of the two host buffers receives them.</param>
/// <param name="IsFirst">Whether they are first tokens, drawn from a prompt.</param>
internal sealed record Ticket(DeviceRow?[] Rows, int Line, int Buffer, bool IsFirst);
