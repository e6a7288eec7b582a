using System.Diagnostics.Metrics;
using System.Text;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Training.Trackers;

/// <summary>
/// A gauge for each number, under System.Diagnostics.Metrics: free while nobody listens, and what OpenTelemetry's exporters take.
/// </summary>
/// <param name="run">Name of the run, a tag of every measurement.</param>
internal sealed class MeterTracker(string run) : ITracker
{
    private static readonly Meter Source = new(StepMetrics.Meter, typeof(MeterTracker).Assembly.GetName().Version?.ToString(3));

    /// <inheritdoc/>
    public void Follow(IReadOnlyList<TrackedRow> rows)
    {
        // What is past cannot be measured again.
    }

    /// <inheritdoc/>
    public void Append(TrackedRow row)
    {
        var tag = new KeyValuePair<string, object?>("run", run);
        Of(row.IsEvaluation ? TrackedRow.Prefix + "step" : "step").Record(row.Step, tag);
        foreach (var (name, value) in row.Values)
            Of(name).Record(value, tag);
    }

    /// <inheritdoc/>
    public void End(bool completed)
    {
        // Nothing is kept.
    }

    // A meter gives the same instrument again for the same name.
    private static Gauge<double> Of(string name) => Source.CreateGauge<double>(InstrumentName(name));

    // A letter, then letters, digits, _ . - and /, 255 at most (OpenTelemetry's specification of metrics).
    internal static string InstrumentName(string name)
    {
        var text = new StringBuilder(char.IsAsciiLetter(name.FirstOrDefault()) ? "" : "m");
        foreach (var c in name.Replace("@", "_at_", StringComparison.Ordinal))
            text.Append(char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.' or '/' ? c : '_');
        return text.Length > 255 ? text.ToString(0, 255) : text.ToString();
    }
}
