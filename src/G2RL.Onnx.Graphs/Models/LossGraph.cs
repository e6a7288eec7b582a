using G2RL.Onnx.Gradients;
using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Models;

/// <summary>
/// A forward pass up to its loss, to which gradients may be appended. Behind the train graph and the ORT training artifacts alike.
/// </summary>
/// <param name="Spec">The decoder.</param>
/// <param name="Op">Writes further nodes.</param>
/// <param name="Loss">Scalar; the graph's first output.</param>
/// <param name="LastHidden">Input of the LM head [R, D]; no output yet.</param>
internal sealed record LossGraph(DecoderSpec Spec, OpBuilder Op, Value Loss, Value LastHidden)
{
    /// <summary>The graph.</summary>
    public Graph Graph => Op.Graph;

    /// <summary>Appends the gradient of every trainable parameter.</summary>
    /// <param name="trainable">Which of <see cref="DecoderSpec.Trainable"/> receive gradients; null means all.</param>
    /// <param name="rules">Gradient rules; null means <see cref="GradientRules.All"/>.</param>
    /// <param name="seed">Gradient of the loss itself; null means 1.</param>
    /// <exception cref="GraphException">A gradient's shape differs from its parameter's, or an operator has no gradient rule.</exception>
    public IReadOnlyList<(Value Parameter, Value Gradient)> Gradients(
        Func<string, bool>? trainable,
        IReadOnlyDictionary<string, GradientRule>? rules = null,
        Value? seed = null)
    {
        var parameters = Spec.Trainable.Where(p => trainable?.Invoke(p.Name) != false).Select(p => Graph[p.Name]).ToList();
        var gradients = Differentiator.Backward(Op, Loss, seed, parameters, rules ?? GradientRules.All);
        return [.. parameters.Select(p => (p, gradients[p]))];
    }
}
