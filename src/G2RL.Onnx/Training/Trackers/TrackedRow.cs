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

    private const string ByProblem = "pass@1_by_problem";

    /// <summary>Kind and step, which no two rows share.</summary>
    public (bool IsEvaluation, long Step) Key => (IsEvaluation, Step);

    /// <summary>A row of a log; null when it has no step.</summary>
    public static TrackedRow? Of(JsonObject row, bool isEvaluation) => JsonLinesLog.StepOf(row) is { } step
        ? new(isEvaluation, step, [.. Parts(row).Where(p => p.Name != "step")
            .SelectMany(p => Numbers((isEvaluation ? Prefix : "") + p.Name, p.Node))])
        : null;

    private static IEnumerable<(string Name, double Value)> Numbers(string name, JsonNode? node) => RunLogs.Number(node) is { } number
        ? [(name, number)]
        : Parts(node).SelectMany(p => Numbers($"{name}/{p.Name}", p.Node));

    // Objects within, such as benchmarks, lengthen the name; so do lists, counted from 1, as the k of pass@k is. A curve a problem would
    // be hundreds.
    private static IEnumerable<(string Name, JsonNode? Node)> Parts(JsonNode? node) => node switch
    {
        JsonObject row => row.Where(p => p.Key != ByProblem).Select(p => (p.Key, p.Value)),
        JsonArray list => list.Select((item, i) => ((i + 1).ToString(CultureInfo.InvariantCulture), item)),
        _ => [],
    };
}
