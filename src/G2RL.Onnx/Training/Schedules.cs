namespace G2RL.Onnx.Training;

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

/// <summary>Learning rates as pure functions of the step.</summary>
public static class Schedules
{
    /// <summary>The rate of a step.</summary>
    /// <param name="settings">The course.</param>
    /// <param name="peak">The highest rate.</param>
    /// <param name="step">0-based optimizer step; past the end the final rate holds.</param>
    /// <param name="totalSteps">Steps of the whole run, >= 1.</param>
    public static double LearningRate(ScheduleSettings settings, double peak, int step, int totalSteps)
    {
        if (step < settings.WarmupSteps)
            return peak * (step + 1) / settings.WarmupSteps;
        var span = Math.Max(1, totalSteps - 1 - settings.WarmupSteps);
        var share = Math.Clamp((step - settings.WarmupSteps) / (double)span, 0, 1);
        var remaining = settings.Kind switch
        {
            ScheduleKind.Linear => 1 - share,
            ScheduleKind.Cosine => (1 + Math.Cos(Math.PI * share)) / 2,
            _ => 1,
        };
        return peak * (settings.FinalFraction + ((1 - settings.FinalFraction) * remaining));
    }
}
