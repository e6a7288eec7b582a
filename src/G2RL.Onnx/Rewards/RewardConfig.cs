using System.Text.Json.Serialization;

namespace G2RL.Onnx.Rewards;

/// <summary>
/// What every reward of a run says about itself: an entry of <c>rewards</c>, its <c>name</c> a line of <see cref="RewardTable"/>.
/// </summary>
[JsonConverter(typeof(RewardConfigConverter))]
public abstract record RewardConfig
{
    /// <summary>What its scores are multiplied by before rewards are added up, finite and not 0; below 0 it is a penalty.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>Its name in metrics, logs and messages; empty is the name of its kind. Labels differ.</summary>
    public string Label { get; init; } = "";

    /// <summary>
    /// Share of a step's completions, 0 to 1, that may fail (errors and timeouts) before the run stops; null is the kind's own: 0.1 of
    /// external and judge, 1 of all others.
    /// </summary>
    public double? MaxFailedShare { get; init; }

    /// <summary>Where its scores are mapped to before they are weighted; null leaves them.</summary>
    public ScaleConfig? Scale { get; init; }

    /// <summary>What is wrong with the settings that are its own.</summary>
    /// <param name="at">Its place, as <c>rewards[1]</c>.</param>
    /// <param name="maxNewTokens">sampling.maxNewTokens</param>
    public virtual IEnumerable<string> Faults(string at, int maxNewTokens) => [];
}

/// <summary>A straight line from one range to another; what lies outside the first becomes the nearer end of the second.</summary>
public sealed record ScaleConfig
{
    /// <summary>Lower end of the scores.</summary>
    public double SourceLow { get; init; }

    /// <summary>Upper end of the scores, above the lower one.</summary>
    public double SourceHigh { get; init; } = 1;

    /// <summary>What the lower end becomes.</summary>
    public double TargetLow { get; init; } = -1;

    /// <summary>What the upper end becomes.</summary>
    public double TargetHigh { get; init; } = 1;

    /// <summary>The score on the new scale.</summary>
    public double Apply(double score) =>
        TargetLow + ((Math.Clamp(score, SourceLow, SourceHigh) - SourceLow) / (SourceHigh - SourceLow) * (TargetHigh - TargetLow));
}
