namespace G2RL.Onnx.Configuration;

/// <summary>The course of the learning rate.</summary>
public enum ScheduleKind
{
    /// <summary>The peak throughout.</summary>
    Constant,

    /// <summary>A straight line from the peak to the final fraction.</summary>
    Linear,

    /// <summary>Half a cosine from the peak to the final fraction.</summary>
    Cosine,
}

/// <summary>A course of the learning rate after a linear warm-up.</summary>
public sealed record ScheduleSettings
{
    /// <summary>The course after the warm-up.</summary>
    public ScheduleKind Kind { get; init; }

    /// <summary>Steps over which the rate rises linearly to its peak; 0 turns it off.</summary>
    public int WarmupSteps { get; init; }

    /// <summary>What is left of the peak at the end, in [0, 1].</summary>
    public double FinalFraction { get; init; }
}
