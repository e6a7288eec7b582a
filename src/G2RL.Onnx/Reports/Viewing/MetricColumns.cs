using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Reports.Viewing;

/// <summary>Every number of a run's steps and evaluations as columns over steps, for the curve of any metric.</summary>
internal static class MetricColumns
{
    private const int Most = 500;

    /// <summary>The columns as JSON; beyond 500 steps neighbours are averaged.</summary>
    public static string Json(RunLogs logs)
    {
        var metrics = Chunks(logs.Metrics);
        var steps = metrics.Select(c => c.Average(r => RunLogs.Number(r, "step")!.Value))
            .Concat(logs.Evaluations.Select(e => RunLogs.Number(e, "step")!.Value))
            .Distinct().Order().ToList();
        var places = steps.Select((s, i) => (s, i)).ToDictionary(p => p.s, p => p.i);
        var columns = new SortedDictionary<string, double?[]>(StringComparer.Ordinal);
        void Put(string name, double step, double? value)
        {
            if (!columns.TryGetValue(name, out var column))
                columns[name] = column = new double?[steps.Count];
            column[places[step]] = value;
        }
        foreach (var chunk in metrics)
        {
            var step = chunk.Average(r => RunLogs.Number(r, "step")!.Value);
            foreach (var name in chunk.SelectMany(r => r.Select(p => p.Key)).Distinct(StringComparer.Ordinal).Where(n => n != "step"))
                if (chunk.Select(r => RunLogs.Number(r, name)).OfType<double>().ToArray() is { Length: > 0 } values)
                    Put(name, step, values.Average());
        }
        foreach (var row in logs.Evaluations)
            foreach (var (name, node) in row.Where(p => p.Key != "step"))
                if (RunLogs.Number(node) is { } value)
                    Put($"evaluation/{name}", RunLogs.Number(row, "step")!.Value, value);
        var json = new StringBuilder("{\"steps\":[").AppendJoin(',', steps.Select(s => Text(s))).Append("],\"values\":{");
        json.AppendJoin(',', columns.Select(c => $"{JsonValue.Create(c.Key).ToJsonString()}:[{string.Join(',', c.Value.Select(Text))}]"));
        return json.Append("}}").ToString();
    }

    private static List<JsonObject[]> Chunks(IReadOnlyList<JsonObject> rows) =>
        [.. rows.Chunk(Math.Max(1, (rows.Count + Most - 1) / Most))];

    private static string Text(double? value) => value is { } number ? number.ToString("G6", CultureInfo.InvariantCulture) : "null";
}
