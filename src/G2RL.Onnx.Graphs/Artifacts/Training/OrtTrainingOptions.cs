using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Artifacts.Training;

/// <summary>What the ORT training artifacts of a decoder are made from, beside its weights.</summary>
/// <param name="Objective">Writes the loss from log-probs [R] and entropies [R], as for <c>DecoderGraph.Train</c>.</param>
/// <param name="Positions">Rows of the rotary tables, which become constants: the longest sequence, tokens.</param>
/// <param name="Optimizer">AdamW and clipping.</param>
/// <param name="Schedule">Writes the learning rate (float32 scalar) of a step from its number (int64 scalar, 0 for the first update); null
/// leaves the rate to the caller.</param>
/// <param name="Trainable">Which parameters learn; null means all. The others become constants of the training and evaluation
/// models.</param>
public sealed record OrtTrainingOptions(
    Func<OpBuilder, Value, Value, Value> Objective,
    int Positions,
    OrtOptimizer Optimizer,
    Func<OpBuilder, Value, Value>? Schedule = null,
    Func<string, bool>? Trainable = null)
{
    /// <summary>
    /// Bytes of frozen weights up to which they lie inside the models, 1 GiB unless said otherwise; above, both models share a file beside
    /// them.
    /// </summary>
    public long LargestFrozenInline { get; init; } = 1L << 30;
}

/// <summary>The attributes of the training runtime's AdamW and of its clipping.</summary>
/// <param name="Beta1">Decay of the first moment, in [0, 1).</param>
/// <param name="Beta2">Decay of the second moment, in [0, 1).</param>
/// <param name="Epsilon">Added to the root of the second moment; > 0.</param>
/// <param name="WeightDecay">Decoupled weight decay, >= 0; the runtime decays every parameter or none.</param>
/// <param name="MaxGradientNorm">Largest global norm of the gradients; 0 turns clipping off.</param>
public sealed record OrtOptimizer(
    double Beta1 = 0.9,
    double Beta2 = 0.999,
    double Epsilon = 1e-8,
    double WeightDecay = 0,
    double MaxGradientNorm = 1);
