using G2RL.Onnx.Checkpoints.SafeTensors;

namespace G2RL.Onnx.Training.Optimizers;

/// <summary>Turns gradients into updates of weights, in place.</summary>
internal interface IWeightOptimizer : IDisposable
{
    /// <summary>Updates done; restored on resume.</summary>
    long Steps { get; set; }

    /// <summary>The global norm of the gradients.</summary>
    /// <exception cref="Execution.NonFiniteException">A gradient is not finite; the message names the tensor. Weights and state are
    /// untouched.</exception>
    double GradientNorm();

    /// <summary>One update.</summary>
    /// <param name="learningRate">>= 0</param>
    /// <param name="gradientNorm">What <see cref="GradientNorm"/> gave.</param>
    void Step(double learningRate, double gradientNorm);

    /// <summary>Its state, to be written.</summary>
    IEnumerable<TensorToWrite> State();

    /// <summary>Reads what <see cref="State"/> gave.</summary>
    /// <exception cref="InputException">A tensor is missing or has another shape or type.</exception>
    void Load(SafeTensorsFile file);
}
