using System.Text.Json;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Cluster.Planning;

/// <summary>What a run that was spread over workers says of the costs of its steps.</summary>
public static class MeasuredRun
{
    // The first steps load models and compile code.
    private const int Warm = 3;

    /// <summary>Reads metrics.jsonl and distribution.jsonl of a run's folder.</summary>
    /// <param name="folder">The run.</param>
    /// <returns>Costs, seconds of a step as it was, and how many workers there were.</returns>
    /// <exception cref="InputException">The run was not spread over workers, or has too few steps.</exception>
    public static (StepCosts Costs, double StepSeconds, int Workers) Read(string folder)
    {
        var steps = Rows(folder, "metrics.jsonl").Skip(Warm).ToArray();
        var rows = Rows(folder, "distribution.jsonl").ToArray();
        if (steps.Length < 2 || rows.Length == 0)
            throw new InputException($"{folder} has {steps.Length} steps after the first {Warm}, and {rows.Length} accounts of workers; a "
                + "simulation needs a run over workers (distribution.jsonl) of at least 5 steps.");
        var seconds = steps.Average(s => (double)s["time/step_s"]!);
        rows = Steady(rows);
        double Sum(string name, params string[] kinds) =>
            rows.Where(r => kinds.Contains((string)r["kind"]!)).Sum(r => (double)r[name]!) / steps.Length;
        if (rows.Any(r => r["shares"] is null))
            throw new InputException($"{folder}/distribution.jsonl does not tell what each worker did: an older version wrote it.");
        var gradients = rows.Where(r => (string)r["kind"]! == "gradients").ToArray();
        var scores = rows.Where(r => (string)r["kind"]! is "scores" or "reference").ToArray();
        var workers = rows.SelectMany(r => r["shares"]!.AsArray()).Select(s => (string)s!["name"]!).Distinct().Count();
        var all = Sum("ms", "rollouts", "scores", "reference", "gradients");
        // What a work takes beside the busiest worker's pieces and the weights.
        var overhead = rows.Average(r => (double)r["ms"]! - (double)r["weight_ms"]!
            - r["shares"]!.AsArray().Select(s => (double)s!["work_ms"]!).DefaultIfEmpty().Max());
        var fetched = rows.Where(r => (long)r["weight_bytes"]! > 0).ToArray();
        return (new()
        {
            Draw = Sum("work_ms", "rollouts") / 1000,
            Score = Sum("work_ms", "scores", "reference") / 1000,
            Gradients = Sum("work_ms", "gradients") / 1000,
            Own = Math.Max(0, seconds - (all / 1000)),
            ScorePieces = Math.Max(1, (int)Math.Round(Sum("pieces", "scores", "reference"))),
            Shards = gradients.Length == 0 ? 1 : (int)Math.Round(gradients.Average(r => (double)r["pieces"]!)),
            Versions = Math.Max(1, (double)gradients.Length / steps.Length),
            WeightBytes = fetched.Length == 0 ? 0 : fetched.Average(r => (double)r["weight_bytes"]!) / Math.Max(1, workers),
            Overhead = Math.Max(0, overhead) / 1000 * Works(scores.Length, gradients.Length, steps.Length),
        }, seconds, workers);
    }

    /// <summary>
    /// Accounts of training without its first steps. They stand in the order in which works ended; only draws know their step, and those of
    /// evaluations say 1.
    /// </summary>
    internal static JsonObject[] Steady(IEnumerable<JsonObject> rows)
    {
        static bool IsEarly(JsonObject row) => (int)row["step"]! <= Warm;
        return [.. rows.SkipWhile(IsEarly).Where(r => (string)r["kind"]! != "rollouts" || !IsEarly(r))];
    }

    // A step may hold several draws and scorings, of which the simulation knows one each.
    private static double Works(int scores, int gradients, int steps) =>
        (double)(scores + gradients + steps) / steps / (1 + (scores > 0 ? 1 : 0) + ((double)gradients / steps));

    private static IEnumerable<JsonObject> Rows(string folder, string name)
    {
        var path = Path.Combine(folder, name);
        if (!File.Exists(path))
            throw new InputException($"{path} is not there; a simulation needs a run over workers (--set distribution.membership=...).");
        foreach (var line in File.ReadLines(path).Where(l => l.Length > 0))
        {
            JsonObject row;
            try
            {
                row = JsonNode.Parse(line)!.AsObject();
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or NullReferenceException)
            {
                throw new InputException($"{path} holds a line that is no JSON object: {line[..Math.Min(line.Length, 80)]}", e);
            }
            yield return row;
        }
    }
}
