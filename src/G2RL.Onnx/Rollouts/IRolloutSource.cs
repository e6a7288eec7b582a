using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Rollouts;

/// <summary>Where rollouts come from: the host's <see cref="Sampler"/>, or a device.</summary>
public interface IRolloutSource : IDisposable
{
    /// <summary>Rows in flight and cache memory.</summary>
    SamplerPlan Plan { get; }

    /// <summary>The scale of rounding differences between sessions in the last draw: the largest |logit|, or a bound near it.</summary>
    float LargestLogit { get; }

    /// <summary>Draws every prompt's rollouts.</summary>
    /// <param name="request">What to draw.</param>
    /// <param name="progress">Called with the number of rollouts that have ended, from any thread.</param>
    /// <param name="cancel">Stops between decode steps.</param>
    /// <returns>[prompt][sample]</returns>
    /// <exception cref="InputException">A prompt that is empty or leaves no room for
    /// <see cref="SamplerSettings.MaxNewTokens"/>.</exception>
    /// <exception cref="NonFiniteException">The model gave a logit that is not a number.</exception>
    Rollout[][] Draw(DrawRequest request, Action<int>? progress = null, CancellationToken cancel = default);
}
