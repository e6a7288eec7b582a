namespace G2RL.Onnx.Cli.Tests;

/// <summary>Every tolerance of these tests, with its reason.</summary>
internal static class Tolerances
{
    /// <summary>Scores of one row alone and in a batch with longer rows, nats: float32 sums over 16 to 24 terms of order 1.</summary>
    public const float SameModelNats = 2e-6f;
}
