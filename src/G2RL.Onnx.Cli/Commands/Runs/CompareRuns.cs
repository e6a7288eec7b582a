using System.CommandLine;
using System.Text.Json.Nodes;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Experiments.Runs;
using Spectre.Console;

namespace G2RL.Onnx.Cli.Commands.Runs;

/// <summary>Runs beside each other.</summary>
internal static class CompareRuns
{
    private static readonly string[] Metrics =
    [
        "reward/mean", "reward/right_share", "policy/kl_nats", "policy/entropy_nats", "policy/clip_share", "response/length_mean",
        "time/step_s",
    ];

    public static Command Create()
    {
        var json = CommonOptions.Json();
        var runs = new Argument<string[]>("runs") { Description = "Folders of two runs or more.", Arity = ArgumentArity.OneOrMore };
        var command = new Command("compare", """
            Shows runs beside each other: the settings in which they differ from the first, pass@1 before and after, and the last step's
            metrics. The difference of two runs has an interval that takes their evaluations as independent.

              g2rl runs compare runs/20260101-120000-run runs/20260101-130000-run
            """)
        {
            runs,
            json,
        };
        command.SetAction(parsed =>
        {
            var all = parsed.GetValue(runs)!.Select(RunFacts.Read).ToArray();
            if (all.Length < 2)
                throw new InputException("One run is given; a comparison needs two at least.");
            foreach (var other in all[1..])
                if (parsed.GetValue(json))
                    Console.WriteLine(Row(all[0], other).ToJsonString());
            if (!parsed.GetValue(json))
                Print(all);
            return 0;
        });
        return command;
    }

    // Two independent means: the variances add. An interval's half width is 1.96 standard errors.
    private static Interval? Difference(Interval? first, Interval? second)
    {
        if (first is not { } a || second is not { } b)
            return null;
        var (mean, half) = (b.Mean - a.Mean, Math.Sqrt(Math.Pow((a.High - a.Low) / 2, 2) + Math.Pow((b.High - b.Low) / 2, 2)));
        return new(mean, mean - half, mean + half);
    }

    private static JsonObject Row(RunFacts first, RunFacts second)
    {
        var row = new JsonObject { ["first"] = RunsCommand.ToJson(first), ["second"] = RunsCommand.ToJson(second) };
        row["settings"] = new JsonObject(RunFacts.Differences(first, second).Select(d => KeyValuePair.Create<string, JsonNode?>(
            d.Name,
            new JsonArray(d.First, d.Second))));
        if (Difference(first.After, second.After) is { } difference)
            (row["pass@1_difference"], row["pass@1_difference_low"], row["pass@1_difference_high"]) =
                (difference.Mean, difference.Low, difference.High);
        row["metrics"] = new JsonObject(Metrics.Where(m => first.LastMetrics?[m] is not null || second.LastMetrics?[m] is not null)
            .Select(m => KeyValuePair.Create<string, JsonNode?>(
                m,
                new JsonArray(first.LastMetrics?[m]?.DeepClone(), second.LastMetrics?[m]?.DeepClone()))));
        return row;
    }

    private static void Print(RunFacts[] runs)
    {
        var table = new Table().AddColumn("");
        foreach (var run in runs)
            table.AddColumn(Markup.Escape(run.Name));
        void Line(string name, Func<RunFacts, string> value) =>
            table.AddRow([Markup.Escape(name), .. runs.Select(r => Markup.Escape(value(r)))]);
        Line("state", r => $"{RunsCommand.Told(r.State)}, {r.Done}/{r.Planned} steps");
        var differing = runs[1..].SelectMany(r => RunFacts.Differences(runs[0], r)).Select(d => d.Name).Distinct()
            .Where(n => n is not ("name" or "output")).Order(StringComparer.Ordinal);
        foreach (var setting in differing)
            Line(setting, r => r.Setting(setting));
        Line("pass@1 before", r => RunsCommand.Share(r.Before));
        Line("pass@1 after", r => RunsCommand.Share(r.After));
        Line("difference to the first, points", r => r == runs[0] || Difference(runs[0].After, r.After) is not { } d
            ? ""
            : $"{100 * d.Mean:+0.0;-0.0;0.0} [{100 * d.Low:+0.0;-0.0;0.0}, {100 * d.High:+0.0;-0.0;0.0}]"
                + (d.Low > 0 || d.High < 0 ? "" : ", may be chance"));
        foreach (var metric in Metrics.Where(m => runs.Any(r => r.LastMetrics?[m] is not null)))
            Line($"{metric}, last step", r => r.LastMetrics?[metric]?.GetValue<double>().ToString("0.####") ?? "");
        RunsCommand.Write(table);
    }
}
