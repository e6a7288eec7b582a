using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Training.Backends;

/// <summary>
/// Where numbers live and who computes with them: the host, or a device. A <see cref="Policy"/> is always a policy of the host; a device
/// keeps weights of its own for it, changes those, and gives them back when asked (<see cref="Fetch"/>).
/// </summary>
public interface IBackend : IDisposable
{
    /// <summary>As <c>execution.device</c> names it: cpu, cuda:0.</summary>
    string Name { get; }

    /// <summary>Rounding of a product, as a multiple of float32's: 1 in float32. Differences between sessions are judged by it.</summary>
    double Rounding { get; }

    /// <summary>Whether others draw, so that this process can do something else meanwhile.</summary>
    bool DrawsElsewhere => false;

    /// <summary>Draws rollouts from a policy; sees every update of its weights.</summary>
    IRolloutSource Rollouts(Policy policy, Tokenizer tokenizer, SamplerSettings settings);

    /// <summary>Scores given responses under any policy of an architecture.</summary>
    IScorer Scorer(DecoderSpec spec);

    /// <summary>Gradient features of what <see cref="Rollouts"/> and <see cref="Scorer"/> accumulated.</summary>
    IFeatureProjector Features(DecoderSpec spec);

    /// <summary>Gradients and updates of a policy.</summary>
    IPolicyOptimizer Optimizer(Policy policy, RunConfig config);

    /// <summary>Brings the weights that <paramref name="policy"/> holds on the host up to date.</summary>
    void Fetch(Policy policy);
}
