using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Training.Lagging;

/// <summary>Who draws in a run whose rollouts do not come from the weights of now as they are, and with which weights.</summary>
/// <param name="policy">The policy in training.</param>
/// <param name="config"><c>sampling.lag</c> and <c>sampling.weights</c>.</param>
/// <param name="isElsewhere">Whether others draw; then batches are begun ahead.</param>
internal sealed class LaggedPolicy(Policy policy, SamplingConfig config, bool isElsewhere) : IDisposable
{
    // Of a lag there are several copies, and one sampler with one cache serves them all.
    private readonly Policy? behind = isElsewhere || config.Lag == 0 ? null : policy.Copy();

    private int copied = -1;

    /// <summary>The weights of the last steps.</summary>
    public PolicyHistory History { get; } = new(policy, config.Lag, config.Weights);

    /// <summary>Whether others draw.</summary>
    public bool IsElsewhere => isElsewhere;

    /// <summary>
    /// The weights that draw a step's rollouts now. Where this process draws, they are copied to where its one sampler reads them.
    /// </summary>
    public Policy Drawer(int step)
    {
        var own = History.Of(step);
        if (behind is null)
            return own;
        if (History.Source(step) is var source && source != copied)
        {
            PolicyHistory.Copy(own, behind);
            (behind.Updates, copied) = (own.Updates, source);
        }
        return behind;
    }

    /// <summary>A source of rollouts that draws each step's by the right weights.</summary>
    /// <param name="open">Opens a source for a policy.</param>
    public LaggedRollouts Rollouts(Func<Policy, IRolloutSource> open) => new(this, behind is null ? History.Kept : [behind], open);

    /// <inheritdoc/>
    public void Dispose()
    {
        behind?.Dispose();
        History.Dispose();
    }
}
