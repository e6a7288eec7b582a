using System.Collections;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Rollouts;

/// <summary>Where rollouts come from: the host's <see cref="Sampler"/>, or a device.</summary>
public interface IRolloutSource : IDisposable
{
    /// <summary>Rows in flight and cache memory.</summary>
    SamplerPlan Plan { get; }

    /// <summary>Draws every prompt's rollouts.</summary>
    /// <param name="request">What to draw.</param>
    /// <param name="progress">Called with the number of rollouts that have ended, from any thread.</param>
    /// <param name="cancel">Stops between decode steps.</param>
    /// <exception cref="InputException">A prompt that is empty or leaves no room for
    /// <see cref="SamplerSettings.MaxNewTokens"/>.</exception>
    /// <exception cref="NonFiniteException">The model gave a logit that is not a number.</exception>
    DrawnRollouts Draw(DrawRequest request, Action<int>? progress = null, CancellationToken cancel = default);
}

/// <summary>What a draw gave: the rollouts of each prompt, in the order of the prompts.</summary>
/// <param name="Rollouts">[prompt][sample]</param>
/// <param name="LargestLogit">
/// The scale of rounding differences between sessions: the largest |logit| that the draw saw, or a bound near it.
/// </param>
public sealed record DrawnRollouts(Rollout[][] Rollouts, float LargestLogit) : IReadOnlyList<Rollout[]>
{
    /// <inheritdoc/>
    public int Count => Rollouts.Length;

    /// <summary>The rollouts of a prompt, in sample order.</summary>
    public Rollout[] this[int index] => Rollouts[index];

    /// <inheritdoc/>
    public IEnumerator<Rollout[]> GetEnumerator() => Rollouts.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => Rollouts.GetEnumerator();
}
