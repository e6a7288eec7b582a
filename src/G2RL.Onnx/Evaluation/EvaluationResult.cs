using System.Collections.Frozen;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Evaluation;

/// <summary>One evaluation on held-out problems.</summary>
/// <param name="Step">Steps of training behind the weights.</param>
/// <param name="Problems">Held-out problems.</param>
/// <param name="Samples">Samples of each.</param>
/// <param name="PassAt1">Mean share of right samples (avg@n), with its bootstrap interval over problems.</param>
/// <param name="PassAtN">Share of problems with at least one right sample among all.</param>
/// <param name="MajorityAtN">Share of problems whose most frequent answer is right; equal answers are one, ties are shared.</param>
/// <param name="WellFormed">Share of well-formed samples.</param>
/// <param name="PassAt1WellFormed">Share of right samples among the well-formed ones.</param>
/// <param name="ResponseLength">Mean tokens of a response; NaN where tokens are unknown.</param>
/// <param name="Truncated">Share of samples that the length limit cut off.</param>
/// <param name="Failures">Samples that could not be judged; they are in no share.</param>
/// <param name="Seconds">Wall time.</param>
public sealed record EvaluationResult(
    int Step,
    int Problems,
    int Samples,
    Interval PassAt1,
    double PassAtN,
    double MajorityAtN,
    double WellFormed,
    double PassAt1WellFormed,
    double ResponseLength,
    double Truncated,
    int Failures,
    double Seconds)
{
    /// <summary>Name of <see cref="ByProblem"/> in a row.</summary>
    internal const string ByProblemName = "pass@1_by_problem";

    /// <summary>
    /// Share of right samples of each held-out problem, in the order of the set; null where none of its samples could be judged. Two
    /// evaluations of the same problems are compared by them, problem by problem. Empty of a row that lacks them.
    /// </summary>
    public IReadOnlyList<double?> ByProblem { get; init; } = [];

    /// <summary>Unbiased pass@k for k = 1 .. n, means over problems.</summary>
    public IReadOnlyList<double> PassAtK { get; init; } = [];

    /// <summary>maj@k by k: powers of two up to n, and n.</summary>
    public IReadOnlyDictionary<int, double> MajorityAtK { get; init; } = new SortedDictionary<int, double>();

    /// <summary>Bootstrap interval of pass@n over problems; null of a row that was read.</summary>
    public Interval? PassAtNInterval { get; init; }

    /// <summary>Bootstrap interval of maj@n over problems; null of a row that was read.</summary>
    public Interval? MajorityInterval { get; init; }

    /// <summary>Times that all samples were drawn anew; the numbers are means over them.</summary>
    public int Repeats { get; init; } = 1;

    /// <summary>Standard deviation of pass@1 over the repeats; 0 of a single one.</summary>
    public double RepeatDeviation { get; init; }

    /// <summary>Mean score before weights of each of the run's rewards, by label; empty where the checker is alone.</summary>
    public IReadOnlyDictionary<string, double> Rewards { get; init; } = FrozenDictionary<string, double>.Empty;

    /// <summary>The benchmarks beside the run's own held-out problems, by name.</summary>
    public IReadOnlyList<(string Name, EvaluationResult Result)> Benchmarks { get; init; } = [];

    /// <summary>Whether no sample was right because none could be: an interval [0, 0] would claim what was not measured.</summary>
    public bool SaysNothing => WellFormed == 0 && PassAt1.Mean == 0;

    /// <summary>What makes these numbers doubtful, a sentence for people; null where nothing does.</summary>
    public string? Doubt => SaysNothing
        ? $"No sample is well-formed, so pass@1 says nothing{(Truncated > 0.5 ? $": {Truncated:P0} were cut off" : "")}. "
            + (Truncated > 0.5 ? "Raise sampling.maxNewTokens." : "Look at the rollouts, and at how answers are found.")
        : Truncated > 0.5
            ? $"{Truncated:P0} of the samples were cut off: the numbers are of what was finished. Raise sampling.maxNewTokens."
            : null;

    /// <summary>The row of evaluations.jsonl.</summary>
    public JsonObject ToJson()
    {
        var row = new JsonObject
        {
            ["step"] = Step,
            ["problems"] = Problems,
            ["samples"] = Samples,
            ["pass@1"] = PassAt1.Mean,
            ["pass@1_low"] = PassAt1.Low,
            ["pass@1_high"] = PassAt1.High,
            [$"pass@{Samples}"] = PassAtN,
            [$"maj@{Samples}"] = MajorityAtN,
        };
        void Span(string name, Interval? interval)
        {
            if (Samples > 1 && interval is { } i)
                (row[name + "_low"], row[name + "_high"]) = (i.Low, i.High);
        }
        Span($"pass@{Samples}", PassAtNInterval);
        Span($"maj@{Samples}", MajorityInterval);
        row["well_formed"] = WellFormed;
        row["pass@1_well_formed"] = PassAt1WellFormed;
        row["unparseable"] = 1 - WellFormed;
        if (double.IsFinite(ResponseLength))
            row["response_length"] = ResponseLength;
        row["truncated"] = Truncated;
        row["failures"] = Failures;
        row["seconds"] = Seconds;
        if (Repeats > 1)
            (row["repeats"], row["pass@1_repeat_sd"]) = (Repeats, RepeatDeviation);
        if (ByProblem.Count > 0)
            row[ByProblemName] = new JsonArray([.. ByProblem.Select(p => JsonValue.Create(p))]);
        if (PassAtK.Count > 0)
            row["pass@k"] = new JsonArray([.. PassAtK.Select(p => JsonValue.Create(p))]);
        if (MajorityAtK.Count > 0)
            row["maj@k"] = new JsonObject(MajorityAtK.Select(m => KeyValuePair.Create<string, JsonNode?>(m.Key.ToString(), m.Value)));
        foreach (var (label, mean) in Rewards)
            row[$"rewards/{label}_mean"] = mean;
        if (Benchmarks.Count > 0)
            row["benchmarks"] = new JsonObject(Benchmarks.Select(b => KeyValuePair.Create<string, JsonNode?>(b.Name, b.Result.ToJson())));
        return row;
    }

    /// <summary>Reads a row of evaluations.jsonl.</summary>
    /// <exception cref="InputException">A field is missing or no number.</exception>
    public static EvaluationResult FromJson(JsonObject row)
    {
        // A row that was not read from text holds whole numbers as integers.
        double Number(string name) => row[name] is JsonValue value
            ? value.TryGetValue<double>(out var number) ? number : value.TryGetValue<int>(out var whole) ? whole : throw Lacks(name)
            : throw Lacks(name);
        InputException Lacks(string name) =>
            new($"An evaluation lacks the number '{name}': {row.ToJsonString()}. It was not written by this program; remove the row.");
        var samples = (int)Number("samples");
        return new(
            (int)Number("step"),
            (int)Number("problems"),
            samples,
            new(Number("pass@1"), Number("pass@1_low"), Number("pass@1_high")),
            Number($"pass@{samples}"),
            Number($"maj@{samples}"),
            Number("well_formed"),
            Number("pass@1_well_formed"),
            row["response_length"] is null ? double.NaN : Number("response_length"),
            Number("truncated"),
            (int)Number("failures"),
            Number("seconds"));
    }
}
