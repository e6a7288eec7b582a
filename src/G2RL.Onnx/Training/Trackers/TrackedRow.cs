using System.Globalization;
using System.Text.Json.Nodes;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Training.Trackers;

/// <summary>The numbers of one row of metrics.jsonl or evaluations.jsonl.</summary>
/// <param name="IsEvaluation">Whether it is of an evaluation; its names then begin with <see cref="Prefix"/>.</param>
/// <param name="Step">The row's step, as the log counts.</param>
/// <param name="Values">Name and number, finite.</param>
internal sealed record TrackedRow(bool IsEvaluation, int Step, IReadOnlyList<(string Name, double Value)> Values)
{
    /// <summary>Begins the names of an evaluation's numbers.</summary>
    public const string Prefix = "evaluation/";

    /// <summary>Kind and step, which no two rows share.</summary>
    public (bool IsEvaluation, long Step) Key => (IsEvaluation, Step);

    /// <summary>A row of a log; null when it has no step.</summary>
    public static TrackedRow? Of(JsonObject row, bool isEvaluation) => JsonLinesLog.StepOf(row) is { } step
        ? new(isEvaluation, step, [.. Numbers(isEvaluation ? Prefix : "", row)])
        : null;

    // Objects within, such as benchmarks, lengthen the name; so do lists, counted from 1, as the k of pass@k is.
    private static IEnumerable<(string Name, double Value)> Numbers(string prefix, JsonObject row)
    {
        foreach (var (name, node) in row)
            if (node is JsonObject inner)
                foreach (var number in Numbers($"{prefix}{name}/", inner))
                    yield return number;
            else if (node is JsonArray list)
                foreach (var number in Numbers($"{prefix}{name}/", new(list.Select((item, i) => KeyValuePair.Create(
                    (i + 1).ToString(CultureInfo.InvariantCulture), item?.DeepClone())))))
                    yield return number;
            else if (name != "step" && RunLogs.Number(node) is { } number)
                yield return (prefix + name, number);
    }
}
