using System.Text.Json.Nodes;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Training.Logging;

/// <summary>The numbers of one step, in the order in which they were set. Names are paths with units: <c>policy/kl_nats</c>.</summary>
/// <param name="step">The step: how many are done when it has ended, >= 1.</param>
public sealed class StepMetrics(int step)
{
    /// <summary>
    /// Name of the meter (System.Diagnostics.Metrics) that has a gauge for each of a run's metrics, and for each number of its evaluations.
    /// </summary>
    public const string Meter = "G2RL.Onnx";

    private readonly Dictionary<string, double> values = new(StringComparer.Ordinal);

    /// <summary>The step: how many are done when it has ended, >= 1.</summary>
    public int Step => step;

    /// <summary>The numbers.</summary>
    public IReadOnlyDictionary<string, double> Values => values;

    /// <summary>Whether a metric depends on the clock and so differs between runs of the same seed.</summary>
    public static bool IsTiming(string name) =>
        name.StartsWith("time/", StringComparison.Ordinal) || name.StartsWith("speed/", StringComparison.Ordinal);

    /// <summary>Sets a number.</summary>
    /// <exception cref="NonFiniteException">The number is NaN or infinite.</exception>
    public void Set(string name, double value) => values[name] = double.IsFinite(value)
        ? value
        : throw new NonFiniteException($"{name} is {value}.");

    /// <summary>Adds to a number that starts at 0.</summary>
    public void Add(string name, double value) => Set(name, values.GetValueOrDefault(name) + value);

    /// <summary>The row of metrics.jsonl.</summary>
    public JsonObject ToJson()
    {
        var row = new JsonObject { ["step"] = step };
        foreach (var (name, value) in values)
            row[name] = value;
        return row;
    }
}
