using G2RL.Onnx.Configuration;
using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Training.Optimizers;

/// <summary>Learning rates as pure functions of the step.</summary>
internal static class Schedules
{
    /// <summary>
    /// The same rate as a piece of a graph, in float64 to its last step: an int64 scalar (the 0-based step) gives a float32 scalar.
    /// </summary>
    /// <inheritdoc cref="LearningRate"/>
    public static Func<OpBuilder, Value, Value> Graph(ScheduleSettings settings, double peak, int totalSteps) => (op, step) =>
    {
        Value Number(double value) => op.Scalar(value, ElementType.Float64);
        var at = op.Cast(step, ElementType.Float64);
        var span = Math.Max(1, totalSteps - 1 - settings.WarmupSteps);
        var share = op.Clip(op.Div(op.Sub(at, Number(settings.WarmupSteps)), Number(span)), 0, 1);
        var remaining = settings.Kind switch
        {
            ScheduleKind.Linear => op.Sub(Number(1), share),
            // cos x = sin(x + pi/2): ONNX Runtime has the sine in float64, not the cosine.
            ScheduleKind.Cosine =>
                op.Div(op.Add(Number(1), op.Op("Sin", [op.Add(op.Mul(share, Number(Math.PI)), Number(Math.PI / 2))])), Number(2)),
            _ => Number(1),
        };
        var rate = op.Mul(Number(peak), op.Add(Number(settings.FinalFraction), op.Mul(Number(1 - settings.FinalFraction), remaining)));
        if (settings.WarmupSteps > 0)
            rate = op.Where(
                op.Op("Less", [step, op.Int(settings.WarmupSteps)]),
                op.Div(op.Mul(Number(peak), op.Add(at, Number(1))), Number(settings.WarmupSteps)),
                rate);
        return op.Cast(rate, ElementType.Float32);
    };

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
