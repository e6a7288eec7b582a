using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Training.Optimizers;

/// <summary>
/// Gradients of micro-batches, then an optimizer step on the policy's weights: by the stock graph, by ONNX Runtime's training API, or on a
/// device.
/// </summary>
public interface IPolicyOptimizer : IDisposable
{
    /// <summary>Whether the rows of its micro-batches are packed (<c>PackedPrompts</c>); else they are padded.</summary>
    bool Packs { get; }

    /// <summary>The most padded tokens of a micro-batch that it has room for, whatever is asked.</summary>
    int MostTokens => int.MaxValue;

    /// <summary>Forgets the gradients added so far.</summary>
    void Clear();

    /// <summary>Adds the gradient of a micro-batch, fills its log-probs and entropies, and returns its share of the loss.</summary>
    double Add(Microbatch micro);

    /// <summary>Adds the gradients of micro-batches, to the bits of adding one after the other.</summary>
    /// <param name="micros">The micro-batches.</param>
    /// <param name="cancel">Stops between them; what was added is then to be forgotten.</param>
    double Add(IReadOnlyList<Microbatch> micros, CancellationToken cancel = default) => micros.Sum(micro =>
    {
        cancel.ThrowIfCancellationRequested();
        return Add(micro);
    });

    /// <summary>The global norm of the sum, before clipping; null where it is not known.</summary>
    /// <exception cref="NonFiniteException">A gradient is not finite. Weights and moments are untouched.</exception>
    double? GradientNorm();

    /// <summary>One update of the policy's weights.</summary>
    /// <param name="learningRate">>= 0</param>
    void Step(double learningRate);

    /// <summary>Tells that nothing more comes until the next <see cref="Clear"/>: memory may be given back, gradients forgotten.</summary>
    void Rest()
    {
    }

    /// <summary>Writes weights, moments and counters into a folder: what a resumed run needs to go on bit for bit.</summary>
    void Save(string folder);

    /// <summary>Reads what <see cref="Save"/> of any implementation wrote.</summary>
    void Load(string folder);
}
