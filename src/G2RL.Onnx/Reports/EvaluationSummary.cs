using System.Text.Json.Nodes;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Reports;

/// <summary>The evaluations of a run: what it gained, and every number before and after.</summary>
internal sealed class EvaluationSummary
{
    private static readonly string[] NotMeasured = ["step", "problems", "samples", "pass@1_low", "pass@1_high"];
    private static readonly string[] Amounts = ["response_length", "failures", "seconds"];

    private static readonly string[] Heads =
        ["benchmark", "problems", "pass@1 before", "pass@1 after", "change", "chance", "maj@n after", "pass@n after"];

    private readonly JsonObject? before;
    private readonly JsonObject? after;

    /// <summary>Before is the evaluation at step 0, after the last one of a later step; either may be missing.</summary>
    public EvaluationSummary(RunLogs logs)
    {
        before = logs.Evaluations.FirstOrDefault(e => RunLogs.Number(e, "step") == 0);
        after = logs.Evaluations.LastOrDefault(e => RunLogs.Number(e, "step") > 0);
    }

    /// <summary>Writes the large numbers: before, after and the gain, over all answers and over the well-formed ones.</summary>
    public void WriteHeadline(HtmlWriter html)
    {
        using var cards = html.Open("div", "headline");
        WriteCard(html, "pass@1, held-out problems", "pass@1");
        WriteCard(html, "pass@1, well-formed answers alone", "pass@1_well_formed");
    }

    /// <summary>Writes in bold what makes the numbers doubtful, if something does.</summary>
    public void WriteDoubts(HtmlWriter html)
    {
        foreach (var (row, when) in new[] { (before, "Before training"), (after, "After training") })
            if (row is not null && Doubt(row) is { } doubt)
                using (html.Open("p", "note"))
                    html.Leaf("b", $"{when}: {doubt}");
    }

    private static string? Doubt(JsonObject row)
    {
        try
        {
            return EvaluationResult.FromJson(row).Doubt;
        }
        catch (InputException)
        {
            // A row that lacks a number has no such word.
            return null;
        }
    }

    private static bool SaysNothing(JsonObject? row) =>
        row is not null && RunLogs.Number(row, "well_formed") == 0 && RunLogs.Number(row, "pass@1") == 0;

    /// <summary>Writes the table of every number.</summary>
    public void WriteTable(HtmlWriter html)
    {
        if (before is null && after is null)
        {
            html.Leaf("p", "No evaluation was written.", "note");
            return;
        }
        var row = after ?? before!;
        html.Leaf("p", $"{Format.Count(RunLogs.Number(row, "problems") ?? 0)} held-out problems, "
            + $"{Format.Count(RunLogs.Number(row, "samples") ?? 0)} samples of each; the interval is over problems, 95 %.", "note");
        using var scroll = html.Scroll("numbers");
        using var table = html.Open("table", "numbers");
        using (html.Open("thead"))
        using (html.Open("tr"))
        {
            html.Leaf("th", "measure");
            html.Leaf("th", "before");
            html.Leaf("th", after is null ? "after" : $"after {Format.Steps(RunLogs.Number(after, "step")!.Value)}");
            html.Leaf("th", "change");
            html.Leaf("th", "chance");
        }
        using var body = html.Open("tbody");
        foreach (var name in new[] { before, after }
            .OfType<JsonObject>()
            .SelectMany(e => e.Select(p => p.Key))
            .Distinct()
            .Where(IsMeasured))
            WriteRow(html, name);
    }

    private void WriteCard(HtmlWriter html, string title, string name)
    {
        var (from, to) = (Value(before, name), Value(after, name));
        using var card = html.Open("div", "card");
        html.Leaf("h2", title);
        using (html.Open("p", "large"))
        {
            html.Leaf("span", from is null ? "\u2013" : Format.Percent(from.Value), "before");
            html.Text(" \u2192 ");
            html.Leaf("b", to is null ? "\u2013" : Format.Percent(to.Value));
        }
        if (from is null || to is null)
        {
            html.Leaf("p", from is null && to is null
                ? "not evaluated"
                : to is null ? "not yet evaluated after training"
                : "not evaluated before training", "note");
            return;
        }
        if (Measured(before, name) is not { } a || Measured(after, name) is not { } b)
        {
            html.Leaf("p", Format.Points(to.Value - from.Value), "gain");
            html.Leaf("p", "no interval is known, so it may be chance", "note");
            return;
        }
        var change = Change(name, a, b);
        // Colour claims a difference, so chance must be ruled out.
        html.Leaf("p", Format.Points(change.Difference), !change.IsClear ? "gain" : change.Difference > 0 ? "gain up" : "gain down");
        html.Leaf("p", $"95 % intervals {Span((a.Low, a.High))} and {Span((b.Low, b.High))}; "
            + $"the gain {Format.Signed(100 * change.Low, "0.0")} to {Format.Signed(100 * change.High, "0.0")} points, {change.How}: "
            + change.Words, "note");
    }

    // Problem by problem where both evaluations say what each problem's samples did.
    private Significance Change(string name, (double Mean, double Low, double High) from, (double Mean, double Low, double High) to) =>
        (name == "pass@1" ? Significance.Paired(before, after) : null) ?? Significance.Of(from, to);

    /// <summary>A mean of an evaluation with its 95 % interval; null where one is not known.</summary>
    public static (double Mean, double Low, double High)? Measured(JsonObject? row, string name) =>
        Value(row, name) is { } mean && Interval(row, name, mean) is { } interval ? (mean, interval.Low, interval.High) : null;

    private void WriteRow(HtmlWriter html, string name)
    {
        var (from, to) = (Value(before, name), Value(after, name));
        using var row = html.Open("tr");
        html.Leaf("th", Label(name));
        foreach (var (evaluation, value) in new[] { (before, from), (after, to) })
            using (html.Open("td"))
            {
                html.Text(value is null ? "\u2013" : IsAmount(name) ? Format.Number(value.Value) : Format.Percent(value.Value));
                if (value is not null && Interval(evaluation, name, value.Value) is { } interval)
                    html.Leaf("small", " " + Span(interval));
            }
        html.Leaf("td", from is null || to is null
            ? "\u2013"
            : IsAmount(name) ? Format.Signed(to.Value - from.Value, "0.##")
            : Format.Points(to.Value - from.Value));
        html.Leaf("td", Measured(before, name) is { } a && Measured(after, name) is { } b
            ? Change(name, a, b) is { Pairs: > 0 } paired ? $"{paired.Words}, paired" : Change(name, a, b).Words
            : "\u2013");
    }

    private static bool IsAmount(string name) => Amounts.Contains(name) || name.StartsWith("rewards/", StringComparison.Ordinal);

    // Ends of intervals stand with their means; curves and benchmarks have places of their own.
    private bool IsMeasured(string name) =>
        !NotMeasured.Contains(name) && !name.EndsWith("_low", StringComparison.Ordinal) && !name.EndsWith("_high", StringComparison.Ordinal)
            && (Value(before, name) ?? Value(after, name)) is not null;

    /// <summary>Writes the benchmarks before and after; nothing where there are none.</summary>
    public void WriteBenchmarks(HtmlWriter html)
    {
        JsonObject? Of(JsonObject? row, string name) => (row?["benchmarks"] as JsonObject)?[name] as JsonObject;
        string[] names = [.. new[] { before, after }
            .Select(e => e?["benchmarks"] as JsonObject)
            .OfType<JsonObject>()
            .SelectMany(b => b.Select(p => p.Key))
            .Distinct()];
        if (names.Length == 0)
            return;
        html.Leaf("h3", "Benchmarks");
        using var scroll = html.Scroll("numbers");
        using var table = html.Open("table", "numbers");
        using (html.Open("thead"))
        using (html.Open("tr"))
            foreach (var head in Heads)
                html.Leaf("th", head);
        using var body = html.Open("tbody");
        foreach (var name in names)
        {
            var (from, to) = (Of(before, name), Of(after, name));
            var samples = (to ?? from)?["samples"]?.ToJsonString();
            string Share(JsonObject? row, string metric) => Value(row, metric) is { } share ? Format.Percent(share) : "\u2013";
            using var row = html.Open("tr");
            html.Leaf("th", name);
            html.Leaf("td", Format.Count(Value(to ?? from, "problems") ?? 0));
            html.Leaf("td", Share(from, "pass@1"));
            html.Leaf("td", Share(to, "pass@1"));
            html.Leaf("td", Value(from, "pass@1") is { } a && Value(to, "pass@1") is { } b ? Format.Points(b - a) : "\u2013");
            html.Leaf("td", Significance.Paired(from, to) is { } paired ? $"{paired.Words}, paired" : "\u2013");
            html.Leaf("td", Share(to, $"maj@{samples}"));
            html.Leaf("td", Share(to, $"pass@{samples}"));
        }
    }

    private static double? Value(JsonObject? row, string name) => row is null ? null : RunLogs.Number(row, name);

    private static (double Low, double High)? Interval(JsonObject? row, string name, double value) =>
        !SaysNothing(row) && Value(row, name + "_low") is { } low && Value(row, name + "_high") is { } high && low <= value && value <= high
            ? (low, high)
            : null;

    private static string Span((double Low, double High) interval) => $"[{100 * interval.Low:0.0}, {100 * interval.High:0.0}]";

    private static string Label(string name) => name switch
    {
        "well_formed" => "well-formed answers",
        "pass@1_well_formed" => "pass@1 on well-formed answers alone",
        "response_length" => "response length, tokens",
        "truncated" => "cut off by the length limit",
        "unparseable" => "without an answer that can be read",
        "failures" => "samples that could not be judged",
        "seconds" => "seconds of the evaluation",
        _ when name.StartsWith("maj@", StringComparison.Ordinal) => $"{name}, majority of the samples",
        _ when name.StartsWith("pass@", StringComparison.Ordinal) && name != "pass@1" => $"{name}, at least one sample right",
        _ => name,
    };
}
